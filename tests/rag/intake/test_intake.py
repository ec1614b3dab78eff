"""Taking documents in for a client that may leave meanwhile."""

import io
import zipfile
from collections.abc import Callable

import pytest

from rag.service import Service
from rag.types import Check

SENTENCES = "".join(f"Ship number {number} has left the harbour. " for number in range(100))


class ClientLeft(Exception):
    """What the check of these tests raises."""


def zipped(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ships.txt", text)
    return file.getvalue()


@pytest.mark.parametrize(
    "add",
    [
        lambda service, check: service.intake.add_text(title="", text=SENTENCES, source="s", metadata={}, check=check),
        lambda service, check: service.intake.add_file("s.txt", SENTENCES.encode(), check=check),
        lambda service, check: service.intake.add_upload("s.zip", zipped(SENTENCES), check=check),
    ],
    ids=["text", "file", "archive"],
)
def test_an_upload_is_dropped_while_it_is_cut_when_its_client_has_left(
    service: Service, add: Callable[[Service, Check], object]
) -> None:
    n_checks = 0

    def check() -> None:
        nonlocal n_checks
        n_checks += 1
        if n_checks == 50:  # there is but one group of passages: embedding asks two or three times
            raise ClientLeft

    with pytest.raises(ClientLeft):
        add(service, check)
    assert service.counts() == (0, 0)
    add(service, lambda: None)
    assert service.counts()[0] == 1
