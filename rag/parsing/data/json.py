"""JSON and JSON Lines: each record a passage of its own, a line a field, under the path of its place in the file."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from rag.parsing.shared.encoding import decode
from rag.parsing.structure.builder import TextBuilder, Values, plain
from rag.parsing.structure.metadata import collect
from rag.shared.errors import UnreadableContent
from rag.shared.types import ParsedText

NAMES = (".json", ".jsonl", ".ndjson", ".geojson", ".ipynb")
_MAX_DEPTH = 200
_MAX_NAMES = 1000
_MAX_TITLE = 300
_ABOUT = {
    "title": ("title", "headline", "name"),
    "author": ("author", "creator"),
    "date": ("date", "published", "date_published", "published_at", "datePublished", "created_at"),
    "language": ("language", "lang"),
    "url": ("url", "link"),
}
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
# Neither blank nor what some programs write before each of several values (RFC 7464).
_SIGN = re.compile(r"[^ \t\n\r\x1e]")

# What the standard parser gives, with numbers left as they are written.
Json = dict[str, "Json"] | list["Json"] | str | bool | None


def parse_json(content: bytes, name: str, fields: Sequence[str] = ()) -> ParsedText:
    """One value, or several one after the other.

    fields: names of those to take, with all below them, dots between names; none for all.

    Raises UnreadableContent, naming the line, where it is no JSON, and where no record has any of the fields.
    """
    builder = _Records(fields)
    values = _values(decode(content))
    try:
        first, second = next(values), next(values, None)
        if second is None:
            _add_value(builder, first[1], ())
        else:
            for place, value in chain((first, second), values):
                (_add_value if _is_records(value) else _add_record)(builder, value, (place,))
    except RecursionError as error:
        raise UnreadableContent(f"its values nest more than {_MAX_DEPTH} levels deep") from error
    if fields and not builder.n_characters:
        there = ", ".join(sorted(builder.names)[:20])
        raise UnreadableContent(f"no record has a field {' or '.join(fields)}: there are {there or 'none'}")
    title, metadata = _about(first[1] if second is None else None)
    return builder.build(title=title or name, metadata=metadata)


def _about(value: Json) -> tuple[str, Values]:
    """What a file that is one object says of itself: its title, and metadata under their usual names."""
    if not isinstance(value, dict):
        return "", {}
    title, *said = (
        next((value[key] for key in keys if isinstance(value.get(key), str)), "") for keys in _ABOUT.values()
    )
    named = dict(zip(list(_ABOUT)[1:], map(str, said), strict=True))
    return plain(str(title))[:_MAX_TITLE].rstrip(), collect(**named)


class _Records(TextBuilder):
    """Takes of each record the chosen fields. names: of all fields that were there."""

    def __init__(self, chosen: Sequence[str]) -> None:
        super().__init__()
        self._chosen = tuple(chosen)
        self.names: set[str] = set()

    def add_record(self, fields: Iterable[tuple[str, str]], path: Sequence[str], context: str = "") -> None:
        super().add_record(filter(self._is_chosen, fields) if self._chosen else fields, path, context)

    def _is_chosen(self, field: tuple[str, str]) -> bool:
        name = field[0]
        if len(self.names) < _MAX_NAMES:
            self.names.add(name)
        return any(name == chosen or name.startswith(chosen + ".") for chosen in self._chosen)


def is_json(text: str) -> bool:
    """Whether a text is one JSON object or list."""
    stripped = text.strip()
    if not (stripped[:1] == "{" and stripped[-1:] == "}" or stripped[:1] == "[" and stripped[-1:] == "]"):
        return False
    try:
        _DECODER.decode(stripped)
    except (json.JSONDecodeError, RecursionError):
        return False
    return True


def is_lines(text: str) -> bool:
    """Whether the first lines of a text are a JSON object or list each."""
    lines = [line.strip() for line in text[:200_000].split("\n", 4)[:3]]
    lines = [line for line in lines if line]
    return bool(lines) and all(is_json(line) for line in lines)


def _values(text: str) -> Iterator[tuple[str, Json]]:
    """The values that stand one after the other in a text, each with its place: the line in which it begins.

    The first of several is an object or list, so is one on the line of another: a date is not three numbers.
    """
    line = 1  # in which a value begins
    start = end = n_values = n_beside = 0
    while (sign := _SIGN.search(text, end)) is not None or not n_values:
        before, start = start, sign.start() if sign is not None else len(text)
        n_lines = text.count("\n", before, start)
        line += n_lines
        n_beside = n_beside + 1 if n_values and not n_lines else 0
        try:
            value, end = _DECODER.raw_decode(text, start)
            is_alone = not n_beside if n_values else _SIGN.search(text, end) is None
            if not is_alone and not isinstance(value, (dict, list)):
                raise json.JSONDecodeError("no object or list beside another value", text, start)
        except json.JSONDecodeError as error:
            begun = f", in what begins in line {line}" if error.lineno != line else ""
            raise UnreadableContent(
                f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}{begun}"
            ) from error
        n_values += 1
        yield f"line {line}, value {n_beside + 1}" if n_beside else f"line {line}", value


def _add_value(builder: TextBuilder, value: Json, above: tuple[str, ...]) -> None:
    """A list of records, or the first such list inside an object, record by record; what else there is as one record."""
    lists: dict[tuple[str, ...], Json] = {}
    if isinstance(value, list):
        lists[()] = value
    elif isinstance(value, dict):
        lists = {(key,): inner for key, inner in value.items() if _is_records(inner)}
        value = {key: inner for key, inner in value.items() if (key,) not in lists}
    if () not in lists:
        _add_record(builder, value, above)
    for path, records in lists.items():
        for number, record in enumerate(records if isinstance(records, list) else (), 1):
            _add_record(builder, record, (*above, *path, f"record {number}"))


def _is_records(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _add_record(builder: TextBuilder, value: Json, path: tuple[str, ...]) -> None:
    builder.add_record(_fields(value, "", 0), path)


def _fields(value: Json, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """Names, joined with dots, and values of all that is inside a value; a list of plain values is one field."""
    if depth > _MAX_DEPTH:
        raise UnreadableContent(f"its values nest more than {_MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _fields(inner, f"{name}.{key}" if name else key, depth + 1)
    elif isinstance(value, list):
        if any(isinstance(item, (dict, list)) for item in value):
            for item in value:
                yield from _fields(item, name, depth + 1)
        else:
            yield name, ", ".join(filter(None, map(_shown, value)))
    else:
        yield name, _shown(value)


def _shown(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""
