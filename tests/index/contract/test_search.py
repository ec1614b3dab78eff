"""Both searches against plain references, over every way in which passages can be spread over base and delta."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.backend import Reader, Store
from index.errors import DimensionMismatch
from index.local.views.lexical import analyze
from index.stores import create_store, open_store
from index.types import Floats, Ids, NewDocument, NewPassage, Scope
from tests.conftest import Embed, Made, Make
from tests.index.conftest import is_filled
from tests.waiting import wait_until

pytestmark = pytest.mark.medium

WORDS = "cat dog bird fish moon river stone light winter green paper glass".split()
LAYOUTS = ("delta", "base", "base and delta", "base, delta and gone", "reopened", "rebuilt")
IN_DATABASE = [
    pytest.param(layout, marks=pytest.mark.slow)
    for layout in ("database", "database, indexes", "database, indexes of Milvus", "database without words index")
]
QUESTIONS = ("cat", "dog moon", "river stone light winter", "green unheard", "cat cat the")
SCOPES = (
    Scope("default"),
    Scope("other"),
    Scope("default", {"parity": ["1"]}),
    Scope("default", {"tags": ["t1", "t2"], "parity": ["0", "1"]}),
    Scope("other", {"tags": ["true"]}),
    Scope("default", {"parity": ["7"]}),
    Scope("default", {"parity": []}),
    Scope("missing"),
)
KS = (1, 7, 1000)


@dataclass
class World:
    """A store, and what should be in it by document id."""

    store: Store
    documents: dict[str, Made] = field(default_factory=dict)

    def add(self, made: Made) -> str:
        change = self.store.add(*made)
        self.documents[change.document.id] = made
        return change.document.id

    def delete(self, document_id: str) -> None:
        self.store.delete(document_id)
        del self.documents[document_id]

    def passages(self, reader: Reader, scope: Scope) -> Iterator[tuple[int, NewDocument, NewPassage]]:
        """Id and content of each passage that a scope allows."""
        for stored in reader.passages(range(1, 5000)):
            document, passages = self.documents[stored.document_id]
            values = {
                key: {
                    str(v).lower() if isinstance(v, bool) else str(v)
                    for v in (value if isinstance(value, list) else [value])
                }
                for key, value in document.metadata.items()
            }
            fits = all(
                isinstance(allowed, Sequence) and values.get(key, set()) & set(allowed)
                for key, allowed in scope.where.items()
            )
            if document.collection == scope.collection and fits:
                yield stored.id, document, passages[stored.ordinal]


def make(number: int, make_document: Make, version: str = "") -> Made:
    """Sentences of very different length, so that each part of a view has another mean."""
    rng = random.Random(number)
    lengths = [rng.randint(1, 3 + number % 40) for _ in range(rng.randint(1, 7))]
    return make_document(
        " ".join(" ".join(rng.choices(WORDS, k=n)).capitalize() + "." for n in lengths) + version,
        key=str(number),
        collection="other" if number % 3 == 0 else "default",
        title=WORDS[number % 12],
        metadata={"parity": number % 2, "tags": [f"t{number % 4}", number % 5 == 0]},
    )


@pytest.fixture(params=[*LAYOUTS, *IN_DATABASE], scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, make_document: Make
) -> Iterator[World]:
    layout = request.param
    store_path = tmp_path_factory.mktemp("world") / "store"
    place: Any = request.getfixturevalue("databases")() if layout.startswith("database") else store_path
    if layout.endswith("Milvus"):
        place += f"?milvus={request.getfixturevalue('milvus').address}"
    world = World(create_store(place, dim=16, fingerprint="fake", settings={}))
    if layout.startswith("database,"):
        search_by(world.store, has_words=True)
    elif layout.endswith("words index"):
        search_by(world.store, has_words=False)
    if layout == "base, delta and gone":
        extra = [world.add(make(number, make_document)) for number in range(60, 66)]
        for number in range(20):
            world.add(make(number, make_document, " Of the base."))
        world.store.checkpoint()
        for document_id in extra[:3]:
            world.delete(document_id)
        for number in range(10):
            world.add(make(number, make_document, " In between."))
    for number in range(60):
        world.add(make(number, make_document))
        if layout == "base and delta" and number == 40:
            world.store.checkpoint()
    if layout == "base, delta and gone":
        for document_id in extra[3:]:
            world.delete(document_id)
        world.add(make(59, make_document, " After all."))
    if layout in ("base", "reopened", "rebuilt"):
        world.store.checkpoint()
    if layout.endswith("Milvus"):
        fill_view(world.store)
    if layout in ("reopened", "rebuilt"):
        world.store.close()
        if layout == "rebuilt":
            (store_path / "manifest.json").unlink()
        world.store = open_store(store_path)
    yield world
    world.store.close()


def search_by(store: Store, *, has_words: bool) -> None:
    """Answer a database's lists by its indexes, but by scan for words where there is no index of them."""
    from index.postgres.store import PostgresStore

    assert isinstance(store, PostgresStore)
    store.searching = replace(store.searching, scan_vectors=-1, scan_words=-1 if has_words else 1_000)


