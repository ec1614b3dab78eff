"""Markdown: the source is the text that is cited; markdown-it finds the headings (not those inside code blocks) and their lines."""

from itertools import accumulate

from markdown_it import MarkdownIt

from rag.types import ParsedText, Section


def parse_markdown(text: str, name: str) -> ParsedText:
    """Title (first heading of level 1, else ``name``) and sections with their heading path."""
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    headings = [
        (min(starts[first], len(text)), min(starts[last], len(text)), level, title)
        for first, last, level, title in _headings(text)
    ]
    sections = []
    path: list[tuple[int, str]] = []
    opened, heading_end = 0, 0
    for start, end, level, title in [*headings, (len(text), len(text), 0, "")]:
        if start > opened or heading_end > opened:
            sections.append(Section(opened, heading_end, start, tuple(name for _, name in path)))
        path = [entry for entry in path if entry[0] < level]
        path.append((level, title))
        opened, heading_end = start, end
    first_title = next((title for _, _, level, title in headings if level == 1 and title), name)
    return ParsedText(text, first_title, tuple(sections))


def _headings(text: str) -> list[tuple[int, int, int, str]]:
    """First line, line after the last, level and plain title of each heading, in order."""
    tokens = MarkdownIt("commonmark").parse(text)
    found = []
    for opening, inline in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open" and opening.map is not None:
            title = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            found.append((opening.map[0], opening.map[1], int(opening.tag[1]), title.strip()))
    return found
