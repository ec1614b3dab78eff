"""A service with the real default model, loaded once for all tests that need only the store to be their own; and ``rag`` as run."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from rag.model.embedding import TextEmbedder
from rag.model.remote import server
from rag.service import Service
from rag.shared.config import Config

SEED = Path(__file__).parent.parent.parent / "seeds" / "us-ukraine-minerals-deal.txt"
QUESTION = "why did Zelensky refuse to sign?"  # of the article SEED
Rag = Callable[..., Any]


@pytest.fixture(scope="session")
def loaded_embedder(tmp_path_factory: pytest.TempPathFactory) -> TextEmbedder:
    with Service.create(tmp_path_factory.mktemp("model") / "store", Config()) as service:
        return service.embedder


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of models are asked again at once."""
    monkeypatch.setattr(server, "_FIRST_PAUSE_S", 0.01)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded_embedder: TextEmbedder) -> Iterator[Service]:
    """An empty store in a folder of its own; the current folder is another, empty one."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    with Service.create(tmp_path / "store", Config()) as made:
        monkeypatch.setattr(made._models, "_embedder", loaded_embedder)
        yield made


@pytest.fixture
def rag(run_rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rag:
    """Runs ``rag`` in an empty folder whose store is ``./.rag``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAG_STORE", raising=False)
    return run_rag


@pytest.fixture(scope="session")
def seeded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the seed article as ``article.txt``, and with a store of it in ``.rag``."""
    folder = tmp_path_factory.mktemp("seeded")
    (folder / "article.txt").write_bytes(SEED.read_bytes())
    with chdir(folder), Service.create(".rag", Config()) as service:
        service.intake.add_paths([Path("article.txt")])
    return folder


@pytest.fixture
def seeded(rag: Rag, seeded_folder: Path, tmp_path: Path) -> Rag:
    """The same with the seed article in ``article.txt`` and in the store, which took it in from another folder."""
    shutil.copytree(seeded_folder, tmp_path, dirs_exist_ok=True)
    return rag


@pytest.fixture
def added(rag: Rag, tmp_path: Path) -> Rag:
    """The same, taken in from this folder: it may be added again."""
    (tmp_path / "article.txt").write_bytes(SEED.read_bytes())
    assert rag("add", "article.txt").code == 0
    return rag
