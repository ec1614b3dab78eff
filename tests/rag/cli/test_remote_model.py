"""``rag`` with a model behind a server, from the first document to another model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.embedding_stub import serve_embeddings, words_vector

pytestmark = [pytest.mark.medium, pytest.mark.usefixtures("short_pauses")]

Rag = Callable[..., Any]
QUESTION = "Who met the Ukrainian leader in Munich?"


def test_documents_are_added_asked_and_verified(rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = Path(__file__).parents[3] / "seeds" / "us-ukraine-minerals-deal.txt"
    (tmp_path / "article.txt").write_bytes(seed.read_bytes())
    with serve_embeddings() as stub:
        monkeypatch.setenv("RAG_MODEL", f"openai:tiny@{stub.url}")
        monkeypatch.setenv("RAG_RERANKER", f"rerank:small@{stub.url}")
        assert rag("add", "article.txt").code == 0
        monkeypatch.delenv("RAG_MODEL")
        asked = rag("ask", QUESTION, "--json", "--explain")
        assert asked.code == 0 and "Munich" in asked.json["passages"][0]["text"] and not asked.json["calibrated"]
        (tmp_path / "answer.json").write_text(asked.out, encoding="utf-8")
        assert {check["status"] for check in rag("verify", "answer.json", "--json").json} == {"valid"}
        assert rag("verify").code == 0
        n_requests = len(stub.requests)
        assert rag("add", "article.txt").code == 0 and len(stub.requests) == n_requests  # known by its hash
        monkeypatch.delenv("RAG_RERANKER")
        stub.embed = lambda text: words_vector(text, seed="another")
        refused = rag("ask", QUESTION)
        assert refused.code == 3 and "rag reindex" in refused.err and "Traceback" not in refused.err
        monkeypatch.setenv("RAG_MODEL", f"openai:tiny@{stub.url}")
        assert rag("reindex").code == 0
        assert rag("reindex", "--json").json["changed"] is False
        monkeypatch.delenv("RAG_MODEL")
        assert "Munich" in rag("ask", QUESTION, "--json").json["passages"][0]["text"]
    gone = rag("ask", "Who is the president?")
    assert gone.code == 1 and "start the server" in gone.err and len(gone.err.splitlines()) <= 2
    assert rag("list").code == 0


def test_a_server_that_is_not_there_leaves_no_store(rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_MODEL", "openai:tiny@http://127.0.0.1:9/v1")
    (tmp_path / "one.txt").write_text("One sentence.")
    result = rag("add", "one.txt")
    assert result.code == 1 and "cannot be reached" in result.err and not (tmp_path / ".rag").exists()
    monkeypatch.setenv("RAG_MODEL", "openai:tiny")
    result = rag("add", "one.txt")
    assert result.code == 2 and "openai:NAME@" in result.err
