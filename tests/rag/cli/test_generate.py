"""``rag ask --generate`` with the real default model, and a stub for the language model."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.language_model_stub import offered, sentences_reply, serve

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]
QUESTION = "Who met the Ukrainian leader in Munich?"


def quoting(body: dict[str, Any]) -> str:
    """What a model replies that copies the sentence about Munich."""
    number, text = next((number, text) for number, text in offered(body).items() if "Munich" in text)
    return sentences_reply((text, [number]), ("It rained in Munich in 1950.", [number]))


@pytest.mark.model
def test_the_citations_of_a_generated_answer_are_valid(
    seeded: Rag, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with serve(quoting) as stub:
        monkeypatch.setenv("RAG_LLM_URL", stub.url)
        result = seeded("ask", QUESTION, "--generate", "--json")
        shown = seeded("ask", QUESTION, "--generate")
    assert result.code == 0 and result.json["answer"]["generated"] and result.json["answer"]["dropped"] == 1
    assert "Vance" in shown.out and "written by stub-model" in shown.out
    saved = tmp_path / "answer.json"
    saved.write_text(result.out, encoding="utf-8")
    checks = seeded("verify", str(saved), "--json")
    assert checks.code == 0 and len(checks.json) == len(result.json["passages"]) + 1


def test_without_a_language_model_it_says_what_to_set(seeded: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAG_LLM_URL", raising=False)
    result = seeded("ask", QUESTION, "--generate")
    assert result.code == 2 and "RAG_LLM_URL" in result.err
