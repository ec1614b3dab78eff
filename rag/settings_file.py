"""The settings file: one TOML file whose values stand behind those of the environment.

A setting NAME is ``RAG_NAME`` in the environment and ``name`` in the file; settings of the service stand under ``[serve]``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from rag.errors import BadInput

SERVE = "serve"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a settings file says.  path: None where there is none.  values: by name.  serve: those of the service."""

    path: Path | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    serve: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """A value as someone gave it and where. place: as messages name it, with the value."""

    value: str
    source: str
    place: str


def read_settings_file(environment: Mapping[str, str]) -> SettingsFile:
    """The file that ``RAG_CONFIG`` names, else ``config.toml`` in the user's configuration folder where that is there.

    Raises BadInput for a file that cannot be read or is no TOML.
    """
    named = environment.get("RAG_CONFIG", "").strip()
    path = Path(named) if named else platformdirs.user_config_path("footnote") / "config.toml"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if named:
            raise BadInput(f"RAG_CONFIG={named!r}: there is no such file") from None
        return SettingsFile()
    except OSError as error:
        raise BadInput(f"the settings file {path} cannot be read: {error.strerror}") from error
    import tomllib

    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the settings file {path} is no TOML: {error}") from error
    serve = values.pop(SERVE, {})
    if not isinstance(serve, dict):
        raise BadInput(f"the settings file {path}: write the service's settings below a line [{SERVE}]")
    return SettingsFile(path, values, serve)


def given(name: str, environment: Mapping[str, str], file: SettingsFile, *, serve: bool = False) -> Given | None:
    """The value of a setting as it was given; blank ones count as not given.  serve: one of the service's."""
    variable = f"RAG_{name.upper()}"
    if value := environment.get(variable, "").strip():
        return Given(value, f"environment ({variable})", f"{variable}={value!r}")
    values = file.serve if serve else file.values
    if name not in values:
        return None
    value = str(values[name]).strip()
    return Given(value, f"file ({file.path})", f"{name} = {value!r} in {file.path}") if value else None


def given_path(name: str, environment: Mapping[str, str], file: SettingsFile, *, serve: bool = False) -> Path | None:
    """The same for a path; a relative one in the file starts from the file's folder."""
    found = given(name, environment, file, serve=serve)
    if found is None:
        return None
    path = Path(found.value).expanduser()
    from_file = found.source.startswith("file") and file.path is not None
    return file.path.absolute().parent / path if from_file and file.path is not None else path


def refuse_unknown(file: SettingsFile, values: Mapping[str, object], known: tuple[str, ...], table: str = "") -> None:
    """Raises BadInput for a name in the file that nothing reads: most likely a slip of the pen."""
    unknown = sorted(set(values) - set(known))
    if unknown:
        place = f" below [{table}]" if table else ""
        raise BadInput(
            f"the settings file {file.path} sets {unknown[0]!r}{place}, which is no setting: use {', '.join(known)}"
        )
