"""What a service lets go of, whatever happens, and collections that are removed. What depends on no answer loads no model."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.errors import StoreDamaged
from index.local.store import Store
from index.types import FailedFile
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput, ModelUnavailable
from rag.shared.types import Query
from tests.waiting import wait_until

pytestmark = pytest.mark.medium

Rag = Callable[..., Any]


def held(path: Path) -> list[str]:
    """Files below ``path`` that this process has open, also those that were removed since."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # that of the listing itself
            continue
    return [link for link in links if link.startswith(str(path))]


def failed(collection: str, key: str) -> FailedFile:
    return FailedFile(collection, key, key, None, "damaged")


def test_a_service_whose_store_was_replaced_by_a_damaged_one_is_closed_whole(
    empty_store: Store, tmp_path: Path
) -> None:
    service = Service.open(empty_store.path, Config())
    sandbox = service.intake._sandbox
    sandbox.parse("page.html", b"<p>Parsed by a process of its own.")
    empty_store.close()
    (tmp_path / "other").write_bytes(b"no database")
    os.replace(tmp_path / "other", empty_store.path / "store.db")
    with pytest.raises(StoreDamaged):
        service.counts()
    assert sandbox._idle and held(empty_store.path)
    service.close()
    assert not sandbox._idle
    wait_until(lambda: not held(empty_store.path))


def test_the_rest_is_closed_when_a_part_cannot_be(empty_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    empty_store.close()
    service = Service.open(empty_store.path, Config())
    close_intake = service.intake.close

    def fail() -> None:
        close_intake()
        raise OSError("a process cannot be ended")

    monkeypatch.setattr(service.intake, "close", fail)
    with pytest.raises(OSError, match="cannot be ended"):
        service.close()
    wait_until(lambda: not held(empty_store.path))


def test_a_store_whose_model_cannot_be_had_is_let_go_of(empty_store: Store, tmp_path: Path) -> None:
    empty_store.close()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelUnavailable) as refused:
        Service.open(empty_store.path, Config(model=str(tmp_path / "empty")), views="behind")
    # The engine of the words looks after its files in a thread of its own, which opens one for a moment.
    wait_until(lambda: not held(empty_store.path), lambda: f"held, or by what {refused.value!r} refers to")


def test_a_collection_of_failed_files_only_is_removed(empty_store: Store) -> None:
    empty_store.note_failures([failed("scans", "a.png"), failed("scans", "b.png"), failed("default", "c.png")])
    empty_store.close()
    with Service.open(empty_store.path, Config()) as service:
        assert service.delete_collection("scans") == []
        assert [failure.key for failure in service.failures()] == ["c.png"]
        with pytest.raises(BadInput, match="no collection 'scans'"):
            service.delete_collection("scans")


def test_a_removed_collection_of_failed_files_is_told_as_done(empty_store: Store, rag: Rag) -> None:
    empty_store.note_failures([failed("scans", "a.png")])
    empty_store.close()
    removed = rag("rm", "--collection", "scans", "--store", empty_store.path)
    assert (removed.code, removed.out) == (0, "removed collection scans: 0 documents, 0 passages\n")
    assert rag("list", "--failed", "--store", empty_store.path).out == "no file failed\n"


def test_what_no_collection_can_be_called_is_refused_before_anything_is_forgotten(empty_store: Store) -> None:
    empty_store.note_failures([failed(" scans", "a.png")])
    empty_store.close()
    with Service.open(empty_store.path, Config()) as service:
        with pytest.raises(BadInput, match="no name for a collection"):
            service.delete_collection(" scans")
        assert len(service.failures()) == 1


def note(service: Service, **limits: Any) -> tuple[str, ...]:
    return service.ask(Query("Who built the mill?", **limits)).notes


def test_a_collection_or_field_that_is_not_there_is_named_with_those_that_are(service: Service) -> None:
    assert note(service, collection="notes") == ()  # nothing is there at all, which the answer says itself
    for name in ("letters", "minutes"):
        service.intake.add_text(
            title="Mill",
            text="Ann built the mill.",
            source="a",
            metadata={"year": 1850, "author": "Ann"},
            collection=name,
        )
    [unknown] = note(service, collection="leters")
    assert "'leters'" in unknown and unknown.endswith("letters, minutes")
    [restricted] = note(service, collection="notes", nameable=frozenset({"notes", "minutes"}))
    assert restricted.endswith("there are: minutes")
    assert note(service, collection="notes", nameable=frozenset({"notes"})) == ()
    [field] = note(service, collection="letters", where={"yeer": ["1850"], "year": ["1850"]})
    assert "'yeer'" in field and field.endswith("author, year")
    assert note(service, collection="letters", where={"year": ["1851"]}) == ()
    assert note(service, collection="letters") == ()
    with pytest.raises(BadInput, match="there are: letters, minutes"):
        service.delete_collection("leters")


COMPOSED, DECOMPOSED = "Jos\u00e9", "Jose\u0301"


def test_names_are_the_same_however_their_letters_are_put_together(service: Service) -> None:
    add = service.intake.add_file
    assert add(f"{DECOMPOSED}.txt", b"The mill.", collection=DECOMPOSED, metadata={"a": DECOMPOSED}).outcome == "added"
    assert add(f"{COMPOSED}.txt", b"The mill.", collection=COMPOSED, metadata={"a": DECOMPOSED}).outcome == "skipped"
    for form in (COMPOSED, DECOMPOSED):
        assert [document.source for document in service.find(f"{form}.txt")] == [f"{COMPOSED}.txt"]
        assert service.ask(Query("mill", collection=form, where={"a": [form]})).passages
    assert service.delete_collection(DECOMPOSED)
