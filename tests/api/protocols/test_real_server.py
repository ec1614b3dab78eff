"""The official clients against a real server with the real model: over sockets, streamed, and over standard input and output."""

import math
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import openai
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from openai import AsyncOpenAI, OpenAI

from tests.api.conftest import RAG
from tests.api.protocols.conftest import SEEDS, Running
from tests.api.protocols.test_openai import Ask, by_chat, by_response

pytestmark = [pytest.mark.slow, pytest.mark.model]

QUESTION = "why did Zelensky refuse to sign?"


def client_of(running: Running, key: str, *, strict: bool = True) -> OpenAI:
    url = f"{running.url}/openai/v1"
    # Connections of its own, closed after each answer: a test leaves none open.
    http = httpx2.Client(headers={"Connection": "close"}, timeout=300)
    return OpenAI(base_url=url, api_key=key, max_retries=0, http_client=http, _strict_response_validation=strict)


def stored_text(running: Running, document_id: str) -> str:
    headers = {"Authorization": f"Bearer {running.read_key}"}
    return str(
        httpx2.get(f"{running.url}/v1/documents/{document_id}/text", headers=headers, timeout=300).json()["text"]
    )


@pytest.mark.parametrize("ask", [by_chat, by_response])
def test_openai_streams_an_answer_whose_sentences_stand_in_the_documents(running: Running, ask: Ask) -> None:
    pieces, cited, _ = ask(client_of(running, running.read_key), True, [{"role": "user", "content": QUESTION}])
    assert cited
    for place, source in cited:
        quote = "".join(pieces)[place["start_index"] : place["end_index"]]
        stored = stored_text(running, source["document_id"])
        assert stored[source["start_char_index"] : source["end_char_index"]] == quote
        assert place["url"].startswith("https://docs.example.org/#doc=")


def test_openai_awaits_a_stream(running: Running) -> None:
    async def main() -> str:
        client = AsyncOpenAI(base_url=f"{running.url}/openai/v1", api_key=running.read_key, max_retries=0)
        async with client:
            messages: Any = [{"role": "user", "content": QUESTION}]
            stream = await client.chat.completions.create(model="footnote/default", messages=messages, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert "Zelensky" in anyio.run(main)


def test_openai_embeds_with_the_store_s_model(running: Running) -> None:
    # Vectors come packed unless asked otherwise, which the client's own types do not say.
    client = client_of(running, running.read_key, strict=False)
    model = next(one.id for one in client.models.list() if not one.id.startswith("footnote/"))
    texts = ["The heron waits for fish.", "A bird stands in the reeds.", "Interest rates rose."]
    packed = [one.embedding for one in client.embeddings.create(model=model, input=texts).data]
    plain = client.embeddings.create(model=model, input=texts[0], encoding_format="float").data[0].embedding
    assert math.dist(packed[0], plain) < 1e-3
    assert math.isclose(math.hypot(*plain), 1, abs_tol=1e-3)
    assert math.dist(packed[0], packed[1]) < math.dist(packed[0], packed[2])
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=model, input=texts, dimensions=8)


def test_openai_adds_a_file_that_is_then_found_and_deleted(running: Running) -> None:
    client = client_of(running, running.write_key)
    file = ("owl.md", b"# Owls\n\nThe owl in the tower hunts voles at dusk.")
    kept = client.vector_stores.files.upload_and_poll(vector_store_id="birds", file=file, attributes={"year": 2026})
    assert kept.status == "completed"
    where: Any = {
        "type": "and",
        "filters": [{"type": "gt", "key": "year", "value": 2025}, {"type": "ne", "key": "a", "value": "b"}],
    }
    found = client.vector_stores.search("birds", query="what does the owl hunt?", filters=where).data
    assert "voles" in found[0].content[0].text
    assert not client.vector_stores.search(
        "birds", query="owl", filters={"type": "ne", "key": "year", "value": 2026}
    ).data
    assert client.files.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.search("birds", query="owl")


async def search_fetch_verify(client: Client, collection: str = "default") -> None:
    """What an assistant does: it finds, reads on, and checks what it quotes."""
    found = (await client.call_tool("search", {"query": QUESTION})).structured_content
    first = found["results"][0]
    assert "sign" in first["text"]
    fetched = (await client.call_tool("fetch", {"id": first["id"]})).structured_content
    assert first["text"] in fetched["text"]
    quote = {"document_id": fetched["metadata"]["document_id"], "quote": first["text"]}
    altered = {**quote, "quote": first["text"].replace("sign", "seal")}
    checked = (await client.call_tool("verify", {"citations": [quote, altered, first["citation"]]})).structured_content
    assert [one["status"] for one in checked["results"]] == ["valid", "changed", "valid"]
    answer = await client.call_tool("ask", {"question": QUESTION})
    assert "[1]" in answer.content[0].text and answer.structured_content["answered"]  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
def test_mcp_over_http_searches_fetches_and_verifies(running: Running, mode: str) -> None:
    async def main() -> None:
        headers = {"Authorization": f"Bearer {running.read_key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=300) as http:
            async with Client(streamable_http_client(f"{running.url}/mcp", http_client=http), mode=mode) as client:
                await search_fetch_verify(client)

    anyio.run(main)


@pytest.fixture(scope="module")
def local_store(tmp_path_factory: pytest.TempPathFactory) -> Path:

    store = tmp_path_factory.mktemp("stdio") / "store"
    subprocess.run([str(RAG), "add", str(SEEDS), "--store", str(store)], check=True, capture_output=True)
    return store


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_mcp_over_stdio_searches_fetches_and_verifies(local_store: Path, mode: str) -> None:
    over_stdio(local_store, mode, [], search_fetch_verify)


def test_mcp_over_stdio_writes_when_told_to(local_store: Path) -> None:
    async def use(client: Client) -> None:
        added = (await client.call_tool("add_text", {"title": "Note", "text": "Herons wait."})).structured_content
        receipt = await client.call_tool("delete_document", {"document_id": added["id"]})
        assert receipt.structured_content["remaining"] == 0

    over_stdio(local_store, "auto", ["--mcp-write"], use)


def over_stdio(store: Path, mode: str, options: list[str], use: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        parameters = StdioServerParameters(command=str(RAG), args=["mcp", "--store", str(store), *options])
        async with Client(parameters, mode=mode) as client:
            await use(client)

    anyio.run(main)


def test_rag_mcp_says_what_is_missing(tmp_path: Path) -> None:

    ended = subprocess.run([str(RAG), "mcp", "--store", str(tmp_path / "none")], capture_output=True, text=True)
    assert ended.returncode == 3 and "Traceback" not in ended.stderr and ended.stdout == ""
