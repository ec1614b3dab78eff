"""Markdown: the source is the text that is cited; markdown-it finds the headings and code blocks and their lines.

Front matter (YAML or TOML) becomes metadata; it is part of the text but of no section.
"""

import re
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import accumulate, pairwise
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from index.types import Span
from rag.language.sentences import trim
from rag.parsing.structure.builder import Values
from rag.parsing.structure.lists import lead_in
from rag.parsing.structure.metadata import collect
from rag.shared.types import CODE, ITEM, PROSE, ROW, Block, ParsedText, Section, TableRow

_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(.{0,65536}?)\n(?:\1|\.\.\.)[ \t]*(?:\n|$)", re.S)
_MAX_DEPTH = 20
_CODE = ("fence", "code_block")
_LISTS = ("bullet_list_open", "ordered_list_open")
_MAX_COLUMNS = 100
_BAR = re.compile(r"\\.|(\|)")


class _Part(NamedTuple):
    """A stretch of the source: code or a table row (whole), or a list that has a lead-in. names: of a row's columns."""

    start: int
    end: int
    kind: str
    context: str
    names: tuple[str, ...] = ()


def parse_markdown(text: str, name: str) -> ParsedText:
    """Title (of the front matter, else the first heading of level 1, else ``name``), sections with their heading path, metadata."""
    opened, front = _front_matter(text)
    body = text[opened:]
    starts = [opened, *(opened + start for start in accumulate(len(line) + 1 for line in body.split("\n")))]
    tokens = MarkdownIt("commonmark").enable("table").parse(body)

    def place(lines: Sequence[int]) -> tuple[int, int]:
        return min(starts[lines[0]], len(text)), min(starts[lines[1]], len(text))

    headings = [(*place(lines), level, title) for lines, level, title in _headings(tokens)]
    parts = [_Part(*place(lines), kind, context, names) for lines, kind, context, names in _parts(tokens)]
    sections = []
    path: list[tuple[int, str]] = []
    heading_end = opened
    for start, end, level, title in [*headings, (len(text), len(text), 0, "")]:
        if start > opened or heading_end > opened:
            sections.append(Section(opened, heading_end, start, tuple(name for _, name in path)))
        path = [entry for entry in path if entry[0] < level]
        path.append((level, title))
        opened, heading_end = start, end
    first_title = next((title for _, _, level, title in headings if level == 1 and title), name)
    said, metadata = _about(front)
    return ParsedText(text, said or first_title, tuple(sections), tuple(_blocks(text, sections, parts)), (), metadata)


def _front_matter(text: str) -> tuple[int, Mapping[str, object]]:
    """Where the text goes on after its front matter, and what that says; what is no front matter is left as text."""
    found = _FRONT_MATTER.match(text)
    if found is None:
        return 0, {}
    import yaml  # type: ignore[import-untyped]

    try:
        if found[1] == "+++":
            said = tomllib.loads(found[2])
        elif not _is_tame(found[2]):
            return 0, {}
        else:
            said = yaml.safe_load(found[2])
    except (yaml.YAMLError, tomllib.TOMLDecodeError, ValueError, RecursionError):
        return 0, {}
    return (found.end(), said) if isinstance(said, dict) else (0, {})


def _is_tame(source: str) -> bool:
    """Whether YAML nests little and has no aliases, which can stand for more than memory holds."""
    import yaml

    depth = 0
    for event in yaml.parse(source, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH or isinstance(event, yaml.AliasEvent):
            return False
    return True


def _about(front: Mapping[str, object]) -> tuple[str, Values]:
    """Title and metadata of front matter: the keys of our vocabulary, and whatever else is a plain value or a list of them."""
    said = {str(key).lower(): value for key, value in front.items()}
    title = said.pop("title", "")
    common = {
        "author": said.pop("author", None) or said.pop("authors", None),
        "date": said.pop("date", None),
        "language": said.pop("language", None) or said.pop("lang", None),
        "url": said.pop("url", None),
        "description": said.pop("description", None) or said.pop("summary", None),
        "keywords": said.pop("keywords", None) or said.pop("tags", None),
    }
    metadata = collect(**{key: _value(value) for key, value in common.items()})
    for key, value in said.items():
        metadata |= collect(**{key[:100]: _value(value)}) if key not in metadata else {}
    return str(title).strip() if isinstance(title, (str, int, float)) else "", metadata


def _value(value: object) -> str | int | float | bool | list[str] | None:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, list):
        return [str(item) for item in value if isinstance(item, (str, int, float, date))]
    return None


