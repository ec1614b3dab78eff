"""No page of the database file keeps a copy of what was moved out of it."""

import random
from pathlib import Path

import apsw
import pytest

from index.local.database.scrub import scrubbed
from index.local.store import Store
from tests.conftest import Make


def dirty_pages(path: Path) -> list[int]:
    """Tree pages with something between their cell pointers and their cells."""
    content = path.read_bytes()
    pages = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    return [number for number, page in enumerate(pages) if scrubbed(page, 0 if number else 100) != page]


def leaf(cells: int, content: int, filling: bytes) -> bytes:
    return (bytes([13, 0, 0, 0, cells, content >> 8, content & 255, 0]) + filling * 4096)[:4096]


def test_only_the_unused_middle_of_a_tree_page_is_zeroed() -> None:
    page = leaf(cells=3, content=1000, filling=b"x")
    assert scrubbed(page, 0) == page[:14] + bytes(986) + page[1000:]
    other = b"\0\0\0\7" + page[4:]  # the rest of a long row, with the number of the page that follows
    assert scrubbed(other, 0) == other
    for broken in (leaf(cells=3, content=5, filling=b"x"), leaf(cells=3, content=4090, filling=b"x")):
        assert scrubbed(broken, 0) == broken


@pytest.mark.slow
def test_pages_stay_clean_while_documents_come_and_go(empty_store: Store, make_document: Make) -> None:
    rng = random.Random(5)
    words = [f"word{number}" for number in range(3000)]
    ids: list[str] = []
    for step in range(80):
        text = " ".join(" ".join(rng.choices(words, k=rng.randint(1, 60))) + "." for _ in range(rng.randint(1, 6)))
        ids.append(empty_store.add(*make_document(text, key=str(step), source=text[:100], title=text[:50])).document.id)
        if rng.random() < 0.3:
            empty_store.delete(ids.pop(rng.randrange(len(ids))))
    empty_store.delete(ids.pop())
    database = empty_store.path / "store.db"
    assert (empty_store.path / "store.db-wal").stat().st_size == 0
    assert dirty_pages(database) == []
    assert empty_store.verify() == []
    # The same rows, written once more without scrubbing, show that there was something to find.
    copy = apsw.Connection(str(database.with_name("copy.db")))
    copy.execute("CREATE TABLE copy (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX by_text ON copy (text)")
    for number in range(400):
        copy.execute("INSERT INTO copy VALUES (?, ?)", (number, rng.choice(words) * 20))
    copy.close()
    assert dirty_pages(database.with_name("copy.db"))


def test_a_store_that_only_read_last_leaves_the_log_to_the_next_writer(empty_store: Store, make_document: Make) -> None:
    with Store.open(empty_store.path) as reader_only:
        empty_store.add(*make_document("A cat."))
        empty_store.close()
        with reader_only.read() as reader:
            assert reader.counts() == (1, 1)
    with Store.open(empty_store.path) as store:
        with store.read() as reader:
            assert reader.counts() == (1, 1)
        store.add(*make_document("A dog."))
        assert store.verify() == []
    assert not (empty_store.path / "store.db-wal").exists()
    assert dirty_pages(empty_store.path / "store.db") == []
