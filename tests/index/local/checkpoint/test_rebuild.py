"""A store whose views are missing or damaged answers at once, and as it will when they are there again."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.local.checkpoint import rebuild as view_rebuild
from index.local.checkpoint.manifest import PARTS
from index.local.store import Store
from index.local.upkeep.repair import repair
from index.local.views import scan
from index.types import Finding, Scope
from tests.conftest import Embed, Make
from tests.index.tampering import Damage, delete_manifest, delete_views, flip_in
from tests.reliability.mounts import fill, small_disk
from tests.waiting import is_running, wait_until

pytestmark = pytest.mark.medium

Answers = list[tuple[list[float], list[int]]]
SCOPES = (Scope(), Scope("other"), Scope(where={"half": ["even"]}), Scope("none"))


DAMAGES = [
    pytest.param(flip_in("vectors.faiss"), ("vectors",), id="vectors"),
    pytest.param(flip_in("lexical/*.idx"), ("lexical",), id="lexical"),
    pytest.param(delete_views, ("vectors", "lexical"), id="both"),
    pytest.param(delete_manifest, ("vectors", "lexical"), id="manifest"),
]


def filled(path: Path, make_document: Make, n_documents: int = 30) -> Path:
    """A closed store with a checkpoint, and what was added and replaced since."""
    with Store.create(path, dim=16, fingerprint="fake", settings={"model": "fake"}) as store:
        for number in range(n_documents):
            text = f"Common word{number % 7} text. It is number {number}. " + "Same words here. " * (number % 4)
            collection = "other" if number % 5 == 0 else "default"
            half = "even" if number % 2 == 0 else "odd"
            store.add(*make_document(text, key=str(number), collection=collection, metadata={"half": half}))
        store.checkpoint()
        store.add(*make_document("Common word3 text, of a new one.", key="new", metadata={"half": "even"}))
        store.add(*make_document("Common text that was replaced. Twice. Or more.", key="3"))
        store.add(*make_document("Common other text.", key="5", collection="other"))
    return path


@pytest.fixture
def kept(store_path: Path, make_document: Make) -> Path:
    return filled(store_path, make_document)


def answers(store: Store, embed: Embed) -> Answers:
    rankings = []
    with store.read() as reader:
        for scope in SCOPES:
            for k in (1, 5, 200):
                for terms in (["common"], ["common", "word3", "same"], ["nowher"]):
                    rankings.append(reader.matching(terms, k, scope))
                for question in ("q", "another"):
                    rankings.append(reader.nearest(embed(question), k, scope))
        everything = np.sort(reader.matching(["common"], 200, Scope())[1])
        candidates = reader.candidates(everything)
        rankings.append((candidates.vectors.ravel().astype(np.float32), candidates.ids))
    return [(scores.tolist(), ids.tolist()) for scores, ids in rankings]


@pytest.fixture
def quick_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_rebuild, "_FIRST_PAUSE_S", 0.05)


def expected_of(path: Path, embed: Embed) -> Answers:
    with Store.open(path) as store:
        expected = answers(store, embed)
    assert sum(len(ids) > 20 for _, ids in expected) >= 3
    return expected


@pytest.mark.parametrize(("damage", "parts"), DAMAGES)
def test_what_is_missing_is_answered_from_the_rows_with_the_same_ids_order_and_scores(
    kept: Path, fake_embed: Embed, make_document: Make, damage: Damage, parts: tuple[str, ...]
) -> None:
    expected = expected_of(kept, fake_embed)
    damage(kept)
    with Store.open(kept, views="none") as store:
        assert store.rebuilding == store.rebuilt == parts
        assert answers(store, fake_embed) == expected
        assert [finding.kind for finding in store.verify() if finding.kind == "view-missing"] == ["view-missing"] * len(
            parts
        )
        added = [store.add(*make_document(f"Common text of {n} meanwhile.", key=f"m{n}")).document for n in range(2)]
        meanwhile = answers(store, fake_embed)
        assert meanwhile != expected
        store.write_views()
        assert store.rebuilding == () and answers(store, fake_embed) == meanwhile
        assert {store.delete(document.id).lexical for document in added} == {1}
        assert answers(store, fake_embed) == expected
    with Store.open(kept) as store:
        assert store.rebuilt == () and answers(store, fake_embed) == expected and store.verify() == []


@pytest.mark.parametrize("view", ["nearest", "matching"])
def test_the_comparison_finds_a_missing_view_that_is_passed_over(
    kept: Path, fake_embed: Embed, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    expected = expected_of(kept, fake_embed)
    delete_views(kept)
    nothing = np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
    monkeypatch.setattr(scan, view, lambda *arguments: nothing)
    with Store.open(kept, views="none") as store:
        assert answers(store, fake_embed) != expected


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "parts"), DAMAGES)
def test_a_deletion_while_views_are_missing_leaves_nothing_in_what_was_damaged(
    kept: Path, make_document: Make, damage: Damage, parts: tuple[str, ...]
) -> None:
    with Store.open(kept) as store, store.read() as reader:
        document = reader.documents()[-1]
    damage(kept)
    with Store.open(kept, views="none") as store:
        before = {path.name for path in (kept / "views").glob("*")}
        receipt = store.delete(document.id)
        assert (receipt.vectors, receipt.lexical, receipt.remaining) == (receipt.passages, receipt.passages, 0)
        assert before.isdisjoint(path.name for path in (kept / "views").glob("*"))
        assert store.rebuilding == () and {finding.kind for finding in store.verify()} == {"view-rebuilt"}


def test_views_are_built_behind_what_is_asked_and_taken_over_when_they_are_there(
    kept: Path, fake_embed: Embed, caplog: pytest.LogCaptureFixture
) -> None:
    expected = expected_of(kept, fake_embed)
    delete_views(kept)
    with Store.open(kept, views="behind") as store:
        with store.writers_waiting(), store.read() as reader:  # so that they cannot come yet
            assert store.rebuilding == PARTS and not (kept / "views").exists()
            assert answers(store, fake_embed) == expected
            early = reader.matching(["common"], 200, Scope())
        with store.read() as reader:
            wait_until(lambda: store.rebuilding == ())
            # A reader that was there before keeps its state.
            assert np.array_equal(reader.matching(["common"], 200, Scope()), early)
        assert answers(store, fake_embed) == expected
        assert {finding.kind for finding in store.verify()} == {"view-rebuilt"}
    assert "are there again" in caplog.text
    with Store.open(kept) as store:
        assert store.rebuilt == ()


def test_a_killed_build_is_begun_again(kept: Path, fake_embed: Embed, quick_retry: None) -> None:
    expected = expected_of(kept, fake_embed)
    delete_views(kept)
    with Store.open(kept, views="behind") as store:
        with store.writers_waiting():
            rebuild = store._view_rebuild
            assert rebuild is not None
            wait_until(lambda: rebuild._building.worker is not None)
            first = rebuild._building.worker
            assert first is not None
            first.kill()
            wait_until(lambda: rebuild._building.worker not in (None, first))
            assert answers(store, fake_embed) == expected and store.rebuilding == PARTS
        wait_until(lambda: store.rebuilding == ())
        assert answers(store, fake_embed) == expected


KILLED = """
import sys, time
from index.local.store import Store
with Store.open(sys.argv[1], views="behind") as store, store.writers_waiting():
    while store._view_rebuild._building.worker is None:
        time.sleep(0.01)
    print(store._view_rebuild._building.worker.pid, flush=True)
    time.sleep(600)
