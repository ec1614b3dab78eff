"""Passages that an answer is quoted from are listed before others."""

from pathlib import Path

import pytest

from rag.service import Service
from rag.shared.types import Query
from tests.rag.conftest import SEED

pytestmark = pytest.mark.medium

# Of each, a passage that is quoted is not among the nearest.
QUESTIONS = ("when will the deal be signed?", "when did trump and zelensky clash?")


@pytest.fixture
def article(service: Service, tmp_path: Path) -> Service:
    (tmp_path / "article.txt").write_bytes(SEED.read_bytes())
    service.intake.add_paths([tmp_path / "article.txt"])
    return service


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_quoted_comes_first_with_scores_that_descend(article: Service, question: str) -> None:
    answer = article.ask(Query(question))
    assert answer.answer is not None
    n_quoted = len(answer.answer.citations)
    assert answer.answer.citations == tuple(range(n_quoted))
    assert [bool(passage.highlights) for passage in answer.passages] == [n < n_quoted for n in range(5)]
    assert [passage.rank for passage in answer.passages] == [1, 2, 3, 4, 5]
    scores = [passage.score for passage in answer.passages]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_passage_alone_is_the_one_that_answers(article: Service, question: str) -> None:
    alone, among_five = article.ask(Query(question, k=1)), article.ask(Query(question, k=5))
    assert alone.answer is not None and among_five.answer is not None
    assert alone.passages[0].citation == among_five.passages[0].citation
    assert alone.answer.sentences[0] == among_five.answer.sentences[0]


def test_passages_about_a_claim_stay_in_their_order(article: Service) -> None:
    claim, question = "The agreement has no security guarantees.", "Has the agreement no security guarantees?"
    of_claim, of_question = (article.ask(Query(text, max_risk=1.0)).answer for text in (claim, question))
    assert of_claim is not None and of_question is not None
    assert of_claim.citations != tuple(range(len(of_claim.citations)))
    assert of_question.citations == tuple(range(len(of_question.citations)))


def test_a_passage_without_the_code_is_not_put_before_the_one_that_has_it(service: Service) -> None:
    for number in range(8):
        text = f"Text {number}. More of it. And Quetzalcoatlus{number}."
        service.intake.add_text(title="Title", text=text, source=f"s{number}", metadata={})
    assert "Quetzalcoatlus5" in service.ask(Query("Where is Quetzalcoatlus5?")).passages[0].text
