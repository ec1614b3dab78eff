"""Whatever a client sends to another door, it is answered in that door's form, and never with a 5xx."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.api.conftest import FakeService

pytestmark = pytest.mark.slow

WORDS = st.sampled_from(
    ["default", "secret", "footnote/default", "", "x", "\0", "a/b", "..", "x" * 300, "board", "-1", "💡"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "and", "or", "like", None])
FILTERS = st.recursive(
    st.fixed_dictionaries({"type": KINDS, "key": SCALARS, "value": JSON}),
    lambda inner: st.fixed_dictionaries({"type": KINDS, "filters": st.lists(inner, max_size=3)}),
    max_leaves=6,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system", "x"]),
            "content": SCALARS
            | st.lists(
                st.fixed_dictionaries({"type": st.sampled_from(["text", "input_text", "image_url"]), "text": SCALARS}),
                max_size=2,
            ),
        }
    ),
    max_size=3,
)
SHAPES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "/openai/v1/chat/completions": {
        "model": WORDS,
        "messages": MESSAGES,
        "filters": FILTERS | JSON,
        "top_k": SCALARS,
        "stream": st.booleans(),
        "n": SCALARS,
    },
    "/openai/v1/responses": {
        "model": WORDS,
        "input": WORDS | MESSAGES,
        "stream": st.booleans(),
        "include": st.just(["file_search_call.results"]) | JSON,
        "tools": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.just("file_search"),
                    "vector_store_ids": st.lists(WORDS, max_size=3),
                    "filters": FILTERS | JSON,
                }
            )
            | JSON,
            max_size=2,
        )
        | JSON,
    },
    "/openai/v1/vector_stores/default/search": {
        "query": WORDS | st.lists(WORDS, max_size=3),
        "filters": FILTERS | JSON,
        "max_num_results": SCALARS,
        "ranking_options": JSON,
    },
    "/openai/v1/vector_stores": {"name": SCALARS, "file_ids": JSON, "chunking_strategy": JSON},
    "/openai/v1/vector_stores/default/files": {"file_id": WORDS, "attributes": JSON},
    "/dify/retrieval": {
        "knowledge_id": WORDS,
        "query": WORDS,
        "retrieval_setting": JSON,
        "metadata_condition": st.fixed_dictionaries(
            {
                "logical_operator": st.sampled_from(["and", "or", "x"]),
                "conditions": st.lists(
                    st.fixed_dictionaries(
                        {
                            "name": SCALARS | st.lists(st.text(max_size=5), max_size=2),
                            "comparison_operator": st.sampled_from(
                                ["is", "in", "not in", "contains", "empty", ">", "before", "like"]
                            ),
                            "value": JSON,
                        }
                    ),
                    max_size=3,
                ),
            }
        )
        | JSON,
    },
}
FORMS = {"/openai/v1": "error", "/dify": "error_msg"}


@pytest.mark.parametrize("path", SHAPES)
def test_no_body_breaks_a_door(client: TestClient, filled: FakeService, path: str) -> None:
    form = next(form for beginning, form in FORMS.items() if path.startswith(beginning))

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(JSON | st.fixed_dictionaries({}, optional=SHAPES[path]))
    def send(body: Any) -> None:
        answered = client.post(path, content=as_json(body), headers={"Content-Type": "application/json"})
        assert answered.status_code < 500, answered.text
        assert answered.status_code < 400 or form in answered.json()

    send()


def as_json(body: Any) -> bytes:
    return json.dumps(body).encode()


TOOLS = st.sampled_from(
    ["search", "fetch", "ask", "verify", "list_documents", "list_collections", "add_text", "delete_document", "x"]
)
NAMES = (
    "query",
    "question",
    "id",
    "collection",
    "filter",
    "top_k",
    "citations",
    "quote",
    "document_id",
    "cursor",
    "limit",
    "title",
    "text",
)


def test_no_arguments_break_a_tool(client: TestClient, filled: FakeService) -> None:
    accept = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2025-11-25",
    }

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(TOOLS, JSON | st.fixed_dictionaries({}, optional={name: WORDS | JSON for name in NAMES}))
    def call(name: str, arguments: Any) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answered = client.post("/mcp", content=as_json(body), headers=accept)
        assert answered.status_code < 500
        told = answered.json()
        assert told.get("error", {}).get("code") != -32603 and "The error was logged" not in answered.text, (
            answered.text
        )

    call()
