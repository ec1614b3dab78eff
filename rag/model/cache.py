"""Which embedding model, where its converted form lies, and whether it is what it should be.

A model is converted once into the cache, in a folder named by its fingerprint; every later start reads only that folder, after
checking the SHA-256 of each file that it needs, and imports neither torch nor sentence-transformers.
"""

import fcntl
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from index.local.system import sealed
from index.local.system.files import let_read, writable
from rag.model.devices.compilation import is_whole, kept_file
from rag.model.devices.precision import is_rounded, kept_precision
from rag.shared.config import Config, usual_cache
from rag.shared.errors import ModelDamaged, ModelUnavailable, RagError

if TYPE_CHECKING:
    from index.types import JsonScalar

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_INSTALLED = "footnote_model"  # the folder beside the packages that the installation put the default model into
_REINSTALL = "install Footnote again, from the folder of the project: pip install --force-reinstall --no-deps ."
_DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PROBE = "A probe sentence: the quick brown fox signed 17 agreements in Kyiv."
# Raised when conversion changes what comes out: older conversions are then made again and older stores refused.
_CONVERSION = 1
_NEEDED = ("model.xml", "model-int8.xml", "tokenizer.json")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the engine must know of a converted model. probe: the reference's unit vector of ``PROBE``."""

    name: str
    fingerprint: str
    dim: int
    window_tokens: int
    pooling: str
    query_prompt: str
    passage_prompt: str
    pad_id: int
    probe: tuple[float, ...]

    @property
    def settings(self) -> "dict[str, JsonScalar]":
        """What a store keeps beside its name and its fingerprint: nothing."""
        return {}


def find_model(name: str | None) -> Path:
    """The folder of a model given by folder or by name; the default comes from its package.

    Raises ModelUnavailable when there is none, ModelDamaged when the default model's weights are not the published ones.
    """
    if name is None or name == DEFAULT_MODEL:
        return _default_model()
    if Path(name).is_dir():
        return Path(name).resolve()
    from rag.model.conversion import download

    return download(name)


def _default_model() -> Path:
    spec = importlib.util.find_spec(_INSTALLED)
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnavailable(f"the default model is missing: {_REINSTALL}")
    folder = Path(spec.submodule_search_locations[0]) / DEFAULT_MODEL
    weights = folder / "model.safetensors"
    if not weights.is_file() or _sha256(weights) != _DEFAULT_WEIGHTS_SHA256:
        raise ModelDamaged(f"{weights} is missing or damaged: {_REINSTALL}")
    return folder


def fingerprint_of(folder: Path) -> str:
    """64 hexadecimal digits that change when a file of the model does that decides its vectors."""
    digest = hashlib.sha256(f"conversion {_CONVERSION}\n".encode())
    for path in _deciding_files(folder):
        digest.update(f"{path.relative_to(folder).as_posix()} {_sha256(path)}\n".encode())
    return digest.hexdigest()


def converted_model(name: str | None, expected: str | None, config: Config) -> tuple[ModelInfo, Path]:
    """The converted model and its folder, from the cache or converted now.

    expected: the fingerprint that it must have, None for a new store. When the model that is found has another one, it comes back
    as it is: whoever knows the store refuses it.  Raises ModelUnavailable or ModelDamaged.
    """
    if expected is not None and (kept := _first_whole(expected, config, logging.WARNING)):
        return kept
    source = find_model(name)
    fingerprint = fingerprint_of(source)
    # What is damaged is told once.
    if kept := _first_whole(fingerprint, config, logging.DEBUG if fingerprint == expected else logging.WARNING):
        return kept
    *usual, root = _roots(config)
    if usual:
        _log.warning("%s cannot be written to: %s serves as cache (or set RAG_CACHE)", config.cache, root.parent)
    with _alone(root):
        folder = root / fingerprint[:16]
        # Another process may have been at it meanwhile; what it made is used, not replaced under it.
        info = _read_converted(folder, config.precision, logging.DEBUG)
        return info or _convert(source, name or DEFAULT_MODEL, fingerprint, folder), folder


def read_converted(fingerprint: str, config: Config) -> tuple[ModelInfo, Path]:
    """The model of this fingerprint and its folder, where the cache has it whole.  Raises ModelUnavailable where not."""
    if kept := _first_whole(fingerprint, config, logging.DEBUG):  # whoever converts it tells of damage
        return kept
    raise ModelUnavailable(f"{config.cache / 'models' / fingerprint[:16]} holds no converted model")


def _first_whole(fingerprint: str, config: Config, told: int) -> tuple[ModelInfo, Path] | None:
    for folder in (root / fingerprint[:16] for root in _roots(config)):
        if info := _read_converted(folder, config.precision, told):
            return info, folder
    return None


def measured_precision(fingerprint: str, config: Config) -> str | None:
    """The precision that was found to be the fastest for the model of this fingerprint on this machine; None before that."""
    kept = (kept_precision(root / fingerprint[:16]) for root in _roots(config))
    return next(filter(None, kept), None)


