"""The command ``rag config``: every setting, its value, and where that comes from."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rag.cli.output import JsonOption, errors, message, print_json

if TYPE_CHECKING:
    from rag.settings import Sources


def config(json: JsonOption = False) -> None:
    """Show every setting, its value and where it comes from; keys are not shown.

    A setting NAME is RAG_NAME in the environment, else NAME in the settings file (TOML): $RAG_CONFIG, else config.toml beside
    the user's settings.

    Example: rag config --json
    """
    from api.settings import Settings
    from rag.config import Config, store_from
    from rag.parsing.sandbox.confinement import measures
    from rag.settings import SERVE, Sources, settings_of

    with errors():
        sources = Sources.of(os.environ)
        engine, service = Config.from_environment(), Settings.read(sources)
        rows = [_row("store", "", store_from(os.environ), sources)]
    for table, values in (("", engine), (SERVE, service)):
        for name, entry in settings_of(type(values)).items():
            value = getattr(values, entry.name)
            rows.append(_row(name, table, "(set, not shown)" if name == "api_key" and value else value, sources))
    if json:
        path = None if sources.path is None else str(sources.path)
        print_json({"file": path, "parsers_confined_by": list(measures()), "settings": rows})
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        typer.echo(f"{row['name']:<{width}}  {_shown(row['value'])}  # {row['source']}")
    message(f"settings file: {sources.path or 'none'}")
    message(
        f"processes that parse files are confined by: {', '.join(measures()) or 'limits alone, see docs/security.md'}"
    )


def _row(name: str, table: str, value: object, sources: "Sources") -> dict[str, object]:
    given = sources.given(name, table)
    shown = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    return {
        "name": f"{table}.{name}" if table else name,
        "value": shown,
        "source": given.source if given else "default",
    }


def _shown(value: object) -> str:
    if value is None or value == []:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
