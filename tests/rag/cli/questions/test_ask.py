"""``rag ask`` as a person or a script meets it, and its citations afterwards. Runs the real default model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rag.conftest import QUESTION, SEED

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]


def test_the_first_question_is_answered_with_citations_that_hold(seeded: Rag) -> None:
    result = seeded("ask", QUESTION, "--json")
    answer = result.json
    text = SEED.read_text(encoding="utf-8")
    assert result.code == 0 and answer["answered"] is True
    assert "security guarantees" in answer["answer"]["text"]
    assert [passage["rank"] for passage in answer["passages"]] == [1, 2, 3, 4, 5]
    scores = [passage["score"] for passage in answer["passages"]]
    assert scores == sorted(scores, reverse=True)
    highlighted = []
    for passage in answer["passages"]:
        citation = passage["citation"]
        place = slice(citation["start_char_index"], citation["end_char_index"])
        assert text[place] == citation["cited_text"] == passage["text"]
        assert passage["document"]["source"] == "article.txt"
        highlighted += [text[mark["start_char_index"] : mark["end_char_index"]] for mark in passage["highlights"]]
    rest = answer["answer"]["text"]
    for sentence in highlighted:
        rest = rest.replace(sentence, "", 1).replace("…", "")
    assert not rest.strip()
    cited = {number for number, passage in enumerate(answer["passages"]) if passage["highlights"]}
    assert set(answer["answer"]["citations"]) == cited


def test_the_answer_reads_well_in_a_terminal(seeded: Rag) -> None:
    result = seeded("ask", QUESTION)
    assert result.code == 0
    assert "security guarantees" in result.out.splitlines()[0]
    assert "[1] article.txt (" in result.out


@pytest.mark.slow
def test_explain_says_how_each_passage_did_by_each_signal(seeded: Rag) -> None:
    answer = seeded("ask", QUESTION, "--explain", "--json").json
    explained = [passage["explain"] for passage in answer["passages"]]
    assert all({"dense", "sentence", "lexical"} <= set(signals) for signals in explained)
    assert sorted(signals["dense"]["rank"] for signals in explained) == sorted(
        {signals["dense"]["rank"] for signals in explained}
    )
    plain = seeded("ask", QUESTION, "--json").json
    assert "explain" not in plain["passages"][0]


@pytest.mark.slow
def test_what_the_documents_do_not_hold_is_said_and_is_no_failure(seeded: Rag) -> None:
    result = seeded("ask", "how do I replace the battery of a wristwatch?", "--json")
    answer = result.json
    assert result.code == 0
    assert (answer["answered"], answer["answer"], answer["abstain_reason"]) == (False, None, "low_confidence")
    assert len(answer["passages"]) == 5
    assert 0 < answer["confidence"] < 0.15
    assert f"({answer['confidence']:.0%} sure)" in seeded("ask", "how do I replace the battery of a wristwatch?").out


@pytest.mark.slow
def test_an_answer_that_is_riskier_than_accepted_is_not_given(seeded: Rag) -> None:
    sure = seeded("ask", QUESTION, "--json").json
    assert 0.3 <= sure["confidence"] < 0.99
    risk = 1 - sure["confidence"]
    accepted = seeded("ask", QUESTION, "--max-risk", risk + 0.01, "--json").json
    assert accepted["answered"] is True and accepted["answer"] == sure["answer"]
    refused = seeded("ask", QUESTION, "--max-risk", risk - 0.01, "--json")
    answer = refused.json
    assert refused.code == 0
    assert (answer["answered"], answer["answer"], answer["abstain_reason"]) == (False, None, "risk_too_high")
    assert "riskier than you accept" in seeded("ask", QUESTION, "--max-risk", 0).out
    unknown = seeded("ask", "how do I replace the battery of a wristwatch?", "--max-risk", 1, "--json").json
    assert unknown["answered"] is True


@pytest.mark.slow
def test_metadata_and_collections_narrow_the_search_itself(rag: Rag, tmp_path: Path) -> None:
    for year in (2023, 2024):
        (tmp_path / f"report{year}.txt").write_text(
            f"The yearly revenue report. Revenue in {year} was good.", encoding="utf-8"
        )
        assert rag("add", f"report{year}.txt", "--meta", f"year={year}").code == 0
    (tmp_path / "other.txt").write_text("Revenue of the other company was bad.", encoding="utf-8")
    assert rag("add", "other.txt", "--collection", "other").code == 0

    def sources(*options: str) -> set[str]:
        answer = rag("ask", "how was the revenue?", "--json", *options).json
        return {passage["document"]["source"] for passage in answer["passages"]}

    assert sources() == {"report2023.txt", "report2024.txt"}
    assert sources("--filter", "year=2024") == {"report2024.txt"}
    assert sources("--collection", "other") == {"other.txt"}
    nothing = rag("ask", "how was the revenue?", "--filter", "year=1999", "--json").json
    assert nothing["abstain_reason"] == "no_match"
    empty = rag("ask", "how was the revenue?", "--collection", "none", "--json").json
    assert empty["abstain_reason"] == "no_documents"


@pytest.mark.slow
def test_citations_follow_a_document_through_change_and_removal(added: Rag, tmp_path: Path) -> None:
    saved = added("ask", QUESTION, "--json").out

    def statuses() -> tuple[int, set[str]]:
        result = added("verify", "-", "--json", stdin=saved)
        return result.code, {check["status"] for check in result.json}

    assert statuses() == (0, {"valid"})
    (tmp_path / "answer.json").write_bytes(saved.encode("utf-16"))  # as some shells write a file
    assert added("verify", "answer.json").code == 0
    (tmp_path / "article.txt").write_text("A new first line.\n" + SEED.read_text(encoding="utf-8"), encoding="utf-8")
    assert added("add", "article.txt").code == 0
    code, changed = statuses()
    assert code == 1 and changed <= {"moved", "changed"} and "moved" in changed
    assert added("rm", "article.txt").code == 0
    assert statuses() == (1, {"gone"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "question",
    ["почему Зеленский отказался?", "なぜ署名しなかったのですか", "لماذا رفض التوقيع؟", "🙂🙂", "a\x00b?", "WHY???"],
)
def test_questions_in_any_script_get_an_answer_or_an_abstention(seeded: Rag, question: str) -> None:
    result = seeded("ask", question, "--json")
    if "\x00" in question:
        assert result.code == 2
    else:
        assert result.code == 0 and len(result.json["passages"]) == 5
