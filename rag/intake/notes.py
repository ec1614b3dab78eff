"""What whoever adds a document is told of it beside that it is in: that parts of its file could not be read, or hold no text."""

from collections.abc import Iterable, Iterator

from index.types import Change, Document
from rag.parsing.structure.metadata import PAGES_NOT_READ, PLACES_NOT_READ

_MOST_NAMED = 3  # files without text: a folder of code may have hundreds


def has_note(change: Change) -> bool:
    """Whether there is something to say of a document: it was added or updated without all of its file, or has no text."""
    return change.outcome != "skipped" and (not change.document.n_passages or _damage_note(change.document) is not None)


def reading_notes(changes: Iterable[Change]) -> Iterator[str]:
    """A note on each document that was added or updated without all of its file, and one on all that have no text."""
    empty = []
    for change in changes:
        if change.outcome != "skipped":
            if note := _damage_note(change.document):
                yield note
            if not change.document.n_passages:
                empty.append(change.document.source or change.document.title)
    if empty:
        more = f" and {len(empty) - _MOST_NAMED} more" if len(empty) > _MOST_NAMED else ""
        them = "it" if len(empty) == 1 else "them"
        yield f"{', '.join(empty[:_MOST_NAMED])}{more}: there is no text in {them}, so nothing of {them} can be found"


def _damage_note(document: Document) -> str | None:
    places = document.metadata.get(PLACES_NOT_READ)
    if isinstance(places, int):
        return (
            f"{document.source or document.title}: {'a place is' if places == 1 else f'{places} places are'} damaged and shown as "
            "\N{REPLACEMENT CHARACTER}, the rest is in: save the file again as UTF-8 to have all of it"
        )
    return _pages_note(document)


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
