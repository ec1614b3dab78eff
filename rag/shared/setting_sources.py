"""Where settings come from: ``RAG_NAME`` in the environment, else ``name`` in one TOML file, else the default in its dataclass.

Settings of the service stand under ``[serve]`` in the file.
"""

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import platformdirs

from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SERVE = "serve"
# Settings of the service, which the engine passes over, and variables that are read where they are needed.
SERVICE_NAMES = (
    *("host", "port", "log_format", "keys", "api_key", "allowed_hosts", "concurrency", "workers", "queue", "deadline"),
    *("upload_deadline", "rate", "burst", "stop_delay", "drain", "max_upload_bytes", "max_json_bytes", "max_files"),
    *("generations", "metrics", "tracing", "public_url", "oidc_issuer", "oidc_audience", "mcp_write", "keep_originals"),
    *("feedback", "unanswered"),
)
_OTHERS = ("config", "ocr_languages", "peers_torch")


class Given(NamedTuple):
    """A value as someone gave it. source: where.  place: as messages name it, with the value.  folder: of relative paths."""

    value: str
    source: str
    place: str
    folder: Path = Path()


Parse = Callable[[Given], Any]
T = TypeVar("T", bound="DataclassInstance")


def setting(parse: Parse, *, name: str = "", **default: Any) -> Any:
    """A field of a dataclass that ``Sources.read`` fills in.

    parse: the value of what was given; it raises ValueError with what to use instead.  name: what it is called outside, where
    that is not the field's name.  default: as of ``dataclasses.field``.
    """
    return field(metadata={"parse": parse, "name": name}, **default)


def settings_of(kind: "type[DataclassInstance]") -> dict[str, Field[Any]]:
    """The settings of a dataclass by the names that they have outside."""
    return {entry.metadata["name"] or entry.name: entry for entry in fields(kind) if entry.metadata}


class Sources(NamedTuple):
    """An environment and a settings file. path: of the file, None where there is none.  tables: what it says, "" its top level."""

    environment: Mapping[str, str]
    path: Path | None
    tables: Mapping[str, Mapping[str, object]]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Sources":
        """With the file that ``RAG_CONFIG`` names, else ``config.toml`` in the user's configuration folder where that is there.

        Raises BadInput for a file that cannot be read or is no TOML.
        """
        path = file_path(environment)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            if named := environment.get("RAG_CONFIG", "").strip():
                raise BadInput(f"RAG_CONFIG={named!r}: there is no such file") from None
            return cls(environment, None, {})
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
        return cls(environment, path, {"": values, SERVE: serve})

    def given(self, name: str, table: str = "") -> Given | None:
        """The value of a setting as it was given; a blank one counts as not given.  Raises BadInput for a list of no texts."""
        variable = f"RAG_{name.upper()}"
        if text := self.environment.get(variable, "").strip():
            return Given(text, f"environment ({variable})", f"{variable}={text!r}")
        value = self.tables.get(table, {}).get(name, "")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise BadInput(f"{name} = {value!r} in {self.path}: give texts, in quotes")
        text = ", ".join(value) if isinstance(value, list) else str(value).strip()
        if self.path is None or not text and not isinstance(value, list):
            return None
        return Given(text, f"file ({self.path})", f"{name} = {value!r} in {self.path}", self.path.absolute().parent)

    def read(self, kind: type[T], table: str = "", also: tuple[str, ...] = ()) -> T:
        """An instance with what was given and the defaults of its dataclass.  also: names in the table that are read elsewhere.

        Raises BadInput for a value that cannot be used, and for a name in the table that nothing reads.
        """
        known = settings_of(kind)
        for name in self.tables.get(table, {}):
            if name not in known and name not in also:
                below = f" below [{table}]" if table else ""
                names = ", ".join((*also, *known))
                raise BadInput(f"the settings file {self.path} sets {name!r}{below}, which is no setting: use {names}")
        values = {}
        for name, entry in known.items():
            if (written := self.given(name, table)) is not None:
                try:
                    values[entry.name] = entry.metadata["parse"](written)
                except ValueError as error:
                    place = f"RAG_{name.upper()} or {name}" if name == "api_key" else written.place
                    raise BadInput(f"{place}: {error}") from error
        return kind(**values)

    def unknown_variables(self, known: tuple[str, ...]) -> str | None:
        """A line on variables that look like settings and are none, most likely slips of the pen; None without any."""
        names = {f"RAG_{name.upper()}" for name in (*known, *SERVICE_NAMES, *_OTHERS)}
        strangers = sorted(name for name in self.environment if name.startswith("RAG_") and name not in names)
        if not strangers:
            return None
        likely = {name: difflib.get_close_matches(name, sorted(names), 1, 0.8) for name in strangers}
        told = ", ".join(f"{name} (is {match[0]} meant?)" if match else name for name, match in likely.items())
        return f"not read, for there is no such setting: {told}; `rag config` shows those that there are"


def file_path(environment: Mapping[str, str]) -> Path:
    """Where the settings file is, or would be."""
    named = environment.get("RAG_CONFIG", "").strip()
    return Path(named) if named else platformdirs.user_config_path("footnote") / "config.toml"


def text(written: Given) -> str:
    """The text as it is."""
    return written.value


def path(written: Given) -> Path:
    """A path; a relative one in the file starts from the file's folder."""
    return written.folder / Path(written.value).expanduser()


def one_of(*allowed: str) -> Parse:
    """One of these texts."""

    def parse(written: Given) -> str:
        if written.value not in allowed:
            raise ValueError(f"use one of {', '.join(allowed)}")
        return written.value

    return parse


def whole(lowest: int, highest: int = 10**6) -> Parse:
    """A whole number within these bounds."""

    def parse(written: Given) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", written.value) or not lowest <= int(written.value) <= highest:
            raise ValueError(f"use a whole number from {lowest} to {highest}")
        return int(written.value)

    return parse


def number(lowest: float, highest: float) -> Parse:
    """A number within these bounds."""

    def parse(written: Given) -> float:
        try:
            value = float(written.value)
        except ValueError:
            value = math.nan
        if not lowest <= value <= highest:
            raise ValueError(f"use a number from {lowest:g} to {highest:g}")
        return value

    return parse


def switch(written: Given) -> bool:
    """True or false."""
    value = written.value.lower()
    if value not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        raise ValueError("use true or false")
    return value in ("true", "1", "yes", "on")
