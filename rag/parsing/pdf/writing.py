"""Pages written as one text: paragraphs that run on from page to page, headings and tables, each with its kind.

Headings are those of the bookmarks, or else what is set in larger type than the body.
"""

import re
from collections import Counter
from dataclasses import replace

from rag.parsing.pdf.headers import add_edges
from rag.parsing.pdf.layout import EDGE, Line, Page, type_sizes
from rag.parsing.pdf.paragraphs import (
    CAPTION,
    FIGURE,
    Paragraph,
    Vocabulary,
    is_contents,
    is_drawn,
    is_item,
    paragraphs,
)
from rag.parsing.structure.builder import TextBuilder, plain
from rag.parsing.structure.kinds import is_references
from rag.parsing.structure.tables import Table
from rag.shared.types import BYLINE, ITEM, MARGIN, MENU

_HEADING_RATIO = 1.12
_TITLE_RATIO = 1.3
_ONE_SIZE = 0.12  # by which lines of one title differ in size
_MAX_HEADING = 160
_MAX_TITLE_LINES = 5
_HEADING_LEVELS = 4
_MAX_BYLINE = 250
_MAX_BYLINES = 10
_MAX_CAPTION = 400
_ABSTRACT = re.compile(r"(?:abstract|summary|introduction|résumé|zusammenfassung|resumen|1\b)", re.I)
_SENTENCE = re.compile(r"[a-zà-ÿ]{2}[.!?](?:\s|$)")
_FILLED_IN = re.compile(
    r":\s*$|[$€£¥]\s?-?\d|[☐☒]|[-_=]{4,}"
)  # as forms and receipts are, which say not by whom they are
_WORD = re.compile(r"[^\W\d_]{2,}")
_AMOUNT = re.compile(r"[$€£¥₹]\s?-?\d[\d.,' ]*$|\d[.,]\d\d\s?[$€£¥₹]$")


def write_pages(builder: TextBuilder, pages: list[Page], bookmarks: dict[int, dict[str, int]]) -> None:
    """Add the text of the pages. bookmarks: by page the headings among them, as ``heading_key`` gives them, with their level."""
    _Writer(builder, pages, bookmarks).write()


