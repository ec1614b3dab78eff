"""Citations that hold, moved, changed or are gone."""

import hashlib

import pytest

from index.types import Span
from rag.answer.citations import check
from rag.shared.types import Citation

TEXT = "Alpha beta gamma. Delta epsilon. Alpha beta gamma."


def citation(start: int, end: int, text: str = TEXT) -> Citation:
    return Citation("d1", "title", text[start:end], Span(start, end), sha(text))


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def checked(cited: Citation, now: str | None) -> tuple[str, Span | None]:
    result = check(cited, lambda _: None if now is None else (now, sha(now)))
    return result.status, result.span


def test_a_citation_of_the_stored_version_is_valid() -> None:
    assert checked(citation(0, 17), TEXT) == ("valid", None)


def test_a_quote_that_is_not_at_its_place_is_changed() -> None:
    forged = Citation("d1", "title", "Delta", Span(0, 5), sha(TEXT))
    assert checked(forged, TEXT) == ("changed", None)


@pytest.mark.parametrize(("start", "moved_to"), [(0, 4), (33, 37)])
def test_a_moved_quote_is_found_at_the_nearest_place(start: int, moved_to: int) -> None:
    assert checked(citation(start, start + 17), "New " + TEXT) == ("moved", Span(moved_to, moved_to + 17))


def test_a_quote_no_longer_in_the_document_is_changed() -> None:
    assert checked(citation(18, 32), TEXT.replace("Delta", "Zeta")) == ("changed", None)


def test_a_removed_document_is_gone() -> None:
    assert checked(citation(0, 17), None) == ("gone", None)


@pytest.mark.parametrize("span", [Span(-5, 2), Span(5, 5), Span(40, 10), Span(1000, 1010)])
def test_spans_outside_the_text_never_hold(span: Span) -> None:
    assert checked(Citation("d1", "title", TEXT[slice(*span)], span, sha(TEXT)), TEXT)[0] == "changed"
