"""``rag reindex``: a store changed over to another model while it is used."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import StoreLocked, StoreMismatch, StoreReplaced
from index.local.database.connection import Database
from index.local.store import Store
from index.local.system import files
from index.local.system.names import REBUILDING
from index.local.upkeep import snapshot
from index.local.upkeep.reindex import Reindexing, begun
from index.types import FailedFile, Floats, JsonScalar, Scope
from rag.intake import reindex
from rag.model.embedding import Embedder, PassageInput, PassageVectors
from rag.service import Service
from rag.shared.config import Config
from rag.shared.types import Query
from tests.conftest import Make
from tests.index.tampering import Stop, Stopping

pytestmark = pytest.mark.medium

DIM = 24
NEW: dict[str, JsonScalar] = {
    "model": "new", "model_fingerprint": "new", "passage_characters": 700, "overlap_sentences": 1,
}  # fmt: skip
N_DOCUMENTS = 8
CANARY = "Quetzalcoatlus"


class Fake:
    """Another model: vectors of another length that depend on nothing but the text. texts: of the passages embedded."""

    def __init__(self, then: Callable[[int], None] = lambda call: None) -> None:
        self.texts: list[str] = []
        self.calls = 0
        self._then = then

    def __call__(self, passages: Sequence[PassageInput]) -> list[PassageVectors]:
        self.calls += 1
        self.texts += [passage.text for passage in passages]
        self._then(self.calls)
        return [self.of(passage) for passage in passages]

    @staticmethod
    def of(passage: PassageInput) -> PassageVectors:
        return PassageVectors(
            vector(passage.context + passage.text),
            np.stack([vector(passage.text[slice(*sentence)]) for sentence in passage.sentences]),
            np.zeros((len(passage.words), DIM // 8), np.uint8),
        )


def vector(text: str) -> Floats:
    values = np.random.default_rng(list(text.encode())).standard_normal(DIM).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values), dtype=np.float32)


def stop_at_fifth(call: int) -> None:
    if call == 5:
        raise Stop


def change_over(store: Store, fake: Fake, fingerprint: str = "new") -> int:
    return reindex.change_over(store, DIM, fingerprint, NEW, fake)


def contents(path: Path) -> list[tuple[Any, ...]]:
    """All that a store says of its documents and passages, in their order, but for its vectors."""
    with Store.open(path) as store, store.read() as reader:
        return [
            (document, reader.text(document.id), reader.contexts_of(document.id))
            + tuple((p.span, p.text, p.section, p.page, p.sentences) for p in reader.passages_of(document.id))
            for document in reader.documents(limit=1000)
        ]


def bytes_below(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file())


@pytest.fixture
def store(store_path: Path, make_document: Make) -> Iterator[Store]:
    settings: dict[str, JsonScalar] = {**NEW, "model": "old", "model_fingerprint": "old"}
    with Store.create(store_path, dim=16, fingerprint="old", settings=settings) as made:
        for number in range(N_DOCUMENTS):
            made.add(
                *make_document(
                    f"Text {number}. More of it. And {CANARY}{number}.", key=str(number), source=f"s{number}"
                )
            )
        made.checkpoint()
        yield made


@pytest.fixture(autouse=True)
def one_document_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindex, "_PASSAGES_TOGETHER", 2)


def test_the_same_documents_have_vectors_of_the_other_model(store: Store) -> None:
    store.set_note("kept", "words")
    store.note_failures([FailedFile("default", "bad", "bad.pdf", None, "cannot be read")])
    with store.read() as reader:
        failures = reader.failures()
    before = contents(store.path)
    assert change_over(store, Fake()) == N_DOCUMENTS
    assert contents(store.path) == before
    with Store.open(store.path) as new, new.read() as reader:
        assert (new.fingerprint, new.dim, new.settings, new.id) == ("new", DIM, NEW, store.id)
        assert (reader.failures(), reader.note("kept"), new.rebuilt) == (failures, "words", ())
        passage = reader.passages_of(before[3][0].id)[0]
        scores, ids = reader.nearest(vector("Title" + passage.text), 1, Scope())
        assert ids.tolist() == [passage.id] and scores[0] > 0.99
        assert new.verify() == []
    assert {entry.name for entry in store.path.iterdir()} & {REBUILDING, "replacement", "rebuild.lock"} == set()


def test_the_old_store_answers_until_the_new_one_is_complete(store: Store) -> None:
    seen: list[tuple[str, int]] = []

    def ask(call: int) -> None:
        with Store.open(store.path) as other, other.read() as reader:
            seen.append((other.fingerprint, len(reader.matching(["text"], 20, Scope())[1])))

    change_over(store, Fake(ask))
    assert seen == [("old", N_DOCUMENTS)] * N_DOCUMENTS
    assert store.replaced
    with pytest.raises(StoreReplaced):
        store.delete(contents(store.path)[0][0].id)


def test_what_is_added_changed_and_deleted_meanwhile_is_so_in_the_new_store(store: Store, make_document: Make) -> None:
    with store.read() as reader:
        ids = {document.key: document.id for document in reader.documents()}

    def interfere(call: int) -> None:
        if call == 3:
            store.delete_many([ids["0"], ids["7"]])  # one that was done, one that was not
            store.delete(ids["2"])  # the one that is being embedded
            store.add(*make_document("Changed. Quite.", key="1", source="s1"))
            store.add(*make_document("New. Quite new.", key="new"))
        if call == N_DOCUMENTS - 1:
            store.add(*make_document("Later. Still later.", key="later"))

    change_over(store, Fake(interfere))
    assert [document.key for document, *_ in contents(store.path)] == ["1", "3", "4", "5", "6", "new", "later"]
    with Store.open(store.path) as new, new.read() as reader:
        assert reader.text(ids["1"]) == "Changed. Quite."
        assert new.verify() == []


def test_a_document_deleted_meanwhile_leaves_no_byte_in_either_store(store: Store) -> None:
    with store.read() as reader:
        ids = {document.key: document.id for document in reader.documents()}
    seen: list[tuple[bool, bool]] = []

    def delete(call: int) -> None:
        word = f"{CANARY}0".encode()
        if call == 3:
            before = word in bytes_below(store.path / REBUILDING)
            receipt = store.delete(ids["0"])
            assert receipt.remaining == 0
            seen.append((before, word in bytes_below(store.path)))

    change_over(store, Fake(delete))
    assert seen == [(True, False)]
    assert f"{CANARY}0".encode() not in bytes_below(store.path)


def test_a_rebuilding_that_cannot_be_used_does_not_hold_up_a_delete(store: Store) -> None:
    side = store.path / REBUILDING
    side.mkdir()
    (side / "store.db").write_bytes(b"no database")
    with store.read() as reader:
        first = reader.documents()[0].id
    assert store.delete(first).remaining == 0
    assert not side.exists()
    assert change_over(store, Fake()) == N_DOCUMENTS - 1


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import test_reindex as it
from index.local.store import Store
it.reindex._PASSAGES_TOGETHER = 2
with Store.open({path!r}) as store:
    it.change_over(store, it.Fake(lambda call: os.kill(os.getpid(), signal.SIGKILL) if call == 5 else None))
"""


