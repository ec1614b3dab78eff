"""A real server whose disk is really full: 507, nothing acknowledged is lost, questions go on, and writes once there is room."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import Connect

pytestmark = [pytest.mark.model, pytest.mark.slow]

MEBIBYTE = 1024 * 1024
QUESTION = {"question": "How long did the ferry to Hirtshals wait?"}


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two file systems of a few MB: one for a store, one for temporary files."""
    with ExitStack() as stack:
        made = []
        for name in ("disk", "temporary"):
            place = tmp_path / name
            place.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
            try:
                subprocess.run(command, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                pytest.skip("a small file system cannot be mounted here: that takes root")
            stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)
            made.append(place)
        yield made[0], made[1]


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    filler = disk / "filler"
    with pytest.raises(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    return filler


def assert_full(reply: httpx.Response) -> None:
    assert reply.status_code == 507, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert (problem["type"], problem["status"]) == ("/problems/disk-full", 507)
    assert problem["title"] and "once there is room" in problem["detail"]


def test_a_full_disk_is_told_and_survived(
    serve: Callable[..., Any], connect: Connect, disks: tuple[Path, Path]
) -> None:
    disk, temporary = disks
    _, told = serve("--store", str(disk / "store"), TMPDIR=str(temporary))
    with connect(told) as client:

        def upload(name: str, content: bytes) -> httpx.Response:
            return client.post("/v1/documents", files={"file": (name, content)})

        kept = upload("harbour.txt", b"The ferry to Hirtshals waited in the fjord for nine hours.")
        assert kept.status_code == 201
        [document] = kept.json()["documents"]

        # Large files of an upload wait in the directory for temporary files, which is chosen when the first of them comes.
        assert upload("nothing.bin", b"\0" * 2 * MEBIBYTE).status_code == 415
        filler = fill(temporary)
        assert_full(upload("large.txt", b"The swan came back in spring. " * (MEBIBYTE // 15)))
        assert upload("small.txt", b"The swan came back in spring.").status_code == 201
        filler.unlink()

        filler = fill(disk)
        refused = upload("late.txt", b"The heron left the pond in autumn. " * 1000)
        assert_full(refused)
        assert (refused.json()["documents"], refused.json()["failed"]) == ([], [])
        assert_full(client.post("/v1/documents", json={"text": "The heron left the pond in autumn. " * 1000}))
        for path in ("/livez", "/readyz", "/metrics", "/v1/collections", f"/v1/documents/{document['id']}/text"):
            assert client.get(path).status_code == 200
        names = [document["source"] for document in client.get("/v1/documents").json()["documents"]]
        assert names == ["harbour.txt", "small.txt"]
        answer = client.post("/v1/ask", json=QUESTION).json()
        assert answer["passages"][0]["document"]["id"] == document["id"]
        filler.unlink()

        assert upload("late.txt", b"The heron left the pond in autumn.").status_code == 201
        assert client.delete(f"/v1/documents/{document['id']}").json()["remaining"] == 0
        names = [document["source"] for document in client.get("/v1/documents").json()["documents"]]
        assert names == ["small.txt", "late.txt"]
