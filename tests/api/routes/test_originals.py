"""The files of documents, as they were uploaded."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.admission.keys import add_key
from api.app import create_app
from api.schemas.responses import StructureOut
from api.settings import Settings
from rag.service import Service
from tests.api.conftest import ClientOf, fits


def send(client: TestClient, name: str, content: bytes, **fields: str) -> Any:
    return client.post("/v1/documents", files={"file": (name, content)}, data=fields)


def test_an_uploaded_file_comes_back_byte_for_byte_to_be_saved(client: TestClient) -> None:
    sent = send(client, "résumé «1».html", b"<script>alert(1)</script>", folder="a/b").json()["documents"][0]
    reply = client.get(f"/v1/documents/{sent['id']}/original")
    assert (reply.status_code, reply.content) == (200, b"<script>alert(1)</script>")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9%20%C2%AB1%C2%BB.html"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("sandbox;")


@pytest.mark.parametrize("keep", [True, False])
def test_nothing_is_kept_where_that_is_switched_off(client_of: ClientOf, keep: bool) -> None:
    client = client_of(Settings(keep_originals=keep))
    sent = send(client, "a.txt", b"Apples.").json()["documents"][0]
    reply = client.get(f"/v1/documents/{sent['id']}/original")
    assert reply.status_code == (200 if keep else 404)
    assert keep or reply.json()["type"] == "/problems/original-not-found"


def test_a_text_has_no_file_and_no_document_has_none(client: TestClient) -> None:
    sent = client.post("/v1/documents", json={"text": "Apples."}).json()["documents"][0]
    assert client.get(f"/v1/documents/{sent['id']}/original").json()["type"] == "/problems/original-not-found"
    assert client.get("/v1/documents/nothing/original").json()["type"] == "/problems/document-not-found"


def test_a_key_opens_files_of_its_collections_only(client_of: ClientOf, tmp_path: Path, fake: Any) -> None:
    path = tmp_path / "keys.json"
    _, inside = add_key(path, "inside", "read", ("mine",))
    _, outside = add_key(path, "outside", "read", ("other",))
    client = client_of(Settings(keys_file=path))
    document = fake.add_file("a.txt", b"Apples.", collection="mine", metadata={}, keep=True).document
    place = f"/v1/documents/{document.id}/original"
    assert client.get(place, headers={"X-API-Key": inside}).content == b"Apples."
    for door in (place, place.replace("original", "structure")):
        assert client.get(door, headers={"X-API-Key": outside}).json()["type"] == "/problems/document-not-found"
    assert client.get(place).status_code == 401


@pytest.mark.model
def test_a_real_store_keeps_what_is_uploaded_and_finds_what_was_added_from_disk(tmp_path: Path) -> None:
    file = tmp_path / "from-disk.txt"
    file.write_bytes(b"The heron came back in spring.")
    place = tmp_path / "store"
    with Service.open_or_create(place) as service, TestClient(create_app(service, Settings())) as client:
        sent = send(client, "tern.txt", b"The tern left.").json()["documents"][0]
        service.intake.add_paths([file])
        (added,) = [document for document in service.documents() if document.title == "from-disk"]
        assert client.get(f"/v1/documents/{sent['id']}/original").content == b"The tern left."
        assert client.get(f"/v1/documents/{added.id}/original").content == file.read_bytes()
        file.write_bytes(b"Something else by now.")
        assert client.get(f"/v1/documents/{added.id}/original").status_code == 404
        # Sent again where it was not kept before, it is kept from then on; replaced, it goes.
        service.intake.add_file("gull.txt", b"The gull stayed.")
        again = send(client, "gull.txt", b"The gull stayed.").json()["documents"][0]
        assert again["outcome"] == "skipped"
        assert client.get(f"/v1/documents/{again['id']}/original").content == b"The gull stayed."
        send(client, "gull.txt", b"The gull left too.")
        kept = {path.read_bytes() for path in (place / "originals").iterdir()}
        assert kept == {b"The tern left.", b"The gull left too."}
        assert client.delete(f"/v1/documents/{sent['id']}").json()["remaining"] == 0
        assert not any(b"tern" in path.read_bytes() for path in place.rglob("*") if path.is_file())
        assert service.store.verify() == []


@pytest.mark.model
def test_whoever_names_a_file_of_the_disk_gets_nothing_that_he_did_not_send(
    real_client: TestClient, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"The password is heron.")
    sent = real_client.post("/v1/documents", json={"text": "Guess.", "source": str(secret)}).json()["documents"][0]
    assert real_client.get(f"/v1/documents/{sent['id']}/original").status_code == 404
    for source in ("/dev/zero", "/proc/self/environ", str(tmp_path)):
        sent = real_client.post("/v1/documents", json={"text": "Guess.", "source": source}).json()["documents"][0]
        assert real_client.get(f"/v1/documents/{sent['id']}/original").status_code == 404


@pytest.mark.model
def test_the_structure_of_a_text_comes_with_the_text_it_is_of(real_client: TestClient) -> None:
    sent = send(
        real_client,
        "isles.md",
        b"# Isles\n\n| Isle | Beds |\n|------|------|\n| Hven | 12 |\n\nThe \xf0\x9f\xa6\x89 end.",
    )
    place = f"/v1/documents/{sent.json()['documents'][0]['id']}"
    reply = fits(StructureOut, real_client.get(f"{place}/structure").json())
    text = real_client.get(f"{place}/text").json()
    assert {name: reply[name] for name in text} == text
    assert reply["outline"] == [{"title": "Isles", "level": 1, "start": 0, "page": None}]
    assert [block["kind"] for block in reply["blocks"]] == ["heading", "table", "prose"]
    cells = reply["blocks"][1]["rows"][2]["cells"]
    assert [text["text"][cell["value_start"] : cell["value_end"]] for cell in cells] == ["Hven", "12"]
    end = len(text["text"])
    part = real_client.get(f"{place}/structure?start={end - 4}&end={end}").json()
    assert (part["text"], part["sha256"], part["outline"]) == ("end.", text["sha256"], reply["outline"])
    assert [(block["start"], block["end"]) for block in part["blocks"]] == [(end - 4, end)]
    assert real_client.get(f"{place}/structure?start=2&end=1").status_code == 422