def _parts(tokens: Sequence[Token]) -> Iterator[tuple[Sequence[int], str, str, tuple[str, ...]]]:
    """First line and line after the last, kind, context and names of columns: of code, lists with a lead-in, and table rows."""
    lead = above = ""  # above: the lead-in of the list that the token is in
    names: tuple[str, ...] = ()
    list_end = 0
    for number, token in enumerate(tokens):
        inline = tokens[number + 1] if number + 1 < len(tokens) else token
        if token.map is None:
            continue
        if token.type in _CODE:
            yield token.map, CODE, above if token.map[0] < list_end else lead, ()
        elif token.type in _LISTS and token.level == 0 and lead:
            yield token.map, ITEM, lead, ()
            above, list_end = lead, token.map[1]
        elif token.type == "tr_open":
            cells = [one.content for one in tokens[number + 1 : number + 1 + 3 * _MAX_COLUMNS] if one.map == token.map]
            if tokens[number - 1].type == "thead_open":
                names = tuple(cells)
                # With the line below it, which says how columns are set.
                yield (token.map[0], token.map[1] + 1), ROW, "", ()
            else:
                yield token.map, ROW, ", ".join(filter(None, names)), names
        if token.level == 0:
            lead = lead_in(inline.content) if token.type == "paragraph_open" else lead if token.type in _CODE else ""


def _blocks(text: str, sections: Sequence[Section], parts: Sequence[_Part]) -> Iterator[Block]:
    """What is whole, and what is between; nothing where all is running text, as that says itself where its sentences end."""
    if not parts:
        return
    wholes = sorted(part for part in parts if part.kind != ITEM)
    lists = sorted(part for part in parts if part.kind == ITEM)
    starts = [part.start for part in wholes]
    for section in sections:
        position = section.heading_end
        inside = wholes[bisect_left(starts, section.heading_end) : bisect_left(starts, section.end)]
        for part in (*inside, _Part(section.end, section.end, CODE, "")):
            yield from _between(text, position, part.start, lists)
            found = trim(text, max(part.start, position), min(part.end, section.end))
            if found.start < found.end:
                row = _row(text, found, part.names) if part.names else None
                yield Block(*found, True, part.context, part.kind, row)
            position = max(position, part.end)


def _between(text: str, start: int, end: int, lists: Sequence[_Part]) -> Iterator[Block]:
    """A stretch of running text, cut where a list with a lead-in begins or ends."""
    position = start
    first = max(bisect_right(lists, start, key=lambda part: part.start) - 1, 0)
    for number in range(first, len(lists)):
        part = lists[number]
        if part.start >= end:
            break
        for edge, context in ((part.start, ""), (part.end, part.context)):
            found = trim(text, position, min(max(edge, position), end))
            if found.start < found.end:
                yield Block(*found, context=context, kind=ITEM if context else PROSE)
            position = max(position, min(edge, end))
    found = trim(text, position, end)
    if found.start < found.end:
        yield Block(*found)


def _row(text: str, line: Span, names: tuple[str, ...]) -> TableRow:
    """The cells of a line of a table, which bars part."""
    bars = [bar.start() for bar in _BAR.finditer(text, *line) if bar[1]]
    edges = [*([] if text[line.start] == "|" else [line.start - 1]), *bars, line.end]
    cells = [trim(text, start + 1, max(start + 1, end)) for start, end in pairwise(edges)][: len(names)]
    missing = len(names) - len(cells)
    return TableRow(names, (*cells, *[Span(line.end, line.end)] * missing))


def _headings(tokens: Sequence[Token]) -> Iterator[tuple[Sequence[int], int, str]]:
    """First line and line after the last, level and plain title of each heading, in order."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.map is not None:
            title = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            yield opening.map, int(opening.tag[1]), title.strip()
