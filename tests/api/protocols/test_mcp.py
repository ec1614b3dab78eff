"""The official MCP client, unchanged, in each era of the protocol: it searches, reads, asks and verifies, and writes if it may."""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from api.admission.keys import add_key
from api.app import create_app
from api.protocols.links import Links
from api.protocols.mcp.caller import LocalCaller
from api.protocols.mcp.server import make_server
from api.settings import Settings
from rag.service import Service
from rag.shared.types import Answer, NamedCell, Query
from tests.api.fake_service import FakeService

MODES = ["legacy", "auto", *MODERN_PROTOCOL_VERSIONS]
Use = Callable[[Client], Awaitable[None]]


def over_http(fake: FakeService, use: Use, *, mode: str = "auto", key: str | None = None, **settings: Any) -> None:
    """Let ``use`` work with a client of the application."""

    async def main() -> None:
        app = create_app(cast(Service, fake), Settings(**settings))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx2.ASGITransport(app=app)
            http = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, headers=headers))
            server = streamable_http_client("http://testserver/mcp", http_client=http)
            await use(await stack.enter_async_context(Client(server, mode=mode)))

    anyio.run(main)


def in_memory(fake: FakeService, use: Use, *, may_write: bool = False, base: str = "") -> None:
    """The same with the server as `rag mcp` makes it."""

    async def main() -> None:
        caller = LocalCaller(cast(Service, fake), Links(base), may_write=may_write)
        async with Client(make_server(lambda context: caller)) as client:
            await use(client)

    anyio.run(main)


