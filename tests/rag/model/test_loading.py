"""The model's loading is begun before the store is open; what comes of it counts only if it is the store's model."""

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rag.model.cache import ModelInfo, converted_model
from rag.model.embedding import Embedder, TextEmbedder
from rag.model.loading import begin_loading
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import ModelDamaged, ModelUnavailable

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("loading") / "store"
    Service.create(path, Config()).close()
    return path


def done(result: Any) -> "Future[TextEmbedder]":
    future: Future[TextEmbedder] = Future()
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
    return future


def test_a_service_uses_the_model_that_was_begun_for_its_store(store: Path) -> None:
    loading = begin_loading(store, Config(threads=1))
    assert loading is not None
    with Service.open(store, Config(threads=1), loading=loading) as service:
        assert service.embedder is loading.result()


def test_another_model_or_none_is_not_taken_for_the_stores(store: Path) -> None:
    other = cast(Embedder, SimpleNamespace(info=SimpleNamespace(fingerprint="0" * 64)))
    for loading in (done(other), done(ModelDamaged("it is damaged"))):
        with Service.open(store, Config(threads=1), loading=loading) as service:
            assert service.embedder is not other
            assert service.embedder.info.fingerprint == service.settings["model_fingerprint"]


def test_a_model_that_is_yet_to_be_converted_is_left_to_the_service(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def convert(name: str, fingerprint: str, config: Config) -> tuple[ModelInfo, Path]:
        asked.append(config.cache)
        return converted_model(name, fingerprint, Config())

    monkeypatch.setattr("rag.model.loading.converted_model", convert)
    empty = Config(threads=1, cache=tmp_path)
    loading = begin_loading(store, empty)
    assert loading is not None
    with pytest.raises(ModelUnavailable, match="no converted model"):
        loading.result()
    with Service.open(store, empty, loading=loading) as service:
        assert service.embedder.info.fingerprint == service.settings["model_fingerprint"]
    assert asked == [tmp_path] and not list(tmp_path.iterdir())


def test_where_there_is_no_store_nothing_is_begun(tmp_path: Path) -> None:
    assert begin_loading(tmp_path / "nowhere", Config()) is None
    (tmp_path / "store.db").write_bytes(b"no database")
    assert begin_loading(tmp_path, Config()) is None
