"""The commands ``rag config``, ``config set`` and ``config unset``: every setting, its value, and where that comes from."""

import json as codec
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import JsonOption, errors, message, print_json
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from rag.shared.setting_sources import Sources

config = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A setting, as rag config lists them.", show_default=False)]


@config.callback(invoke_without_command=True)
@errors()
def show(context: typer.Context, json: JsonOption = False) -> None:
    """Show every setting, its value and where it comes from; keys and passwords are not shown.

    A setting NAME is RAG_NAME in the environment, else NAME in the settings file (TOML): $RAG_CONFIG, else config.toml beside
    the user's settings. `rag config set NAME VALUE` writes it there.

    Example: rag config --json
    """
    named = context.invoked_subcommand
    if named is not None:
        if json:
            raise BadInput(f"--json: write it behind the command: rag config {named} --json")
        return
    from rag.parsing.sandbox.confinement import measures
    from rag.shared.setting_sources import Sources

    sources = Sources.of(os.environ)
    rows = _rows(sources)
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


@config.command("set")
@errors()
def set_value(
    name: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="As in the variable RAG_NAME.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Write a setting into the settings file, which is made where there is none. What cannot be used is refused.

    Example: rag config set serve.port 8080
    """
    path = _write(name, value)
    _report(name, value, path, json)


@config.command("unset")
@errors()
def unset(name: Name, json: JsonOption = False) -> None:
    """Take a setting out of the settings file, so that its default holds again.

    Example: rag config unset serve.port
    """
    path = _write(name, None)
    _report(name, None, path, json)


def _rows(sources: "Sources") -> list[dict[str, object]]:
    from api.settings import Settings
    from rag.shared.config import Config, store_from, without_password
    from rag.shared.setting_sources import SERVE, settings_of

    rows = [_row("store", "", without_password(store_from(sources.environment)), sources)]
    for table, values in (("", Config.from_environment(sources.environment)), (SERVE, Settings.read(sources))):
        for name, entry in settings_of(type(values)).items():
            value = getattr(values, entry.name)
            rows.append(_row(name, table, "(set, not shown)" if name.endswith("_key") and value else value, sources))
    return rows


def _row(name: str, table: str, value: object, sources: "Sources") -> dict[str, object]:
    written = sources.given(name, table)
    shown = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    return {
        "name": f"{table}.{name}" if table else name,
        "value": shown,
        "source": written.source if written else "default",
    }


def _shown(value: object) -> str:
    if value is None or value == []:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _report(name: str, value: str | None, path: Path, json: bool) -> None:
    if json:
        print_json({"name": name, "value": value, "file": str(path)})
    else:
        message(f"{name} is {'unset' if value is None else 'set'} in {path}")
    variable = f"RAG_{name.rpartition('.')[2].upper()}"
    if os.environ.get(variable, "").strip():
        message(f"{variable} in the environment goes before it")


def _write(name: str, value: str | None) -> Path:
    """Put a setting into the settings file, or take it out.  Raises BadInput for what is no setting or cannot be used."""
    from rag.shared.setting_sources import Sources, file_path

    table, short = _place(name)
    path = file_path(os.environ)
    draft = ""
    try:
        content = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        edited = edit(content, table, short, None if value is None else f"{short} = {_toml(value)}")
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(
            dir=path.parent, prefix=".config-"
        )  # for its owner alone: it may hold a key
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(edited)
        # Read as it will be, without the variable that would go before it.
        _rows(Sources.of({**os.environ, "RAG_CONFIG": draft, f"RAG_{short.upper()}": ""}))
        os.replace(draft, path)
    except BadInput as error:
        raise BadInput(str(error).replace(draft or str(path), str(path))) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(f"the settings file {path} cannot be changed: {reason}") from error
    finally:
        with suppress(OSError):
            os.unlink(draft)
    return path


def _place(name: str) -> tuple[str, str]:
    """The table and name of a setting, written as ``serve.port`` or ``port``.  Raises BadInput for one that is none."""
    from api.settings import Settings
    from rag.shared.config import NAMES
    from rag.shared.setting_sources import SERVE

    table, _, short = name.rpartition(".")
    if not table:
        table = "" if name in NAMES else SERVE
    known = {"": NAMES, SERVE: Settings.names()}.get(table, ())
    if short not in known:
        names = ", ".join([*NAMES, *(f"{SERVE}.{other}" for other in Settings.names())])
        raise BadInput(f"{name!r} is no setting: use one of {names}")
    return table, short


def _toml(value: str) -> str:
    """A value as TOML has it: numbers and switches bare, all else in quotes, of which JSON's are a kind."""
    bare = re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?|true|false", value)
    return value if bare else codec.dumps(value, ensure_ascii=False)


def edit(content: str, table: str, name: str, line: str | None) -> str:
    """A settings file with this line for a setting in place of its own, or without it; all else stays as it is written.

    Raises BadInput for a file in which that setting is written over several lines.
    """
    import tomllib

    lines = content.splitlines()
    heads = [number for number, text in enumerate(lines) if text.lstrip().startswith("[")] + [len(lines)]
    first = 0
    if table:
        own = [number for number in heads[:-1] if lines[number].split("#")[0].strip().strip("[]").strip() == table]
        if not own and line is not None:
            lines += ["", f"[{table}]"] if lines else [f"[{table}]"]
            own, heads = [len(lines) - 1], [*heads[:-1], len(lines) - 1, len(lines)]
        first = own[0] + 1 if own else len(lines)
    last = next(number for number in heads if number >= first)
    places = [n for n in range(first, last) if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", lines[n])]
    if places:
        lines[places[0] : places[0] + 1] = [] if line is None else [line]
    elif line is not None:
        while last > first and not lines[last - 1].strip():
            last -= 1
        lines.insert(last, line)
    edited = "".join(f"{text}\n" for text in lines)
    try:
        tomllib.loads(edited)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{name} is written over several lines in the settings file: change it there by hand") from error
    return edited
