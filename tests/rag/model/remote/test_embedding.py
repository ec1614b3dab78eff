"""A model behind a server: what it is sent, what comes of its replies, and of servers that fail in every way."""

from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import StoreMismatch
from index.types import Span
from rag.model.embedding import PassageInput
from rag.model.remote import embedding, server
from rag.model.remote.embedding import PROBES, RemoteEmbedder
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput, ModelUnavailable
from rag.shared.types import Query
from tests.embedding_stub import EmbeddingStub, serve_embeddings, texts_of, vectors_reply, words_vector

pytestmark = [pytest.mark.medium, pytest.mark.usefixtures("short_pauses")]

DIM = 64
TEXT = "The bridge was opened in May. It is closed for repairs."
PASSAGE = PassageInput("Bridges", TEXT, (Span(0, 29), Span(30, len(TEXT))), (Span(0, 3), Span(4, 10)))


def config_of(stub: EmbeddingStub, **settings: Any) -> Config:
    return Config(model=f"openai:tiny@{stub.url}", **settings)


def embedder_of(stub: EmbeddingStub, **settings: Any) -> RemoteEmbedder:
    config = config_of(stub, **settings)
    return RemoteEmbedder(str(config.model), None, config)


def unit(text: str) -> Any:
    vector = np.array(words_vector(text))
    return vector / np.linalg.norm(vector)


