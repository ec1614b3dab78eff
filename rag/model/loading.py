"""The models of one service: how they are loaded, and what a store keeps of the one that made its vectors.

Most of the time of loading files are hashed and the engine works, which needs no Python and goes on beside other things. So this
module imports neither numpy nor the engine by itself.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from index.backend import Place, Store
from index.errors import StoreError, StoreMismatch
from index.stores import read_settings
from rag.model.cache import ModelInfo, converted_model, read_converted
from rag.model.engine import load_numpy, load_openvino
from rag.shared.config import Config
from rag.shared.errors import RagError

if TYPE_CHECKING:
    from index.types import JsonScalar
    from rag.model.cross_encoders import AnyReranker
    from rag.model.embedding import Embedder, TextEmbedder
    from rag.model.remote.embedding import RemoteInfo

AnyInfo: TypeAlias = "ModelInfo | RemoteInfo"
_REMOTE = ("openai:", "jina:", "cohere:", "tei:")  # begin the names of models behind servers
_PROMPTS = ", RAG_QUERY_PROMPT and RAG_PASSAGE_PROMPT"


def is_remote(model: object) -> bool:
    """Whether a model's name says that it is behind a server."""
    return isinstance(model, str) and model.startswith(_REMOTE)


def model_info(model: str | None, kept: "Mapping[str, JsonScalar] | None", config: Config) -> AnyInfo:
    """What is known of the model of this name. Arguments and errors as of ``load_embedder``, but that nothing has to be loaded."""
    if is_remote(model):
        return load_embedder(model, kept, config).info
    return converted_model(model, None, config)[0]


def load_embedder(model: str | None, kept: "Mapping[str, JsonScalar] | None", config: Config) -> "TextEmbedder":
    """The model of this name; when another one is found than the store was built with, that one.

    kept: settings of the store, None for a new one.  Raises BadInput, ModelUnavailable or ModelDamaged.
    """
    if model is not None and is_remote(model):
        load_numpy()
        from rag.model.remote.embedding import RemoteEmbedder

        return RemoteEmbedder(model, kept, config)
    fingerprint = str(kept["model_fingerprint"]) if kept is not None else None
    with ThreadPoolExecutor(max_workers=1) as other:
        converted = other.submit(converted_model, model, fingerprint, config)
        embedder = _import_embedder()
        info, folder = converted.result()
    return embedder(info, folder, precision=config.precision, threads=config.threads, device=config.device)


def kept_settings(store: Place) -> "Mapping[str, JsonScalar]":
    """What the store at a place says of its model; nothing where none can be read."""
    try:
        return read_settings(store)
    except (StoreError, OSError, ValueError):
        return {}


def begin_loading(store: Place, config: Config) -> "Future[TextEmbedder] | None":
    """Begin to load the model of a store, to be given to ``Service.open``; None where that cannot be begun, or is nothing to begin.

    To be called before other modules are imported: they are imported meanwhile. A model that is yet to be converted is left to
    ``load_embedder``: the result is then a ModelUnavailable.
    """
    kept = kept_settings(store)
    if "model_fingerprint" not in kept or is_remote(kept.get("model")):
        return None
    other = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")
    converted = other.submit(read_converted, str(kept["model_fingerprint"]), config)
    load_numpy(helps=False)
    embedder = _import_embedder()
    loading: Future[TextEmbedder] = other.submit(
        lambda: embedder(*converted.result(), precision=config.precision, threads=config.threads, device=config.device)
    )
    other.shutdown(wait=False)
    return loading


def _import_embedder() -> "type[Embedder]":
    """The class, with what it needs: numpy and the engine, a fifth of a second."""
    load_numpy()
    from rag.model.embedding import Embedder

    load_openvino()
    return Embedder


class StoreModels:
    """Each model is loaded when first needed. Thread-safe.  begun: from ``begin_loading``."""

    def __init__(self, config: Config, begun: "Future[TextEmbedder] | None" = None) -> None:
        self._config = config
        self._begun = begun
        self._embedder: TextEmbedder | None = None
        self._reranker: AnyReranker | None = None
        self._loading = Lock()

    def embedder(self, store: Store) -> "TextEmbedder":
        """The model of a store, which need not be the one of the call before.

        Raises StoreMismatch when it is not the one the store was built with, ModelUnavailable or ModelDamaged.
        """
        fingerprint = str(store.settings["model_fingerprint"])
        with self._loading:
            if self._embedder is None or self._embedder.info.fingerprint != fingerprint:
                model = str(store.settings["model"])
                if is_remote(model) and is_remote(self._config.model):
                    model = str(self._config.model)  # the server may have moved
                embedder = self._begun_embedder(fingerprint) or load_embedder(model, store.settings, self._config)
                refuse_other_model(store, embedder.info)
                self._embedder = embedder
            return self._embedder

    @property
    def reranker(self) -> "AnyReranker | None":
        """The configured cross-encoder; None without one.  Raises ModelUnavailable."""
        if self._config.reranker is None:
            return None
        with self._loading:
            if self._reranker is None:
                from rag.model.cross_encoders import load_reranker

                self._reranker = load_reranker(self._config.reranker, self._config)
            return self._reranker

    def _begun_embedder(self, fingerprint: str) -> "TextEmbedder | None":
        """The model whose loading was begun, if it is this one and whole."""
        begun, self._begun = self._begun, None
        if begun is None:
            return None
        try:
            embedder = begun.result()
        except RagError:
            return None  # loading it here will say why
        return embedder if embedder.info.fingerprint == fingerprint else None


def refuse_other_model(store: Store, info: AnyInfo) -> None:
    """Raises StoreMismatch for another model than the one the store was built with."""
    expected = store.settings["model_fingerprint"]
    if info.fingerprint != expected:
        raise StoreMismatch(
            f"this store was built with model {store.settings['model']!r} (fingerprint {str(expected)[:12]}), "
            f"but {info.name!r} here is {info.fingerprint[:12]}: unset RAG_MODEL{_PROMPTS if is_remote(info.name) else ''}, "
            "restore that model, or change this store over with `rag reindex`"
        )


def store_settings(
    info: AnyInfo, passage_characters: "JsonScalar", overlap_sentences: "JsonScalar"
) -> "tuple[dict[str, JsonScalar], str]":
    """What a store keeps of its model and passage settings, and the fingerprint that stands for it."""
    settings: dict[str, JsonScalar] = {
        "model": info.name,
        "model_fingerprint": info.fingerprint,
        "passage_characters": passage_characters,
        "overlap_sentences": overlap_sentences,
        **info.settings,
    }
    return settings, sha256(repr(sorted(settings.items())).encode()).hexdigest()[:32]
