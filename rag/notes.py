"""What whoever adds a document is told of it beside that it is in: that parts of its file could not be read."""

from collections.abc import Iterable, Iterator

from index.types import Change, Document
from rag.parsing.metadata import PAGES_NOT_READ


def reading_notes(changes: Iterable[Change]) -> Iterator[str]:
    """A note on each document that was added or updated without all of its file."""
    for change in changes:
        if change.outcome != "skipped" and (note := _pages_note(change.document)):
            yield note


def _pages_note(document: Document) -> str | None:
    numbers, n_pages = document.metadata.get(PAGES_NOT_READ), document.metadata.get("pages")
    if not isinstance(numbers, list) or not isinstance(n_pages, int):
        return None  # of no damaged file, or given by whoever adds it
    missing = [number for number in numbers if isinstance(number, int)]
    return (
        f"{document.source or document.title}: {'page' if len(missing) == 1 else 'pages'} {_ranges(missing)} of {n_pages} "
        "cannot be read, the rest is in: save or download the file again to have all of it"
    )


def _ranges(numbers: Iterable[int]) -> str:
    """Ascending numbers as people write them: "2, 5-7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
