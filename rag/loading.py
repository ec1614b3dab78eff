"""The model of a store, loaded. Most of that time the engine compiles, which needs no Python and goes on beside other things."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from index.errors import StoreError
from rag.config import Config
from rag.embedding import Embedder
from rag.engine import load_openvino
from rag.errors import RagError
from rag.models import ModelInfo, converted_model


def load_embedder(model: str, fingerprint: str, config: Config) -> Embedder:
    """The model of this name; when another one is found than this fingerprint says, that one.

    Raises ModelUnavailable or ModelDamaged.
    """
    return Embedder(*_ready(model, fingerprint, config), precision=config.precision, threads=config.threads)


def begin_loading(store: Path, config: Config) -> "Future[Embedder] | None":
    """Begin to load the model of a store, to be given to ``Service.open``; None where that cannot be begun, which will say why.

    To be called before other modules are imported: what Python does of it is done first, and the engine compiles meanwhile.
    """
    from index.settings import read_settings

    try:
        settings = read_settings(store)
        info, folder = _ready(str(settings["model"]), str(settings["model_fingerprint"]), config)
    except (RagError, StoreError, OSError, KeyError, ValueError):
        return None
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")
    embedder = executor.submit(Embedder, info, folder, precision=config.precision, threads=config.threads)
    executor.shutdown(wait=False)
    return embedder


def _ready(model: str, fingerprint: str, config: Config) -> tuple[ModelInfo, Path]:
    # Reading and hashing the model's files takes as long as loading the engine, and needs no Python meanwhile.
    with ThreadPoolExecutor(max_workers=1) as other:
        found = other.submit(converted_model, model, fingerprint, config)
        load_openvino()
        return found.result()
