"""The models of one service, and what a store keeps of the model that made its vectors."""

from concurrent.futures import Future
from hashlib import sha256
from threading import Lock

from index.backend import Store
from index.errors import StoreMismatch
from index.types import JsonScalar
from rag.model.cache import ModelInfo
from rag.model.embedding import Embedder
from rag.model.loading import load_embedder
from rag.model.reranker import Reranker
from rag.shared.config import Config
from rag.shared.errors import RagError


class StoreModels:
    """Each model is loaded when first needed. Thread-safe.  begun: from ``rag.model.loading.begin_loading``."""

    def __init__(self, config: Config, begun: "Future[Embedder] | None" = None) -> None:
        self._config = config
        self._begun = begun
        self._embedder: Embedder | None = None
        self._reranker: Reranker | None = None
        self._loading = Lock()

    def embedder(self, store: Store) -> Embedder:
        """The model of a store, which need not be the one of the call before.

        Raises StoreMismatch when it is not the one the store was built with, ModelUnavailable or ModelDamaged.
        """
        fingerprint = str(store.settings["model_fingerprint"])
        with self._loading:
            if self._embedder is None or self._embedder.info.fingerprint != fingerprint:
                embedder = self._begun_embedder(fingerprint) or load_embedder(
                    str(store.settings["model"]), fingerprint, self._config
                )
                refuse_other_model(store, embedder.info)
                self._embedder = embedder
            return self._embedder

    @property
    def reranker(self) -> Reranker | None:
        """The configured cross-encoder; None without one.  Raises ModelUnavailable."""
        if self._config.reranker is None:
            return None
        with self._loading:
            if self._reranker is None:
                self._reranker = Reranker(self._config.reranker)
            return self._reranker

    def _begun_embedder(self, fingerprint: str) -> Embedder | None:
        """The model whose loading was begun, if it is this one and whole."""
        begun, self._begun = self._begun, None
        if begun is None:
            return None
        try:
            embedder = begun.result()
        except RagError:
            return None  # loading it here will say why
        return embedder if embedder.info.fingerprint == fingerprint else None


def refuse_other_model(store: Store, info: ModelInfo) -> None:
    """Raises StoreMismatch for another model than the one the store was built with."""
    expected = store.settings["model_fingerprint"]
    if info.fingerprint != expected:
        raise StoreMismatch(
            f"this store was built with model {store.settings['model']!r} (fingerprint {str(expected)[:12]}), "
            f"but {info.name!r} here is {info.fingerprint[:12]}: unset RAG_MODEL, "
            "restore that model, or change this store over with `rag reindex`"
        )


def store_settings(
    info: ModelInfo, passage_characters: JsonScalar, overlap_sentences: JsonScalar
) -> tuple[dict[str, JsonScalar], str]:
    """What a store keeps of its model and passage settings, and the fingerprint that stands for it."""
    settings: dict[str, JsonScalar] = {
        "model": info.name,
        "model_fingerprint": info.fingerprint,
        "passage_characters": passage_characters,
        "overlap_sentences": overlap_sentences,
    }
    return settings, sha256(repr(sorted(settings.items())).encode()).hexdigest()[:32]
