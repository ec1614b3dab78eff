"""Answers as Anthropic's `search_result` blocks: they fit its types, and each text block is one sentence with its exact place."""

from typing import Any

from anthropic.types import SearchResultBlockParam, ToolResultBlockParam
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from tests.api.fake_service import FakeService


def test_each_sentence_is_a_block_that_leads_back_to_its_characters(client: TestClient, fake: FakeService) -> None:
    text = "The board met on Monday.  It voted. Nobody left."
    added = fake.add_text(title="Minutes", text=text)
    made: dict[str, Any] = client.post("/v1/ask?format=anthropic", json={"question": "the board?"}).json()
    [block] = made["content"]
    TypeAdapter(SearchResultBlockParam).validate_python(block)
    TypeAdapter(ToolResultBlockParam).validate_python(
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": made["content"]}
    )
    assert [part["text"] for part in block["content"]] == ["The board met on Monday.", "It voted.", "Nobody left."]
    assert block["citations"] == {"enabled": True} and block["title"] == "Minutes"
    for part, place in zip(block["content"], made["footnote"]["blocks"][0], strict=True):
        assert place["document_id"] == added.document.id
        assert text[place["start_char_index"] : place["end_char_index"]] == part["text"] == place["cited_text"]


def test_another_format_is_refused(client: TestClient) -> None:
    assert client.post("/v1/ask?format=other", json={"question": "x"}).status_code == 422
