"""A key made for some collections opens those, and of the others not even tells whether they are there."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.admission.keys import KeysUnusable, add_key, read_keys
from api.app import create_app
from api.settings import Settings
from rag.service import Service
from rag.shared.errors import BadInput
from tests.api.conftest import ClientOf

Clients = dict[str, dict[str, str]]


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Clients]:
    """A file with a key for everything and one for each of two collections, and the headers that carry them."""
    path = tmp_path / "keys.json"
    made = {"all": (), "red": ("red",), "blue": ("blue", "azure")}
    secrets = {name: add_key(path, name, "write", opened)[1] for name, opened in made.items()}
    return path, {name: {"X-API-Key": secret} for name, secret in secrets.items()}


def add(client: TestClient, headers: dict[str, str], text: str, collection: str, **more: Any) -> Any:
    return client.post("/v1/documents", json={"text": text, "collection": collection, **more}, headers=headers)


def test_what_a_key_does_not_open_is_as_if_it_were_not_there(client_of: ClientOf, keys: tuple[Path, Clients]) -> None:
    path, who = keys
    client = client_of(Settings(keys_file=path))
    document = add(client, who["red"], "red secret", "red").json()["documents"][0]
    place = f"/v1/documents/{document['id']}"
    citation = client.post("/v1/ask", json={"question": "secret", "collection": "red"}, headers=who["red"]).json()
    citations = {"citations": [passage["citation"] for passage in citation["passages"]]}
    assert citations["citations"]
    nothing = client.get("/v1/documents/nothing", headers=who["blue"])
    for method, path_ in (("GET", place), ("GET", f"{place}/text"), ("DELETE", place)):
        refused = client.request(method, path_, headers=who["blue"])
        assert (refused.status_code, refused.json()["type"]) == (404, nothing.json()["type"])
        assert refused.json()["detail"].replace(document["id"], "nothing") == nothing.json()["detail"]
    assert client.get("/v1/documents", headers=who["blue"]).json()["documents"] == []
    assert client.get(f"/v1/documents?cursor={document['id']}", headers=who["blue"]).status_code == 422
    checked = client.post("/v1/verify", json=citations, headers=who["blue"]).json()["results"]
    assert [entry["status"] for entry in checked] == ["gone"]
    named = client.get("/v1/collections", headers=who["blue"]).json()
    assert [entry["name"] for entry in named["collections"]] == ["azure", "blue"] and named["limited"] is True
    for method, path_, body in (
        ("POST", "/v1/ask", {"question": "secret", "collection": "red"}),
        ("POST", "/v1/ask", {"question": "secret"}),
        ("POST", "/v1/documents", {"text": "a", "collection": "red"}),
        ("POST", "/v1/documents", {"text": "a"}),
        ("GET", "/v1/documents?collection=red", None),
        ("GET", "/v1/documents?collection=none", None),
        ("GET", "/metrics", None),
    ):
        refused = client.request(method, path_, json=body, headers=who["blue"])
        assert refused.status_code == 403, path_
        assert "red" not in refused.text
    form = client.post(
        "/v1/documents", files={"file": ("a.txt", b"a")}, data={"collection": "red"}, headers=who["blue"]
    )
    assert (form.status_code, form.json()["type"]) == (403, "/problems/collection-closed")


def test_a_key_opens_all_of_its_collections_and_a_key_for_all_opens_everything(
    client_of: ClientOf, keys: tuple[Path, Clients]
) -> None:
    path, who = keys
    client = client_of(Settings(keys_file=path))
    for name in ("red", "blue", "azure", "default"):
        add(client, who["all"], f"{name} words", name)
    listed = client.get("/v1/documents", headers=who["blue"]).json()["documents"]
    assert [document["collection"] for document in listed] == ["blue", "azure"]
    first = client.get("/v1/documents?limit=1", headers=who["blue"]).json()
    rest = client.get(f"/v1/documents?cursor={first['next_cursor']}", headers=who["blue"]).json()
    assert [document["collection"] for document in rest["documents"]] == ["azure"]
    assert len(client.get("/v1/documents", headers=who["all"]).json()["documents"]) == 4
    named = client.get("/v1/collections", headers=who["all"]).json()
    assert named == {
        "collections": [{"name": name, "documents": 1, "passages": 1} for name in ("azure", "blue", "default", "red")],
        "limited": False,
    }


def test_collections_of_a_key_are_kept_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add_key(path, "a", "read", ["b", "a", "b"])
    assert [key.collections for key in read_keys(path)] == [("a", "b")]
    for name in ("", " a", "a\nb", "c" * 101):
        with pytest.raises(BadInput):
            add_key(path, "other", "read", [name])
    for broken in ('"ab"', "[5]", '[""]', "5"):
        other = tmp_path / "broken.json"
        other.write_text(path.read_text().replace('[\n    "a",\n    "b"\n   ]', broken))
        with pytest.raises(KeysUnusable):
            read_keys(other)


@pytest.fixture
def shared(tmp_path: Path, keys: tuple[Path, Clients]) -> Iterator[TestClient]:
    """A real store with the default model."""
    with (
        Service.open_or_create(tmp_path / "store") as service,
        TestClient(create_app(service, Settings(keys_file=keys[0]))) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.model
def test_two_keys_at_work_never_see_anything_of_each_other(
    shared: TestClient, keys: tuple[Path, Clients], long: bool
) -> None:
    """Mixed operations by two keys; every answer is searched for the other's word, name and ids. 10,000 with `--long`."""
    random_ = random.Random(6)
    _, who = keys
    names = ("red", "blue")
    words = {"red": "kingfisher", "blue": "wolverine"}
    ids: dict[str, list[str]] = {name: [] for name in names}
    every: dict[str, set[str]] = {name: set() for name in names}
    citations: dict[str, list[Any]] = {name: [] for name in names}
    n_answers = n_found = 0
    for number in range(10_000 if long else 1_000):
        mine, other = names if random_.random() < 0.5 else names[::-1]
        headers = who[mine]
        some = random_.choice(ids[mine] or ["nothing"])
        foreign = random_.choice(ids[other] or ["nothing"])
        match random_.randrange(12):
            case 0 | 1:
                # The same source in both collections, so that a mixed-up key would replace the other's document.
                text = f"The {words[mine]} number {number} sat on the harbour wall. It waited for the evening ferry."
                reply = add(
                    shared, headers, text, mine, source=f"note-{random_.randrange(40)}", metadata={"n": number % 7}
                )
                assert reply.status_code == 201
                added = reply.json()["documents"][0]["id"]
                ids[mine] = [*{*ids[mine], added}]
                every[mine].add(added)
            case 2 | 3 | 4:
                question = random_.choice(
                    ["Who sat on the harbour wall?", f"Where was the {words[other]}?", "What waited for the ferry?"]
                )
                where = {"n": [1, 2, 3]} if random_.random() < 0.3 else {}
                body = {"question": question, "collection": mine, "top_k": 20, "filter": where, "explain": True}
                reply = shared.post("/v1/ask", json=body, headers=headers)
                assert reply.status_code == 200
                n_answers += 1
                n_found += len(reply.json()["passages"])
                citations[mine] += [passage["citation"] for passage in reply.json()["passages"]][:2]
                # The question comes back in the answer, and it may name the other's word.
                assert words[other] not in reply.text.replace(question, "")
                continue
            case 5:
                reply = shared.get("/v1/documents", params={"limit": 5, "cursor": foreign}, headers=headers)
                assert reply.status_code == 422
                continue  # it repeats the cursor
            case 6:
                reply = shared.get("/v1/documents", params={"limit": 50}, headers=headers)
                assert {entry["collection"] for entry in reply.json()["documents"]} <= {mine}
            case 7:
                reply = shared.get(f"/v1/documents/{some}/text", headers=headers)
            case 8:
                path = random_.choice(["", "/text"])
                reply = shared.request(
                    random_.choice(["GET", "DELETE"]) if not path else "GET",
                    f"/v1/documents/{foreign}{path}",
                    headers=headers,
                )
                assert reply.status_code == 404
                continue  # it repeats the id
            case 9:
                cited = random_.sample(citations[other], min(3, len(citations[other])))
                reply = shared.post("/v1/verify", json={"citations": cited}, headers=headers)
                assert {entry["status"] for entry in reply.json()["results"]} <= {"gone"}
                continue
            case 10:
                reply = shared.delete(f"/v1/documents/{some}", headers=headers)
                ids[mine] = [document_id for document_id in ids[mine] if document_id != some]
            case _:
                reply = shared.get("/v1/collections", headers=headers)
        assert words[other] not in reply.text and f'"{other}"' not in reply.text
        assert not any(document_id in reply.text for document_id in every[other])
    assert n_answers > 100 and n_found > 500
    # What each did is there, and untouched by the other.
    for name in names:
        listed = shared.get("/v1/documents", params={"limit": 1000}, headers=who[name]).json()["documents"]
        assert sorted(document["id"] for document in listed) == sorted(ids[name])
