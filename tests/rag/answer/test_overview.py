"""What the documents are is told as such, not searched for."""

from collections.abc import Iterator

import pytest

from rag.service import Service
from rag.shared.config import Config
from rag.shared.types import Incoming, Query, Turn

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service.create(tmp_path_factory.mktemp("store") / "store", Config.from_environment()) as service:
        lease = "This lease is between Ann Lee and the owner of the house in Alden.\n\nThe rent is 900 crowns a month."
        sales = (
            "Lamps of two colours were sold in two towns.\n\nIn Alden 118 lamps were sold. In Alder 93 lamps were sold."
        )
        service.intake.add_documents(
            [Incoming("lease", "House lease", lease, "lease.txt"), Incoming("sales", "Lamps sold", sales, "sales.md")]
        )
        yield service


def test_all_documents_are_named_with_their_kinds_and_begin_the_answer(service: Service) -> None:
    answer = service.ask(Query("What are these documents about?"))
    assert answer.answer is not None
    assert [part.text for part in answer.answer.parts] == [
        "This lease is between Ann Lee and the owner of the house in Alden.",
        "Lamps of two colours were sold in two towns.",
    ]
    assert answer.notes == ("2 documents: House lease (TXT); Lamps sold (MD)",)


def test_one_document_is_told_about_where_its_title_is_named(service: Service) -> None:
    answer = service.ask(Query("Tell me about the lease"))
    assert [passage.document.title for passage in answer.passages] == ["House lease"]
    assert answer.notes == ("1 document: House lease (TXT)",)


def test_any_other_question_is_searched_for(service: Service) -> None:
    assert service.ask(Query("Tell me about the weather")).notes == ()
    assert "900 crowns" in getattr(service.ask(Query("What is the rent of the house in Alden?")).answer, "text", "")


def test_a_follow_up_is_searched_for_in_full_and_says_so(service: Service) -> None:
    answer = service.ask(
        Query("And in Alder?", history=(Turn("How many lamps were sold in Alden?", "In Alden 118 lamps were sold."),))
    )
    assert (answer.question, answer.asked_as) == ("And in Alder?", "How many lamps were sold in Alder?")
    assert answer.answer is not None and "93 lamps" in answer.answer.text


def test_a_word_is_left_as_typed_where_that_is_asked_for(service: Service) -> None:
    assert service.ask(Query("Who pays the rnet of the house?")).corrected_question is not None
    assert service.ask(Query("Who pays the rnet of the house?", correct=False)).corrected_question is None