def _roots(config: Config) -> list[Path]:
    """Where converted models lie: in the cache, and where its usual place cannot be written to, in a temporary folder as well."""
    usual = [config.cache / "models"]
    if config.cache != usual_cache() or _can_be_made(config.cache / "models"):
        return usual
    temporary = Path(tempfile.gettempdir()) / f"footnote-{os.getuid()}"
    with suppress(FileExistsError, PermissionError):
        temporary.mkdir(0o700)
    try:
        status = temporary.lstat()
    except OSError:
        return usual
    # Anybody may make such a folder, and what a model is made of is believed.
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
    return [*usual, temporary / "models"] if mine else usual


def _can_be_made(folder: Path) -> bool:
    """Whether files can be put into a folder, which may have to be made."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return writable(folder)


def _deciding_files(folder: Path) -> list[Path]:
    suffixes = (".safetensors", ".bin", ".json", ".txt", ".model")
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in suffixes and path.is_file()]
    if not any(path.name == "config.json" for path in files):
        raise ModelUnavailable(f"{folder} holds no config.json: give the folder of a sentence-transformers model")
    safe = any(path.suffix == ".safetensors" for path in files)
    return [path for path in files if not (safe and path.suffix == ".bin")]


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One process at a time converts into a cache; the lock goes with its holder."""
    try:
        root.parent.mkdir(0o700, parents=True, exist_ok=True)
        root.mkdir(0o700, exist_ok=True)
        lock = open(os.open(root.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "w")
    except OSError as error:
        raise ModelUnavailable(
            f"the converted model cannot be kept in {root} ({error.strerror}): set RAG_CACHE to a directory that can be written"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _convert(source: Path, name: str, fingerprint: str, folder: Path) -> ModelInfo:
    from rag.model.conversion import convert

    _log.info("converting %s for this machine, once", name)
    with _conversion_errors(name, folder.parent), _aside(folder.parent) as aside:
        facts = convert(source, aside)
        info = ModelInfo(name=name, fingerprint=fingerprint, **facts)
        files = {path.name: _sha256(path) for path in sorted(aside.iterdir())}
        content: dict[str, object] = {"model": asdict(info), "files": files}
        (aside / "model.json").write_bytes(sealed.seal(content))
        # An image is built by one user and run by another: who may read the cache may read this.
        let_read([aside, *aside.iterdir()], folder.parent)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(aside, folder)
    return info


@contextmanager
def _aside(root: Path) -> Iterator[Path]:
    """A folder in the cache of which nothing is left afterwards, unless it was moved to its place. Used within ``_alone``."""
    for left in root.glob(".converting-*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=".converting-", dir=root))
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _conversion_errors(name: str, root: Path) -> Iterator[None]:
    """Turns what goes wrong while a model is converted into ModelUnavailable."""
    try:
        yield
    except RagError:
        raise
    except Exception as error:  # of a full disk the engine and the tokenizer tell with errors of no kind of their own
        reason = error.strerror if isinstance(error, OSError) else None
        raise ModelUnavailable(
            f"the model {name} cannot be converted into {root} ({reason or error}): unless the model is at fault, "
            "free some space there, or set RAG_CACHE to a directory that can be written and has room"
        ) from error


def _read_converted(folder: Path, precision: str, told: int) -> ModelInfo | None:
    """What lies in a folder of the cache, or None when it is not there or not whole: it is then converted again.

    told: the level at which damage is logged.  Only files that the precision needs are read: each takes a tenth of a second at each
    start. A graph needs no reading where what was compiled of it is kept.
    """
    if precision == "auto":
        precision = kept_precision(folder) or precision
    try:
        content = json.loads((folder / "model.json").read_text())
        if content.pop("sha256", None) not in (None, sealed.checksum(content)):  # None: of an earlier version
            raise ValueError("its checksum does not fit")
        unused: set[str] = set()
        if precision != "auto":
            unused = {"model.bin"} if is_rounded(precision) else {"model-int8.bin"}
            if is_whole(kept_file(folder, precision)):
                unused = {"model.bin", "model-int8.bin"}
        damaged = [n for n, digest in content["files"].items() if n not in unused and _sha256(folder / n) != digest]
        damaged += [name for name in _NEEDED if name not in content["files"]]  # an older version's
        model = content["model"]
        info = ModelInfo(**{**model, "probe": tuple(model["probe"])})
    except FileNotFoundError:
        if folder.exists():
            _log.log(told, "the converted model in %s is incomplete and is made again", folder)
        return None
    except PermissionError as error:
        raise ModelUnavailable(f"the converted model cannot be read: {error.filename}: {error.strerror}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        damaged, info = ["model.json"], None
    if damaged:
        _log.log(told, "%s in %s is damaged and is made again", ", ".join(damaged), folder)
        return None
    return info


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
