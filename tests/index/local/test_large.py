"""Stores whose vectors are in lists: the same answers, from files that are not written anew with every change."""

import shutil
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from index.local.store import Store
from index.local.upkeep.repair import repair
from index.local.views.vectors import ClusteredIndex, VectorIndex, bitmap, inner_products, write_clustered, write_purged
from index.types import Floats, Ids, Scope
from tests.conftest import Embed, Make

pytestmark = pytest.mark.medium

LARGE = 150
Clustered = tuple[ClusteredIndex, Ids, Floats]
NOTHING: Ids = np.empty(0, dtype=np.int64)


def unit(rng: np.random.Generator, n: int, dim: int) -> Floats:
    """Unit vectors around 50 centres, as embeddings lie in groups; the last hundred are equal in pairs."""
    centres = rng.standard_normal((50, dim))
    vectors = centres[rng.integers(50, size=n)] + 0.5 * rng.standard_normal((n, dim))
    vectors[-50:] = vectors[-100:-50]
    exact: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    return exact


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Clustered:
    rng = np.random.default_rng(1)
    ids = np.sort(rng.choice(40_000, 20_000, replace=False)).astype(np.int64)
    vectors = unit(rng, len(ids), 16)
    path = tmp_path_factory.mktemp("lists") / "lists.faiss"
    write_clustered(path, ids, vectors.astype(np.float16))
    return ClusteredIndex(path), ids, vectors


def reference(vector: Floats, k: int, ids: Ids, vectors: Floats) -> tuple[Floats, Ids]:
    scores = vectors @ vector
    order = np.lexsort((ids, -scores.round(6)))[:k]
    return scores[order], ids[order]


@pytest.mark.slow
def test_all_lists_together_hold_every_vector_and_rank_as_the_product_does(clustered: Clustered) -> None:
    index, ids, vectors = clustered
    assert np.array_equal(index.ids, ids)
    for vector in vectors[[0, 7, -1, -60]]:
        for k in (1, 10, 100):
            scores, nearest = index.search(vector, k, None, NOTHING, exact=True)
            expected_scores, expected = reference(vector, k, ids, vectors)
            np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
            assert set(nearest.tolist()) == set(expected.tolist())


@pytest.mark.parametrize("files", [["lists.faiss"], ["lists.faiss", "codes.faiss"]], ids=["lists", "codes"])
def test_the_nearest_lists_hold_almost_all_of_the_nearest_vectors_with_the_same_scores(
    clustered: Clustered, files: list[str], tmp_path: Path
) -> None:
    """Also where codes propose, which an older checkpoint does not have."""
    for name in files:
        shutil.copy(clustered[0].path.with_name(name), tmp_path / name)
    index = ClusteredIndex(tmp_path / "lists.faiss")
    assert index.files == files
    shared = 0
    for vector in unit(np.random.default_rng(2), 100, 16):
        scores, nearest = index.search(vector, 100, None, NOTHING)
        all_scores, everything = index.search(vector, 100, None, NOTHING, exact=True)
        known = dict(zip(everything.tolist(), all_scores.tolist(), strict=True))
        assert all(
            known.get(passage, score) == score for passage, score in zip(nearest.tolist(), scores.tolist(), strict=True)
        )
        assert np.array_equal(np.lexsort((nearest, -scores)), np.arange(100))
        shared += len(np.intersect1d(nearest, everything))
    assert shared / 10_000 >= 0.99


def test_what_is_gone_is_not_proposed_and_lists_are_read_where_too_little_is_left(clustered: Clustered) -> None:
    index, _, _ = clustered
    vector = unit(np.random.default_rng(3), 100, 16)[0]
    gone = np.sort(index.search(vector, 550, None, NOTHING, exact=True)[1])
    scores, nearest = index.search(vector, 100, None, gone)
    exact_scores, exact = index.search(vector, 100, None, gone, exact=True)
    assert np.array_equal(nearest, exact) and np.array_equal(scores, exact_scores)
    _, others = index.search(vector, 100, None, gone[:20])
    assert len(others) == 100 and not np.isin(others, gone[:20]).any()


