"""Words placed on a page, and runs of words that follow each other on a baseline."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_RAISED = 0.85  # of the type beside it: smaller words are marks of reference and the like
_CLOSING = ".,;:!?)]}”’»"
_MARKS = re.compile(r"[\W\d_]{1,12}")  # of reference and the like, without letters
_TO_FILL_IN = re.compile(r"\W*_{2,}\W*")
_SIGN, _AMOUNT = re.compile(r"[$€£¥₹]"), re.compile(r"\(?\d[\d.,]*\)?|[—–-]")
_WITHIN = 0.25  # of a line's height by which a run may overlap the words that it stands between or beside
_CLOSE = 0.5  # of a line's height: a sign as near to a run belongs to that
_FAR = 10.0  # times its size that a sign stands before its amount, where all signs of a table stand under each other
_UNSPACED = "\u2e7f"  # from here on up to Hangul words have no blanks between them
TYPED_LINE = re.compile(r"[-_=–—*]{4,}")  # drawn with letters, as on receipts
HYPHEN_AT_LINE_END = "\x02"  # what PDFium gives for a hyphen at which a word is broken


class Word(NamedTuple):
    """A word or a run of words on one baseline, with its box in points (y up) and font size. words: those of a run.

    bold: whether it is set in a bold font, all of a run.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    words: tuple["Word", ...] = ()
    bold: bool = False


class _Run:
    """A run as it grows: it stands where its larger words do and has the size in which most of it is set."""

    def __init__(self, word: Word) -> None:
        self._words = [word]
        self._parts = [word.text]
        self._sizes = Counter({word.size: len(word.text)})
        self._size = word.size
        self._low, self._right, self._high = word.y0, word.x1, word.y1

    def goes_on_to(self, word: Word) -> bool:
        """Whether a word follows on the baseline without a gap wider than a letter is high."""
        height = self._height(word)
        widest = min(height, 1.2 * word.size + 2)
        if _SIGN.fullmatch(word.text) and not self._parts[-1][-1].isalpha():
            widest = min(widest, _CLOSE * height)  # it may stand before an amount of the next column
        return (
            abs(word.y0 + word.y1 - self._low - self._high) < height and -0.3 * height < word.x0 - self._right < widest
        )

    def add(self, word: Word) -> None:
        is_close = word.x0 - self._right < 0.1 * self._height(word)
        self._parts += ("" if is_close and word.text[0] in _CLOSING else " ", word.text)
        if word.size >= _RAISED * self._size:
            is_larger = self._size < _RAISED * word.size
            self._low = word.y0 if is_larger else min(self._low, word.y0)
            self._high = word.y1 if is_larger else max(self._high, word.y1)
        self._right = word.x1
        self._words.append(word)
        self._sizes[word.size] += len(word.text)
        self._size = max(self._sizes, key=lambda size: (self._sizes[size], size))

    def _height(self, word: Word) -> float:
        return max(self._high - self._low, word.y1 - word.y0, 1.0)

    def done(self) -> Word:
        return Word(
            "".join(self._parts),
            self._words[0].x0,
            self._low,
            self._right,
            self._high,
            self._size,
            tuple(self._words),
            all(word.bold for word in self._words),
        )


def runs_of(words: Sequence[Word]) -> list[Word]:
    """Words that follow each other on a baseline without a gap wider than a letter is high, joined.

    What is drawn later between or beside its words is part of a run: marks of reference, what is filled in, a currency's sign.
    """
    runs: list[Word] = []
    run: _Run | None = None
    for word in words:
        if run is not None and run.goes_on_to(word):
            run.add(word)
            continue
        if run is not None:
            runs.append(run.done())
        run = _Run(word)
    if run is not None:
        runs.append(run.done())
    return _whole(runs)


def _whole(runs: Sequence[Word]) -> list[Word]:
    kept = {id(run): run for run in runs}
    for row in rows_of(runs):
        row.sort(key=lambda run: run.x0)
        key, before = id(row[0]), row[0]
        for run in row[1:]:
            if words := _together(before, run):
                before = kept[key] = joined(words)
                del kept[id(run)]
            else:
                key, before = id(run), run
    return [*kept.values()]


def _together(before: Word, run: Word) -> list[Word]:
    """The words of two runs of a line as those of one, none where they are two. before: begins further to the left."""
    words, gap, height = before.words, run.x0 - before.x1, before.y1 - before.y0
    if run.x1 <= before.x1 + _WITHIN * height:
        at = sum(word.x0 + word.x1 <= run.x0 + run.x1 for word in words)
        beside = words[max(at - 1, 0) : at + 1]
        overlaps = (min(word.x1, run.x1) - max(word.x0, run.x0) > _WITHIN * height for word in beside)
        is_free = not any(
            overlap and (len(words) == 1 or not _TO_FILL_IN.fullmatch(word.text))
            for word, overlap in zip(beside, overlaps, strict=True)
        )
        kept = [[word for word in part if not _is_filled(word, run)] for part in (words[:at], words[at:])]
        return [*kept[0], *run.words, *kept[1]] if is_free else []
    is_mark = run.size < _RAISED * before.size and abs(gap) < 2 * _WITHIN * height and _MARKS.fullmatch(run.text)
    is_amount = _SIGN.fullmatch(before.text) and _AMOUNT.fullmatch(run.text) and 0 < gap < _FAR * run.size
    return [*words, *run.words] if is_mark or is_amount else []


def _is_filled(blank: Word, run: Word) -> bool:
    """Whether a word is a line to write on, on which a run stands."""
    return not blank.text.strip("_") and min(blank.x1, run.x1) > max(blank.x0, run.x0)


def joined(words: Sequence[Word]) -> Word:
    """Words of one line as a run. words: at least one, from the left."""
    run = _Run(words[0])
    for word in words[1:]:
        run.add(word)
    return run.done()


def rows_of(runs: Sequence[Word]) -> Iterator[list[Word]]:
    """Runs of one column that stand on one line, from the top."""
    row: list[Word] = []
    low = high = 0.0
    for run in sorted(runs, key=lambda run: -(run.y0 + run.y1)):
        if row:
            shared = min(high, run.y1) - max(low, run.y0)
            if shared > 0.5 * min(high - low, run.y1 - run.y0):
                row.append(run)
                continue
            yield row
        row = [run]
        low, high = run.y0, run.y1
    if row:
        yield row


def blank_between(before: str, after: str) -> str:
    """What stands between the end of a line and the next one: nothing in scripts without blanks."""
    return "" if before[-1:] > _UNSPACED and after[:1] > _UNSPACED and before[-1] < "\uac00" > after[0] else " "


def text_of(lines: Sequence[Sequence[Word]]) -> str:
    """The text of lines of runs as one, with words broken at their ends made whole."""
    text = ""
    for line in lines:
        if text.endswith(HYPHEN_AT_LINE_END):
            text = text[:-1]
        elif text:
            text += blank_between(text, line[0].text)
        text += " ".join(run.text for run in line)
    return text