class _Writer:
    def __init__(self, builder: TextBuilder, pages: list[Page], bookmarks: dict[int, dict[str, int]]) -> None:
        self._builder = builder
        self._pages = [page for page in pages if page.lines]
        self._bookmarks = bookmarks
        self._levels = {} if bookmarks else _heading_sizes(type_sizes(pages))
        self._pending = Paragraph(Vocabulary(pages))
        self._edges: list[list[Line]] = []  # headers and footers that wait for a place where no paragraph runs on
        self._above: Table | None = None  # the last thing written, where that is a table
        self._caption = ""  # the last thing written, where that is one
        self._n_bylines = -1  # since the title; -1 before it

    def write(self) -> None:
        for page in self._pages:
            self._write(page)
        self._pending.flush(self._builder)
        add_edges(self._builder, self._edges)

    def _write(self, page: Page) -> None:
        headings = self._bookmarks.get(page.number, {})
        earlier, self._edges, fresh = self._edges, [], True
        groups = list(paragraphs(page))
        for number, group in enumerate(groups):
            if group[0].column == EDGE:
                self._edges.append(group)
                continue
            below = groups[number + 1] if number + 1 < len(groups) else []
            level = self._level(group, headings, below)
            runs_on = level is None and self._pending.goes_on(group)
            if not runs_on:
                self._pending.flush(self._builder)
            if fresh:
                # Before a paragraph that runs on to this page, so that they are on their own.
                add_edges(self._builder, earlier)
                if runs_on:
                    self._pending.turn_page(page)
                else:
                    self._builder.add_page(page.number, page.label)
                fresh = False
            if not runs_on:
                add_edges(self._builder, self._edges)
            if (table := group[0].table) is not None:
                self._add_table(table, below)
                continue
            kind = "" if runs_on else self._kind(page, group, level)
            indent = round((group[0].x0 - group[0].left) / group[0].size) if group[0].size else 0
            self._pending.add(group, kind, max(indent, 0))
            self._above = None
            self._caption = _text(group) if CAPTION.match(group[0].text) else ""
            if level is not None:
                self._pending.flush(self._builder, level)
                self._n_bylines = 0 if page is self._pages[0] and self._n_bylines < 0 else _MAX_BYLINES

    def _add_table(self, table: Table, below: list[Line]) -> None:
        """Add a table with the caption above or below it; one without names that follows another at once goes on with its names."""
        caption = self._caption
        if not caption and below and len(_text(below)) <= _MAX_CAPTION:
            caption = _text(below) if CAPTION.match(below[0].text) or FIGURE.match(below[0].text) else ""
        above = self._above
        width = max((len(row.cells) for row in table.rows), default=0)
        if above is not None and not any(table.names) and width == len(above.names):
            table = replace(table, names=above.names, about=table.about or above.about)
        elif caption:
            table = replace(table, about=caption[:_MAX_CAPTION])
        self._builder.add_table(table)
        self._above, self._caption = table, ""

    def _level(self, group: list[Line], headings: dict[str, int], below: list[Line]) -> int | None:
        """The level of a heading, None for other lines; also for those that go on in small letters below, in whatever type."""
        text = _text(group)
        if group[0].table or group[0].turned or len(text) > _MAX_HEADING or not any(map(str.isalpha, text)):
            return None
        if _AMOUNT.search(text):  # the sum of a bill, however large
            return None
        if headings:
            level = headings.get(heading_key(text)) or headings.get(re.sub(r"[\W_]+", "", text.casefold()))
        else:
            level = self._levels.get(group[0].size)
            if text[:1].islower() and self._pending.is_unfinished:
                level = None
            if below and below[0].text[:1].islower() and below[0].size not in self._levels:
                level = None if below[0].column == group[0].column else level
        if level is None and is_references(text) and (not below or self._level(below, headings, []) is None):
            return 1  # one above another heading is a line of the contents
        return level

    def _kind(self, page: Page, group: list[Line], level: int | None) -> str:
        """What lines are beside running text, or "". On the first page, what stands between title and text is by whom it is."""
        if group[0].turned or is_drawn(group[0].text):
            return MARGIN
        if is_contents(group[0].text):
            return MENU
        if is_item(group):
            return ITEM
        text = _text(group)
        if 0 <= self._n_bylines < _MAX_BYLINES and page is self._pages[0] and level is None:
            if (
                len(text) <= _MAX_BYLINE
                and not _FILLED_IN.search(text)
                and not _SENTENCE.search(text)
                and not _ABSTRACT.match(text)
            ):
                self._n_bylines += 1
                return BYLINE
            self._n_bylines = _MAX_BYLINES
        return ""


def _text(group: list[Line]) -> str:
    return " ".join(line.text for line in group)


def heading_key(text: str) -> str:
    """Letters and digits of a heading without a number before it, to compare what is printed with its bookmark."""
    return re.sub(
        r"[\W_]+",
        "",
        re.sub(r"^\W*(?:chapter|section|appendix)?\s*[\dA-Z]{0,3}(?:\.\d+)*[.:)]?\s+", "", text + " ").casefold(),
    )


def _heading_sizes(sizes: Counter[float]) -> dict[float, int]:
    """Level of each type size that is clearly larger than the one most of the text is set in."""
    body, _ = sizes.most_common(1)[0]
    larger = sorted((size for size in sizes if size >= _HEADING_RATIO * body), reverse=True)
    if sum(sizes[size] for size in larger) > 0.2 * sizes.total():
        return {}
    return {size: min(level, _HEADING_LEVELS) for level, size in enumerate(larger, 1)}


def printed_title(pages: list[Page]) -> str:
    """The lines of the first page in the largest type, if that is much larger than the body's; else nothing. None of the margin."""
    lines = [line for line in pages[0].body if not line.turned and line.table is None]
    body, _ = type_sizes(pages).most_common(1)[0]
    worded = [line.size for line in lines if _WORD.search(line.text)]
    largest = max(worded, default=0.0)
    if largest < _TITLE_RATIO * body:
        return ""
    first = last = next(at for at, line in enumerate(lines) if line.size == largest and _WORD.search(line.text))
    while first and _is_of_title(lines[first - 1], lines[first], largest):
        first -= 1
    while last + 1 < len(lines) and _is_of_title(lines[last + 1], lines[last], largest):
        last += 1
    text = " ".join(plain(line.text) for line in lines[first : last + 1])
    return text if last - first < _MAX_TITLE_LINES and len(text) <= _MAX_HEADING else ""


def _is_of_title(line: Line, beside: Line, size: float) -> bool:
    """Whether a line is one with that beside it, which is of the title."""
    return abs(line.size - size) <= _ONE_SIZE * size and abs(line.y0 - beside.y0) < 3 * size
