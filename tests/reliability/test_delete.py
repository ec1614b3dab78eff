"""A delete that is killed is finished by the next who opens the store, and no byte of what is gone is left then."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.local.database.connection import Database
from index.local.database.rows import document_id
from index.local.store import Store
from index.types import FailedFile
from tests.conftest import Make
from tests.reliability import bugs, world
from tests.reliability.programs import ran

CANARY = "quetzalcoatlus"
ID = document_id("default", "secret")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which a document stands that has been replaced, with a checkpoint and changes since."""
    path = tmp_path_factory.mktemp("delete") / "store"
    world.create(path)
    with Store.open(path) as store:
        for number in range(4):
            store.add(*world.document(f"k{number}", f"w{number}", 2))
        store.add(*world.document("secret", CANARY + "1", 3))
        store.checkpoint()
        store.add(*world.document("secret", CANARY, 9))
        store.add(*world.document("k9", "w9", 1))
    return path


def traces(store: Path) -> list[str]:
    """Files in which a word or a vector of the document stands."""
    vectors = [passage.vector.astype("<f2").tobytes() for passage in world.document("secret", CANARY, 9)[1]]
    contents = {path.name: path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}
    return [name for name, content in contents.items() if any(n in content for n in (CANARY.encode(), *vectors))]


def delete(store: Path, kill_at: int) -> bool:
    """Whether the process that deletes the document said that it was done, and was not killed."""
    return ran("delete", store, kill_at, ID, may_be_killed=True).returncode == 0


@pytest.mark.slow
def test_a_killed_delete_is_finished_by_the_next_open(template: Path, tmp_path: Path, seed: int, long: bool) -> None:
    """Killed before calls to the file system: each of them in the long form."""
    rng = random.Random(seed)
    kept = {f"k{number}": f"w{number}" for number in (0, 1, 2, 3, 9)}
    assert traces(template)
    outcomes: Counter[str] = Counter()
    at, store = 0, tmp_path / "store"
    while True:
        shutil.copytree(template, store)
        if delete(store, at := at + (1 if long else rng.randrange(12, 30))):
            break
        with Store.open(store) as opened:
            state = world.observed(opened)
            gone = "secret" not in state
            assert state == (kept if gone else {**kept, "secret": CANARY}) and opened.verify() == []
            if gone:
                assert traces(store) == [], f"killed before call {at}"
            outcomes["gone" if gone else "there"] += 1
            if not gone:
                assert opened.delete(ID).remaining == 0 and traces(store) == []
        shutil.rmtree(store)
    print(f"{outcomes.total()} kills in a delete, before up to call {at}: {dict(outcomes)}, 0 bytes left")
    assert traces(store) == [] and outcomes.keys() == {"there", "gone"}


def test_the_search_finds_what_a_delete_leaves_without_a_checkpoint_of_the_log(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(template, tmp_path / "store")
    monkeypatch.setattr(Database, "empty_wal", Database.empty_wal)  # and so restored after the test
    bugs.plant("delete_without_wal_checkpoint")
    with Store.open(tmp_path / "store") as store:
        assert store.delete(ID).remaining == 0
        assert traces(tmp_path / "store")


def test_rag_rm_collection_leaves_no_byte_of_any_of_its_documents(
    empty_store: Store,
    make_document: Make,
    run_rag: Callable[..., Any],
) -> None:
    def run(*arguments: str) -> Any:
        return run_rag(*arguments, "--store", empty_store.path)

    for number in range(12):
        title = f"{CANARY} {number}" if number % 2 else "Plain"
        collection = "secret" if number % 2 else "default"
        made = make_document(
            f"Of {title} the {number}. More.", title=title, key=f"{title}{number}", collection=collection
        )
        empty_store.add(*made)
        if number == 6:
            empty_store.checkpoint()
    empty_store.note_failures([FailedFile("secret", f"{CANARY}.pdf", f"{CANARY}.pdf", None, "damaged")])
    empty_store.close()
    assert "store.db" in traces(empty_store.path)
    assert run("rm") == (2, "", "rag: nothing to remove: give documents, or --collection C for all of a collection\n")
    code, out, _ = run("rm", "--collection", "secret", "--json")
    assert code == 0 and [receipt["remaining"] for receipt in json.loads(out)] == [0] * 6
    assert traces(empty_store.path) == []
    code, out, err = run("rm", "--collection", "secret")
    assert code == 2 and "no collection 'secret'" in err
    assert run("rm", "--collection", "default") == (0, "removed collection default: 6 documents, 6 passages\n", "")
    with Store.open(empty_store.path) as store, store.read() as reader:
        assert reader.counts() == (0, 0) and reader.failures() == [] and store.verify() == []
