"""Whatever a client sends to another door, it is answered in that door's form, and never with a 5xx."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.testclient import TestClient

from api.protocols.dify import RetrievalIn
from api.protocols.mcp import tools
from api.protocols.mcp.arguments import OFFERS
from api.protocols.openai.batches import BatchIn
from api.protocols.openai.chat import ChatIn
from api.protocols.openai.files import FileIn
from api.protocols.openai.models import EmbeddingsIn
from api.protocols.openai.responses import ResponseIn
from api.protocols.openai.vector_stores import SearchIn, VectorStoreIn
from tests.api.fake_service import FakeService

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
CONDITIONS = st.fixed_dictionaries(
    {
        "name": SCALARS | st.lists(st.text(max_size=5), max_size=2),
        "comparison_operator": st.sampled_from(["is", "in", "not in", "contains", "empty", ">", "before", "like"]),
        "value": JSON,
    }
)
SEARCHES = st.fixed_dictionaries(
    {"type": st.just("file_search"), "vector_store_ids": st.lists(WORDS, max_size=3), "filters": FILTERS | JSON}
)
# What is likely to get past the first look at a field of each name.
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "filters": FILTERS,
    "messages": MESSAGES,
    "input": WORDS | MESSAGES,
    "tools": st.lists(SEARCHES | JSON, max_size=2),
    "include": st.just(["file_search_call.results"]),
    "stream": st.booleans(),
    "metadata_condition": st.fixed_dictionaries(
        {"logical_operator": st.sampled_from(["and", "or", "x"]), "conditions": st.lists(CONDITIONS, max_size=3)}
    ),
}
BODIES: dict[str, type[BaseModel]] = {
    "/openai/v1/chat/completions": ChatIn,
    "/openai/v1/responses": ResponseIn,
    "/openai/v1/embeddings": EmbeddingsIn,
    "/openai/v1/vector_stores": VectorStoreIn,
    "/openai/v1/vector_stores/default/search": SearchIn,
    "/openai/v1/vector_stores/default/files": FileIn,
    "/openai/v1/vector_stores/default/file_batches": BatchIn,
    "/dify/retrieval": RetrievalIn,
}
FORMS = {"/openai/v1": "error", "/dify": "error_msg"}


@pytest.mark.parametrize("path", BODIES)
def test_no_body_breaks_a_door(client: TestClient, filled: FakeService, path: str) -> None:
    form = next(form for beginning, form in FORMS.items() if path.startswith(beginning))
    fields = {name: LIKELY.get(name, WORDS) | JSON for name in BODIES[path].model_fields}

    @settings(max_examples=120, suppress_health_check=list(HealthCheck))
    @given(JSON | st.fixed_dictionaries({}, optional=fields))
    def send(body: Any) -> None:
        answered = client.post(path, content=as_json(body), headers={"Content-Type": "application/json"})
        assert answered.status_code < 500, answered.text
        assert answered.status_code < 400 or form in answered.json()

    send()


def as_json(body: Any) -> bytes:
    return json.dumps(body).encode()


assert tools  # which fills OFFERS
TOOLS = st.sampled_from([*OFFERS, "x"])
NAMES = {name for offer in OFFERS.values() for name in offer.takes.model_fields}


def test_no_arguments_break_a_tool(client: TestClient, filled: FakeService) -> None:
    accept = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2025-11-25",
    }

    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    @given(TOOLS, JSON | st.fixed_dictionaries({}, optional={name: WORDS | JSON for name in sorted(NAMES)}))
    def call(name: str, arguments: Any) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answered = client.post("/mcp", content=as_json(body), headers=accept)
        assert answered.status_code < 500
        told = answered.json()
        assert told.get("error", {}).get("code") != -32603 and "The error was logged" not in answered.text, (
            answered.text
        )

    call()
