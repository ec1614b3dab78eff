"""Markdown: the source is the text that is cited; markdown-it finds the headings and code blocks and their lines.

Front matter (YAML or TOML) becomes metadata; it is part of the text but of no section.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import accumulate

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.parsing.builder import Values
from rag.parsing.metadata import collect
from rag.sentences import trim
from rag.types import Block, ParsedText, Section

_FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(.{0,65536}?)\n(?:\1|\.\.\.)[ \t]*(?:\n|$)", re.S)
_MAX_DEPTH = 20
_CODE = ("fence", "code_block")


def parse_markdown(text: str, name: str) -> ParsedText:
    """Title (of the front matter, else the first heading of level 1, else ``name``), sections with their heading path, metadata."""
    opened, front = _front_matter(text)
    body = text[opened:]
    starts = [opened, *(opened + start for start in accumulate(len(line) + 1 for line in body.split("\n")))]
    tokens = MarkdownIt("commonmark").parse(body)
    headings = [
        (min(starts[first], len(text)), min(starts[last], len(text)), level, title)
        for first, last, level, title in _headings(tokens)
    ]
    codes = [
        (min(starts[token.map[0]], len(text)), min(starts[token.map[1]], len(text)))
        for token in tokens
        if token.type in _CODE and token.map is not None
    ]
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
    return ParsedText(text, said or first_title, tuple(sections), tuple(_blocks(text, sections, codes)), (), metadata)


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


def _blocks(text: str, sections: list[Section], codes: list[tuple[int, int]]) -> Iterator[Block]:
    """Code blocks whole, and what is between them; nothing where there is no code, as the text then says it itself."""
    if not codes:
        return
    for section in sections:
        position = section.heading_end
        for start, end in [code for code in codes if section.heading_end <= code[0] < section.end] + [
            (section.end, section.end)
        ]:
            between = trim(text, position, start)
            if between.start < between.end:
                yield Block(*between)
            code = trim(text, start, min(end, section.end))
            if code.start < code.end:
                yield Block(*code, whole=True)
            position = max(position, end)


def _headings(tokens: Sequence[Token]) -> list[tuple[int, int, int, str]]:
    """First line, line after the last, level and plain title of each heading, in order."""
    found = []
    for opening, inline in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open" and opening.map is not None:
            title = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            found.append((opening.map[0], opening.map[1], int(opening.tag[1]), title.strip()))
    return found
