"""What a worker makes of an upload: documents, or the reason why not."""

import pytest

from index.errors import StoreFull
from rag.intake.jobs import take_in, upload_of_file, upload_of_text
from rag.service import Service
from tests.rag.parsing.containers import zipped

pytestmark = pytest.mark.model


def test_a_file_goes_in_and_the_same_again_is_skipped(service: Service) -> None:
    upload = upload_of_file("a.txt", b"The board met on Monday.", collection="news", metadata={"year": 2025})
    outcomes = [take_in(service.intake, upload).documents[0] for _ in range(2)]
    assert [one["outcome"] for one in outcomes] == ["added", "skipped"]
    assert (outcomes[0]["source"], outcomes[0]["collection"], outcomes[0]["metadata"]) == (
        "a.txt",
        "news",
        {"year": 2025},
    )


def test_a_text_goes_in(service: Service) -> None:
    upload = upload_of_text(title="Fruit", text="Apples are red.", source=None, metadata={}, collection="default")
    [document] = take_in(service.intake, upload).documents
    assert document["title"] == "Fruit"


def test_each_file_of_an_archive_goes_in(service: Service) -> None:
    packed = zipped({"a.txt": "Apples are red.", "b.bin": b"\0\1\2"})
    outcome = take_in(service.intake, upload_of_file("x.zip", packed, collection="default", metadata={}))
    assert (len(outcome.documents), len(outcome.failed)) == (1, 1)


def test_a_file_that_cannot_be_read_has_failed(service: Service) -> None:
    outcome = take_in(service.intake, upload_of_file("a.bin", b"\0\1", collection="default", metadata={}))
    assert outcome.documents == () and [one["name"] for one in outcome.failed] == ["a.bin"]


def test_what_the_store_refuses_is_not_the_fault_of_the_file(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise StoreFull("full")

    monkeypatch.setattr(service.store, "add", full)
    with pytest.raises(StoreFull):
        take_in(service.intake, upload_of_file("a.txt", b"Apples.", collection="default", metadata={}))
