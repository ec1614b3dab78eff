"""OpenAI's own client, unchanged: it finds answers here, and every response fits its types."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import openai
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from api.admission.keys import add_key
from api.settings import Settings
from rag.generation.language_model import LanguageModel
from rag.shared.errors import BadInput
from tests.api.protocols.conftest import openai_client
from tests.language_model_stub import Stub, sentences_reply, serve

pytestmark = pytest.mark.medium


def test_a_model_answers_from_a_collection(opened: OpenAI) -> None:
    assert {model.id for model in opened.models.list()} >= {"footnote/default", "footnote/secret"}
    assert opened.models.retrieve("footnote/default").id == "footnote/default"


QUESTION = "When did the board meet on Monday?"
ASKED: Any = [{"role": "user", "content": QUESTION}]


class Told(NamedTuple):
    """An answer in the pieces that came.  cited: places in the answer and in the document.  whole: what it came in, at the end."""

    pieces: list[str]
    cited: list[Any]
    whole: Any


def by_chat(client: OpenAI, stream: bool, asked: Any = ASKED, **more: Any) -> Told:
    made: Any = client.chat.completions.create(model="footnote/default", messages=asked, stream=stream, **more)
    if stream:
        chunks = list(made)
        assert chunks[-1].choices[0].finish_reason == "stop"
        messages, made = [chunk.choices[0].delta for chunk in chunks], chunks[-1]
    else:
        messages = [made.choices[0].message]
    notes = [note for message in messages for note in json.loads(message.to_json()).get("annotations", [])]
    pieces = [message.content for message in messages if message.content]
    return Told(pieces, [(note["url_citation"], note["footnote"]) for note in notes], made)


def by_response(client: OpenAI, stream: bool, asked: Any = ASKED, **more: Any) -> Told:
    """A stream has to end as the response that it made up."""
    if stream:
        with client.responses.stream(model="footnote/default", input=asked, **more) as events:
            told = list(events)
            made: Any = events.get_final_response()
        kinds = [event.type for event in told]
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        assert "response.file_search_call.searching" in kinds
        pieces = [event.delta for event in told if event.type == "response.output_text.delta"]
        assert "".join(pieces) == made.output_text
        added = [event for event in told if event.type == "response.output_text.annotation.added"]
        assert len(added) == len(made.output[-1].content[0].annotations)
    else:
        made = client.responses.create(model="footnote/default", input=asked, **more)
        pieces = [made.output_text]
    notes = json.loads(made.output[-1].to_json())["content"][0]["annotations"]
    assert [note["type"] for note in notes] == ["file_citation", "url_citation"] * (len(notes) // 2)
    return Told(pieces, [(note, note["footnote"]) for note in notes[1::2]], made)


DOORS = pytest.mark.parametrize("ask", [by_chat, by_response])
STREAM = pytest.mark.parametrize("stream", [False, True])
Ask = Callable[..., Told]


@DOORS
@STREAM
def test_an_answer_is_the_sentences_and_where_they_stand(opened: OpenAI, filled: Any, ask: Ask, stream: bool) -> None:
    pieces, [(place, source)], made = ask(opened, stream)
    text = "".join(pieces)
    assert text == "The board met on Monday." == text[place["start_index"] : place["end_index"]]
    assert filled.text(source["document_id"])[source["start_char_index"] : source["end_char_index"]] == text
    assert place["url"] == f"http://testserver/#doc={source['document_id']}&span=0:24"
    extra = made.model_extra
    assert extra["footnote"]["answered"] is True
    if ask is by_chat:
        assert extra["citations"] == [place["url"]] and extra["sources"][0]["document"] == [text]


@DOORS
@STREAM
def test_an_abstention_is_said_and_cites_nothing(opened: OpenAI, ask: Ask, stream: bool) -> None:
    pieces, cited, made = ask(opened, stream, [{"role": "user", "content": "zebras?"}])
    assert (pieces, cited) == (["The documents do not hold the answer."], [])
    assert made.model_extra["footnote"]["answered"] is False


def test_a_stream_counts_tokens_where_it_is_asked_to(opened: OpenAI) -> None:
    stream = opened.chat.completions.create(
        model="footnote/default", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    assert list(stream)[-1].usage is not None


def test_a_response_lists_what_the_search_found(opened: OpenAI) -> None:
    tools: Any = [{"type": "file_search", "vector_store_ids": ["default"]}]
    made = opened.responses.create(model="any", input=QUESTION, tools=tools, include=["file_search_call.results"])
    call, message = made.output
    assert call.type == "file_search_call" and call.results and call.results[0].text == "The board met on Monday."
    assert message.type == "message" and message.content[0].type == "output_text"


def test_a_conversation_goes_to_the_question(opened: OpenAI, filled: Any) -> None:
    picture: Any = {"type": "image_url", "image_url": {"url": "data:,"}}
    opened.chat.completions.create(
        model="footnote",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Who met on Monday?"}, picture]},
            {"role": "assistant", "content": "The board."},
            {"role": "user", "content": [{"type": "text", "text": "And the board was what?"}]},
        ],
    )
    query = filled.queries[-1]
    assert query.question == "And the board was what?" and query.collection == "default"
    assert query.history == (("Who met on Monday?", "The board."),)
    with pytest.raises(openai.BadRequestError, match="text"):
        opened.chat.completions.create(model="footnote", messages=[{"role": "user", "content": [picture]}])


CALLS = {
    "unknown model": lambda client: client.chat.completions.create(
        model="footnote/nothing", messages=[{"role": "user", "content": "x"}]
    ),
    "unknown store": lambda client: client.vector_stores.search("nothing", query="x"),
    "unknown file": lambda client: client.files.retrieve("file-nothing"),
    "file of another store": lambda client: client.vector_stores.files.retrieve(
        client.vector_stores.files.list("secret").data[0].id, vector_store_id="default"
    ),
}


@pytest.mark.parametrize("what", CALLS)
def test_what_is_not_there_is_not_found_in_openai_s_form(opened: OpenAI, what: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        CALLS[what](opened)
    assert caught.value.type == "not_found_error" and caught.value.code


BAD: dict[str, dict[str, Any]] = {
    "no type": {"query": "x", "filters": {"key": "a"}},
    "unknown type": {"query": "x", "filters": {"type": "like", "key": "a", "value": "b"}},
    "value of a list": {"query": "x", "filters": {"type": "eq", "key": "a", "value": [1]}},
    "number too large": {"query": "x", "filters": {"type": "eq", "key": "a", "value": 10**400}},
    "bound too large": {"query": "x", "filters": {"type": "gt", "key": "a", "value": 10**400}},
    "nested too deep": {"query": "x", "filters": json.loads('{"type":"and","filters":[' * 20 + "{}" + "]}" * 20)},
    "no object": {"query": "x", "filters": {"type": "and", "filters": ["x"]}},
    "key too long": {"query": "x", "filters": {"type": "eq", "key": "a" * 101, "value": 1}},
    "empty and": {"query": "x", "filters": {"type": "and", "filters": []}},
    "no number": {"query": "x", "filters": {"type": "gt", "key": "a", "value": "much"}},
    "too many results": {"query": "x", "max_num_results": 51},
    "no results": {"query": "x", "max_num_results": 0},
    "empty query": {"query": ""},
    "long query": {"query": "x" * 2001},
    "no query": {"query": []},
    "two ranges": {
        "query": "x",
        "filters": {
            "type": "and",
            "filters": [{"type": "gt", "key": "a", "value": 1}, {"type": "eq", "key": "a", "value": 2}],
        },
    },
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_a_bad_request_in_openai_s_form(opened: OpenAI, what: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        opened.vector_stores.search("default", **BAD[what])
    assert caught.value.type == "invalid_request_error" and caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "x", "filters": {"type": "eq", "key": "a", "value": "\\ud800"}}',
        b'{"query": "\\ud800"}',
        b'{"query": "x", "filters": {"type": "gt", "key": "a", "value": ' + b"9" * 5000 + b"}}",
        b'{"query": "x", "filters": {"type": "eq", "key": "a", "value": NaN}}',
        b'{"query": "x", "filters": ' + b"[" * 5000,
        b"null",
        b"",
    ],
)
def test_what_no_client_would_send_is_a_bad_request_too(client: TestClient, filled: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    refused = client.post("/openai/v1/vector_stores/default/search", content=body, headers=headers)
    assert refused.status_code == 400 and refused.json()["error"]["message"]


def test_a_key_sees_nothing_of_another_collection(filled: Any, client_of: Any, tmp_path: Any) -> None:
    path = tmp_path / "keys.json"
    _, only_default = add_key(path, "one", "read", ["default"])
    client: TestClient = client_of(Settings(keys_file=path))
    limited = openai_client(client, only_default)
    assert [store.id for store in limited.vector_stores.list()] == ["default"]
    assert "footnote/secret" not in {model.id for model in limited.models.list()}
    secret = next(document.id for document, _ in filled.stored.values() if document.collection == "secret")
    assert secret not in {file.id for file in limited.files.list()}
    for attempt in (
        lambda: limited.vector_stores.search("secret", query="plan"),
        lambda: limited.vector_stores.retrieve("nowhere"),
        lambda: limited.files.delete(secret),
    ):
        with pytest.raises(openai.PermissionDeniedError):
            attempt()
    with pytest.raises(openai.NotFoundError):
        limited.files.retrieve(secret)
    with pytest.raises(openai.AuthenticationError):
        openai_client(client, "wrong").models.list()


# --- answers that a language model writes

WRITTEN = ("On Monday the board met.", ["S1"])
INVENTED = ("The board met in 1999.", ["S1"])


@pytest.fixture
def writer(filled: Any) -> Iterator[Stub]:
    with serve(lambda _: sentences_reply(WRITTEN, INVENTED)) as stub:
        filled.language_model, filled.entailment = LanguageModel(stub.url, timeout_s=300), None
        filled.has_language_model = True
        yield stub


@DOORS
@STREAM
def test_where_a_language_model_is_set_an_answer_is_written_and_each_sentence_cited(
    opened: OpenAI, filled: Any, writer: Stub, ask: Ask, stream: bool
) -> None:
    writer.reply = lambda _: sentences_reply(WRITTEN, INVENTED, ("The board met.", ["S1"]))
    pieces, cited, _ = ask(opened, stream)
    text = "".join(pieces)
    assert text == f"{WRITTEN[0]} The board met." and len(pieces) == (2 if stream else 1)
    assert [text[place["start_index"] : place["end_index"]] for place, _ in cited] == [WRITTEN[0], "The board met."]
    for _, source in cited:
        quoted = filled.text(source["document_id"])[source["start_char_index"] : source["end_char_index"]]
        assert quoted == source["cited_text"] == "The board met on Monday."


@DOORS
@STREAM
def test_where_nothing_is_borne_out_or_the_model_fails_the_quoted_answer_comes(
    opened: OpenAI, writer: Stub, ask: Ask, stream: bool
) -> None:
    for reply, status in ((sentences_reply(INVENTED), 200), ("", 500)):
        writer.reply, writer.status = lambda _, reply=reply: reply, status  # type: ignore[misc]
        pieces, cited, _ = ask(opened, stream)
        assert "".join(pieces) == "The board met on Monday." and len(cited) == 1


@DOORS
def test_a_model_that_breaks_off_leaves_what_was_borne_out(opened: OpenAI, writer: Stub, ask: Ask) -> None:
    writer.reply, writer.breaks_off = lambda _: sentences_reply(WRITTEN, *[("The board met.", ["S1"])] * 3), True
    pieces, cited, _ = ask(opened, True)
    assert pieces[0] == WRITTEN[0] and len(cited) == len(pieces) < 4


@DOORS
@STREAM
def test_a_model_that_finds_nothing_is_an_abstention(opened: OpenAI, writer: Stub, ask: Ask, stream: bool) -> None:
    writer.reply = lambda _: sentences_reply()
    assert ask(opened, stream)[:2] == (["The documents do not hold the answer."], [])


@DOORS
def test_a_client_may_ask_for_the_quoted_answer(opened: OpenAI, writer: Stub, ask: Ask) -> None:
    assert ask(opened, False, extra_body={"mode": "extract"}).pieces == ["The board met on Monday."]
    assert writer.requests == []


def test_a_follow_up_to_several_collections_is_rewritten_once(opened: OpenAI, filled: Any, writer: Stub) -> None:
    writer.reply = lambda body: sentences_reply(WRITTEN) if "response_format" in body else "When did the board meet?"
    tools: Any = [{"type": "file_search", "vector_store_ids": ["default", "secret"]}]
    turns: Any = [*ASKED, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "When?"}]
    opened.responses.create(model="any", input=turns, tools=tools)
    asked = [(query.question, query.collection, query.history) for query in filled.queries]
    assert asked == [("When did the board meet?", collection, ()) for collection in ("default", "secret")]
    assert sum("response_format" not in body for body in writer.requests) == 1


def test_a_written_answer_without_a_language_model_is_refused_in_this_doors_form(
    opened: OpenAI, filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_is_set(_: object) -> None:
        raise BadInput("no language model is set: RAG_LLM_URL")

    monkeypatch.setattr(type(filled), "language_model", property(none_is_set), raising=False)
    for ask in (by_chat, by_response):
        with pytest.raises(openai.BadRequestError, match="RAG_LLM_URL"):
            ask(opened, False, extra_body={"mode": "generate"})