def test_no_code_of_a_purged_passage_is_left(clustered: Clustered, tmp_path: Path) -> None:
    index, ids, vectors = clustered
    gone = ids[::3]
    write_purged(index.path, tmp_path / "lists.faiss", gone)
    kept = ClusteredIndex(tmp_path / "lists.faiss")
    assert np.array_equal(kept.ids, np.setdiff1d(ids, gone))
    for vector in vectors[:30]:
        scores, nearest = kept.search(vector, 100, None, NOTHING)
        exact_scores, exact = kept.search(vector, 100, None, NOTHING, exact=True)
        assert not np.isin(nearest, gone).any() and len(np.intersect1d(nearest, exact)) >= 95
        assert np.array_equal(scores[np.isin(nearest, exact)], exact_scores[np.isin(exact, nearest)])
    untyped: Any = faiss
    codes = untyped.read_index(str(tmp_path / "codes.faiss"))
    lists = untyped.downcast_InvertedLists(codes.invlists)
    for number in range(lists.nlist):
        size = lists.list_size(number)
        n_blocks = -(-size // lists.packer.nvec)
        blocks = untyped.rev_swig_ptr(lists.get_codes(number), n_blocks * lists.packer.block_size).reshape(n_blocks, -1)
        behind = range(size, n_blocks * lists.packer.nvec)
        assert not any(lists.packer.unpack_1(blocks, place).any() for place in behind)


def test_a_narrow_filter_is_searched_exactly_and_what_is_gone_is_not_found(clustered: Clustered) -> None:
    index, ids, vectors = clustered
    allowed = ids[::40]
    vector = vectors[3]
    _, nearest = index.search(vector, 50, bitmap([(i, i + 1) for i in allowed.tolist()]), NOTHING)
    inside = np.isin(ids, allowed)
    assert set(nearest.tolist()) == set(reference(vector, 50, ids[inside], vectors[inside])[1].tolist())
    _, best = index.search(vector, 5, None, NOTHING)
    _, others = index.search(vector, 5, None, np.sort(best))
    assert not set(best.tolist()) & set(others.tolist())


@pytest.fixture
def large(store_path: Path, make_document: Make) -> Iterator[Store]:
    """A store of 200 passages in lists."""
    with Store.create(store_path, dim=16, fingerprint="fake", settings={}, large=LARGE) as store:
        for number in range(50):
            store.add(*make_document(text(number), key=str(number)))
        store.checkpoint()
        assert store._follower.base.vectors.lists is not None
        yield store


def text(number: int) -> str:
    return " ".join(f"Sentence {n} of text {number}." for n in range(8))


def answers(store: Store, fake_embed: Embed) -> list[list[object]]:
    with store.read() as reader:
        return [
            array.tolist()
            for question in ("one", "two", "three")
            for ranked in (
                reader.nearest(fake_embed(question), 20, Scope()),
                reader.matching([question, "text"], 20, Scope()),
            )
            for array in ranked
        ]


@pytest.mark.slow
def test_a_restart_changes_nothing(large: Store, make_document: Make, fake_embed: Embed) -> None:
    for number in range(5):
        large.add(*make_document("Another text. " + text(number), key=str(number)))
    for checkpoint in (False, True):
        if checkpoint:
            large.checkpoint()
            assert len(large._follower.base.buried) == 20
        expected = answers(large, fake_embed)
        with Store.open(large.path, large=LARGE) as store:
            assert answers(store, fake_embed) == expected and store.verify() == [] and store.rebuilt == ()


def test_what_was_replaced_stays_buried_until_a_delete_removes_it_from_all_files(
    large: Store, make_document: Make
) -> None:
    old = make_document(text(3), key="3")[1]
    needles = [passage.vector.astype("<f2").tobytes() for passage in old]

    def left() -> int:
        contents = [path.read_bytes() for path in large.path.rglob("*") if path.is_file()]
        return sum(needle in content for needle in needles for content in contents)

    large.add(*make_document("All new. " + text(3), key="3"))
    large.checkpoint()
    assert left()
    with large.read() as reader:
        [other] = reader.find("7") or reader.documents(limit=8)[7:]
    assert large.delete(other.id).remaining == 0
    assert left() == 0 and large.verify() == []
    assert len(large._follower.base.buried) == 0 and large._follower.base.vectors.lists is not None


@pytest.mark.slow
def test_questions_are_answered_while_lists_are_built_and_taken_over(
    large: Store, make_document: Make, fake_embed: Embed
) -> None:
    for number in range(50, 90):
        large.add(*make_document(text(number), key=str(number)))
    expected = answers(large, fake_embed)
    builder = threading.Thread(target=large.checkpoint)
    builder.start()
    n = 0
    while builder.is_alive() or not n:
        assert answers(large, fake_embed) == expected
        n += 1
    builder.join()
    lists = large._follower.base.vectors.lists
    assert lists is not None and len(lists.ids) == 360 and answers(large, fake_embed) == expected


def test_without_its_builder_a_store_reads_all_vectors(large: Store, make_document: Make, fake_embed: Embed) -> None:
    for number in range(50, 90):
        large.add(*make_document(text(number), key=str(number)))
    expected = answers(large, fake_embed)
    large.stop_background_work()
    assert large.checkpoint() is True
    assert len(large._follower.base.vectors.recent.ids) == 160
    assert answers(large, fake_embed) == expected and large.verify() == []
    assert [path.name[:4] for path in (large.path / "views").iterdir()] != ["clus"]


@pytest.mark.parametrize("dim", [1, 2, 16, 50, 384])
def test_inner_products_are_to_the_last_bit_those_of_a_search(dim: int) -> None:
    rng = np.random.default_rng(dim)
    rows = rng.standard_normal((40, dim + 5)).astype(np.float16)
    vector = rng.standard_normal(dim).astype(np.float32)
    ids = np.arange(40)
    whole = np.ascontiguousarray(rows[:, :dim])
    scores, ranked = VectorIndex.build(ids, whole.tobytes(), dim).search(vector, 40, None, NOTHING)
    for layout in (rows[:, :dim], whole, rows.astype(">f2").astype("<f2")[:, :dim]):
        assert np.array_equal(inner_products(layout, vector)[ranked], scores)
    np.testing.assert_allclose(scores, whole.astype(np.float64)[ranked] @ vector, rtol=1e-4, atol=1e-4)
    assert len(inner_products(rows[:0, :dim], vector)) == 0


def test_an_index_is_built_without_a_larger_copy_of_its_vectors(fake_embed: Embed) -> None:
    ids = np.arange(1, 20_001)
    packed = np.tile(fake_embed("a").astype("<f2"), len(ids)).tobytes()
    tracemalloc.start()
    index = VectorIndex.build(ids, packed, 16)
    peak = tracemalloc.get_traced_memory()[1] - index.ids.nbytes - index._order.nbytes
    tracemalloc.stop()
    assert peak < len(packed)
    assert index.codes().tobytes() == packed


@pytest.mark.slow
def test_repair_sorts_vectors_into_lists(large: Store) -> None:
    before = len(ClusteredIndex(next(large.path.glob("views/*/lists.faiss"))).ids)
    with large.writers_waiting(), large._database.writing() as connection:
        connection.execute("UPDATE collections SET n_terms = n_terms + 1")
    findings = large.verify()
    assert repair(large, findings) == findings != []
    lists = ClusteredIndex(next(large.path.glob("views/*/lists.faiss")))
    assert len(lists.ids) >= before
    assert large.verify() == []
