"""Uploads that are taken in later: accepted with a job, which tells what becomes of them to whoever may know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from api.admission.keys import add_key
from api.settings import Settings
from index.types import Job, Outcome, Upload
from tests.api.conftest import ClientOf

ASYNC = {"Prefer": "wait=5, respond-async"}


class MemoryQueue:
    """What was put, and nobody works."""

    def __init__(self) -> None:
        self.uploads: list[Upload] = []
        self.jobs: dict[str, Job] = {}

    def put(self, collection: str, uploads: Sequence[Upload], failed: Sequence[Mapping[str, object]]) -> Job:
        self.uploads += uploads
        job = Job(str(uuid4()), collection, "waiting", Outcome((), failed))
        self.jobs[job.id] = job
        return job

    def job(self, job_id: str) -> Job | None:
        return self.jobs.get(job_id)


@pytest.fixture
def queue(fake: Any) -> MemoryQueue:
    fake.queue = MemoryQueue()
    return fake.queue  # type: ignore[no-any-return]


def test_an_upload_is_accepted_with_a_job(client: TestClient, fake: Any, queue: MemoryQueue) -> None:
    files = [("file", ("a.txt", b"apples")), ("file", ("x/a.txt", b"pears"))]
    response = client.post("/v1/documents", files=files, data={"collection": "news", "folder": "f"}, headers=ASYNC)
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert [(upload.collection, upload.key, upload.content) for upload in queue.uploads] == [
        ("news", "f/a.txt", b"apples")
    ]
    assert fake.stored == {}
    job = client.get(response.headers["Location"])
    assert job.status_code == 200 and job.json() == response.json()
    assert (job.json()["state"], job.json()["documents"]) == ("waiting", [])
    assert [upload["name"] for upload in job.json()["failed"]] == ["a.txt"]


def test_a_text_is_accepted_with_a_job(client: TestClient, queue: MemoryQueue) -> None:
    response = client.post("/v1/documents", json={"text": "apples", "source": "s"}, headers=ASYNC)
    assert response.status_code == 202
    assert [(upload.key, upload.content) for upload in queue.uploads] == [("s", b"apples")]


def test_what_is_wrong_with_the_request_is_said_at_once(client: TestClient, queue: MemoryQueue) -> None:
    assert client.post("/v1/documents", json={"txt": "apples"}, headers=ASYNC).status_code == 422
    assert client.post("/v1/documents", files={"file": ("..", b"a")}, headers=ASYNC).status_code == 422
    assert queue.uploads == []


def test_without_the_preference_the_upload_is_taken_in_at_once(client: TestClient, queue: MemoryQueue) -> None:
    assert client.post("/v1/documents", json={"text": "apples"}).status_code == 201
    assert queue.uploads == []


def test_a_store_without_a_queue_does_not_apply_the_preference(client: TestClient) -> None:
    response = client.post("/v1/documents", json={"text": "apples"}, headers=ASYNC)
    assert response.status_code == 201 and "Preference-Applied" not in response.headers
    response = client.get(f"/v1/jobs/{uuid4()}")
    assert response.status_code == 404 and response.json()["type"] == "/problems/job-not-found"


@pytest.mark.parametrize("job_id", ["0b7f8a52-6f0e-4a53-9d1f-4f8a3a1d9c55", "1", "a%00b", "x" * 500])
def test_a_job_that_is_not_there_is_not_found(client: TestClient, queue: MemoryQueue, job_id: str) -> None:
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404


def test_a_job_of_a_collection_that_the_key_does_not_open_is_not_found(
    client_of: ClientOf, queue: MemoryQueue, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    _, news = add_key(keys, "news", "write", ["news"])
    _, other = add_key(keys, "other", "write", ["other"])
    client = client_of(Settings(keys_file=keys))

    def as_(secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"}

    body = {"text": "apples", "collection": "news"}
    assert client.post("/v1/documents", json=body, headers=ASYNC | as_(other)).status_code == 403
    place = client.post("/v1/documents", json=body, headers=ASYNC | as_(news)).headers["Location"]
    assert client.get(place).status_code == 401
    assert client.get(place, headers=as_(other)).status_code == 404
    assert client.get(place, headers=as_(news)).status_code == 200