def test_passages_go_with_their_context_and_sentences_as_texts(stub: EmbeddingStub) -> None:
    [found] = embedder_of(stub).embed_passages([PASSAGE])
    assert stub.texts == [*PROBES, "It is closed for repairs.", "The bridge was opened in May.", f"Bridges\n{TEXT}"]
    assert all(body["model"] == "tiny" for body in stub.requests)
    assert found.vector == pytest.approx(unit(f"Bridges {TEXT}"), abs=1e-6)
    for vector, (start, end) in zip(found.sentence_vectors, PASSAGE.sentences, strict=True):
        assert vector == pytest.approx(unit(TEXT[start:end]), abs=1e-6)
    assert found.word_signs.shape == (0, DIM // 8)


KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "openai": ({}, {}),
    "jina": ({"task": "retrieval.query"}, {"task": "retrieval.passage"}),
    "cohere": ({"input_type": "search_query"}, {"input_type": "search_document"}),
    "tei": ({}, {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_server_is_asked_in_its_own_form(
    stub: EmbeddingStub, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = RemoteEmbedder(f"{kind}:tiny@{stub.url}", None, Config())
    monkeypatch.setattr(embedding, "_PROBE_AGAIN_S", 0.0)  # the probes are sent as passages also beside questions
    asked = embedder.embed_question("Who opened it?", ()).result()
    assert asked.vector == pytest.approx(unit("Who opened it?"), abs=1e-6)
    [found] = embedder.embed_passages([PASSAGE])
    assert found.vector == pytest.approx(unit(f"Bridges {TEXT}"), abs=1e-6)
    of_question, of_passage = KINDS[kind]
    for body in stub.requests:
        of_kind = of_question if texts_of(body) == ["Who opened it?"] else of_passage
        assert of_kind.items() <= body.items()
    stub.will_reply({"else": 1})
    with pytest.raises(ModelUnavailable, match=f"RAG_MODEL={kind}:tiny@"):
        embedder.embed_texts(["one text"])


def test_many_passages_go_in_requests_of_32_texts_and_come_back_in_order(stub: EmbeddingStub) -> None:
    texts = [f"Sentence {number} of a long list{' and so on' * (number % 7)}." for number in range(100)]
    passages = [PassageInput("", text, (Span(0, len(text)),)) for text in texts]
    groups = list(embedder_of(stub).embed_groups([passages[:60], [], passages[60:]]))
    assert [len(group) for group in groups] == [60, 0, 40]
    for passage, found in zip(passages, (one for group in groups for one in group), strict=True):
        assert found.vector == pytest.approx(unit(passage.text), abs=1e-6)
    assert max(len(body["input"]) for body in stub.requests) == 32
    # A passage that is one sentence is one text.
    assert len(stub.texts) == len(PROBES) + len(texts)


def test_prompts_stand_before_questions_and_passages(stub: EmbeddingStub) -> None:
    embedder = embedder_of(stub, query_prompt="query: ", passage_prompt="passage: ")
    embedder.embed_question("Who?", (Span(0, 3),)).result()
    embedder.embed_passages([PassageInput("", "He.", (Span(0, 3),))])
    embedder.embed_texts(["as it is"])
    assert stub.texts[len(PROBES) :] == ["query: Who?", "passage: He.", "as it is"]


def test_a_question_has_a_vector_and_no_words(stub: EmbeddingStub) -> None:
    vectors = embedder_of(stub).embed_question("Who opened it?", (Span(0, 3),)).result()
    assert vectors.vector == pytest.approx(unit("Who opened it?"), abs=1e-6) and vectors.word_vectors.shape == (0, DIM)


def test_texts_longer_than_windows_are_embedded_in_pieces_and_blank_ones_as_a_dash(stub: EmbeddingStub) -> None:
    long = "word " * 500 + "x" * 1300
    found = embedder_of(stub).embed_texts([long, "  ", "short"])
    sent = stub.texts[len(PROBES) :]
    assert max(map(len, sent)) <= 1200 and "".join(sent[:-2]).replace(" ", "") == long.replace(" ", "")
    assert sent[-2:] == ["-", "short"]
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0) and found[2] == pytest.approx(unit("short"), abs=1e-6)


def test_what_the_default_model_has_a_token_for_is_a_word(stub: EmbeddingStub) -> None:
    embedder = embedder_of(stub)
    assert embedder.is_word("agreement") and not embedder.is_word("agrement")


# --- servers that fail


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(stub: EmbeddingStub, status: int) -> None:
    embedder = embedder_of(stub)
    for _ in range(4):
        stub.will_reply(status=status)
    embedder.embed_passages([PASSAGE])
    assert len(stub.requests) == 1 + 5


@pytest.mark.parametrize("later", ["0", "date"])
def test_it_is_asked_again_when_it_says(stub: EmbeddingStub, monkeypatch: pytest.MonkeyPatch, later: str) -> None:
    monkeypatch.setattr(server, "_FIRST_PAUSE_S", 1000.0)  # without the header it would be given up
    embedder = embedder_of(stub)
    stub.will_reply(status=429, Retry_After=formatdate(0, usegmt=True) if later == "date" else later)
    assert len(embedder.embed_texts(["a"])) == 1


def test_a_question_does_not_wait_for_as_long_as_a_server_likes(stub: EmbeddingStub) -> None:
    embedder = embedder_of(stub)
    stub.will_reply(status=429, Retry_After="3600")
    with pytest.raises(ModelUnavailable, match="replied 429"):
        embedder.embed_question("Who?", ()).result()
    assert len(stub.requests) == 2


def test_a_slow_server_is_given_up_after_the_time_that_is_set() -> None:
    with serve_embeddings(wait_s=1.5) as stub, pytest.raises(ModelUnavailable, match="did not reply within 1 s"):
        embedder_of(stub, model_seconds=1)


def test_a_server_that_is_not_there_is_told_with_what_to_do(stub: EmbeddingStub) -> None:
    gone = replace(config_of(stub), model="openai:tiny@http://127.0.0.1:9/v1")
    with pytest.raises(ModelUnavailable, match=r"RAG_MODEL=openai:tiny@.*cannot be reached.*start the server"):
        RemoteEmbedder(str(gone.model), None, gone)


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "refuses the key.*RAG_MODEL_KEY"), (404, "serves no 'tiny'.*as /v1"), (400, "refuses what it was sent")],
)
def test_a_refusal_says_what_to_set_and_none_of_the_servers_words(stub: EmbeddingStub, status: int, told: str) -> None:
    stub.will_reply({"error": {"message": "your text was: secret words"}}, status=status)
    with pytest.raises(ModelUnavailable, match=told) as refused:
        embedder_of(stub)
    assert "secret" not in str(refused.value) and len(stub.requests) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b"",
        b'{"data": [{"ind',
        {"data": None},
        {"data": [{"embedding": [1.0]}]},
        {"error": "model is loading"},
        [1, 2],
        vectors_reply([["a"] * DIM]),
        vectors_reply([[1.0] * DIM, [2.0] * (DIM - 1)]),
        vectors_reply([None]),
        vectors_reply([[0.0] * DIM]),
        vectors_reply([[float("nan")] * DIM]),
        vectors_reply([[1.0] * DIM] * 2),
        vectors_reply([]),
        vectors_reply([[[1.0] * DIM]]),
    ],
    ids=str,
)
def test_what_is_no_vector_of_the_text_is_refused(stub: EmbeddingStub, content: object) -> None:
    embedder = embedder_of(stub)
    stub.will_reply(content)
    with pytest.raises(ModelUnavailable, match="RAG_MODEL=openai:tiny@"):
        embedder.embed_texts(["one text"])


def test_a_reply_that_breaks_off_is_asked_for_again(stub: EmbeddingStub) -> None:
    embedder = embedder_of(stub)
    stub.will_reply(b'{"data": [', content_length="5000", connection="close")
    stub.will_reply(b'{"data": [', content_length="5000", connection="close")
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        embedder.embed_texts(["one text"])
    assert len(embedder.embed_texts(["one text"])) == 1