def fill_view(store: Store) -> None:
    """Bring the view up to date, as a service does behind what it answers."""
    from index.postgres.store import PostgresStore

    assert isinstance(store, PostgresStore) and (view := store.searching.view) is not None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("index.postgres.milvus._SETTLED_S", 0.0)
        wait_until(lambda: is_filled(view))


def assert_ranked(ranked: tuple[Floats, Ids], ids: list[int], scores: Any, k: int) -> None:
    """Scores are the k best, and each id has its score; ids of equal scores stand in ascending order."""
    expected = dict(zip(ids, np.asarray(scores, dtype=np.float64), strict=True))
    assert ranked[0].dtype == np.float32 and ranked[1].dtype == np.int64
    np.testing.assert_allclose(ranked[0], sorted(expected.values(), reverse=True)[:k], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ranked[0], [expected[i] for i in ranked[1].tolist()], rtol=1e-5, atol=1e-6)
    for (score, first), (next_score, second) in zip(pairs := list(zip(*ranked, strict=True)), pairs[1:], strict=False):
        assert score > next_score or (score == next_score and first < second)


@pytest.mark.slow
def test_nearest_agrees_with_the_product_of_all_vectors(world: World, fake_embed: Embed) -> None:
    with world.store.read() as reader:
        for scope in SCOPES:
            passages = list(world.passages(reader, scope))
            for question in QUESTIONS:
                vector = fake_embed(question)
                scores = [p.vector.astype(np.float16).astype(np.float32) @ vector for _, _, p in passages]
                for k in KS:
                    assert_ranked(reader.nearest(vector, k, scope), [i for i, _, _ in passages], scores, k)


def test_matching_agrees_with_bm25_over_all_passages_of_the_collection(world: World) -> None:
    with world.store.read() as reader:
        for scope in SCOPES:
            everything = list(world.passages(reader, Scope(scope.collection)))
            allowed = {i for i, _, _ in world.passages(reader, scope)}
            bodies = [[t for s in p.sentences for t in analyze(d.text[slice(*s)])] for _, d, p in everything]
            full = [analyze(p.context) + body for (_, _, p), body in zip(everything, bodies, strict=True)]
            mean = np.mean([len(terms) for terms in full]) if full else 1.0
            for question in QUESTIONS:
                scores = np.zeros(len(full))
                for term in set(analyze(question)):
                    df = sum(term in body for body in bodies)
                    tf = np.array([terms.count(term) for terms in full])
                    norm = 1.2 * (0.25 + 0.75 * np.array([len(terms) for terms in full]) / mean)
                    scores += np.log(1 + (len(full) - df + 0.5) / (df + 0.5)) * 2.2 * tf / (tf + norm)
                hits = [(i, s) for (i, _, _), s in zip(everything, scores, strict=True) if s > 0 and i in allowed]
                for k in KS:
                    ranked = reader.matching(analyze(question), k, scope)
                    assert_ranked(ranked, [i for i, _ in hits], [s for _, s in hits], k)


