"""Where sentences end: rules for prose of any script with full stops, one pass, linear in the text.

A full stop ends a sentence unless what stands before it is an abbreviation, an initial or a list number, or what follows begins
in lower case. Blank lines, list items and headings always end one; a single line break does unless the lines are hard-wrapped.
"""

import re
from collections.abc import Iterator

from index.types import Span
from rag.language.abbreviations import Abbreviations, abbreviations
from rag.language.patterns import BULLETS
from rag.shared.types import Check, go_on

# "[1]", "[note 2]", "¹": which note the sentence before it has.
_NOTE_MARKS = r"(?:\[(?:\d{1,3}|[a-z]|[a-z]{1,8} \d{1,3}|citation needed)\]|[⁰¹²³⁴-⁹])*+"
_END = re.compile(r"[.!?…][.!?…\"'”’»“)\]]*+" + _NOTE_MARKS + r"(?=\s|$)|[。！？｡][。！？｡”’」』）]*+|[।॥؟۔።။]++")
_WORD_BEFORE = re.compile(r"[^\s\"'“‘«„¿¡(\[]*$")
_NEXT = re.compile(r"\s*+[\"'“‘«„¿¡(\[]*+")
_NEXT_WORD = re.compile(r"[^\W\d_]+")
_ITEM = re.compile(rf"[ \t]*+(?:[-*+{BULLETS}]|\(?\d{{1,3}}[.)]|\(?[A-Za-z][.)]|#{{1,6}}|\|)[ \t]")
# What a line is not broken within: a word, a link of Markdown, code between backticks.
_UNBROKEN = re.compile(r"!?\[[^\]\n]*\](?:\([^)\n]*\)|\[[^\]\n]*\])\S*|`[^`\n]+`\S*|\S+")
_BLANK = re.compile(r"\s")
_BLANK_LINE = re.compile(r"\n[ \t\f\v\r]*+\n\s*+")
_LOOK_BACK = 40
_STRETCH = 100_000
# Lines are taken as hard-wrapped only in blocks at least and at most this wide.
_WRAP_WIDTHS = range(40, 121)
# What is taken for it where all lines are shorter but for a link: "For more, see" and a link of a line.
_USUAL_WIDTH = 80


def split_sentences(
    text: str, start: int = 0, end: int | None = None, language: str = "en", check: Check = go_on
) -> list[Span]:
    """Sentences of ``text[start:end]``, in order, without the blanks around them; every other character is in one.

    language: whose abbreviations are known; of a language without a list English ones are.
    check: called again and again; what it raises ends the work.
    """
    known = abbreviations(language)
    stop = len(text) if end is None else end
    spans = []
    for block_start, block_end in _blocks(text, start, stop):
        for left, right in _cut(text, block_start, block_end, known, check):
            span = trim(text, left, right)
            if span.start < span.end:
                spans.append(span)
    return spans


def trim(text: str, start: int, end: int) -> Span:
    """The span without white space at either end; empty if there is nothing else."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def _blocks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Pieces that no sentence crosses: paragraphs, list items, lines that are not wrapped prose."""
    position = start
    for blank in _BLANK_LINE.finditer(text, start, end):
        yield from _lines(text, position, blank.start())
        position = blank.end()
    yield from _lines(text, position, end)


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if text.find("\n", start, end) < 0:
        yield start, end
        return
    breaks = [match.start() for match in re.compile("\n").finditer(text, start, end)]
    edges = [start, *(at + 1 for at in breaks)]
    ends = [*breaks, end]
    lines = list(zip(edges, ends, strict=True))
    first_words = [_UNBROKEN.search(text, *line) for line in lines]
    # A line of one word, such as a link, is as long as that is, and tells no width.
    breakable = [
        bool(word and _UNBROKEN.search(text, word.end(), right))
        for (_, right), word in zip(lines, first_words, strict=True)
    ]
    width = max((right - left for (left, right), counts in zip(lines, breakable, strict=True) if counts), default=0)
    opened = start
    for number, word in enumerate(first_words[1:]):
        (left, right), (following, following_end) = lines[number : number + 2]
        # A wrapped line is one to which the next line's first word could not have been added.
        filled = right - left + 1 + (len(word.group()) if word else 0)
        wrapped = (
            filled > width - 2
            if width in _WRAP_WIDTHS
            else breakable[number] and _USUAL_WIDTH < filled and width < _USUAL_WIDTH
        )
        if not wrapped or _ITEM.match(text, following, following_end):
            yield opened, right
            opened = following
    yield opened, end


def _cut(text: str, start: int, end: int, known: Abbreviations, check: Check) -> Iterator[tuple[int, int]]:
    opened = start
    for mark in _marks(text, start, end, check):
        if mark.end() < end and _ends_sentence(text, opened, mark, end, known):
            yield opened, mark.end()
            opened = mark.end()
    yield opened, end


def _marks(text: str, start: int, end: int, check: Check) -> Iterator[re.Match[str]]:
    """All that may end a sentence, looked for in one stretch after another: no other thread runs while one is searched."""
    width = _STRETCH
    while start < end:
        check()
        edge = _edge(text, start + width, end)
        after = edge
        for mark in _END.finditer(text, start, edge):
            if mark.end() == edge < end:  # it may go on beyond
                after = mark.start()
                break
            yield mark
        width = _STRETCH if after > start else 2 * width
        start = after


def _edge(text: str, near: int, end: int) -> int:
    """Where a stretch ends: behind the next white space that no bracket is open at, so that no mark of a note is cut in two."""
    for blank in _BLANK.finditer(text, min(near, end), min(near + _STRETCH, end)):
        if "[" not in text[max(0, blank.end() - _LOOK_BACK) : blank.end()].rpartition("]")[2]:
            return blank.end()
    return min(near, end)


def _ends_sentence(text: str, opened: int, mark: re.Match[str], end: int, known: Abbreviations) -> bool:
    following = _NEXT.match(text, mark.end(), end)
    at = following.end() if following else mark.end()
    if at >= end:
        return True
    if text[at].islower():
        return False
    marks = mark.group()
    if marks[0] != "." or len(marks) > 1 and marks[1] in ".!?":
        return True
    before = _WORD_BEFORE.search(text, max(opened, mark.start() - _LOOK_BACK), mark.start())
    word = before.group().lstrip("*_") if before else ""
    if (
        before is not None
        and not any(map(str.isalnum, text[opened : before.start()]))
        and re.fullmatch(r"\(?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})", word)
    ):
        return False  # "1.", "7.3." or "a." opens a list item
    next_word = _NEXT_WORD.match(text, at, end)
    starts_anew = next_word is not None and next_word.group().lower() in known.starters
    low = word.lower()
    if known.ordinals and re.fullmatch(r"\d{1,2}|[IVX]{1,5}", word):
        return starts_anew  # "am 3. Oktober", "Ludwig XIV. regierte"
    if low in known.open:
        return False
    if low in known.either or re.fullmatch(r"[A-Z]|(?:[^\W\d_]\.)+[^\W\d_]", word):
        return starts_anew
    return True
