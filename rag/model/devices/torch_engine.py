"""The model run by torch, from its own weights: on NVIDIA's and Apple's graphics, and on the processor for comparison."""

from typing import Any

from index.types import Floats, Ids
from rag.model.cache import ModelInfo, find_model, fingerprint_of
from rag.model.reference import pooled_module
from rag.shared.errors import BadInput, ModelUnavailable

_TYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


class TorchEngine:
    """Members as of ``Engine``."""

    def __init__(self, info: ModelInfo, device: str, precision: str, threads: int) -> None:
        """device: as torch calls it.  precision: "auto" is float16 on graphics, float32 on the processor.

        Raises BadInput, ModelUnavailable.
        """
        import torch

        on_processor = device == "cpu"
        if precision == "auto":
            precision = "f32" if on_processor else "f16"
        if precision not in _TYPES:
            raise BadInput(f"RAG_PRECISION={precision} cannot be had with RAG_DEVICE={device}: use auto, f32 or bf16")
        self.precision = precision
        self.batch_tokens = 2_048 if on_processor else 65_536
        self.at_once = threads if on_processor else 2
        source = find_model(info.name)
        if fingerprint_of(source) != info.fingerprint:
            raise ModelUnavailable(
                f"{source} is another model than the one that was converted: restore it, or `rag reindex`"
            )
        self._device = device
        self._type = getattr(torch, _TYPES[precision])
        self._module: Any = pooled_module(source).to(device=device, dtype=self._type)

    def pooled(self, ids: Ids, mask: Ids, pool: Floats) -> Floats:
        import torch

        with torch.inference_mode():
            on_device = (torch.from_numpy(array).to(self._device, non_blocking=True) for array in (ids, mask))
            weights = torch.from_numpy(pool).to(self._device, self._type, non_blocking=True)
            result: Floats = self._module(*on_device, weights).float().cpu().numpy()
        return result
