"""Lines of pages joined to paragraphs, across columns and pages, with words broken at line ends made whole."""

import re
from collections.abc import Iterator

from rag.parsing.pdf.layout import Line, Page
from rag.parsing.structure.builder import TextBuilder, plain

HYPHEN_AT_LINE_END = "\x02"  # what PDFium gives for a hyphen at which a word is broken
_HYPHENS = (HYPHEN_AT_LINE_END, "-", "\u00ad", "\u2010")
_BULLET = re.compile(r"(?:[•‣◦▪–∙·*\uf0b7]|\(?\d{1,2}[.)]|\[\d{1,3}\]|\(?[a-z][.)])\s")
_SECTION = re.compile(r"(?:\d{1,2}|[A-Z]|[IVX]{1,4})(?:\.\d{1,2})*\.?\s+\S")
_LARGER = 1.12
_HEADING_PITCH = 1.4  # lines of one heading stand closer than this, in their size
_SENTENCE_END = re.compile(r"[.!?:;…。]['\"’”»)\]]*\d{0,3}$")


def paragraphs(page: Page) -> Iterator[list[Line]]:
    """The lines of a page by paragraph: told by gaps, indents, size, bullets and columns."""
    pitches = sorted(
        before.y1 - line.y1
        for before, line in zip(page.lines, page.lines[1:], strict=False)
        if before.column == line.column and before.y1 > line.y1
    )
    pitch = pitches[len(pitches) // 3] if pitches else 0.0
    sizes = sorted(line.size for line in page.lines)
    usual = sizes[len(sizes) // 2] if sizes else 0.0
    group: list[Line] = []
    for line in page.lines:
        if group and _starts_paragraph(group, line, pitch, usual):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _starts_paragraph(group: list[Line], line: Line, pitch: float, usual: float) -> bool:
    """Whether a line begins another paragraph. usual: size of most type on the page; what is larger may be a wrapped heading."""
    before = group[-1]
    if before.text.endswith(HYPHEN_AT_LINE_END) and line.column == before.column:
        return False
    if abs(line.size - before.size) > 0.12 * max(line.size, before.size) or line.column != before.column:
        return True
    if usual * _LARGER < line.size == before.size:
        return (
            before.y1 - line.y1 > _HEADING_PITCH * line.size
            or _SECTION.match(line.text) is not None
            or not _aligned(before, line)
        )
    if before.y1 - line.y1 > 1.3 * pitch or _BULLET.match(line.text):
        return True
    size = line.size
    indented = line.x0 - before.x0
    if indented > 0.7 * size and not (len(group) == 1 and _BULLET.match(before.text)):
        return True
    short = before.right - before.x1 > 0.15 * (before.right - before.left) + size
    return short and (_SENTENCE_END.search(before.text) is not None or not line.text[:1].islower() and len(group) == 1)


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
        self._words: set[str] = set()
        for page in pages:
            for line in page.lines:
                if line.text.endswith(_HYPHENS):
                    self._words = {
                        word.strip(".,;:!?()[]\"'“”‘’").casefold()
                        for page in pages
                        for line in page.lines
                        for word in line.text.split()
                    }
                    return

    def join(self, before: str, line: str) -> tuple[str, str]:
        """What stays of a line when another is joined to it, without the hyphen that only broke a word, and what stands between."""
        if self._breaks_word(before, line):
            return before[:-1], ""
        return before, "" if self._hyphenated(before) else " "

    def _hyphenated(self, text: str) -> bool:
        return text.endswith(_HYPHENS) and len(text) > 1 and text[-2].isalnum()

    def _breaks_word(self, text: str, line: str) -> bool:
        if not self._hyphenated(text) or not line[:1].isalpha():
            return False
        first = text.split()[-1].strip("(\"'“‘[").casefold()[:-1]
        second = line.split()[0].strip(".,;:!?()[]\"'“”‘’").casefold()
        if first + second in self._words:
            return True
        if f"{first}-{second}" in self._words:
            return False
        return line[0].islower()


class Paragraph:
    """A paragraph as its lines come, across columns and pages."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._parts: list[str] = []  # the last one is the last line
        self._length = 0
        self._turns: list[tuple[int, Page]] = []
        self._turning: Page | None = None
        self._last: Line | None = None

    def goes_on(self, group: list[Line]) -> bool:
        """Whether the lines continue this paragraph from another column or page."""
        if (
            self._last is None
            or group[0].column == self._last.column
            and self._turning is None
            and not self._above(group[0])
        ):
            return False
        first, last = group[0], self._last
        if abs(first.size - last.size) > 0.12 * max(first.size, last.size) or _BULLET.match(first.text):
            return False
        if first.quarters != last.quarters:
            return False
        if self._parts[-1].endswith(_HYPHENS):
            return True
        return _SENTENCE_END.search(self._parts[-1]) is None and (
            first.text[:1].islower() or self._length > 80 and last.right - last.x1 < 0.1 * (last.right - last.left)
        )

    def _above(self, line: Line) -> bool:
        """Whether a line stands higher than the last one: then it is on the next page."""
        return self._last is not None and line.y0 > self._last.y1

    def turn_page(self, page: Page) -> None:
        """What is added next stands on this page."""
        self._turning = page

    def add(self, group: list[Line]) -> None:
        """Join lines to the paragraph."""
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
            builder.add_block(text)
        for offset, page in self._turns:
            builder.add_page_inside(builder.n_characters - len(text) + offset, page.number, page.label)
        if self._turning is not None:
            builder.add_page(self._turning.number, self._turning.label)
        self._parts, self._length, self._turns, self._turning, self._last = [], 0, [], None, None


def _clean(text: str) -> str:
    """A line as ``plain``, but with the mark or soft hyphen at its end that says that a word is broken there."""
    text = text.rstrip()
    if text.endswith((HYPHEN_AT_LINE_END, "\u00ad")):
        return plain(text[:-1]) + HYPHEN_AT_LINE_END
    return plain(text)
