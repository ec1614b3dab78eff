"""Which of the first lines of a table name its columns, told from what the lines below them hold."""

import re
from collections.abc import Sequence
from itertools import chain

from rag.parsing.structure.tables import is_header, is_value

_MAX_NAMES, _MAX_WRAPPED = 5, 12  # lines of names; of names that are broken into many
_LEADERS = re.compile(r"\s*(?:\.\s?){4,}$")
_NUMBER = re.compile(
    r"(?!\W{0,2}(?:\d\d\s?%\s?C\.?I|000['’]?s?\W?$))"  # "95% CI" is a name, "$000" a unit
    r"[~≈<>≤≥±]?\s?[-+−–(]?\s?[$€£¥₹]?\s?-?\d[\d\s.,:/'’×x%‰°+-]*\s?(?:%|[$€£¥]|\w{1,3})?[)*†‡]?\d?|[-–—]|n/?a",
    re.I,
)
_MEASURE = re.compile(
    r"[~≈<>≤≥±]?\s?(?:\d[\d\s.,/]*\s?[^\W\d_]{1,5}\.?\d?\s){1,3}\(\d[\d\s.,/]*\s?[^\W\d_]{1,5}\d?\)\W?", re.I
)  # with what it is in other units: "12,270 lb (5 565 kg)"
_PERIOD = re.compile(
    r"(?:FY\s?|Q[1-4]\s)?(?:19|20)\d\d(?:\s?[-–/]\s?(?:19|20)?\d\d)?(?:\s?Q[1-4]|[*†‡]|\s?\(?[a-z]\)?)?"
    r"|\d{1,3}\s?[-–]\s?\d{1,3}\+?|\d{1,2}[./]\d{1,2}[./](?:19|20)?\d\d|(?:19|20)\d\d-\d\d-\d\d",
    re.I,
)  # what names columns although it is a number: years, ranges as of ages, days
_BEGUN = re.compile(r"\d[-–]$")  # a range whose end stands on the next line
_FEW_NAMES = 2  # lines above a line drawn across, which name columns also by numbers
MONEY = re.compile(r"[$€£¥₹]\s?\d|\d[.,]\d\d\b")  # names no column
_MAX_LABELLED = 2  # lines of names that have a label as rows do
_FEW = 0.2  # of the values of a column: as many may be like its name
_MOST = 0.6  # of the cells of a column of values


def is_leading(text: str) -> bool:
    """Whether a text ends in dots that lead to the next column."""
    return _LEADERS.search(text) is not None


def without_leaders(text: str) -> str:
    """A text without the dots that lead from it to the next column."""
    return _LEADERS.sub("", text)


def says_value(text: str) -> bool:
    """Whether a text on a page is a number, a date or the like, with its sign, unit or mark of reference."""
    text = without_leaders(text)
    return is_value(text) or any(pattern.fullmatch(text) for pattern in (_NUMBER, _MEASURE))


