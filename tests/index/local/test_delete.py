"""A receipt means that no byte of the document is left in the directory."""

import random
import threading
import time
from pathlib import Path

import apsw
import numpy as np
import pytest

from index.errors import StoreLocked
from index.local.store import Store
from tests.conftest import Made, Make

pytestmark = pytest.mark.medium


def occurrences(directory: Path, needles: list[bytes]) -> list[tuple[str, bytes]]:
    contents = {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    return [(name, needle) for name, content in contents.items() for needle in needles if needle in content]


def traces(made: Made) -> list[bytes]:
    """Words and vectors by which a document can be recognised."""
    document, passages = made
    vectors = [passage.vector.astype("<f2").tobytes() for passage in passages]
    sentences = [passage.sentence_vectors.astype("<f2").tobytes() for passage in passages]
    words = [np.concatenate(passage.word_signs).tobytes() for passage in passages]
    return [document.key.encode(), *vectors, *sentences, *words]


@pytest.mark.parametrize("checkpointed", [False, True])
def test_nothing_of_a_deleted_document_is_left_in_any_file(
    empty_store: Store, make_document: Make, checkpointed: bool
) -> None:
    rng = random.Random(0)

    def secret(version: int) -> Made:
        words = " ".join(rng.choices(["canary17x", "stone", "river"], k=40))
        text = ". ".join([f"Canary17x {words} version {version}"] * (40 * version))
        return make_document(
            text, key="canary17x", title="canary17x", source="canary17x", metadata={"canary17x": "canary17x"}
        )

    for number in range(30):
        empty_store.add(*make_document(f"Plain text {number}. " * 20, key=str(number)))
    old, new = secret(1), secret(2)
    empty_store.add(*old)
    if checkpointed:
        empty_store.checkpoint()
    deleted = empty_store.add(*new).document
    if checkpointed:
        empty_store.checkpoint()
    empty_store.add(*make_document("Something later."))
    needles = [b"canary17x", b"Canary17x", *traces(old), *traces(new)]
    assert occurrences(empty_store.path, needles)  # the search can find them
    with empty_store.read() as reader:
        assert reader.find("canary17x")

    receipt = empty_store.delete(deleted.id)
    assert receipt.remaining == 0 and receipt.vectors == receipt.lexical == receipt.passages == len(new[1])
    assert occurrences(empty_store.path, needles) == []
    assert empty_store.verify() == []


def test_a_base_written_by_another_process_is_cleaned_too(empty_store: Store, make_document: Make) -> None:
    secret = make_document("Canary stands here.", key="canary")
    document = empty_store.add(*secret).document
    with Store.open(empty_store.path) as other:
        other.checkpoint()
    # To this store the document is still something that came after its base.
    empty_store.delete(document.id)
    assert occurrences(empty_store.path, [b"Canary", b"canary", *traces(secret)]) == []


def test_a_delete_keeps_the_checkpoint_that_another_process_has_written(
    empty_store: Store, make_document: Make
) -> None:
    empty_store.add(*make_document("A cat."))
    with Store.open(empty_store.path) as other:
        other.checkpoint()
    empty_store.delete(empty_store.add(*make_document("A dog.")).document.id)
    with Store.open(empty_store.path) as again:
        assert again.rebuilt == () and again.verify() == []


def test_a_reader_after_another_without_a_pause_keeps_no_delete_waiting(
    empty_store: Store, make_document: Make
) -> None:
    """SQLite's own wait for readers never ends here, however short each of them is."""
    done, begun = threading.Event(), threading.Semaphore(0)

    def read() -> None:
        connection = apsw.Connection(str(empty_store.path / "store.db"), vfs="cksmvfs")
        while not done.is_set():
            list(connection.execute("BEGIN; SELECT count(*) FROM documents"))
            begun.release()
            time.sleep(0.2)
            connection.execute("COMMIT")
        connection.close()

    reading = threading.Thread(target=read)
    reading.start()
    try:
        for number in range(3):
            document = empty_store.add(*make_document(f"Canary number {number}.")).document
            while begun.acquire(blocking=False):
                pass
            begun.acquire()  # someone reads from the log
            assert empty_store.delete(document.id).remaining == 0
    finally:
        done.set()
        reading.join()


def test_deleting_beside_a_long_reader_fails_openly_and_is_finished_later(
    empty_store: Store, make_document: Make
) -> None:
    secret = make_document("Canary stands here.", key="canary")
    document = empty_store.add(*secret).document
    empty_store.lock_timeout_s = 0.2
    with empty_store.read() as reader:
        with pytest.raises(StoreLocked):
            empty_store.delete(document.id)
        assert reader.text(document.id) == "Canary stands here."
    with empty_store.read() as reader:
        assert reader.counts() == (0, 0)
    with Store.open(empty_store.path) as store:
        assert store.verify() == []
        assert occurrences(empty_store.path, [b"Canary", b"canary", *traces(secret)]) == []
