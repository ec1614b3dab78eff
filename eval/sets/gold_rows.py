"""Lines of the files of a gold set, each checked as it is read; messages name file, line and what to change."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from rag.shared.errors import RagError


class GoldError(RagError):
    """A gold set that cannot be used; the message names file, line and what to change."""


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a file, with their ends."""
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            yield from file
    except OSError as error:
        raise GoldError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise GoldError(f"{path} is not UTF-8: save it as UTF-8") from error


def objects_of(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Line number and JSON object of every line that is not blank."""
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise GoldError(f"{path}:{number}: not JSON ({error}): write one JSON object a line") from error
        if not isinstance(row, dict):
            raise GoldError(f"{path}:{number}: a JSON object is expected, not {type(row).__name__}")
        yield number, row


def text_of(path: Path, line: int, row: Mapping[str, object], name: str) -> str:
    """A text of a row that must not be empty; ids may be whole numbers."""
    value = row.get(name)
    if type(value) is int and name in ("_id", "id"):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise GoldError(f"{path}:{line}: {name!r} must be a text that is not empty")
    return value


def answerable_of(path: Path, line: int, row: Mapping[str, object], *, default: bool) -> bool:
    """Whether a row says that its question can be answered."""
    value = row.get("answerable", default)
    if not isinstance(value, bool):
        raise GoldError(f"{path}:{line}: answerable must be true or false, not {value!r}")
    return value


def once(lines: dict[str, int], name: str, path: Path, line: int) -> None:
    """Note an id with its line.  Raises GoldError for one that was there before."""
    if lines.setdefault(name, line) != line:
        raise GoldError(f"{path}:{line}: {name!r} is already on line {lines[name]}: every id once")
