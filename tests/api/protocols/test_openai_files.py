"""OpenAI's own client, unchanged: collections are its vector stores, documents its files."""

import errno
import tempfile
import time
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from api.admission.keys import add_key
from api.protocols.openai.batches import Batch, Batches
from api.protocols.openai.staging import KEPT_S
from api.settings import Settings
from tests.api.protocols.conftest import openai_client

pytestmark = pytest.mark.medium


def test_a_collection_is_a_vector_store(opened: OpenAI) -> None:
    stores = opened.vector_stores.list().data
    assert [(store.id, store.file_counts.completed) for store in stores] == [("default", 2), ("secret", 1)]
    assert opened.vector_stores.retrieve("secret").name == "secret"
    found = opened.vector_stores.search("default", query=["board", "Monday"], max_num_results=1).data
    assert len(found) == 1 and found[0].attributes == {"year": 2025, "tags": "board"}


def test_lists_come_in_the_order_that_is_asked_for(opened: OpenAI) -> None:
    ids = sent(opened, ("a.txt", b"One."), ("b.txt", b"Two."))
    batch = opened.vector_stores.file_batches.create_and_poll("notes", file_ids=ids)
    for listed in (
        lambda order: opened.vector_stores.list(order=order),
        lambda order: opened.vector_stores.files.list("notes", order=order),
        lambda order: opened.vector_stores.file_batches.list_files(batch.id, vector_store_id="notes", order=order),
    ):
        forth, back = ([entry.id for entry in listed(order)] for order in ("asc", "desc"))
        assert len(forth) > 1 and back == forth[::-1]
    page = opened.vector_stores.list(order="desc", limit=1)
    assert [store.id for store in page] == ["secret", "notes", "default"]
    names = [file.filename for file in opened.files.list(order="desc")]
    assert names[:2] == ["b.txt", "a.txt"] and len(names) == 7


def test_a_vector_store_is_deleted_with_its_documents(
    opened: OpenAI, filled: Any, client_of: Any, tmp_path: Any
) -> None:
    _, key = add_key(tmp_path / "keys.json", "one", "write", ["empty"])
    limited = openai_client(client_of(Settings(keys_file=tmp_path / "keys.json")), key)
    with pytest.raises(openai.NotFoundError) as told:
        limited.vector_stores.delete("empty")
    assert "secret" not in str(told.value)
    with pytest.raises(openai.PermissionDeniedError):
        limited.vector_stores.delete("secret")
    deleted = opened.vector_stores.delete("default")
    assert (deleted.id, deleted.deleted, deleted.object) == ("default", True, "vector_store.deleted")
    assert {document.collection for document, _ in filled.stored.values()} == {"secret"}
    with pytest.raises(openai.NotFoundError):
        opened.vector_stores.delete("default")


def test_a_file_goes_into_a_vector_store_and_out_again(opened: OpenAI) -> None:
    kept = opened.vector_stores.files.upload_and_poll(
        vector_store_id="notes", file=("heron.txt", b"The heron waits."), attributes={"year": 2026}
    )
    assert kept.status == "completed" and kept.vector_store_id == "notes" and kept.attributes == {"year": 2026}
    listed = opened.vector_stores.files.list("notes", filter="completed").data
    assert len(listed) == 1 and opened.vector_stores.files.list("notes", filter="failed").data == []
    assert opened.files.retrieve(listed[0].id).filename == "heron.txt"
    content = opened.vector_stores.files.content(kept.id, vector_store_id="notes").data
    assert content[0].text == "The heron waits."
    assert opened.vector_stores.files.delete(listed[0].id, vector_store_id="notes").deleted
    with pytest.raises(openai.NotFoundError):
        opened.vector_stores.retrieve("notes")
    assert opened.files.delete(kept.id).deleted


