"""Parsing in processes of its own, so that a file that crashes a parser, hangs it or eats memory costs that file alone.

Files go to long-lived workers (``rag.parsing.worker``), one file at a time each, started when first needed and replaced when they
had to be ended. Plain UTF-8 text, which no parser is needed for, is read here and needs none.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import rag
from rag.errors import ContentTooLarge, RagError, UnreadableContent, UnsupportedFormat
from rag.parsing.builder import MAX_CHARACTERS
from rag.parsing.formats import is_plain_text, parse
from rag.parsing.worker import receive, send
from rag.types import Block, PageBreak, ParsedText, Section

# JSON in UTF-8: up to four bytes a letter, and positions beside the text.
_MAX_ANSWER = 8 * MAX_CHARACTERS
_MAX_FILES = 500  # by one worker: memory that parsers do not give back goes with it
# A worker may wait for a processor, or for a disk that its parser's code is read from, longer than it computes.
_PATIENCE = 3
_START_S = 60
_TOO_MUCH = "reading it takes more than {}: split the file, or save it again"
_ERRORS: dict[object, type[RagError]] = {
    kind.__name__: kind for kind in (ContentTooLarge, UnreadableContent, UnsupportedFormat)
}
# What a worker may see of this process's environment: none of its keys.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "TESSDATA_PREFIX", "TZ")


@dataclass(frozen=True, slots=True)
class Limits:
    """What parsing one file may take. seconds: of processor time.  memory_mib: address space of the process that parses it."""

    seconds: int = 120
    memory_mib: int = 2048


class _Ended(Exception):
    """The worker is no more. error: what to say of the file it was at.  again: whether a fresh worker might do better."""

    def __init__(self, error: RagError, *, again: bool = True) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again


class Sandbox:
    """Thread-safe. ``parse`` is called as ``rag.parsing.parse``; at most ``workers`` files are parsed at once, others wait."""

    def __init__(self, limits: Limits | None = None, workers: int = 1) -> None:
        self._limits = limits or Limits()
        self._slots = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._closed = False

    def parse(self, name: str, content: bytes) -> ParsedText:
        """As ``rag.parsing.parse``; UnreadableContent also when a parser crashed, ContentTooLarge past the limits."""
        if is_plain_text(name, content):
            return parse(name, content)
        with self._slots:
            worker = self._take()
            fresh = worker.n_files == 0
            try:
                return self._run(worker, name, content)
            except _Ended as ended:
                if fresh or not ended.again:
                    raise ended.error from None
            try:  # what earlier files left behind in the worker may have been in the way: once more, from a clean start
                return self._run(_Worker(self._limits), name, content)
            except _Ended as ended:
                raise ended.error from None

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

    def _run(self, worker: "_Worker", name: str, content: bytes) -> ParsedText:
        try:
            parsed = worker.parse(name, content)
        except RagError:
            self._give_back(worker)
            raise
        except BaseException:
            worker.end()
            raise
        self._give_back(worker)
        return parsed

    def _take(self) -> "_Worker":
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Worker(self._limits)

    def _give_back(self, worker: "_Worker") -> None:
        with self._lock:
            if not self._closed and worker.n_files < _MAX_FILES:
                self._idle.append(worker)
                return
        worker.end()


class _Worker:
    """One process. n_files: how many it has worked on."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.n_files = 0
        here, there = socket.socketpair()
        paths = [str(Path(rag.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        with there:
            # -P and the working directory: no module is ever taken from the folder whose files are read.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-B", "-P", "-m", "rag.parsing.worker"),
                    *(str(there.fileno()), str(limits.memory_mib << 20)),
                ],
                env={
                    **{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
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

    def parse(self, name: str, content: bytes) -> ParsedText:
        """What the worker makes of a file.  Raises RagError for what is wrong with the file, _Ended for what ended the worker."""
        self.n_files += 1
        job = json.dumps({"name": name, "seconds": self._limits.seconds}).encode()
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(_PATIENCE * self._limits.seconds + _START_S, stop)
        timer.daemon = True
        timer.start()
        try:
            send(self._connection, job, content)
            answer = json.loads(receive(self._connection, _MAX_ANSWER))
            error = answer.get("error")
            if error is None:
                return _from_json(answer)
        except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as broken:
            self._process.kill()  # it may be alive and send what is no answer
            raise self._ended(late.is_set()) from broken
        finally:
            timer.cancel()
        if error == "MemoryError":
            raise _Ended(ContentTooLarge(_TOO_MUCH.format(f"{self._limits.memory_mib} MiB of memory")))
        raise _ERRORS.get(error, UnreadableContent)(str(answer.get("message")))

    def _ended(self, late: bool) -> _Ended:
        code = self._process.wait()
        if late or code == -signal.SIGXCPU:
            return _Ended(ContentTooLarge(_TOO_MUCH.format(f"{self._limits.seconds} seconds")), again=False)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return _Ended(UnreadableContent(f"its parser crashed ({how}): open it in its own program and save it again"))

    def end(self) -> None:
        """Make an end of the process, whatever it is doing."""
        self._connection.close()
        self._process.kill()
        self._process.wait()


def _from_json(answer: dict[str, Any]) -> ParsedText:
    """The parsed text, its positions checked: what comes out of a worker is not trusted.

    Raises ValueError, KeyError, TypeError or AttributeError for what is none.
    """
    text = str(answer["text"])
    parsed = ParsedText(
        text,
        str(answer["title"]),
        tuple(
            Section(int(start), int(heading_end), int(end), tuple(map(str, path)), str(context))
            for start, heading_end, end, path, context in answer["sections"]
        ),
        tuple(Block(int(start), int(end), bool(whole)) for start, end, whole in answer["blocks"]),
        tuple(PageBreak(int(start), int(number), str(label)) for start, number, label in answer["pages"]),
        dict(answer["metadata"]),
    )
    position = 0
    for section in parsed.sections:
        if not position == section.start <= section.heading_end <= section.end <= len(text):
            raise ValueError("sections that do not cover the text")
        position = section.end
    position = 0
    for block in parsed.blocks:
        if not position <= block.start < block.end <= len(text):
            raise ValueError("blocks out of order")
        position = block.end
    starts = [page.start for page in parsed.pages]
    if starts != sorted(starts) or starts and not 0 <= starts[0] <= starts[-1] <= len(text):
        raise ValueError("pages out of order")
    return parsed
