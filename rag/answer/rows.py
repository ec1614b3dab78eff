"""Rows of tables as a person reads them: each cell with the name of its column."""

from collections import Counter
from collections.abc import Sequence

from rag.shared.types import NamedCell

# Words from which on what names of columns begin with is the caption of the table. Fewer tell columns apart ("Sales 2024").
_CAPTION_WORDS = 4


def named_cells(head: Sequence[str], cells: Sequence[str]) -> tuple[NamedCell, ...]:
    """The cells of a row that have text, each with the name of its column; none where no column has a name.

    A caption that most names begin with is left out of them.
    """
    if not any(head):
        return ()
    names = [name.split() for name in head]
    begins = Counter(tuple(words[:n]) for words in names for n in range(_CAPTION_WORDS, len(words)))
    captions = [begin for begin, count in begins.items() if 2 * count > len(names)]
    n = max(map(len, captions), default=0)
    longest = [begin for begin in captions if len(begin) == n]
    own = [" ".join(words[n:] if tuple(words[:n]) in longest else words) for words in names]
    return tuple(NamedCell(name, text) for name, text in zip(own, cells, strict=True) if text)


def tell_more(cells: Sequence[NamedCell], text: str) -> bool:
    """Whether cells say more than the text of their row: there are several, and it lacks a name."""
    return len(cells) > 1 and not all(cell.name in text for cell in cells)


def told(cells: Sequence[NamedCell], group: str) -> str:
    """What a row says in one line: "In 1890: Town: Alder; Red lamps: 93"."""
    named = "; ".join(f"{name}: {text}" if name else text for name, text in cells)
    return ": ".join(filter(None, (group, named)))
