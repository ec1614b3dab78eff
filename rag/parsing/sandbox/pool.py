"""Parsing in processes of its own, so that a file that crashes a parser, hangs it or eats memory costs that file alone.

Files go to long-lived workers (``rag.parsing.sandbox.worker``), one file at a time each, started when first needed and
replaced when they had to be ended. Plain UTF-8 text, which no parser is needed for, is read here and needs none.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import rag
from index.types import Span
from rag.errors import ContentTooLarge, RagError, UnreadableContent, UnsupportedFormat
from rag.parsing.pdf.ocr import PROGRAM
from rag.parsing.sandbox.worker import receive, send
from rag.parsing.structure.builder import MAX_CHARACTERS
from rag.types import (
    KINDS,
    OCR_LANGUAGES,
    Block,
    Check,
    PageBreak,
    ParsedText,
    ParseOptions,
    Section,
    TableRow,
    go_on,
)

# JSON in UTF-8: up to four bytes a letter, and positions beside the text.
_MAX_ANSWER = 8 * MAX_CHARACTERS
_MAX_ENDED = 10  # workers that one archive may cost
_MAX_FILES = 500  # by one worker: memory that parsers do not give back goes with it
# Processor time grows with a file's size; a small one that takes long was made to. So much, and a second for so many bytes.
_LEAST_S = 15
_BYTES_A_SECOND = 16_384
# A worker may wait for a processor, or for a disk that its parser's code is read from, longer than it computes.
_PATIENCE = 3
_PATIENCE_OCR = 20
_START_S = 60
_CHECK_EVERY_S = 0.25
_TOO_MUCH = "reading it takes more than {}: split the file, or save it again"
_ERRORS: dict[object, type[RagError]] = {
    kind.__name__: kind for kind in (ContentTooLarge, UnreadableContent, UnsupportedFormat)
}
# What a worker may see of this process's environment: none of its keys, nothing of who runs it.
_ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "TZ")
_ENVIRONMENT_OCR = (*_ENVIRONMENT, "PATH", "TESSDATA_PREFIX", OCR_LANGUAGES)


@dataclass(frozen=True, slots=True)
class Limits:
    """What parsing one file may take. seconds: of processor time.  memory_mib: address space of the process that parses it."""

    seconds: int = 120
    memory_mib: int = 2048


class Part(NamedTuple):
    """A file as it was read: its path in an archive ("" for the file that was given), what it holds or what is wrong with it.

    text: None where it was not wanted.  sha256: of a member's content.
    """

    path: str
    text: ParsedText | RagError | None
    sha256: str | None = None


Wanted = Callable[[str, str], bool]
_USUAL = ParseOptions()


class _Ended(Exception):
    """The worker is no more. error: what to say of the file it was at.  path: of the member of an archive that it was at, if any.

    again: whether a fresh worker might do better.
    """

    def __init__(self, error: RagError, path: str | None, *, again: bool = True) -> None:
        super().__init__(str(error))
        self.error = error
        self.path = path
        self.again = again


class Sandbox:
    """Thread-safe. ``parse`` is called as ``formats.parse``; at most ``workers`` files are parsed at once, others wait."""

    def __init__(self, limits: Limits | None = None, workers: int = 1) -> None:
        self._limits = limits or Limits()
        self._slots = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._closed = False

    def parse(self, name: str, content: bytes, options: ParseOptions = _USUAL, check: Check = go_on) -> ParsedText:
        """As ``rag.parsing.formats.parse``; UnreadableContent also when a parser crashed, ContentTooLarge past the limits.

        check: as of ``read``.
        """
        [part] = self._read(name, content, _all, options, check, archives=False)
        if isinstance(part.text, RagError):
            raise part.text
        assert part.text is not None
        return part.text

    def read(
        self, name: str, content: bytes, wanted: Wanted, options: ParseOptions = _USUAL, check: Check = go_on
    ) -> Iterator[Part]:
        """What a file holds: itself, or one by one the files of the archive that it is.

        wanted: asked with path and SHA-256 of each file in an archive whether it is to be parsed; ``text`` is None where it is not.
        Errors are in the parts; one without path says that the archive could not be read to its end.
        check: called several times a second, from another thread as well, until the file is read. What it raises ends the work,
        and the process that is at it.
        """
        return self._read(name, content, wanted, options, check, archives=True)

    def _read(
        self, name: str, content: bytes, wanted: Wanted, options: ParseOptions, check: Check, *, archives: bool
    ) -> Iterator[Part]:
        from rag.parsing.formats import is_plain_text, parse  # all parsers, which a question does not wait for

        if is_plain_text(name, content):
            try:
                yield Part("", parse(name, content))
            except RagError as error:
                yield Part("", error)
            return
        done = n_ended = 0  # members dealt with, workers lost
        retried = False
        with self._slot(check):
            while True:
                worker = self._take(ocr=options.ocr, fresh=retried)
                fresh = worker.n_files == 0
                whole = False
                try:
                    worker.begin(name, content, options, done if archives else None, check)
                    for part in worker.parts(wanted):
                        yield part
                        done, retried = done + 1, False
                    whole = True
                    return
                except _Ended as ended:
                    # What earlier files left behind in the worker may have been in the way: once more, from a clean start.
                    if ended.again and not fresh and not retried:
                        retried = True
                        continue
                    yield Part(ended.path or "", ended.error)
                    done, n_ended, retried = done + 1, n_ended + 1, False
                    if ended.path is None:
                        return
                    if n_ended == _MAX_ENDED:
                        yield Part(
                            "", UnreadableContent(f"{n_ended} of its files ended their parser: the rest is not read")
                        )
                        return
                finally:
                    if whole:
                        self._give_back(worker)
                    else:
                        worker.end()

    @contextmanager
    def _slot(self, check: Check) -> Iterator[None]:
        """The right to run one worker."""
        while not self._slots.acquire(timeout=_CHECK_EVERY_S):
            check()
        try:
            yield
        finally:
            self._slots.release()

    def close(self) -> None:
        """End the workers. Files that are being parsed in other threads are let finish."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, *, ocr: bool, fresh: bool) -> "_Worker":
        with self._lock:
            for worker in [] if fresh else self._idle[::-1]:
                if worker.ocr == ocr:
                    self._idle.remove(worker)
                    return worker
        return _Worker(self._limits, ocr)

    def _give_back(self, worker: "_Worker") -> None:
        with self._lock:
            if not self._closed and worker.n_files < _MAX_FILES:
                self._idle.append(worker)
                return
        worker.end()


