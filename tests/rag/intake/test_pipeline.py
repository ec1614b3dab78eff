"""Ingest in stages: nothing lost or reordered between them, failures end it cleanly, a kill loses nothing that was committed."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.local.store import Store
from index.types import Change
from rag.intake import pipeline
from rag.intake.prepare import Cut, Prepared, passage_input, prepare_incoming
from rag.model.embedding import TOGETHER, VECTORS_TOGETHER, PassageInput, PassageVectors
from rag.shared.types import Check, Failure, Incoming, IngestProgress, go_on
from tests.conftest import Embed
from tests.counted import Counted
from tests.signalled import signalled

pytestmark = pytest.mark.medium

DIM = 16


class FakeEmbedder:
    """Vectors that depend on nothing but the text, with the look-ahead of the real one. groups: sizes of what it was given."""

    def __init__(self, fake_embed: Embed) -> None:
        self.groups: list[int] = []
        self.n_vectors: list[int] = []
        self._embed = fake_embed

    def embed_groups(
        self, groups: Iterable[Sequence[PassageInput]], check: Check = go_on
    ) -> Iterator[list[PassageVectors]]:
        pending: list[Sequence[PassageInput]] = []
        for group in groups:
            self.groups.append(len(group))
            self.n_vectors.append(sum(passage.n_vectors for passage in group))
            pending.append(group)
            check()
            if len(pending) > 1:
                yield [self._vectors(passage) for passage in pending.pop(0)]
        for group in pending:
            yield [self._vectors(passage) for passage in group]

    def _vectors(self, passage: PassageInput) -> PassageVectors:
        sentences = np.stack([self._embed(passage.text[start:end], DIM) for start, end in passage.sentences])
        return PassageVectors(
            self._embed(passage.text, DIM), sentences, np.zeros((len(passage.words), DIM // 8), np.uint8)
        )


@pytest.fixture
def embedder(fake_embed: Embed) -> Any:
    return FakeEmbedder(fake_embed)


def prepared(name: str, n_sentences: int) -> Prepared:
    text = " ".join(f"Sentence {number} of {name} says something new." for number in range(n_sentences))
    return prepare_incoming(Incoming(key=name, title=name, text=text), Cut(60, 0))


def test_documents_come_out_in_order_each_with_its_own_passages(embedder: FakeEmbedder) -> None:
    sizes = [1, 0, 3, TOGETHER - 4, 0, 2 * TOGETHER + 5, 1, 0]
    documents = [prepared(f"d{number}", size) for number, size in enumerate(sizes)]
    done = list(pipeline.embedded(lambda: embedder, documents))  # type: ignore[arg-type, return-value]
    assert [one.document.key for one in done] == [one.document.key for one in documents]
    for one in done:
        assert [passage.span for passage in one.passages] == [piece.span for piece in one.chunks]
        for passage in one.passages:
            text = one.document.text[slice(*passage.span)]
            assert np.array_equal(passage.vector, embedder._embed(text, DIM))
    first = [8, 32, 96]  # small, so that the first documents are in the store soon
    assert embedder.groups == [*first, *[TOGETHER] * 2, sum(sizes) - sum(first) - 2 * TOGETHER]


def test_documents_without_passages_need_no_model(empty_store: Store) -> None:
    def no_model() -> Any:
        raise AssertionError("the model was asked for")

    pipeline.ingest(empty_store, no_model, [prepared("known", 0)], 1, None)
    with empty_store.read() as reader:
        [known] = reader.documents()
    documents: list[Prepared | Change | Failure] = [prepared("empty", 0), Change(known, "skipped"), Failure("x", "bad")]
    report = pipeline.ingest(empty_store, no_model, documents, 3, None)
    assert (report.added, report.skipped, report.failed) == (1, 1, (Failure("x", "bad"),))


def test_a_check_that_raises_ends_the_embedding_of_a_large_document(embedder: FakeEmbedder) -> None:
    document = prepared("large", 6 * TOGETHER)
    assert len(document.chunks) > 5 * TOGETHER
    with pytest.raises(InterruptedError):
        list(pipeline.embedded(lambda: embedder, [document], Counted(2)))  # type: ignore[arg-type, return-value]
    assert embedder.groups == [8, 32]


@pytest.mark.slow
def test_short_lines_are_embedded_in_groups_of_bounded_memory(embedder: FakeEmbedder) -> None:
    lines = prepare_incoming(Incoming(key="k", title="t", text="a\n" * 70_000), Cut(700, 1))
    most = max(passage_input(lines.document, piece).n_vectors for piece in lines.chunks)
    [done] = pipeline.embedded(lambda: embedder, [lines])  # type: ignore[arg-type, return-value]
    assert len(done.passages) == len(lines.chunks)
    assert len(embedder.n_vectors) > 1
    assert max(embedder.n_vectors) < VECTORS_TOGETHER + most


def test_what_is_reported_is_in_the_store_already(empty_store: Store, embedder: Any) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: IngestProgress) -> None:
        with empty_store.read() as reader:
            seen.append((done.documents, reader.counts()[0]))

    pipeline.ingest(empty_store, lambda: embedder, [prepared(f"d{n}", 3) for n in range(20)], 20, progress)
    assert seen == [(n, n) for n in range(1, 21)]


def test_a_failing_stage_ends_the_ingest_and_what_was_committed_stays(empty_store: Store, embedder: Any) -> None:
    def documents() -> Iterator[Prepared]:
        for number in range(2 * TOGETHER):
            yield prepared(f"d{number}", 2)
        raise RuntimeError("the disk was pulled out")

    with pytest.raises(RuntimeError, match="pulled out"):
        pipeline.ingest(empty_store, lambda: embedder, documents(), None, None)
    with empty_store.read() as reader:
        committed = reader.documents(limit=1000)
        assert [document.key for document in committed] == [f"d{number}" for number in range(len(committed))]


def test_a_failing_commit_stops_the_reading(empty_store: Store, embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(empty_store, "add", full)
    numbers = iter(range(1_000_000))
    with pytest.raises(OSError, match="no space"):
        pipeline.ingest(empty_store, lambda: embedder, (prepared(f"d{n}", 2) for n in numbers), None, None)
    assert next(numbers) < 100_000


def test_an_embedder_that_cannot_be_had_ends_the_ingest(empty_store: Store) -> None:
    def missing() -> Any:
        raise RuntimeError("no model")

    with pytest.raises(RuntimeError, match="no model"):
        pipeline.ingest(empty_store, missing, (prepared(f"d{n}", 2) for n in range(10_000)), None, None)


@pytest.mark.slow
def test_reading_is_never_further_ahead_than_the_buffers_hold(
    empty_store: Store, embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_AHEAD_CHARACTERS", 50_000)
    n_read = n_committed = furthest = 0

    def documents() -> Iterator[Prepared]:
        nonlocal n_read, furthest
        for number in range(2000):
            n_read += 1
            furthest = max(furthest, n_read - n_committed)
            yield prepared(f"d{number}", 2)

    def progress(done: IngestProgress) -> None:
        nonlocal n_committed
        n_committed = done.documents

    pipeline.ingest(empty_store, lambda: embedder, documents(), None, progress)
    # Each weighs over 1,000: 50 in each of two buffers, two groups of passages in the embedder, and one in the hands of each stage.
    assert furthest <= 2 * 50 + 2 * TOGETHER + 3


@pytest.mark.slow
@pytest.mark.model
def test_a_killed_ingest_goes_on_where_it_was(tmp_path: Path) -> None:
    """The real command, really killed, then run again: every document is there, those committed before are not done again."""
    n_documents = 300
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(n_documents):
        (folder / f"{number:04}.txt").write_text(
            f"Note {number}. The bridge number {number} was opened.", encoding="utf-8"
        )
    store = tmp_path / "store"
    killed = signalled("add", folder, "--store", store, numbers=[signal.SIGKILL], after=10)
    assert killed.returncode == -signal.SIGKILL
    with Store.open(store) as opened, opened.read() as reader:
        committed = reader.counts()[0]
    assert 10 <= committed < n_documents

    command = [sys.executable, "-c", "from rag.cli.main import main; main()", "add", str(folder), "--store", str(store)]
    second = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    report = json.loads(second.stdout)
    assert report["skipped"] == committed and report["added"] == n_documents - committed
    with Store.open(store) as opened:
        assert opened.verify() == []
        with opened.read() as reader:
            assert {document.title for document in reader.documents(limit=1000)} == {
                f"{number:04}" for number in range(n_documents)
            }
