"""The same ten articles in every format: the answers are found as from plain text, cited at the right place, and stand in the file.

Runs the real default model. ``pytest tests/rag/parsing/test_gold.py -s`` prints the table of docs/formats.md.
"""

import re
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from rag.model.embedding import Embedder
from rag.service import Service
from rag.shared.config import Config
from rag.shared.types import Query, RankedPassage
from tests.rag.parsing.articles import KINDS, Article, articles, layer, layer_of_pdf, squeezed

pytestmark = pytest.mark.slow

_K = 5
_ALLOWED_LOSS = 0.02
_RIGHT_PLACE = 0.98
# Formats of rows set the names of columns before the values: what is cited are several lines, each of which stands in the file.
_ROWS = ("xlsx", "csv", "json", "jsonl")
_WITH_HEADINGS = ("md", "html", "docx", "odt", "rtf", "epub", "pptx", "pdf", "pdf-columns", "zip")


class Rates(NamedTuple):
    """Shares: answers in the first passage, in one of five, under the right heading, on the right page; quotes in the file."""

    first: float
    five: float
    heading: float | None
    page: float | None
    quoted: float


@pytest.fixture(scope="module")
def rates(
    tmp_path_factory: pytest.TempPathFactory, loaded_embedder: Embedder, make_msg: Callable[..., bytes]
) -> Iterator[dict[str, Rates]]:
    given = articles()
    folder = tmp_path_factory.mktemp("gold")
    found: dict[str, Rates] = {}
    with Service.create(folder / "store", Config()) as service:
        service._models._embedder = loaded_embedder
        for kind, (suffix, make) in KINDS.items():
            files = {}
            (folder / kind).mkdir()
            for number, article in enumerate(given):
                content = make(article)
                if kind == "msg":
                    text = "\r\n\r\n".join(f"{part.heading}\r\n\r\n{part.text}" for part in article.parts)
                    content = make_msg({0x0037: article.title, 0x0C1A: article.author, 0x1000: text})
                files[number] = content
                # Names that tell nothing: the title must come from the file where it has one.
                (folder / kind / f"{number}.{suffix}").write_bytes(content)
            report = service.intake.add_paths([folder / kind], collection=kind)
            assert not report.failed and report.added == len(given)
            found[kind] = measure(service, kind, given, files)
        yield found
    for kind, (first, five, heading, page, quoted) in found.items():
        place = " ".join(f"{value:.2f}" if value is not None else "-" for value in (heading, page))
        sys.stdout.write(f"{kind:12} {first:.2f} {five:.2f} {place} {quoted:.2f}\n")


def measure(service: Service, kind: str, given: list[Article], files: dict[int, bytes]) -> Rates:
    first = five = n_headings = n_pages = n_quoted = n_found = n_passages = 0
    for number, article in enumerate(given):
        text = squeezed(layer(kind, files[number], article))
        pages = [squeezed(page) for page in layer_of_pdf(files[number])] if kind.startswith("pdf") else []
        for at, part in enumerate(article.parts):
            answer = service.ask(Query(part.question, k=_K, collection=kind))
            hits = [passage for passage in answer.passages if squeezed(part.quote) in squeezed(passage.text)]
            first += bool(hits) and hits[0].rank == 1
            five += bool(hits)
            for passage in answer.passages:
                if passage.document.source and re.search(rf"/{number}\.\w+(?:!/.*)?$", passage.document.source):
                    n_passages += 1
                    n_quoted += _stands_in(kind, passage, text)
            if hits:
                n_found += 1
                n_headings += bool(hits[0].section) and hits[0].section[-1] == part.heading
                if pages:
                    n_pages += hits[0].page == _page_of(hits[0], pages)
                elif kind == "pptx":
                    n_pages += hits[0].page == at + 1
    n_questions = sum(len(article.parts) for article in given)
    return Rates(
        first / n_questions,
        five / n_questions,
        n_headings / n_found if kind in _WITH_HEADINGS else None,
        n_pages / n_found if kind == "pptx" or kind.startswith("pdf") else None,
        n_quoted / n_passages,
    )


def _stands_in(kind: str, passage: RankedPassage, text: str) -> bool:
    if kind in _ROWS:
        return all(squeezed(line.partition(": ")[2] or line) in text for line in passage.text.split("\n"))
    if kind == "msg":
        return True  # its text is in UTF-16 in pieces of the file: test_msg.py compares it whole
    body = passage.text.partition("\n\n")[2] if passage.text.startswith("From: ") else passage.text
    return squeezed(body) in text


def _page_of(passage: RankedPassage, pages: list[str]) -> int:
    """The page on which the passage's first sentence begins: the one whose text holds its first letters."""
    opening = squeezed(passage.text.rpartition("\n\n")[2])[:20]
    return next((number for number, page in enumerate(pages, 1) if opening in page), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_found_as_from_plain_text(rates: dict[str, Rates], kind: str) -> None:
    assert rates[kind].five >= rates["txt"].five - _ALLOWED_LOSS - 1e-9


@pytest.mark.parametrize("kind", _WITH_HEADINGS)
def test_the_heading_that_is_cited_is_right(rates: dict[str, Rates], kind: str) -> None:
    heading = rates[kind].heading
    assert heading is not None and heading >= _RIGHT_PLACE


@pytest.mark.parametrize("kind", ["pdf", "pdf-columns", "pptx"])
def test_the_page_that_is_cited_is_right(rates: dict[str, Rates], kind: str) -> None:
    page = rates[kind].page
    assert page is not None and page >= _RIGHT_PLACE


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_quoted_stands_in_the_file(rates: dict[str, Rates], kind: str) -> None:
    assert rates[kind].quoted == 1.0
