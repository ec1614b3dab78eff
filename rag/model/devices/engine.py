"""Which device runs the model, and the one interface of all that can."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from index.types import Floats, Ids
from rag.model.cache import ModelInfo
from rag.model.engine import load_openvino
from rag.shared.errors import BadInput

# Devices that torch runs. On the processor it serves for comparison alone: OpenVINO is twice as fast there.
_BY_TORCH = re.compile(r"cuda(?::\d+)?|mps|torch-cpu")


class Engine(Protocol):
    """A model ready to run. Thread-safe.

    precision: what it computes in.  batch_tokens: tokens with padding that one call should have at most.
    at_once: calls that it is given at the same time.
    """

    @property
    def precision(self) -> str: ...
    @property
    def batch_tokens(self) -> int: ...
    @property
    def at_once(self) -> int: ...

    def pooled(self, ids: Ids, mask: Ids, pool: Floats) -> Floats:
        """Sums of token vectors, float32 (rows, vectors, dim), valid until the same thread's next call.

        ids, mask: int64 (rows, tokens).  pool: float32 (rows, vectors, tokens), how much each token counts.
        """
        ...


def open_engine(info: ModelInfo, folder: Path, *, device: str, precision: str, threads: int) -> Engine:
    """The converted model in ``folder`` on a device.

    device: "auto" (the processor), "cpu", "gpu", "npu", "cuda", "mps", or the name that OpenVINO has for one.
    precision: "auto" or one of ``precision.PRECISIONS``.  threads: cores that it may use.
    Raises BadInput for a device that is not here, or cannot compute so; ModelUnavailable.
    """
    if device in ("auto", "cpu"):
        from rag.model.devices.openvino_engine import ProcessorEngine

        return ProcessorEngine(folder, precision, threads)
    if _BY_TORCH.fullmatch(device):
        if device.removesuffix(":0") not in _torch_devices():
            raise _not_here(device)
        from rag.model.devices.torch_engine import TorchEngine

        return TorchEngine(info, device.removeprefix("torch-"), precision, threads)
    name = device.upper() if device in ("gpu", "npu") else device
    available = {known.partition(".")[0] for known in load_openvino().Core().available_devices}
    # Its compound devices, as HETERO:GPU,CPU, name the ones that they are made of.
    parts = (name.partition(":")[2] or name).split(",")
    if any(part.partition(".")[0] not in available for part in parts):
        raise _not_here(device)
    from rag.model.devices.openvino_engine import DeviceEngine

    return DeviceEngine(folder, name, precision)


def devices_here() -> list[str]:
    """The devices of this machine as ``RAG_DEVICE`` takes them."""
    openvino = [
        name.lower() if name in ("CPU", "GPU", "NPU") else name for name in load_openvino().Core().available_devices
    ]
    return [*openvino, *_torch_devices()]


def _torch_devices() -> list[str]:
    """Those that torch has; none where it is not installed."""
    if find_spec("torch") is None:
        return []
    import torch

    cuda = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [*(["cuda"] if cuda else []), *cuda, *(["mps"] if torch.backends.mps.is_available() else []), "torch-cpu"]


def _not_here(device: str) -> BadInput:
    needs_torch = bool(_BY_TORCH.fullmatch(device)) and find_spec("torch") is None
    more = "; NVIDIA's and Apple's need torch: pip install 'footnote-rag[models]'" if needs_torch else ""
    return BadInput(f"RAG_DEVICE={device}: there is no such device here; there are: {', '.join(devices_here())}{more}")