def test_after_a_kill_it_goes_on_without_embedding_again_what_was_done(store: Store) -> None:
    before = contents(store.path)
    script = KILLED.format(tests=str(Path(__file__).parent), path=str(store.path))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert contents(store.path) == before
    assert store.verify() == []  # what is kept for the next time is no finding
    fake = Fake()
    assert change_over(store, fake) == N_DOCUMENTS - 4
    assert sorted({text.split()[1] for text in fake.texts if text.startswith("Text")}) == ["4.", "5.", "6.", "7."]
    assert contents(store.path) == before


@pytest.mark.slow
def test_a_swap_stopped_anywhere_leaves_the_old_store_or_the_new(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(store.path)
    install = Reindexing.install
    monkeypatch.setattr(Reindexing, "install", lambda self: (_ for _ in ()).throw(Stop))
    with pytest.raises(Stop):
        change_over(store, Fake())  # all embedded, and stopped before the swap
    store.close()
    seen = []
    for last in range(200):
        place = tmp_path / str(last)
        shutil.copytree(store.path, place)

        def stopped(making: Reindexing, last: int = last) -> bool:
            with monkeypatch.context() as patch:
                patch.setattr(files, "system", Stopping(last))
                return install(making)

        monkeypatch.setattr(Reindexing, "install", stopped)
        fake = Fake()
        with Store.open(place) as copy:
            try:
                change_over(copy, fake)
            except Stop:
                ended = False
            else:
                ended = True
        with Store.open(place) as left:
            seen.append(left.fingerprint)
            assert (left.verify(), left.rebuilt) == ([], ())
        assert contents(place) == before
        if seen[-1] == "old":
            monkeypatch.setattr(Reindexing, "install", install)
            with Store.open(place) as copy:
                change_over(copy, fake)
        assert fake.calls == 0  # nothing was embedded again
        assert {entry.name for entry in place.iterdir()} & {REBUILDING, "replacement"} == set()
        if ended:
            break
    assert ended and seen == sorted(seen, reverse=True) and {"old", "new"} == set(seen)


def test_an_interrupted_delete_is_finished_in_both_stores(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    word = f"{CANARY}0".encode()

    with pytest.raises(Stop):
        change_over(store, Fake(stop_at_fifth))
    with store.read() as reader:
        first = reader.documents()[0].id
    with monkeypatch.context() as patch:
        patch.setattr(Database, "empty_wal", lambda self, timeout_s: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            store.delete(first)
    store.close()
    assert word in bytes_below(store.path / REBUILDING)
    with Store.open(store.path) as again:
        assert word not in bytes_below(store.path)
        assert change_over(again, Fake()) == N_DOCUMENTS - 1 - 3


def test_with_another_model_than_before_it_begins_anew(store: Store) -> None:
    with pytest.raises(Stop):
        change_over(store, Fake(stop_at_fifth))
    assert store.fingerprint == "old" and (store.path / REBUILDING).exists()
    assert change_over(store, Fake(), "third") == N_DOCUMENTS
    with Store.open(store.path) as new:
        assert new.fingerprint == "third"


def test_only_one_process_makes_a_store_again(store: Store) -> None:
    errors: list[BaseException] = []

    def second(call: int) -> None:
        def other() -> None:
            try:
                with Store.open(store.path) as opened:
                    change_over(opened, Fake())
            except BaseException as error:
                errors.append(error)

        if call == 2:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()

    assert change_over(store, Fake(second)) == N_DOCUMENTS
    assert [type(error) for error in errors] == [StoreLocked]


def test_a_restore_over_the_store_removes_what_was_made_from_the_old_one(store: Store, tmp_path: Path) -> None:
    snapshot.take(store, tmp_path / "copy")

    def restore(call: int) -> None:
        if call == 4:
            snapshot.restore(tmp_path / "copy", store.path, overwrite=True)

    with pytest.raises(StoreReplaced):
        change_over(store, Fake(restore))
    assert not (store.path / REBUILDING).exists()
    with Store.open(store.path) as left:
        assert left.fingerprint == "old"


def test_install_refuses_while_a_document_is_outstanding(store: Store) -> None:
    with begun(store, dim=DIM, fingerprint="new", settings=NEW) as making:
        assert isinstance(making, Reindexing) and len(making.outstanding()) == N_DOCUMENTS
        assert not making.install()
    assert not store.replaced


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from rag.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_an_unknown_model_changes_nothing(store: Store, tmp_path: Path) -> None:
    before = contents(store.path)
    (tmp_path / "empty").mkdir()
    ended = run("reindex", "--model", tmp_path / "empty", "--store", store.path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("rag: ") and "config.json" in ended.stderr and "Traceback" not in ended.stderr
    assert contents(store.path) == before and not (store.path / REBUILDING).exists()
    ended = run("reindex", "--store", tmp_path / "nothing")
    assert ended.returncode == 3 and "no store at" in ended.stderr and not (tmp_path / "nothing").exists()


@pytest.mark.slow
@pytest.mark.model
def test_a_running_service_goes_on_with_the_new_model(
    store: Store, loaded_embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAG_MODEL", raising=False)
    before = contents(store.path)
    with Service.open(store.path, Config()) as service:
        ended = run("reindex", "--store", store.path, "--json")
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
        done = json.loads(ended.stdout)
        assert done["changed"] and (done["documents"], done["embedded"]) == (N_DOCUMENTS, N_DOCUMENTS)
        answer = service.ask(Query("Where is Quetzalcoatlus5?"))
        assert answer.index.fingerprint == done["fingerprint"] != "old"
        assert answer.passages[0].document.source == "s5"
        service.intake.add_text(title="Late", text="The harbour opens at nine.", source="late", metadata={})
        assert service.ask(Query("When does the harbour open?")).passages[0].document.source == "late"
        assert service.store.verify() == []
        service.store.delete(service.find("late")[0].id)
    assert contents(store.path) == before
    again = json.loads(run("reindex", "--store", store.path, "--json").stdout)
    assert not again["changed"] and again["embedded"] == 0


def test_another_model_than_the_new_one_is_refused_still(store: Store, loaded_embedder: Embedder) -> None:
    change_over(store, Fake())
    with pytest.raises(StoreMismatch, match="rag reindex"):
        Service.open(store.path, Config(model="all-MiniLM-L6-v2"))