def test_filters_reach_the_index_as_conditions(opened: OpenAI, filled: Any) -> None:
    opened.vector_stores.search(
        "default",
        query="board",
        filters={
            "type": "or",
            "filters": [
                {
                    "type": "and",
                    "filters": [
                        {"type": "gte", "key": "year", "value": 2020},
                        {"type": "lt", "key": "year", "value": 2025},
                    ],
                },
                {"type": "nin", "key": "tags", "value": ["board"]},
            ],
        },
    )
    first, second = (query.where for query in filled.queries)
    assert (first["year"].gte, first["year"].lt) == ("2020", "2025")
    assert second["tags"].values == ["board"]


# --- several files at once


def sent(client: OpenAI, *files: tuple[str, bytes]) -> list[str]:
    return [client.files.create(file=file, purpose="assistants").id for file in files]


def test_files_go_in_together_and_those_that_cannot_are_told(opened: OpenAI) -> None:
    ids = [*sent(opened, ("a.txt", b"A heron waits."), ("b.txt", b"\0")), "file-unknown"]
    made = opened.vector_stores.file_batches.create_and_poll("default", file_ids=ids, attributes={"kind": "bird"})
    assert (made.status, made.file_counts.completed, made.file_counts.failed) == ("completed", 1, 2)
    batches = opened.vector_stores.file_batches
    assert (
        batches.retrieve(made.id, vector_store_id="default")
        == made
        == batches.cancel(made.id, vector_store_id="default")
    )
    listed = list(batches.list_files(made.id, vector_store_id="default", limit=1))
    assert [(file.id, file.status) for file in listed] == list(zip(ids, ["completed", "failed", "failed"], strict=True))
    assert listed[0].attributes == {"kind": "bird"} and listed[1].last_error is not None
    failed = batches.list_files(made.id, vector_store_id="default", filter="failed").data
    assert [file.id for file in failed] == ids[1:]
    found = opened.vector_stores.search(
        "default", query="heron", filters={"type": "eq", "key": "kind", "value": "bird"}
    )
    assert [result.filename for result in found.data] == ["a.txt"]


def test_a_batch_that_took_longer_than_batches_are_remembered_is_remembered() -> None:
    batches, began = Batches(), time.time() - 2 * KEPT_S
    for batch_id in ("first", "second"):
        batches.keep(Batch(batch_id, "default", "", began))
        assert batches.get(batch_id, "default", "").created_at == began


def test_a_file_for_which_there_is_no_room_is_told_so_and_leaves_nothing(
    opened: OpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        write(path, content[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        with pytest.raises(openai.InternalServerError) as refused:
            sent(opened, ("a.txt", b"A heron waits."))
    assert refused.value.status_code == 507
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name.startswith("file-")]
    gone = sent(opened, ("a.txt", b"A heron waits."))[0]
    next((tmp_path / "temporary").rglob(gone)).unlink()
    with pytest.raises(openai.NotFoundError):
        opened.vector_stores.files.create("default", file_id=gone)


def test_a_batch_without_files_or_of_another_vector_store_is_refused(opened: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="file_ids"):
        opened.vector_stores.file_batches.create("default", file_ids=[])
    made = opened.vector_stores.file_batches.create("default", file_ids=sent(opened, ("a.txt", b"A heron waits.")))
    for store, batch in (("secret", made.id), ("default", "vsfb_0")):
        with pytest.raises(openai.NotFoundError):
            opened.vector_stores.file_batches.retrieve(batch, vector_store_id=store)


def test_a_key_sees_no_batch_of_another(client_of: Any, tmp_path: Any) -> None:
    keys = tmp_path / "keys.json"
    (_, first), (_, second) = (add_key(keys, name, "write") for name in ("first", "second"))
    client: TestClient = client_of(Settings(keys_file=keys))
    own, other = openai_client(client, first), openai_client(client, second)
    made = own.vector_stores.file_batches.create("default", file_ids=sent(own, ("a.txt", b"A heron waits.")))
    assert own.vector_stores.file_batches.retrieve(made.id, vector_store_id="default").id == made.id
    with pytest.raises(openai.NotFoundError):
        other.vector_stores.file_batches.retrieve(made.id, vector_store_id="default")