"""


def test_the_build_ends_with_a_killed_process_and_the_next_open_does_it(kept: Path, fake_embed: Embed) -> None:
    expected = expected_of(kept, fake_embed)
    delete_views(kept)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(kept)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        build = int(process.stdout.readline())
        process.kill()
    wait_until(lambda: not is_running(build))
    with Store.open(kept) as store:
        assert answers(store, fake_embed) == expected and store.verify()[2:] == []


def test_repair_builds_what_is_missing_unless_a_stored_vector_is_damaged(kept: Path) -> None:
    delete_views(kept)
    with Store.open(kept, views="none") as store:
        missing = [finding for finding in store.verify() if finding.kind == "view-missing"]
        assert repair(store, [*missing, Finding("vector", "passage 1", "is damaged", "`rag rm`")]) == []
        assert store.rebuilding == PARTS
        assert repair(store, missing) == missing
    with Store.open(kept) as store:
        assert store.rebuilt == () and store.verify() == []


def test_another_store_in_the_place_ends_the_build(kept: Path, tmp_path: Path, make_document: Make) -> None:
    other = filled(tmp_path / "other", make_document, 3)
    delete_views(kept)
    with Store.open(kept, views="behind") as store:
        with store.writers_waiting():
            kept.rename(tmp_path / "moved")
            other.rename(kept)
        rebuild = store._view_rebuild
        assert rebuild is not None
        rebuild._thread.join(120)
        assert not rebuild._thread.is_alive()


def test_closing_ends_the_build_and_the_next_open_does_it(kept: Path, fake_embed: Embed) -> None:
    expected = expected_of(kept, fake_embed)
    delete_views(kept)
    with Store.open(kept) as other:
        delete_views(kept)
        with other.writers_waiting():
            Store.open(kept, views="behind").close()
    with Store.open(kept) as store:
        assert store.rebuilt == PARTS and answers(store, fake_embed) == expected


@pytest.mark.slow
def test_without_room_for_the_views_questions_are_answered_and_it_is_said(
    tmp_path: Path, make_document: Make, fake_embed: Embed, quick_retry: None, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", 16_000_000) as disk:
        path = filled(disk / "store", make_document, 200)
        expected = expected_of(path, fake_embed)
        delete_views(path)
        ballast = fill(disk)
        with ballast.open("r+b") as file:
            file.truncate(ballast.stat().st_size - 64 * 1024)  # the database needs as much to be opened
        with Store.open(path, views="behind") as store:
            wait_until(lambda: "could not be built again" in caplog.text)
            assert "no space is left" in caplog.text
            assert store.rebuilding == PARTS and answers(store, fake_embed) == expected
            ballast.unlink()
            wait_until(lambda: store.rebuilding == ())
            assert answers(store, fake_embed) == expected
