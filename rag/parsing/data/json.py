"""JSON and JSON Lines: each record a passage of its own, a line a field, under the path of its place in the file."""

import json
from collections.abc import Iterable, Iterator, Sequence

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

# What the standard parser gives, with numbers left as they are written.
Json = dict[str, "Json"] | list["Json"] | str | bool | None


def parse_json(content: bytes, name: str, fields: Sequence[str] = ()) -> ParsedText:
    """One value, or one to a line. fields: names of those to take, with all below them, dots between names; none for all.

    Raises UnreadableContent, naming the line, where it is no JSON, and where no record has any of the fields.
    """
    text = decode(content)
    builder = _Records(fields)
    value: Json = None
    try:
        value = _load(text)
    except json.JSONDecodeError as error:
        if not is_lines(text):
            raise UnreadableContent(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    record = _load(line)
                except json.JSONDecodeError as damage:
                    raise UnreadableContent(f"not JSON: {damage.msg} in line {number}") from damage
                _add_record(builder, record, (f"line {number}",))
    except RecursionError as error:
        raise UnreadableContent(f"its values nest more than {_MAX_DEPTH} levels deep") from error
    else:
        _add_value(builder, value)
    if fields and not builder.n_characters:
        there = ", ".join(sorted(builder.names)[:20])
        raise UnreadableContent(f"no record has a field {' or '.join(fields)}: there are {there or 'none'}")
    title, metadata = _about(value)
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
        _load(stripped)
    except (json.JSONDecodeError, RecursionError):
        return False
    return True


def is_lines(text: str) -> bool:
    """Whether the first lines of a text are a JSON object or list each."""
    lines = [line.strip() for line in text[:200_000].split("\n", 4)[:3]]
    lines = [line for line in lines if line]
    return bool(lines) and all(is_json(line) for line in lines)


def _load(text: str) -> Json:
    value: Json = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    return value


def _add_value(builder: TextBuilder, value: Json) -> None:
    """A list of records, or the first such list inside an object, record by record; what else there is as one record."""
    lists: dict[tuple[str, ...], Json] = {}
    if isinstance(value, list):
        lists[()] = value
    elif isinstance(value, dict):
        lists = {(key,): inner for key, inner in value.items() if _is_records(inner)}
        value = {key: inner for key, inner in value.items() if (key,) not in lists}
    if () not in lists:
        _add_record(builder, value, ())
    for path, records in lists.items():
        for number, record in enumerate(records if isinstance(records, list) else (), 1):
            _add_record(builder, record, (*path, f"record {number}"))


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
