"""The retrievers and tools of the client in the real frameworks, where these are installed, against a real socket."""

from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from tests.api.fake_service import FakeService
from tests.clients.conftest import serving

pytestmark = pytest.mark.slow
TEXT = "The board met on Monday."


@pytest.fixture
def url(fake: FakeService, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")  # it would call its makers
    fake.add_text(title="Minutes", text=TEXT, source="minutes.txt", metadata={"year": 2026})
    with serving(fake) as address:
        yield address


def test_langchain_retrieves_documents(url: str) -> None:
    pytest.importorskip("langchain_core")
    from footnote_client.langchain import FootnoteRetriever

    retriever = FootnoteRetriever(url=url, top_k=2)
    for [document] in (retriever.invoke("the board?"), anyio.run(retriever.ainvoke, "the board?")):
        assert document.page_content == TEXT and document.metadata["citation"]["cited_text"] == TEXT
        assert (
            document.metadata["year"] == 2026 and document.id == f"{document.metadata['citation']['document_id']}:0-24"
        )


def test_llama_index_retrieves_nodes_with_their_places(url: str) -> None:
    pytest.importorskip("llama_index.core")
    from footnote_client.llama_index import FootnoteRetriever

    retriever = FootnoteRetriever(url)
    for [found] in (retriever.retrieve("the board?"), anyio.run(retriever.aretrieve, "the board?")):
        node: Any = found.node
        assert node.text == TEXT and (node.start_char_idx, node.end_char_idx) == (0, 24) and found.score == 1.0
        assert "citation" not in node.get_metadata_str("llm")


def test_haystack_retrieves_in_a_pipeline_that_can_be_saved(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("haystack")
    from footnote_client.haystack import FootnoteRetriever
    from haystack import Pipeline
    from haystack.utils import Secret

    monkeypatch.setenv("FOOTNOTE_KEY", "unused")
    pipeline = Pipeline()
    pipeline.add_component("retriever", FootnoteRetriever(url, Secret.from_env_var("FOOTNOTE_KEY")))
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["footnote_client.haystack"])
    [document] = again.run({"retriever": {"query": "the board?"}})["retriever"]["documents"]
    assert document.content == TEXT and document.meta["citation"]["end_char_index"] == 24


def test_pydantic_ai_calls_the_tools(url: str) -> None:
    pytest.importorskip("pydantic_ai")
    from footnote_client import AsyncClient
    from footnote_client.pydantic_ai import footnote_tools
    from pydantic_ai import Agent
    from pydantic_ai.models.test import TestModel

    async def main() -> Any:
        async with AsyncClient(url) as client:
            agent = Agent(TestModel(call_tools=["ask_documents"]), toolsets=[footnote_tools(client)])
            return (await agent.run("the board?")).all_messages()

    returned = [part for message in anyio.run(main) for part in message.parts if part.part_kind == "tool-return"]
    assert returned[0].content["answered"] in (True, False)
