"""Tables of contents on a page: lines of dots that lead from a heading to its page, each made one run."""

import re
from collections import defaultdict
from collections.abc import Sequence

from rag.parsing.pdf.tables.column_names import is_leading
from rag.parsing.pdf.words import Word, joined, rows_of

_MIN_LINES = 3
_COLUMN = 60.0  # points
_PAGE = r"(?:\d{1,4}|[ivxlc]{1,6})"
_ENTRY = re.compile(rf".*(?:\.\s?){{4,}}\s*({_PAGE})", re.I)
_NUMBER = re.compile(r"(?:[A-Za-z]+ )?(?:\d{1,2}|[A-Z]|[IVX]{1,5})(?:\.\d{1,2})*[.:)]?")


def whole_contents(runs: Sequence[Word]) -> list[Word]:
    """The runs of a page, where those of a line of contents are one: number, heading, dots and page.

    Lines are of contents where several have dots and nothing but a page after them, and the pages only grow.
    """
    entries = [entry for row in rows_of(runs) for entry in _entries(sorted(row, key=lambda run: run.x0))]
    pages: dict[int, list[int]] = defaultdict(list)  # by column of the contents
    for entry, page in entries:
        pages[round(entry[-1].x1 / _COLUMN)] += [int(page)] if page.isdecimal() else []
    if len(entries) < _MIN_LINES or any(numbers != sorted(numbers) for numbers in pages.values()):
        return [*runs]
    of_entries = {id(run) for entry, _ in entries for run in entry}
    lines = [joined([word for run in entry for word in run.words]) for entry, _ in entries]
    return [run for run in runs if id(run) not in of_entries] + lines


def _entries(row: Sequence[Word]) -> list[tuple[list[Word], str]]:
    """The entries on a line, each with its page; none where numbers follow each other after dots, as values do."""
    entries = []
    at = 0
    while at < len(row):
        last = at + (is_leading(row[at].text) and at + 1 < len(row))
        text = row[at].text if last == at else f"{row[at].text} {row[last].text}"
        if match := _ENTRY.fullmatch(text):
            numbered = at > 0 and _NUMBER.fullmatch(row[at - 1].text) is not None
            entries.append(([*row[at - numbered : last + 1]], match[1]))
        elif entries and entries[-1][0][-1] is row[at - 1] and not _NUMBER.fullmatch(row[at].text):
            return []
        at = last + 1
    return entries
