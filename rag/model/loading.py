"""The model of a store, loaded. Most of that time files are hashed and the engine works, which needs no Python and goes on beside
other things.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from index.backend import Place, read_settings
from index.errors import StoreError
from rag.model.blas import load_numpy
from rag.model.cache import converted_model, read_converted
from rag.model.engine import load_openvino
from rag.shared.config import Config

if TYPE_CHECKING:
    from rag.model.embedding import Embedder


def load_embedder(model: str, fingerprint: str, config: Config) -> "Embedder":
    """The model of this name; when another one is found than this fingerprint says, that one.

    Raises ModelUnavailable or ModelDamaged.
    """
    with ThreadPoolExecutor(max_workers=1) as other:
        found = other.submit(converted_model, model, fingerprint, config)
        embedder = _import_embedder()
        info, folder = found.result()
    return embedder(info, folder, precision=config.precision, threads=config.threads)


def begin_loading(store: Place, config: Config) -> "Future[Embedder] | None":
    """Begin to load the model of a store, to be given to ``Service.open``; None where that cannot be begun, which will say why.

    To be called before other modules are imported: they are imported meanwhile. A model that is yet to be converted is left to
    ``load_embedder``: the result is then a ModelUnavailable.
    """
    try:
        fingerprint = str(read_settings(store)["model_fingerprint"])
    except (StoreError, OSError, KeyError, ValueError):
        return None
    other = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")
    found = other.submit(read_converted, fingerprint, config)
    embedder = _import_embedder()
    loading = other.submit(lambda: embedder(*found.result(), precision=config.precision, threads=config.threads))
    other.shutdown(wait=False)
    return loading


def _import_embedder() -> "type[Embedder]":
    """The class, with what it needs: numpy and the engine, a fifth of a second."""
    load_numpy()
    from rag.model.embedding import Embedder

    load_openvino()
    return Embedder
