"""Every store keeps the same promises: these tests run over each backend, a directory and a PostgreSQL database.

That server's words and vectors are searched in both ways: by scanning a scope's rows, and by its indexes.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.backend import Place, Store
from index.stores import create_store

DIM = 16
BACKENDS = ["local", pytest.param("postgres", marks=pytest.mark.slow), pytest.param("indexes", marks=pytest.mark.slow)]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Which backend the test runs over; "indexes" is PostgreSQL where no scope is narrow enough for a scan."""
    name: str = request.param
    return name


@pytest.fixture
def place(backend: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where no store is yet."""
    if backend == "local":
        return tmp_path / "store"
    databases = request.getfixturevalue("databases")
    if backend == "indexes":
        monkeypatch.setattr("index.postgres.store.SCAN_VECTORS", -1)
        monkeypatch.setattr("index.postgres.store.SCAN_WORDS", -1)
    address: str = databases()
    return address


@pytest.fixture
def empty_store(place: Place) -> Iterator[Store]:
    """A new store for the fake embedder's vectors, closed after the test."""
    with create_store(place, dim=DIM, fingerprint="fake", settings={"model": "fake"}) as store:
        yield store


@pytest.fixture
def stored_nul(backend: str) -> str:
    """What stands for U+0000 in a stored text."""
    return "\0" if backend == "local" else "\ufffd"
