"""Taking documents in for a client that may leave meanwhile."""

from collections.abc import Callable

import pytest

from index.types import Change
from rag.service import Service
from rag.shared.types import Check
from tests.counted import Counted
from tests.rag.parsing.containers import zipped

pytestmark = pytest.mark.medium

SENTENCES = "".join(f"Ship number {number} has left the harbour. " for number in range(100))


@pytest.mark.slow
@pytest.mark.parametrize(
    "add",
    [
        lambda service, check: service.intake.add_text(title="", text=SENTENCES, source="s", metadata={}, check=check),
        lambda service, check: service.intake.add_file("s.txt", SENTENCES.encode(), check=check),
        lambda service, check: service.intake.add_upload("s.zip", zipped({"ships.txt": SENTENCES}), check=check),
    ],
    ids=["text", "file", "archive"],
)
def test_an_upload_is_dropped_while_it_is_cut_when_its_client_has_left(
    service: Service, add: Callable[[Service, Check], object]
) -> None:
    with pytest.raises(InterruptedError):
        add(service, Counted(50))  # there is but one group of passages: embedding asks two or three times
    assert service.counts() == (0, 0)
    add(service, lambda: None)
    assert service.counts()[0] == 1


def test_an_unchanged_upload_is_neither_parsed_nor_embedded_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = b"<html><title>Harbour</title><meta name=author content='Ann'><p>The ship has left the harbour."
    again: list[Callable[[], Change]] = [
        lambda: service.intake.add_file("page.html", page, metadata={"year": "2025"}),
        lambda: service.intake.add_file("ships.txt", SENTENCES.encode()),
        lambda: service.intake.add_text(title="Ships", text=SENTENCES, source="s", metadata={"year": "2025"}),
    ]
    assert [add().outcome for add in again] == ["added"] * 3

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was worked on again")

    with monkeypatch.context() as idle:
        idle.setattr(service.intake, "_embedder", refuse)
        idle.setattr("rag.parsing.sandbox.pool.Sandbox.parse", refuse)
        assert [add().outcome for add in again] == ["skipped"] * 3
    changed = service.intake.add_file("page.html", page)
    assert changed.outcome == "updated" and changed.document.metadata == {"author": "Ann"}
    assert service.intake.add_file("page.html", page, metadata={"year": "2026"}).outcome == "updated"
