"""The pages of a document: how many there are, on which a place of its text stands, and on which words are found."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from index.backend import Reader
from index.types import Document, Passage, Span
from rag.shared.errors import BadInput
from rag.viewing.pictures import Wanted

_MOST_FOUND = 10_000
_BEFORE = 80  # characters before a quote, by which it is told from the same words elsewhere on its page
_PDF, _WITHIN = b"%PDF-", 1024


@dataclass(frozen=True, slots=True)
class Pages:
    """n_pages: 0 where its kind of file has none.  page: of the place that was asked for, None where it is on none.

    found: how often words stand on each page; None where none were sought.
    """

    n_pages: int
    page: int | None
    found: dict[int, int] | None


def pages_of(reader: Reader, document: Document, start: int | None, sought: str | None) -> Pages:
    """What is to be known before a page is shown. start: of a place in the text.  sought: words to look for."""
    passages = [passage for passage in reader.passages_of(document.id) if passage.page is not None]
    stated = document.metadata.get("pages")
    last = max((passage.page or 0 for passage in passages), default=0)
    n_pages = max(last, stated) if last and isinstance(stated, int) else last
    page = None if start is None else _page_at(passages, start)
    found = None
    if sought is not None:
        text = reader.text(document.id)
        pattern = re.compile(r"\s+".join(map(re.escape, sought.split())) or r"(?!)", re.IGNORECASE)
        places = (match.start() for match in islice(pattern.finditer(text), _MOST_FOUND))
        on = Counter(page for place in places if (page := _page_at(passages, place)))
        found = dict(sorted(on.items()))
    return Pages(n_pages, page, found)


def wanted_page(
    reader: Reader, document: Document, number: int, width: int, span: tuple[int, int] | None, sought: str
) -> Wanted:
    """What is to be drawn. span: of the text that is cited.  Raises BadInput for one that is not within the text."""
    quote = before = ""
    if span is not None:
        start, end = span
        if not 0 <= start <= end <= document.n_characters:
            raise BadInput(
                f"start {start} and end {end} must be in order and within {document.n_characters} characters"
            )
        first = max(0, start - _BEFORE)
        text = reader.text(document.id, Span(first, end))
        quote, before = text[start - first :], text[: start - first]
    return Wanted(number, width, quote, before, sought)


def is_pdf(content: bytes) -> bool:
    """Whether the pages of a file can be drawn."""
    return _PDF in content[:_WITHIN]


def _page_at(passages: Sequence[Passage], place: int) -> int | None:
    """The page of the last passage that begins at or before a place."""
    at = bisect_right(passages, place, key=lambda passage: passage.span.start) - 1
    return passages[at].page if at >= 0 else None