class _Worker:
    """One process. n_files: how many it has worked on.  ocr: whether it may run the program that recognises text."""

    def __init__(self, limits: Limits, ocr: bool) -> None:
        self._limits = limits
        self.ocr = ocr
        self.n_files = 0
        self._offered: str | None = None
        self._seconds = limits.seconds
        self._patience = _START_S
        self._check: Check = go_on
        here, there = socket.socketpair()
        paths = [str(Path(rag.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        program = shutil.which(PROGRAM) if ocr else None
        visible = _ENVIRONMENT_OCR if ocr else _ENVIRONMENT
        with there:
            # -P and the working directory: no module is ever taken from the folder whose files are read.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-B", "-P", "-m", "rag.parsing.sandbox.worker"),
                    *(str(there.fileno()), str(limits.memory_mib << 20)),
                    *([str(Path(program).resolve())] if program else []),
                ],
                env={
                    **{name: os.environ[name] for name in visible if name in os.environ},
                    "PYTHONPATH": os.pathsep.join(paths),
                    "OPENBLAS_NUM_THREADS": "1",
                    "OMP_NUM_THREADS": "1",
                },
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(there.fileno(),),
                start_new_session=True,
            )
        self._connection = here

    def begin(self, name: str, content: bytes, options: ParseOptions, after: int | None, check: Check) -> None:
        """Hand over a file. after: members of an archive to pass over, None where an archive is not to be opened.

        check: as of ``Sandbox.read``.
        """
        self.n_files += 1
        self._check = check
        self._offered = None
        self._seconds = self._limits.seconds
        if not options.ocr:  # which runs in processes of its own, page by page, with limits of their own
            self._seconds = min(self._seconds, _LEAST_S + len(content) // _BYTES_A_SECOND)
        self._patience = _PATIENCE * self._seconds * (_PATIENCE_OCR if options.ocr else 1) + _START_S
        job = {
            "name": name,
            "options": asdict(options),
            "seconds": self._seconds,
            "members": after is not None,
            "after": after or 0,
        }
        with self._watched():
            send(self._connection, json.dumps(job).encode(), content)

    def parts(self, wanted: "Wanted") -> Iterator[Part]:
        """What the worker makes of the file.  Raises _Ended when that ended it."""
        while True:
            with self._watched():
                answer = json.loads(receive(self._connection, _MAX_ANSWER))
                path = str(answer.get("path", ""))
                error = self._error(answer)
            if "end" in answer:
                if error is not None:
                    yield Part("", error)
                return
            if error is not None:
                yield Part(path, error)
            elif "sha256" in answer:
                yield self._taken(path, str(answer["sha256"]), wanted)
            else:
                with self._watched():
                    parsed = _from_json(answer)
                yield Part(path, parsed)
            if "path" not in answer:
                return

    def _taken(self, path: str, sha256: str, wanted: "Wanted") -> Part:
        """A member that is offered: parsed if it is wanted."""
        take = wanted(path, sha256)
        self._offered = path
        with self._watched():
            send(self._connection, b"1" if take else b"0")
            if not take:
                return Part(path, None, sha256)
            answer = json.loads(receive(self._connection, _MAX_ANSWER))
            text = self._error(answer) or _from_json(answer)
        self._offered = None
        return Part(path, text, sha256)

    def _error(self, answer: dict[str, Any]) -> RagError | None:
        """What an answer says is wrong with the file.  Raises _Ended where it is the worker's memory."""
        error = answer.get("error")
        if error is None:
            return None
        if error == "MemoryError":
            too_much = _TOO_MUCH.format(f"{self._limits.memory_mib} MiB of memory")
            raise _Ended(ContentTooLarge(too_much), self._offered)
        return _ERRORS.get(error, UnreadableContent)(str(answer.get("message")))

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """An exchange with the worker, which is ended when it takes too long or does not answer as it should."""
        late, done = threading.Event(), threading.Event()
        unwanted: list[BaseException] = []
        ends_at = time.monotonic() + self._patience

        def watch() -> None:
            while not done.wait(_CHECK_EVERY_S):
                try:
                    self._check()
                except BaseException as error:
                    unwanted.append(error)
                if time.monotonic() > ends_at:
                    late.set()
                if unwanted or late.is_set():
                    return self._process.kill()

        watcher = threading.Thread(target=watch, name="parser-watch", daemon=True)
        watcher.start()
        try:
            yield
        except (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as broken:
            if unwanted:
                raise unwanted[0] from broken
            self._process.kill()  # it may be alive and send what is no answer
            raise self._ended(late.is_set()) from broken
        finally:
            done.set()

    def _ended(self, late: bool) -> _Ended:
        code = self._process.wait()
        if late or code == -signal.SIGXCPU:
            too_much = _TOO_MUCH.format(f"{self._seconds} seconds")
            return _Ended(ContentTooLarge(too_much), self._offered, again=False)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        crashed = f"its parser crashed ({how}): open it in its own program and save it again"
        return _Ended(UnreadableContent(crashed), self._offered)

    def end(self) -> None:
        """Make an end of the process, whatever it is doing, and of a program that it runs."""
        self._connection.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _all(path: str, sha256: str) -> bool:
    return True


def _row(row: Any, heads: list[tuple[str, ...]]) -> TableRow | None:
    if row is None:
        return None
    head, cells = row
    return TableRow(heads[int(head)], tuple(Span(int(start), int(end)) for start, end in cells))


def _lies_within(row: TableRow, block: Block) -> bool:
    return len(row.head) == len(row.cells) and all(block.start <= start <= end <= block.end for start, end in row.cells)


def _from_json(answer: dict[str, Any]) -> ParsedText:
    """The parsed text, its positions checked: what comes out of a worker is not trusted.

    Raises ValueError, LookupError, TypeError or AttributeError for what is none.
    """
    text = str(answer["text"])
    contexts = [str(context) for context in answer["contexts"]]
    heads = [tuple(map(str, head)) for head in answer["heads"]]
    parsed = ParsedText(
        text,
        str(answer["title"]),
        tuple(
            Section(int(start), int(heading_end), int(end), tuple(map(str, path)), str(context))
            for start, heading_end, end, path, context in answer["sections"]
        ),
        tuple(
            Block(int(start), int(end), bool(whole), contexts[int(context)], str(kind), _row(row, heads))
            for start, end, whole, context, kind, row in answer["blocks"]
        ),
        tuple(PageBreak(int(start), int(number), str(label)) for start, number, label in answer["pages"]),
        dict(answer["metadata"]),
    )
    position = 0
    for section in parsed.sections:
        if not position <= section.start <= section.heading_end <= section.end <= len(text):
            raise ValueError("sections out of order")
        position = section.end
    position = 0
    for block in parsed.blocks:
        if not position <= block.start < block.end <= len(text):
            raise ValueError("blocks out of order")
        if block.kind not in KINDS or block.row is not None and not _lies_within(block.row, block):
            raise ValueError("a block of another kind, or cells outside their row")
        position = block.end
    starts = [page.start for page in parsed.pages]
    if starts != sorted(starts) or starts and not 0 <= starts[0] <= starts[-1] <= len(text):
        raise ValueError("pages out of order")
    return parsed