def test_results_do_not_depend_on_when_checkpoints_were_made(
    tmp_path: Path, make_document: Make, fake_embed: Embed
) -> None:
    results = []
    for every in (1000, 4, 9):
        with create_store(tmp_path / str(every), dim=16, fingerprint="fake", settings={}) as store:
            for number in range(24):
                store.add(*make(number, make_document))
                if number % every == every - 1:
                    store.checkpoint()
            with store.read() as reader:
                nearest = [reader.nearest(fake_embed(question), 9, Scope()) for question in QUESTIONS]
                matching = [reader.matching(analyze(question), 9, Scope()) for question in QUESTIONS]
            results.append([[array.tolist() for array in ranked] for ranked in nearest + matching])
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("checkpoint_after", [0, 13, 30])
def test_equal_passages_are_cut_at_k_by_lower_id(
    empty_store: Store, make_document: Make, fake_embed: Embed, checkpoint_after: int
) -> None:
    for number in range(30):
        empty_store.add(*make_document("The same sentence.", key=str(number)))
        if number + 1 == checkpoint_after:
            empty_store.checkpoint()
    with empty_store.read() as reader:
        for k in (1, 5, 12, 29, 30, 31):
            for _, ids in (reader.nearest(fake_embed("x"), k, Scope()), reader.matching(["sentenc"], k, Scope())):
                assert ids.tolist() == list(range(1, 1 + min(k, 30)))


def test_candidates_come_back_as_they_were_given_in_the_order_asked(empty_store: Store, make_document: Make) -> None:
    document, passages = make_document("One fish. Two birds here. Three. Four cats. Five.", title="On animals")
    empty_store.add(document, passages)
    with empty_store.read() as reader:
        candidates = reader.candidates([3, 99, 1])
    assert candidates.ids.tolist() == [3, 1]
    chosen = [passages[2], passages[0]]
    np.testing.assert_allclose(candidates.passage_vectors, np.stack([p.vector for p in chosen]), atol=1e-3)
    np.testing.assert_allclose(
        candidates.sentence_vectors, np.concatenate([p.sentence_vectors for p in chosen]), atol=1e-3
    )
    assert candidates.sentence_counts.tolist() == [1, 2]
    assert candidates.term_counts.tolist() == [2, 1, 2, 2, 3]
    assert len(candidates.terms) == 10 and candidates.terms[0] == candidates.terms[3]  # both contexts begin with "on"
    assert [str(a.dtype) for a in (candidates.vectors, candidates.terms, candidates.term_counts)] == [
        "float16",
        "uint32",
        "int64",
    ]


def test_word_signs_come_back_as_they_were_given_in_the_order_asked(empty_store: Store, make_document: Make) -> None:
    document, passages = make_document("One fish. Two birds here. Three. Four cats. Five.")
    empty_store.add(document, [*passages[:2], replace(passages[2], word_signs=())])
    with empty_store.read() as reader:
        words = reader.word_signs([2, 99, 3, 1])
    assert words.ids.tolist() == [2, 3, 1]
    assert (words.sentence_counts.tolist(), words.word_counts.tolist()) == ([2, 1, 2], [1, 2, 0, 2, 3])
    np.testing.assert_array_equal(words.signs, np.concatenate([*passages[1].word_signs, *passages[0].word_signs]))


def test_an_empty_store_finds_nothing(empty_store: Store, fake_embed: Embed) -> None:
    with empty_store.read() as reader:
        assert reader.nearest(fake_embed("x"), 5, Scope())[1].tolist() == []
        assert reader.matching(["cat"], 5, Scope())[1].tolist() == []
        candidates = reader.candidates([])
        assert candidates.passage_vectors.shape == (0, 16) and candidates.sentence_vectors.shape == (0, 16)
        assert reader.statistics("default", ["cat"]).mean_length == 0.0


def test_no_terms_match_nothing(empty_store: Store, make_document: Make) -> None:
    empty_store.add(*make_document("A cat."))
    with empty_store.read() as reader:
        assert len(reader.matching([], 5, Scope())[0]) == 0


def test_a_question_of_another_length_or_not_finite_is_refused(empty_store: Store) -> None:
    with empty_store.read() as reader:
        with pytest.raises(DimensionMismatch, match=r"\(3,\).*16"):
            reader.nearest(np.ones(3, dtype=np.float32), 5, Scope())
        with pytest.raises(ValueError, match="finite"):
            reader.nearest(np.full(16, np.nan, dtype=np.float32), 5, Scope())
        with pytest.raises(ValueError, match="k must"):
            reader.matching(["cat"], 0, Scope())
