"""Corpora of gold sets, each indexed once into the cache.

A cached store is named by everything that decides what is in it: the corpus, model and passage settings, and the code that cuts and
embeds. It is built under another name beside and renamed when it is complete, so that a half-built one is never used.
"""

import ast
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from eval.sets.gold import read_corpus
from index.errors import StoreError
from rag.intake.folders import find_files
from rag.intake.reading import shown_path
from rag.model.cache import measured_precision
from rag.model.loading import model_info
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import BadInput
from rag.shared.types import Incoming, IngestProgress, IngestReport

Progress = Callable[[IngestProgress], None]
Notify = Callable[[str], None]  # takes a line for people

_ROOT = Path(__file__).parents[2]  # where the packages lie
# What takes documents in: reading, embedding, and the store that is written to.
_INGESTION = ("rag/intake/pipeline.py", "rag/intake/reading.py", "index/stores.py")
_SHOWN = 3  # files that were left out, by name; the rest is counted


def incoming_of(corpus: Path) -> Iterator[Incoming]:
    """The documents of a ``corpus.jsonl`` to be taken in: their ids there are their sources."""
    for name, title, text in read_corpus(corpus):
        yield Incoming(key=name, title=title, text=text, source=name)


def open_folder(folder: Path, config: Config, notify: Notify, progress: Progress | None = None) -> Service:
    """The service of a BEIR folder's corpus; each document's source is its id there."""
    corpus = folder / "corpus.jsonl"

    def fill(service: Service) -> IngestReport:
        return service.intake.add_documents(incoming_of(corpus), progress)

    return _cached(["corpus", _sha256(corpus)], config, fill, notify)


def open_path(path: Path, config: Config, notify: Notify, progress: Progress | None = None) -> Service:
    """The service of a file or folder of documents, taken in as ``rag add`` does.  Raises BadInput when nothing can be read."""
    files, missing = find_files([path])
    if missing or not files:
        raise BadInput(f"--corpus {path}: {missing[0].reason if missing else 'there is no file in it'}")
    content = [(shown_path(file), _sha256(file)) for file, _ in files if os.access(file, os.R_OK) and file.is_file()]
    return _cached(
        ["files", content], config, lambda service: service.intake.add_paths([path], progress=progress), notify
    )


def _cached(content: object, config: Config, fill: Callable[[Service], IngestReport], notify: Notify) -> Service:
    """The cached store of this content, built now when there is none that can be opened."""
    info = model_info(config.model, None, config)
    precision = (
        config.precision if config.precision != "auto" else measured_precision(info.fingerprint, config) or "auto"
    )
    settings = (info.fingerprint, config.passage_characters, config.overlap_sentences, precision)
    key = hashlib.sha256(json.dumps([content, settings, _code_digest()]).encode()).hexdigest()[:32]
    folder = config.cache / "corpora" / key
    if not folder.exists():
        _build(folder, config, fill)
    try:
        service = Service.open(folder / "store", config)
    except StoreError as error:
        notify(f"the cached corpus {folder} cannot be used and is made again: {error}")
        shutil.rmtree(folder)
        _build(folder, config, fill)
        service = Service.open(folder / "store", config)
    left_out: list[str] = json.loads((folder / "left_out.json").read_text(encoding="utf-8"))
    if left_out:
        more = f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
        notify(f"{len(left_out)} files of the corpus could not be read: {'; '.join(left_out[:_SHOWN])}{more}")
    return service


def _build(folder: Path, config: Config, fill: Callable[[Service], IngestReport]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        with Service.create(building / "store", config) as service:
            report = fill(service)
            if not service.counts()[0]:
                reason = f": {report.failed[0].path}: {report.failed[0].reason}" if report.failed else ""
                raise BadInput(f"the corpus has no document that can be read{reason}")
        failed = [f"{failure.path}: {failure.reason}" for failure in report.failed]
        (building / "left_out.json").write_text(json.dumps(failed), encoding="utf-8")
        try:
            building.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, with the same content
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _code_digest() -> str:
    """Changes with any module that ingestion imports, so that no figure is ever of passages cut by older code."""
    pending, seen = [_ROOT / name for name in _INGESTION], set[Path]()
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            pending += _imported(path)
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(path.relative_to(_ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _imported(path: Path) -> Iterator[Path]:
    """Files of the modules of this distribution that a module imports."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                if name.partition(".")[0] in ("rag", "index"):
                    module = _ROOT.joinpath(*name.split("."))
                    yield from filter(Path.is_file, (module.with_suffix(".py"), module / "__init__.py"))
