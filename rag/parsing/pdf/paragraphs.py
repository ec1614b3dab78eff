"""Lines of pages joined to paragraphs, across columns and pages, with words broken at line ends made whole."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from rag.language.patterns import BULLETS
from rag.parsing.pdf.layout import Line, Page
from rag.parsing.pdf.words import HYPHEN_AT_LINE_END, TYPED_LINE, blank_between
from rag.parsing.structure.builder import Item, TextBuilder, plain
from rag.shared.types import ITEM

_HYPHENS = (HYPHEN_AT_LINE_END, "-", "\u00ad", "\u2010")
# What begins an item wherever it stands at the start of a line, and what does so where the line before it was at an end.
_BULLET = re.compile(
    rf"(?:[{BULLETS}*\uf0b7\uf0a7☐☒]|"
    r"\(?\d{1,2}[.)]|\[\d{1,3}\]|\(?[a-z][.)]|\((?:[A-Za-z]|[ivxlc]{1,6}|[IVXLC]{1,6}|\d{1,3})\)|[ivx]{1,6}[.)]|[A-Z]\))\s"
)
_NUMBERED = re.compile(r"\(\d{1,3}\)|\[\d{1,3}\]")  # "thirty (30) days" and "as in [12]" go over the end of a line too
_LISTING = re.compile(r"(?:,|\b(?:and|or|und|oder|et|ou|y|o|e))$")
_CLAUSE = re.compile(
    r"(?:[A-Z][.)]|[IVXLC]{1,6}[.)]|\d{1,3}(?:\.\d{1,3}){1,4}[.)]?|§{1,2}\s?\d{1,4}[a-z]?\.?|(?:Article|Section|Clause|Artikel|Art|Sec)\.?\s\d{1,3}[.:]?"
    r"|第\s?[\d一二三四五六七八九十百.]{1,8}\s?[条章节])\s"
)
_SECTION = re.compile(r"(?:\d{1,2}|[A-Z]|[IVX]{1,4})(?:\.\d{1,2})*\.?\s+\S")
_LABEL = re.compile(
    r"[^\W\d_a-zß-ÿ]{3,}+(?:[ /&-]{1,2}[^\W\d_a-zß-ÿ]{3,}+){0,5}[ /&-]{0,2}:(?:\s|$)"
)  # in capitals, as notices have it: "DATES: ..."
_AMOUNT = re.compile(r"[$€£¥₹]\s?-?\d[\d,. ]*[.,]\d\d\s?$|\d[.,]\d\d\s?(?:[$€£¥₹]|EUR|USD|CHF|GBP)\s?$")
_BARE_AMOUNT = re.compile(r"[$€£¥₹]?\s?-?\d[\d,. ]*[.,]\d\d\s?[$€£¥₹]?")
_KEY = re.compile(r"[^\W\d_][^\s:.?!]*+(?: [^\s:.?!]++){0,4}:(?:\s|$)")  # of a form: "Name of the ship: Otter"
_LEADERS = re.compile(r"\w\W{0,3}(?:\.\s?){4,}\s*(?:\d{1,4}|[ivxlc]{1,6})\W*$", re.I)
CAPTION = re.compile(
    r"(?:table|tab\.|tableau|tabelle|tabla|tabella|exhibit|表)\s?(?:\d{1,3}|[IVX]{1,5}\b|[A-Z]\b)", re.I
)
FIGURE = re.compile(r"fig(?:ure|\.)?\s?\d{1,3}[.:]", re.I)
_MAX_SOLD = 8  # lines of a thing sold, with the amount below it
_GAP = 1.3  # times the usual distance of lines, between paragraphs
_EVEN = 0.05  # of the distance of two lines, by which another is as wide
_WIDEST = 3.0  # times the size of the type that lines of one text stand apart
_LONG = 50  # characters of a full line
_FULL_SHORT = 0.1  # of a column's width that a full line may end before its edge
_DEEP = 0.7  # of the type's size: less is no indent
_HANGING_LINES = 8  # on either side that are looked at
_FAR_SHORT = 0.5  # of a column's width that a line ends before its right edge, whatever stands above it
# Parts of words that keep their hyphen, where the document does not say: "ci-dessus", "well-known", "dit-il".
_HYPHENED_FIRST = frozenset("ci là au demi vice ex self well quasi half anglo franco".split())
_HYPHENED_SECOND = frozenset("il ils elle elles moi toi ci là même mêmes".split())
_AROUND_WORDS = ".,;:!?()[]\"'“”‘’"
_LARGER = 1.12
_HEADING_PITCH = 1.4  # lines of one heading stand closer than this, in their size
_SENTENCE_END = re.compile(r"[.!?:;…。]['\"’”»)\]]*\d{0,3}$")


def is_item(group: Sequence[Line]) -> bool:
    """Whether lines are an item of a list or a clause, by its mark or number."""
    return _BULLET.match(group[0].text) is not None or _CLAUSE.match(group[0].text) is not None


def is_drawn(text: str) -> bool:
    """Whether a line is one drawn with letters, of hyphens or the like."""
    return TYPED_LINE.fullmatch(text) is not None


def is_contents(text: str) -> bool:
    """Whether a line is one of a table of contents, with dots up to the number of a page."""
    return _LEADERS.search(text) is not None


def paragraphs(page: Page) -> Iterator[list[Line]]:
    """The lines of a page by paragraph: told by gaps, indents, size, marks of items and columns."""
    pitch = _usual_pitch(pairwise(page.lines))
    sizes = sorted(line.size for line in page.lines)
    usual = sizes[len(sizes) // 2] if sizes else 0.0
    sold = _sold(page.lines, pitch)
    by_size = {
        size: _usual_pitch((a, b) for a, b in pairwise(page.lines) if a.size == b.size == size) for size in set(sizes)
    }
    group: list[Line] = []
    for number, line in enumerate(page.lines):
        goes_on = line.text[:1].islower() and len(page.lines[number - 1].text) >= _LONG
        own = max(pitch, by_size[line.size] if goes_on else 0.0, _even_pitch(page.lines, number))
        starts = (
            number not in sold and group and _starts_paragraph(group, line, own, usual, _is_hanging(page.lines, number))
        )
        if starts:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _distance(before: Line, line: Line) -> float:
    """How far below another a line stands, whatever taller signs they have if it goes on in small letters; 0 where beside it."""
    if before.column != line.column:
        return 0.0
    top = before.y1 - line.y1
    return min(top, before.y0 - line.y0) if line.text[:1].islower() else top


def _usual_pitch(pairs: Iterable[tuple[Line, Line]]) -> float:
    """The distance of lines that follow each other which a third of them do not exceed."""
    distances = sorted(a.y1 - b.y1 for a, b in pairs if a.column == b.column and a.y1 > b.y1)
    return distances[len(distances) // 3] if distances else 0.0


def _even_pitch(lines: Sequence[Line], number: int) -> float:
    """The distance of a line from the full one above it, where others are as far apart, as in text set wide; else 0."""
    if not 0 < number < len(lines):
        return 0.0
    before, line = lines[number - 1], lines[number]
    distance = _distance(before, line)
    is_full = before.right - before.x1 < _FULL_SHORT * (before.right - before.left)
    if (
        not is_full
        or len(before.text) < _LONG
        or _SENTENCE_END.search(before.text)
        or distance > _WIDEST * line.size
        or before.size != line.size
    ):
        return 0.0
    around = [_distance(above, below) for above, below in pairwise(lines[max(number - 2, 0) : number + 2])]
    n_even = sum(abs(other - distance) < _EVEN * distance for other in around)
    return distance if n_even > 2 - line.text[:1].islower() else 0.0


def _sold(lines: Sequence[Line], pitch: float) -> set[int]:
    """The lines that go on with a thing sold, as receipts list them: its name, number and price, and its amount on a line alone."""
    begins = 0
    items: list[range] = []
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else line
        is_amount = _BARE_AMOUNT.fullmatch(line.text) is not None
        if (
            line.table is not None
            or is_drawn(line.text)
            or line.column != before.column
            or _distance(before, line) > _GAP * pitch
        ):
            begins = number
        elif is_amount and 0 < number - begins <= _MAX_SOLD and not _AMOUNT.search(lines[begins].text):
            items.append(range(begins + 1, number + 1))
        if is_amount or line.table is not None or is_drawn(line.text):
            begins = number + 1
    return {number for item in items for number in item} if len(items) > 1 else set()


def _is_hanging(lines: Sequence[Line], number: int) -> bool:
    """Whether paragraphs around a line begin further left than they go on, as entries of a bibliography and definitions do."""
    line = lines[number]
    if line.table is not None:
        return False
    near = [
        other
        for other in lines[max(number - _HANGING_LINES, 0) : number + _HANGING_LINES + 1]
        if other.column == line.column and other.table is None and abs(other.size - line.size) <= 0.12 * line.size
    ]
    left = min(other.x0 for other in near)
    deep = [other.x0 - left > _DEEP * line.size for other in near]
    if not any(deep):
        return False
    # Lines at the left edge that are full, by what follows them.
    followed = [
        below
        for other, is_deep, below in zip(near, deep, deep[1:], strict=False)
        if not is_deep and other.right - other.x1 < 0.25 * (other.right - other.left)
    ]
    return len(followed) > 1 and sum(followed) >= 0.75 * len(followed)


def _starts_paragraph(group: list[Line], line: Line, pitch: float, usual: float, is_hanging: bool) -> bool:
    """Whether a line begins another paragraph. usual: size of most type on the page; what is larger may be a wrapped heading."""
    before = group[-1]
    if line.table or before.table or line.column != before.column:
        return True
    if is_drawn(before.text) or is_drawn(line.text) or _AMOUNT.search(before.text) and not line.text[:1].islower():
        return True
    is_lower = line.text[:1].islower()
    if _KEY.match(line.text) and (_KEY.match(before.text) or _BULLET.match(before.text) and not is_lower):
        return True
    if before.text.endswith(HYPHEN_AT_LINE_END):
        return False
    if abs(line.size - before.size) > 0.12 * max(line.size, before.size):
        return True
    if usual * _LARGER < line.size == before.size:
        return (
            before.y1 - line.y1 > _HEADING_PITCH * line.size
            or _SECTION.match(line.text) is not None
            or not _aligned(before, line)
        )
    width = before.right - before.left
    room = before.right - before.x1
    short = room > max(0.15 * width + line.size, _first_width(line) + 0.5 * line.size)
    ended = _SENTENCE_END.search(before.text) is not None
    if _distance(before, line) > _GAP * pitch or is_contents(before.text):
        return True
    if _BULLET.match(line.text) and (short or ended or _LISTING.search(before.text) or not _NUMBERED.match(line.text)):
        return True
    if (short or ended or line.x0 < before.x0 - _DEEP * line.size) and (
        _CLAUSE.match(line.text) or _LABEL.match(line.text)
    ):
        return True
    indented = line.x0 - before.x0
    if indented < -_DEEP * line.size and len(group) > 1 and group[0].x0 < before.x0 - _DEEP * line.size:
        return abs(line.x0 - group[0].x0) < _DEEP * line.size and is_hanging  # back from a hanging indent
    if len(group) == 1 and not ended and _LABEL.match(before.text):
        return False
    if indented > _DEEP * line.size and not (len(group) == 1 and (is_hanging or is_item(group))):
        return short or ended or len(group) > 1
    far = room > _FAR_SHORT * width and not is_lower
    return short and (ended or not is_lower and len(group) == 1) or far


def _first_width(line: Line) -> float:
    """About how wide the first word of a line is."""
    letters = max(len(line.text), 1)
    return (line.x1 - line.x0) * (line.text.find(" ") if " " in line.text else letters) / letters


def _aligned(before: Line, line: Line) -> bool:
    """Whether two lines of large type begin, end or have their middle at one place, as those of one heading do."""
    near = 0.3 * line.size
    indented = line.x0 > before.x0 and _SECTION.match(before.text) is not None
    return (
        indented
        or abs(line.x0 - before.x0) < near
        or abs(line.x1 - before.x1) < near
        or abs(line.x0 + line.x1 - before.x0 - before.x1) < 2 * near
    )


class Vocabulary:
    """The words of a document, which tell whether a word broken at a line end is written with its hyphen."""

    def __init__(self, pages: list[Page]) -> None:
        texts = [line.text for page in pages for line in page.lines]
        self._words: set[str] = set()
        if any(text.endswith(_HYPHENS) for text in texts):
            self._words = {word.strip(_AROUND_WORDS).casefold() for text in texts for word in text.split()}

    def join(self, before: str, line: str) -> tuple[str, str]:
        """What stays of a line when another is joined to it, without the hyphen that only broke a word, and what stands between."""
        if self._breaks_word(before, line):
            return before[:-1], ""
        return before, "" if self._hyphenated(before) else blank_between(before, line)

    def _hyphenated(self, text: str) -> bool:
        return text.endswith(_HYPHENS) and len(text) > 1 and text[-2].isalnum()

    def _breaks_word(self, text: str, line: str) -> bool:
        if not self._hyphenated(text) or not line[:1].isalpha():
            return False
        first = text.split()[-1].strip("(\"'“‘[").casefold()[:-1]
        second = line.split()[0].strip(_AROUND_WORDS).casefold()
        if first + second in self._words:
            return True
        if f"{first}-{second}" in self._words:
            return False
        return line[0].islower() and first not in _HYPHENED_FIRST and second not in _HYPHENED_SECOND


class Paragraph:
    """A paragraph as its lines come, across columns and pages."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._parts: list[str] = []  # the last one is the last line
        self._length = 0
        self._turns: list[tuple[int, Page]] = []
        self._turning: Page | None = None
        self._last: Line | None = None
        self._kind, self._level = "", 0

    @property
    def is_unfinished(self) -> bool:
        """Whether its last line ends no sentence."""
        return bool(self._parts) and _SENTENCE_END.search(self._parts[-1]) is None

    def goes_on(self, group: list[Line]) -> bool:
        """Whether the lines continue this paragraph from another column or page."""
        first, last = group[0], self._last
        if last is None or first.table:
            return False
        is_above = first.y0 > last.y1  # then it is on the next page
        if (
            (first.column == last.column and self._turning is None and not is_above)
            or abs(first.size - last.size) > 0.12 * max(first.size, last.size)
            or is_item(group)
            or _LABEL.match(first.text)
            or first.quarters != last.quarters
        ):
            return False
        if self._parts[-1].endswith(_HYPHENS):
            return True
        return _SENTENCE_END.search(self._parts[-1]) is None and (
            first.text[:1].islower() or self._length > 80 and last.right - last.x1 < 0.1 * (last.right - last.left)
        )

    def turn_page(self, page: Page) -> None:
        """What is added next stands on this page."""
        self._turning = page

    def add(self, group: list[Line], kind: str = "", level: int = 0) -> None:
        """Join lines to the paragraph. kind: of one that begins, where it is not prose.  level: of an item, by its indent."""
        if not self._parts:
            self._kind, self._level = kind, level
        for line in group:
            text = _clean(line.text)
            if not text:
                continue
            if self._parts:
                kept, between = self._words.join(self._parts[-1], text)
                self._length += len(kept) + len(between) - len(self._parts[-1])
                self._parts[-1:] = [kept, between]
            if self._turning is not None:
                self._turns.append((self._length, self._turning))
                self._turning = None
            self._parts.append(text)
            self._length += len(text)
            self._last = line

    def flush(self, builder: TextBuilder, level: int | None = None) -> None:
        """Write the paragraph, with the pages that start inside it; level: of the heading that it is."""
        text = "".join(self._parts).replace(HYPHEN_AT_LINE_END, "-")
        if text and level is not None:
            builder.add_heading(text, level)
        elif text:
            item = Item("", self._level) if self._kind == ITEM else None
            builder.add_block(text, listed=item is not None, item=item, kind=self._kind)
        for offset, page in self._turns:
            builder.add_page_inside(builder.n_characters - len(text) + offset, page.number, page.label)
        if self._turning is not None:
            builder.add_page(self._turning.number, self._turning.label)
        self._parts, self._length, self._turns, self._turning, self._last = [], 0, [], None, None
        self._kind = ""


def _clean(text: str) -> str:
    """A line as ``plain``, but with the mark or soft hyphen at its end that says that a word is broken there."""
    text = text.rstrip()
    if text.endswith((HYPHEN_AT_LINE_END, "\u00ad")):
        return plain(text[:-1]) + HYPHEN_AT_LINE_END
    return plain(text)