def n_header(lines: Sequence[Sequence[str]], bold: Sequence[bool], n_above: int | None = None) -> int:
    """How many of the first lines name the columns. lines: at least one, of each its texts by column.  bold: whether all is.

    n_above: how many stand above a line drawn across.
    """
    if len(lines[0]) == 2 and lines[0][0].endswith((":", "：")):
        return 0  # a label with what it says
    below = lines[len(lines) // 2 :]
    if n_above and (
        n_above <= _FEW_NAMES <= len(lines) - n_above - 1
        and not says_value(lines[0][0])
        and not any(MONEY.search(cell) or _MEASURE.fullmatch(cell) for cell in chain(*lines[:n_above]))
        or not any(any(map(says_value, cells[1:])) and not _is_of_names(cells, below) for cells in lines[:n_above])
    ):
        return n_above + _n_more(lines[n_above:])
    first = next(
        (
            at
            for at, cells in enumerate(lines)
            if any(map(says_value, cells[1:]))
            and not (at < 2 and is_header(cells) and not any(map(_MEASURE.fullmatch, cells)) and not _is_row(lines, at))
            and not _is_of_names(cells, below)
            and not any(map(_begins_ranges, lines[max(at - 1, 0) : at + 1]))
        ),
        None,
    )
    if first is None or first > (_MAX_WRAPPED if _are_wrapped(lines[:first]) else _MAX_NAMES):
        return _n_named(lines, bold)
    n_labelled = sum(bool(cells[0]) and any(cells[1:]) for cells in lines[:first])
    if n_labelled > 1 and len(lines[0]) == 2:
        return _n_bold(bold)  # labels with what they say, some of it in words
    if not _have_values(lines[1 if n_labelled > _MAX_LABELLED else first :]):
        return _n_bold(bold)
    while first > 1 and _is_label(lines[first - 1]) and any(sum(map(bool, cells)) > 1 for cells in lines[: first - 1]):
        first -= 1  # it names the rows below it
    return first if any(sum(map(bool, cells)) > 1 for cells in lines[:first]) else 0


def _is_row(lines: Sequence[Sequence[str]], at: int) -> bool:
    """Whether a line is the first row below a line that names all columns: a label, and nothing but values."""
    return at > 0 and all((*lines[at - 1], *lines[at])) and all(map(says_value, lines[at][1:]))


def _n_more(lines: Sequence[Sequence[str]]) -> int:
    """How many lines go on with the names above them: all up to the first with values, where each is of several columns."""
    first = next((at for at, cells in enumerate(lines) if any(map(says_value, cells[1:]))), 0)
    are_names = len(lines[0]) > 2 and first <= _MAX_NAMES and not any(map(_is_label, lines[:first]))
    return first if are_names and _have_values(lines[first:]) else 0


def _n_named(lines: Sequence[Sequence[str]], bold: Sequence[bool]) -> int:
    """The same for a table of words."""
    if height := _n_bold(bold):
        return height
    numbers = [cells[0] for cells in lines[1:] if cells[0]]
    is_numbered = sum(map(says_value, numbers)) > max(2, _MOST * len(numbers))
    if is_numbered and all(lines[0]) and not any(map(str.isdecimal, lines[0][0])):
        return 1  # "No", above 1, 2, 3
    height = int(len(lines[0]) > 2 and is_header(lines[0]))
    while 0 < height < min(len(lines), _MAX_NAMES) and not lines[height][0]:
        height += 1
    return height


def _n_bold(bold: Sequence[bool]) -> int:
    """How many of the first lines are bold, where hardly any other is."""
    height = next((at for at, is_bold in enumerate(bold) if not is_bold), 0)
    return height if height <= _MAX_NAMES and sum(bold[height:]) <= _FEW * (len(bold) - height) else 0


def _is_label(cells: Sequence[str]) -> bool:
    return bool(cells[0]) and not any(cells[1:])


def _have_values(lines: Sequence[Sequence[str]]) -> bool:
    """Whether most of some column are values."""
    columns = ([text for text in column if text] for column in zip(*lines, strict=False))
    next(columns, None)
    return any(texts and sum(map(says_value, texts)) >= _MOST * len(texts) for texts in columns)


def _is_of_names(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a line with values names columns: by years, ranges or the like, which its columns do not hold, or by their numbers.

    below: lines of the table further down.
    """
    values = [(column, text) for column, text in enumerate(cells) if column and says_value(text)]
    if says_value(cells[0]) and not _PERIOD.fullmatch(cells[0]) or any(text.endswith(":") for text in cells):
        return False
    counted = [text.strip("()[]. ") for _, text in values]
    if len(values) > 2 and counted in ([str(at + first) for at in range(len(counted))] for first in (1, 2)):
        return True
    if not all(_PERIOD.fullmatch(text) for _, text in values):
        return False
    others = [line[column] for line in below for column, _ in values if line[column]]
    return sum(_PERIOD.fullmatch(text) is not None for text in others) <= _FEW * len(others)


def _begins_ranges(cells: Sequence[str]) -> bool:
    """Whether a line of names begins ranges that the next one ends: "$10,000–" above "14,999"."""
    return sum(_BEGUN.search(text) is not None for text in cells) > 1


def _are_wrapped(lines: Sequence[Sequence[str]]) -> bool:
    """Whether lines can be the names of columns broken into many: few of them have a label."""
    return sum(bool(cells[0]) for cells in lines) * 2 <= len(lines)
