"""The command ``rag config``: every setting, its value, and where that comes from."""

import os

import typer

from rag.cli.output import JsonOption, errors, message, print_json


def config(json: JsonOption = False) -> None:
    """Show every setting, its value and where it comes from; keys are not shown.

    A setting NAME is RAG_NAME in the environment, else NAME in the settings file (TOML): $RAG_CONFIG, else config.toml beside
    the user's settings.

    Example: rag config --json
    """
    from api.settings import Settings
    from rag.config import NAMES, Config, store_from
    from rag.parsing.sandbox.confinement import measures
    from rag.settings_file import given, read_settings_file

    with errors():
        file = read_settings_file(os.environ)
        plain = Config.from_environment()
        found = {name: given(name, os.environ, file) for name in NAMES}
        sources = {name: one.source for name, one in found.items() if one is not None}
        values: dict[str, object] = {name: getattr(plain, name) for name in NAMES if name != "store"}
        values = {"store": store_from(os.environ), **values}
        settings, served = Settings.read_with_sources(file)
    rows = [_row(name, "", value, sources.get(name)) for name, value in values.items()]
    for name, field in Settings.model_fields.items():
        if not field.exclude:
            alias = str(field.validation_alias or name)
            value = "(set, not shown)" if name == "api_key" and settings.api_key else getattr(settings, name)
            rows.append(_row(alias, "serve", value, served.get(alias)))
    if json:
        path = None if file.path is None else str(file.path)
        print_json({"file": path, "parsers_confined_by": list(measures()), "settings": rows})
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:<{width}}  {_shown(row['value'])}  # {row['source']}")
    message(f"settings file: {file.path or 'none'}")
    message(
        f"processes that parse files are confined by: {', '.join(measures()) or 'limits alone, see docs/security.md'}"
    )


def _row(name: str, table: str, value: object, source: str | None) -> dict[str, object]:
    plain = value if value is None or isinstance(value, bool | int | float | str) else None
    if isinstance(value, tuple):
        plain = list(value)  # type: ignore[assignment]
    elif plain is None and value is not None:
        plain = str(value)
    return {"name": f"{table}.{name}" if table else name, "value": plain, "source": source or "default"}


def _shown(value: object) -> str:
    if value is None or value == []:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