@pytest.mark.parametrize("mode", MODES)
def test_it_searches_fetches_asks_and_verifies(filled: FakeService, mode: str) -> None:
    async def use(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [
            "search",
            "fetch",
            "ask",
            "verify",
            "list_documents",
            "list_collections",
        ]
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        assert all(tool.input_schema["type"] == "object" for tool in tools)

        found = await client.call_tool("search", {"query": "the board"})
        assert json.loads(found.content[0].text) == found.structured_content  # type: ignore[union-attr]
        first = found.structured_content["results"][0]
        assert first["url"].startswith("http://testserver/#doc=") and first["title"] == "Minutes"

        fetched = (await client.call_tool("fetch", {"id": first["id"]})).structured_content
        place = fetched["metadata"]
        stored = filled.text(place["document_id"])
        assert fetched["text"] == stored[place["start_char_index"] : place["end_char_index"]]
        assert fetched["url"] == first["url"]

        answer = await client.call_tool("ask", {"question": "the board?"})
        assert "The board met on Monday. [1]" in answer.content[0].text  # type: ignore[union-attr]
        citation = answer.structured_content["sentences"][0]["citation"]
        checked = await client.call_tool(
            "verify", {"citations": [citation, {"document_id": place["document_id"], "quote": "The board never met."}]}
        )
        assert [one["status"] for one in checked.structured_content["results"]] == ["valid", "changed"]

    over_http(filled, use, mode=mode)


def test_a_model_reads_a_row_with_the_names_of_its_columns(
    filled: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = filled.ask

    def with_cells(query: Query) -> Answer:
        answer = ask(query)
        assert answer.answer is not None
        cells = (NamedCell("Town", "Alder"), NamedCell("Blue lamps", "4,017"))
        parts = tuple(replace(part, cells=cells, group="1890") for part in answer.answer.parts)
        return replace(answer, answer=replace(answer.answer, parts=parts))

    async def use(client: Client) -> None:
        answer = await client.call_tool("ask", {"question": "the board?"})
        assert "(1890: Town: Alder; Blue lamps: 4,017) [1]" in answer.content[0].text  # type: ignore[union-attr]
        [sentence] = answer.structured_content["sentences"]
        assert sentence["row"] == "1890: Town: Alder; Blue lamps: 4,017"

    monkeypatch.setattr(filled, "ask", with_cells)
    in_memory(filled, use)


@pytest.mark.parametrize("version", HANDSHAKE_PROTOCOL_VERSIONS)
def test_clients_of_every_older_revision_are_served(filled: FakeService, client: Any, version: str) -> None:
    accept = {"Accept": "application/json, text/event-stream"}
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
    opened = client.post(
        "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, headers=accept
    )
    assert opened.json()["result"]["protocolVersion"] == version
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call"}
    call |= {"params": {"name": "ask", "arguments": {"question": "the board?"}}}
    answered = client.post("/mcp", json=call, headers={**accept, "MCP-Protocol-Version": version}).json()["result"]
    kinds = {block["type"] for block in answered["content"]}
    assert kinds == ({"text", "resource_link"} if version >= "2025-06-18" else {"text"})


def test_documents_are_resources(filled: FakeService) -> None:
    async def use(client: Client) -> None:
        resources = (await client.list_resources()).resources
        assert len(resources) == 3
        secret = next(str(one.uri) for one in resources if str(one.uri).startswith("footnote://secret/"))
        assert (await client.read_resource(secret)).contents[0].text == "The secret plan is here."  # type: ignore[union-attr]
        part = await client.read_resource(f"{secret}?start=4&end=10")
        assert part.contents[0].text == "secret"  # type: ignore[union-attr]
        for wrong in (f"{secret}?start=4&end=999", f"{secret}?start=x", "footnote://default/nothing", "file:///etc"):
            with pytest.raises(MCPError):
                await client.read_resource(wrong)
        templates = (await client.list_resource_templates()).resource_templates
        assert templates[0].uri_template == "footnote://{collection}/{document_id}{?start,end}"

    in_memory(filled, use)


def test_prompts_tell_a_model_to_verify(filled: FakeService) -> None:
    async def use(client: Client) -> None:
        assert [one.name for one in (await client.list_prompts()).prompts] == [
            "answer_with_citations",
            "check_citations",
        ]
        filled_in = await client.get_prompt("answer_with_citations", {"question": "Who met?"})
        assert "Who met?" in filled_in.messages[0].content.text  # type: ignore[union-attr]
        assert "verify" in filled_in.messages[0].content.text  # type: ignore[union-attr]
        with pytest.raises(MCPError, match="question"):
            await client.get_prompt("answer_with_citations", {})

    in_memory(filled, use)


WRITERS = [("write", True, True), ("write", False, False), ("read", True, False)]


@pytest.mark.parametrize(("scope", "with_writing", "offered"), WRITERS)
def test_tools_that_write_take_a_writing_key_and_the_option(
    filled: FakeService, tmp_path: Path, scope: Any, with_writing: bool, offered: bool
) -> None:
    path = tmp_path / "keys.json"
    _, key = add_key(path, "one", scope)

    async def use(client: Client) -> None:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert ({"add_text", "delete_document"} <= names) is offered
        call = client.call_tool("add_text", {"title": "Note", "text": "Herons wait."})
        if not offered:
            with pytest.raises(MCPError, match="no tool"):
                await call
            return
        added = (await call).structured_content
        assert filled.text(added["id"]) == "Herons wait."
        receipt = (await client.call_tool("delete_document", {"document_id": added["id"]})).structured_content
        assert receipt["remaining"] == 0 and added["id"] not in filled.stored

    over_http(filled, use, key=key, keys_file=path, mcp_write=with_writing)


def test_a_key_sees_nothing_of_another_collection(filled: FakeService, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    _, key = add_key(path, "one", "write", ["default"])
    secret = next(one for one, _ in filled.stored.values() if one.collection == "secret")

    async def use(client: Client) -> None:
        assert all("secret" not in str(one.uri) for one in (await client.list_resources()).resources)
        listed = (await client.call_tool("list_documents", {})).structured_content
        assert {one["collection"] for one in listed["documents"]} == {"default"}
        collections = (await client.call_tool("list_collections", {})).structured_content
        assert [one["name"] for one in collections["collections"]] == ["default"]
        for name, arguments in (
            ("search", {"query": "plan", "collection": "secret"}),
            ("ask", {"question": "plan?", "collection": "nowhere"}),
            ("list_documents", {"collection": "secret"}),
            ("list_documents", {"cursor": secret.id}),
            ("fetch", {"id": secret.id}),
            ("fetch", {"id": f"{secret.id}:0-5"}),
            ("add_text", {"title": "x", "text": "x", "collection": "secret"}),
            ("delete_document", {"document_id": secret.id}),
        ):
            refused = await client.call_tool(name, arguments)
            assert refused.is_error and "plan is" not in refused.content[0].text, name  # type: ignore[union-attr]
        checked = await client.call_tool("verify", {"quote": "The secret plan is here.", "document_id": secret.id})
        assert checked.structured_content["results"] == [{"status": "gone", "document_id": secret.id, "url": None}]
        with pytest.raises(MCPError):
            await client.read_resource(f"footnote://secret/{secret.id}")

    over_http(filled, use, key=key, keys_file=path, mcp_write=True)
    assert secret.id in filled.stored


BAD: list[tuple[str, dict[str, Any]]] = [
    ("search", {}),
    ("search", {"query": ""}),
    ("search", {"query": "x" * 2001}),
    ("search", {"query": "x", "top_k": 0}),
    ("search", {"query": "x", "top_k": 101}),
    ("search", {"query": "x", "collection": "nothing"}),
    ("search", {"query": "x", "filter": {"a": {"b": 1}}}),
    ("search", {"query": "x", "else": 1}),
    ("fetch", {"id": "nothing"}),
    ("fetch", {"id": "a:5-2"}),
    ("fetch", {"id": "x" * 300}),
    ("ask", {"question": "\u0000"}),
    ("verify", {}),
    ("verify", {"quote": "x"}),
    ("verify", {"citations": [{"quote": "x"}]}),
    ("list_documents", {"cursor": "nothing"}),
    ("list_documents", {"limit": 1000}),
]


def test_bad_arguments_are_told_to_the_model(filled: FakeService) -> None:
    async def use(client: Client) -> None:
        for name, arguments in BAD:
            refused = await client.call_tool(name, arguments)
            assert refused.is_error and refused.content[0].text, (name, arguments)  # type: ignore[union-attr]
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("nothing", {})

    over_http(filled, use)


def test_what_is_no_request_is_refused_without_a_5xx(filled: FakeService, client: Any) -> None:
    accept = {"Accept": "application/json, text/event-stream"}
    for body in (b"", b"{", b"[]", b"null", b'{"jsonrpc": "2.0"}', b'{"jsonrpc":"2.0","id":1,"method":"nothing"}'):
        for version in ("2026-07-28", "2025-06-18", "1999-01-01"):
            headers = {**accept, "Content-Type": "application/json", "MCP-Protocol-Version": version}
            assert client.post("/mcp", content=body, headers=headers).status_code < 500
    assert client.get("/mcp").status_code == 405


def test_without_a_public_address_links_are_resources(filled: FakeService) -> None:
    async def use(client: Client) -> None:
        found = (await client.call_tool("search", {"query": "plan", "collection": "secret"})).structured_content
        url = found["results"][0]["url"]
        assert url.startswith("footnote://secret/") and "?start=0&end=" in url
        assert (await client.read_resource(url)).contents[0].text == "The secret plan is here."  # type: ignore[union-attr]

    in_memory(filled, use)


def test_a_client_without_a_token_learns_who_gives_them_out(client_of: Any) -> None:
    asked = client_of(Settings(oidc_issuer="https://issuer.example", public_url="https://docs.example.org"))
    refused = asked.post("/mcp", json={})
    metadata = "https://docs.example.org/.well-known/oauth-protected-resource/mcp"
    assert (
        refused.status_code == 401 and refused.headers["WWW-Authenticate"] == f'Bearer resource_metadata="{metadata}"'
    )
    assert refused.json()["jsonrpc"] == "2.0" and refused.json()["error"]["message"]
    described = asked.get("/.well-known/oauth-protected-resource/mcp").json()
    assert described["resource"] == "https://docs.example.org/mcp"
    assert described["authorization_servers"] == ["https://issuer.example"]
    assert client_of(Settings()).get("/.well-known/oauth-protected-resource").status_code == 404


@pytest.mark.slow
def test_a_service_imports_nothing_of_it_before_a_client_asks() -> None:
    code = """
import sys
from api.app import create_app
from api.settings import Settings
create_app(None, Settings())
print(*sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "api.protocols.mcp.http" in shown
    assert not {"mcp", "mcp_types", "jwt", "cryptography", "jsonschema", "openai", "anthropic"} & set(shown)