def test_vectors_of_another_length_are_refused(stub: EmbeddingStub) -> None:
    embedder = embedder_of(stub)
    stub.embed = lambda text: words_vector(text, 48)
    with pytest.raises(ModelUnavailable, match="have 48 components, and the store's 64"):
        embedder.embed_texts(["one text"])


def test_work_that_is_given_up_ends_also_while_a_server_is_busy(stub: EmbeddingStub) -> None:
    embedder = embedder_of(stub)
    for _ in range(10):
        stub.will_reply(status=503, Retry_After="50")
    n_looks = 0

    def check() -> None:
        nonlocal n_looks
        n_looks += 1
        if n_looks > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(embedder.embed_groups([[PASSAGE]], check))
    embedder._pool.shutdown()  # returns: nothing waits for the server any more


@pytest.mark.parametrize(
    "name",
    [
        "openai:tiny",
        "openai:@http://127.0.0.1/v1",
        "openai:tiny@127.0.0.1:9/v1",
        "openai:tiny@http://:80/v1",
        "openai:tiny@http://host:port/v1",
        "openai:tiny@http://me:secret@host/v1",
        "openai:tiny@http://host/v1?key=secret",
    ],
)
def test_a_name_that_is_none_is_told(name: str) -> None:
    with pytest.raises(BadInput, match="RAG_MODEL"):
        RemoteEmbedder(name, None, Config(model=name))


def test_the_key_is_sent_and_kept_nowhere(stub: EmbeddingStub, tmp_path: Path) -> None:
    config = config_of(stub, model_key="sesame")
    with Service.create(tmp_path / "store", config) as service:
        assert "sesame" not in repr(config) + repr(service.settings)
    assert set(stub.keys) == {"Bearer sesame"}
    assert not any(b"sesame" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


# --- which model it is


@pytest.fixture
def store(stub: EmbeddingStub, tmp_path: Path) -> Path:
    with Service.create(tmp_path / "store", config_of(stub)) as service:
        service.intake.add_text(title="Bridges", text=TEXT, source=None, metadata={})
        assert service.ask(Query("When was the bridge opened?")).passages[0].text == TEXT
    return tmp_path / "store"


def with_noise(share: float) -> Callable[[str], list[float]]:
    def embed(text: str) -> list[float]:
        noise = words_vector(text, seed="noise")
        return [value + share * other for value, other in zip(words_vector(text), noise, strict=True)]

    return embed


def test_another_model_behind_the_same_name_is_refused(stub: EmbeddingStub, store: Path) -> None:
    stub.embed = lambda text: words_vector(text, seed="another")
    with Service.open(store) as service, pytest.raises(StoreMismatch, match="rag reindex"):
        service.ask(Query("When was the bridge opened?"))
    stub.embed = lambda text: words_vector(text, 48)
    with Service.open(store) as service, pytest.raises(StoreMismatch):
        service.ask(Query("When was the bridge opened?"))


def test_it_is_noticed_while_the_service_runs(
    stub: EmbeddingStub, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "_PROBE_AGAIN_S", 0.0)
    with Service.open(store) as service:
        assert service.ask(Query("Is the bridge closed?")).passages
        stub.embed = lambda text: words_vector(text, seed="another")
        with pytest.raises(ModelUnavailable, match="another model is behind this name"):
            service.ask(Query("Was the bridge opened?"))
        stub.embed = words_vector
        assert service.ask(Query("Was the bridge opened in May?")).passages


def test_the_same_model_may_differ_in_the_last_digits(stub: EmbeddingStub, store: Path) -> None:
    stub.embed = with_noise(0.02)
    with Service.open(store) as service:
        assert service.ask(Query("When was the bridge opened?")).passages


def test_the_same_model_may_be_behind_another_address(store: Path) -> None:
    with serve_embeddings() as moved:
        config = Config(model=f"openai:tiny@{moved.url}")
        with Service.open(store, config) as service:
            assert service.ask(Query("When was the bridge opened?")).passages
        assert PROBES[0] in moved.texts and "When was the bridge opened?" in moved.texts


def test_a_store_keeps_its_prompts_and_refuses_others(stub: EmbeddingStub, tmp_path: Path) -> None:
    Service.create(tmp_path / "store", config_of(stub, query_prompt="query: ")).close()
    with Service.open(tmp_path / "store") as service:
        service.intake.add_text(title="Bridges", text=TEXT, source=None, metadata={})
        service.ask(Query("When?"))
    assert "query: When?" in stub.texts
    with Service.open(tmp_path / "store", Config(query_prompt="other: ")) as service:
        with pytest.raises(StoreMismatch, match="RAG_QUERY_PROMPT"):
            service.ask(Query("When?"))
