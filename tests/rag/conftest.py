"""A service with the real default model, loaded once for all tests that need only the store to be their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.config import Config
from rag.embedding import Embedder
from rag.service import Service


@pytest.fixture(scope="session")
def loaded_embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    with Service.create(tmp_path_factory.mktemp("model") / "store", Config()) as service:
        return service.embedder


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded_embedder: Embedder) -> Iterator[Service]:
    """An empty store in a folder of its own; the current folder is another, empty one."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    with Service.create(tmp_path / "store", Config()) as made:
        monkeypatch.setattr(made._models, "_embedder", loaded_embedder)
        yield made
