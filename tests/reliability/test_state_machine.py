"""Hypothesis makes up what happens to a store, and a dictionary with a search by brute force says what must be found in it."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from index.local.database.rows import document_id
from index.local.store import Store
from index.local.upkeep import snapshot
from index.local.views import bm25 as matching
from index.local.views.lexical import K1, B, analyze
from index.types import Floats, Scope
from tests.conftest import DIM, Made, build_document, embed

pytestmark = pytest.mark.medium

KEYS = st.sampled_from(["a", "b", "c"])
COLLECTIONS = st.sampled_from(["default", "other"])
WORDS = st.lists(st.sampled_from(["cat", "dog", "river", "moon", "stone"]), min_size=1, max_size=12)
K = 5


class StoreMachine(RuleBasedStateMachine):
    """documents: what must be there, by collection and key.  saved: what the snapshot holds, when there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.documents: dict[tuple[str, str], Made] = {}
        self.saved: dict[tuple[str, str], Made] | None = None
        self.n_killed = 0

    @initialize()
    def create(self) -> None:
        self.store = Store.create(self.place / "store", dim=DIM, fingerprint="fake", settings={}, large=8)

    @rule(collection=COLLECTIONS, key=KEYS, words=WORDS, parity=st.integers(0, 1))
    def add(self, collection: str, key: str, words: list[str], parity: int) -> None:
        text = " ".join(f"{word.capitalize()} {number}." for number, word in enumerate(words))
        made = build_document(text, key=key, collection=collection, title=words[0], metadata={"parity": parity})
        outcome = self.store.add(*made).outcome
        before = self.documents.get((collection, key))
        same = before is not None and before[0] == made[0]
        assert outcome == ("skipped" if same else "updated" if before else "added")
        self.documents[collection, key] = made

    @rule(collection=COLLECTIONS, key=KEYS)
    def delete(self, collection: str, key: str) -> None:
        if (collection, key) in self.documents:
            _, passages = self.documents.pop((collection, key))
            receipt = self.store.delete(document_id(collection, key))
            n = len(passages)
            assert (receipt.passages, receipt.vectors, receipt.lexical, receipt.remaining) == (n, n, n, 0)

    @rule()
    def checkpoint(self) -> None:
        self.store.checkpoint()

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store.open(self.place / "store", large=8)
        assert self.store.rebuilt == ()

    @rule()
    def kill(self) -> None:
        """What a process that is killed now leaves on disk is used from then on."""
        self.n_killed += 1
        shutil.copytree(self.place / "store", self.place / "left")
        self.store.close()
        shutil.rmtree(self.place / "store")
        (self.place / "left").rename(self.place / "store")
        self.store = Store.open(self.place / "store", large=8)
        assert self.store.rebuilt == ()

    @rule()
    def take_snapshot(self) -> None:
        shutil.rmtree(self.place / "saved", ignore_errors=True)
        taken = snapshot.take(self.store, self.place / "saved")
        assert taken.documents == len(self.documents)
        self.saved = dict(self.documents)

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore(self) -> None:
        self.store.close()
        snapshot.restore(self.place / "saved", self.place / "store", overwrite=True)
        self.store = Store.open(self.place / "store", large=8)
        assert self.saved is not None
        self.documents = dict(self.saved)

    @rule(words=WORDS, collection=COLLECTIONS, parity=st.none() | st.integers(0, 1))
    def ask(self, words: list[str], collection: str, parity: int | None) -> None:
        scope = Scope(collection, {} if parity is None else {"parity": [str(parity)]})
        chosen = {
            name: made
            for name, made in self.documents.items()
            if name[0] == collection and (parity is None or made[0].metadata["parity"] == parity)
        }
        passages = [(document_id(*name), i, p) for name, (_, all_of) in chosen.items() for i, p in enumerate(all_of)]
        question = embed(" ".join(words))
        with self.store.read() as reader:
            by_vector = self._found(reader, reader.nearest(question, 1000, scope))
            by_words = self._found(reader, reader.matching(analyze(" ".join(words)), 1000, scope))
        expected = {(name, i): float(p.vector.astype("<f2").astype(np.float32) @ question) for name, i, p in passages}
        self._same(by_vector, expected, 1e-3)
        self._same(by_words, self._bm25(words, collection, {(name, i) for name, i, _ in passages}), 1e-4)

    def _bm25(self, words: list[str], collection: str, allowed: set[tuple[str, int]]) -> dict[tuple[str, int], float]:
        """BM25 with the collection's frequencies, over title and text of each passage."""
        counted = {
            (document_id(*name), i): (analyze(p.context), analyze(made.text[p.span.start : p.span.end]))
            for name, (made, passages) in self.documents.items()
            if name[0] == collection
            for i, p in enumerate(passages)
        }
        if not counted:
            return {}
        mean = sum(len(context) + len(body) for context, body in counted.values()) / len(counted)
        scores: dict[tuple[str, int], float] = {}
        for term in sorted(set(analyze(" ".join(words)))):
            df = sum(term in body for _, body in counted.values())
            weight = matching.inverse_frequency(len(counted), df)
            for place in allowed:
                terms = [*counted[place][0], *counted[place][1]]
                tf = terms.count(term)
                if tf:
                    norm = K1 * (1 - B + B * len(terms) / mean)
                    scores[place] = scores.get(place, 0.0) + weight * tf * (K1 + 1) / (tf + norm)
        return scores

    @staticmethod
    def _found(reader: Any, ranked: tuple[Floats, Any]) -> dict[tuple[str, int], float]:
        scores, ids = ranked
        assert np.all(np.diff(scores) <= 0) and len(set(ids.tolist())) == len(ids)
        passages = {passage.id: passage for passage in reader.passages(ids)}
        return {
            (passages[i].document_id, passages[i].ordinal): score
            for i, score in zip(ids.tolist(), scores.tolist(), strict=True)
        }

    @staticmethod
    def _same(scores: dict[tuple[str, int], float], expected: dict[tuple[str, int], float], tolerance: float) -> None:
        assert scores.keys() == expected.keys()
        for place, score in expected.items():
            assert abs(scores[place] - score) < tolerance, (place, scores[place], score)

    @invariant()
    def the_documents_are_those_of_the_dictionary(self) -> None:
        if hasattr(self, "store"):
            with self.store.read() as reader:
                stored = {
                    (document.collection, document.key): reader.text(document.id)
                    for document in reader.documents(limit=1000)
                }
            assert stored == {name: made.text for name, (made, _) in self.documents.items()}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert self.store.verify() == []
            self.store.close()
        shutil.rmtree(self.place)


def run(examples: int, steps: int, *phases: Phase, derandomize: bool = True) -> None:
    run_state_machine_as_test(
        StoreMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            database=None,
            phases=(Phase.generate, *phases),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the stores of all examples."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_store_does_what_the_dictionary_says(long: bool) -> None:
    examples, steps = (500, 60) if long else (8, 16)
    run(examples, steps, Phase.shrink, derandomize=not long)


@pytest.mark.slow
def test_the_dictionary_finds_a_word_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = matching.best_matches
    monkeypatch.setattr(
        "index.local.reader.best_matches", lambda parts, weights, k, *rest: right(parts[:1], weights, k, *rest)
    )
    with pytest.raises(AssertionError):
        run(50, 20)  # until it is found
