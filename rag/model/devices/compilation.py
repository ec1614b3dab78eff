"""The model as the engine compiled it, kept for the next start beside the graph that it was made from.

Compiling is most of what loading a model costs: with the default model on two cores 258 to 393 ms, kept 154 to 173 (float32); 386
to 446 and 132 to 158 (int8). What is kept is mapped, so that processes share its pages; it computes the same vectors,
bit for bit, with any number of threads.
"""

import hashlib
import logging
import mmap
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from index.local.system.files import let_read
from rag.model.devices.precision import graph_file, machine, options
from rag.model.engine import load_openvino
from rag.shared.errors import ModelDamaged

_DIGEST = 32  # bytes of SHA-256 at the end of the file
_FORGOTTEN_S = 30 * 86_400
_log = logging.getLogger(__name__)


class Compiled(NamedTuple):
    """model: openvino.CompiledModel.  mapped: the memory that it reads and does not hold itself, to be kept as long."""

    model: Any
    mapped: mmap.mmap | None


def kept_file(folder: Path, precision: str) -> Path:
    """Where the compiled model of this machine, engine and precision is kept."""
    return folder / f"compiled-{precision}-{machine()}.bin"


def is_whole(kept: Path) -> bool:
    """Whether a compiled model is there and is what was written. One that is damaged is removed, and made again.

    Raises ModelDamaged for one that is damaged and cannot be removed.
    """
    try:
        mapped = _map(kept)
    except (OSError, ValueError):
        return False
    if len(mapped) > _DIGEST and hashlib.sha256(memoryview(mapped)[:-_DIGEST]).digest() == mapped[-_DIGEST:]:
        return True
    _remove(kept, "is damaged")
    _log.warning("%s is damaged and is made again", kept)
    return False


def load_compiled(core: Any, folder: Path, precision: str, threads: int) -> Compiled:
    """The model in ``folder``, ready to run on so many threads: as it was kept, else compiled and kept.

    core: openvino.Core. Whether the files are whole is for the caller to have checked.  Raises ModelDamaged.
    """
    import numpy as np

    properties = load_openvino().properties
    settings = {
        **options(precision),
        properties.num_streams: threads,
        properties.inference_num_threads: threads,
        properties.hint.enable_cpu_pinning: False,
    }
    kept = kept_file(folder, precision)
    try:
        mapped = _map(kept)
    except (OSError, ValueError):
        compiled = core.compile_model(core.read_model(graph_file(folder, precision)), "CPU", settings)
        _keep(compiled, kept)
        return Compiled(compiled, None)
    try:
        content = np.frombuffer(mapped, np.uint8, len(mapped) - _DIGEST)
        tensor = load_openvino().Tensor(content, shared_memory=True)
        return Compiled(core.import_model(tensor, "CPU", settings), mapped)
    except RuntimeError as error:
        _remove(kept, "cannot be loaded")
        raise ModelDamaged(f"{kept} cannot be loaded ({error}): it was removed, try again") from error


def _map(kept: Path) -> mmap.mmap:
    """The file as private memory: the engine takes none that it could not write to, and writes nothing."""
    with kept.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _remove(kept: Path, why: str) -> None:
    try:
        kept.unlink(missing_ok=True)
    except OSError as error:
        raise ModelDamaged(
            f"{kept} {why} and cannot be removed ({error.strerror}): remove it, it is made again"
        ) from error


def _keep(compiled: Any, kept: Path) -> None:
    """Write it whole or not at all. In a folder that cannot be written to the model is compiled at every start."""
    aside = kept.with_name(f".{kept.name}.{os.getpid()}")
    try:
        with aside.open("xb") as file:
            content = compiled.export_model().getbuffer()
            file.write(content)
            file.write(hashlib.sha256(content).digest())
        let_read([aside], kept.parent)
        os.replace(aside, kept)
        # What an engine before this one, or another machine that shares the cache, left here.
        for other in kept.parent.glob("compiled-*.bin"):
            if other.stat().st_mtime < time.time() - _FORGOTTEN_S:
                other.unlink()
    except (OSError, ValueError, RuntimeError) as error:  # no room, or no memory for the copy
        _log.debug("the model is compiled again next time: %s", error)
    finally:
        with suppress(OSError):  # of a read-only file system even what is not there cannot be removed
            aside.unlink()
