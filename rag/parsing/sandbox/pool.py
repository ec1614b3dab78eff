"""Parsing in processes of its own, so that a file that crashes a parser, hangs it or eats memory costs that file alone.

Files go to long-lived workers (``rag.parsing.sandbox.worker``), one file at a time each, started when first needed and
replaced when they had to be ended. Plain UTF-8 text, which no parser is needed for, is read here and needs none.
"""

import itertools
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from index.process import Worker, WorkerEnded
from rag.parsing.archives.members import MAX_MEMBERS
from rag.parsing.pdf.recognition.ocr import RAPID, PicturesOnly, engine
from rag.parsing.sandbox.result import from_json
from rag.parsing.structure.builder import MAX_CHARACTERS
from rag.shared.errors import ContentTooLarge, RagError, UnreadableContent, UnsupportedFormat
from rag.shared.types import OCR_LANGUAGES, Check, ParsedText, ParseOptions, go_on
from rag.viewing.pictures import Drawn
from rag.viewing.pictures import Wanted as Page

# JSON in UTF-8: up to four bytes a letter, and positions beside the text.
_MAX_ANSWER = 8 * MAX_CHARACTERS
_MAX_PICTURE = 32 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_MESSAGE = 1000
_MAX_ENDED = 10  # workers that one archive may cost
_MAX_FILES = 500  # by one worker: memory that parsers do not give back goes with it
# Processor time grows with a file's size; a small one that takes long was made to. So much, and a second for so many bytes.
_LEAST_S = 15
_BYTES_A_SECOND = 16_384
# A worker may wait for a processor, or for a disk that its parser's code is read from, longer than it computes.
_PATIENCE = 3
_PATIENCE_OCR = 20
_MEMORY_OCR = 2  # times as much, for models
_IDLE_OCR_S = 60.0  # that a worker with models, which hold a GB, waits for another file
_START_S = 60
_CHECK_EVERY_S = 0.25
_TOO_MUCH = "reading it takes more than {}: split the file, or save it again"
_ERRORS: dict[object, type[RagError]] = {
    kind.__name__: kind for kind in (ContentTooLarge, PicturesOnly, UnreadableContent, UnsupportedFormat)
}
# What a worker may see of this process's environment: none of its keys, nothing of who runs it.
_ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "TZ")
_ENVIRONMENT_OCR = (*_ENVIRONMENT, "PATH", "TESSDATA_PREFIX", OCR_LANGUAGES)
_FIXED_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


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


class _Lost(Exception):
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
        self._idle: list[_Parser] = []
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
        check: called several times a second until the file is read. What it raises ends the work, and the process that is at it.
        """
        return self._read(name, content, wanted, options, check, archives=True)

    def draw(self, content: bytes, wanted: Page, check: Check = go_on) -> Drawn:
        """A page of a PDF as ``rag.viewing.pictures.draw``; ContentTooLarge and UnreadableContent also as ``parse``.

        check: as of ``read``.
        """
        try:
            with self._slot(check), self._lent(ocr=False, fresh=False) as parser:
                parser.begin("", content, _USUAL, None, check, wanted)
                drawn = parser.drawn()
        except _Lost as lost:
            raise lost.error from lost
        if isinstance(drawn, RagError):
            raise drawn
        return drawn

    def _read(
        self, name: str, content: bytes, wanted: Wanted, options: ParseOptions, check: Check, *, archives: bool
    ) -> Iterator[Part]:
        from rag.parsing.formats import is_plain_text, parse  # all parsers, which a question does not wait for

        asked = options.ocr
        if is_plain_text(name, content):
            try:
                yield Part("", parse(name, content))
            except RagError as error:
                yield Part("", error)
            return
        for part in self._tried(name, content, wanted, options, check, archives=archives):
            if isinstance(part.text, PicturesOnly) and not part.path and engine() is not None:
                options = replace(options, ocr=True)  # once more, when the first worker is free
            else:
                yield part
        if options.ocr and not asked:
            yield from self._tried(name, content, wanted, options, check, archives=archives)

    def _tried(
        self, name: str, content: bytes, wanted: Wanted, options: ParseOptions, check: Check, *, archives: bool
    ) -> Iterator[Part]:
        """As ``_read``, of a file that takes a worker."""
        done = n_ended = 0  # members dealt with, workers lost
        retried = False
        with self._slot(check):
            while True:
                try:
                    with self._lent(ocr=options.ocr, fresh=retried) as parser:
                        fresh = parser.n_files == 0
                        parser.begin(name, content, options, done if archives else None, check)
                        for part in parser.parts(wanted):
                            yield part
                            done, retried = done + 1, False
                    return
                except _Lost as lost:
                    # What earlier files left behind in the worker may have been in the way: once more, from a clean start.
                    if lost.again and not fresh and not retried:
                        retried = True
                        continue
                    yield Part(lost.path or "", lost.error)
                    done, n_ended, retried = done + 1, n_ended + 1, False
                    if lost.path is None:
                        return
                    if n_ended == _MAX_ENDED:
                        yield Part(
                            "", UnreadableContent(f"{n_ended} of its files ended their parser: the rest is not read")
                        )
                        return

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
        for parser in idle:
            parser.ending.cancel()
            parser.worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @contextmanager
    def _lent(self, *, ocr: bool, fresh: bool) -> Iterator["_Parser"]:
        """A worker, which is ended where its work is broken off."""
        parser = self._take(ocr=ocr, fresh=fresh)
        try:
            yield parser
        except BaseException:
            parser.worker.end()
            raise
        self._give_back(parser)

    def _take(self, *, ocr: bool, fresh: bool) -> "_Parser":
        with self._lock:
            for parser in [] if fresh else self._idle[::-1]:
                if parser.ocr == ocr:
                    self._idle.remove(parser)
                    parser.ending.cancel()
                    return parser
        return _Parser(self._limits, ocr)

    def _give_back(self, parser: "_Parser") -> None:
        with self._lock:
            if not self._closed and parser.n_files < _MAX_FILES:
                self._idle.append(parser)
                if parser.ocr:
                    parser.ending = threading.Timer(_IDLE_OCR_S, self._end_idle, [parser])
                    parser.ending.daemon = True
                    parser.ending.start()
                return
        parser.worker.end()

    def _end_idle(self, parser: "_Parser") -> None:
        """End a worker, unless it was given work meanwhile."""
        with self._lock:
            if parser not in self._idle:
                return
            self._idle.remove(parser)
        parser.worker.end()


class _Parser:
    """A worker that parses. n_files: how many it has been at.  ocr: whether it may run the program that recognises text.

    ending: what ends it when it has been idle for long.
    """

    def __init__(self, limits: Limits, ocr: bool) -> None:
        self.ocr = ocr
        self.n_files = 0
        self.ending = threading.Timer(0, lambda: None)
        self._limits = limits
        self._offered: str | None = None
        self._seconds = limits.seconds
        self._patience_s = float(_START_S)
        self._check: Check = go_on
        recogniser = engine() if ocr else None
        self._memory_mib = limits.memory_mib * (_MEMORY_OCR if recogniser == RAPID else 1)
        visible = _ENVIRONMENT_OCR if ocr else _ENVIRONMENT
        self.worker = Worker(
            "rag.parsing.sandbox.worker",
            str(self._memory_mib << 20),
            *([recogniser if recogniser == RAPID else str(Path(recogniser).resolve())] if recogniser else []),
            environment={name: os.environ[name] for name in visible if name in os.environ} | _FIXED_ENVIRONMENT,
            folder="/",
        )

    def begin(
        self,
        name: str,
        content: bytes,
        options: ParseOptions,
        after: int | None,
        check: Check,
        picture: Page | None = None,
    ) -> None:
        """Hand over a file. after: members of an archive to pass over, None where an archive is not to be opened.

        check: as of ``Sandbox.read``.  picture: what is to be drawn of it, where it is not to be parsed.
        """
        self.n_files += 1
        self._check = check
        self._offered = None
        self._seconds = self._limits.seconds
        if options.ocr:  # a page takes seconds
            self._seconds *= _PATIENCE_OCR
        else:
            self._seconds = min(self._seconds, _LEAST_S + len(content) // _BYTES_A_SECOND)
        self._patience_s = _PATIENCE * self._seconds + _START_S
        job = {
            "name": name,
            "options": asdict(options),
            "seconds": self._seconds,
            "after": after,
            "picture": picture,
        }
        with self._blamed():
            self.worker.send([json.dumps(job).encode(), content], self._patience_s, check)

    def parts(self, wanted: Wanted) -> Iterator[Part]:
        """What the worker makes of the file.  Raises _Lost when that ended it."""
        for n_parts in itertools.count():
            with self._blamed():
                answer = self._answer()
                path = str(answer.get("path", ""))
                path.encode()  # half a character is the answer of no parser
                if n_parts > MAX_MEMBERS:
                    raise ValueError("more members than an archive may have")
                error = self._error(answer)
                is_text = error is None and "sha256" not in answer and "end" not in answer
                text = from_json(answer) if is_text else error
            if "end" in answer:
                if error is not None:
                    yield Part("", error)
                return
            if "sha256" in answer:
                yield self._taken(path, str(answer["sha256"]), wanted)
            else:
                yield Part(path, text)
            if "path" not in answer:
                return

    def drawn(self) -> Drawn | RagError:
        """What was drawn, or why it was not.  Raises _Lost when that ended the worker."""
        with self._blamed():
            answer = json.loads(self.worker.receive(_MAX_PICTURE, self._patience_s, self._check))
            if isinstance(answer, dict):
                return self._error(answer) or UnreadableContent("it cannot be drawn")
            n_pages, width, height, quoted, sought = map(int, answer[:-1])
            picture = self.worker.receive(_MAX_PICTURE, self._patience_s, self._check)
            if picture and not picture.startswith(_PNG):
                raise ValueError("no picture")
            return Drawn(n_pages, width, height, quoted, sought, min(1.0, max(0.0, float(answer[-1]))), picture)

    def _taken(self, path: str, sha256: str, wanted: Wanted) -> Part:
        """A member that is offered: parsed if it is wanted."""
        take = wanted(path, sha256)
        self._offered = path
        with self._blamed():
            self.worker.send([b"1" if take else b"0"], self._patience_s, self._check)
            if not take:
                return Part(path, None, sha256)
            answer = self._answer()
            text = self._error(answer) or from_json(answer)
        self._offered = None
        return Part(path, text, sha256)

    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.worker.receive(_MAX_ANSWER, self._patience_s, self._check))
        return answer

    def _error(self, answer: dict[str, Any]) -> RagError | None:
        """What an answer says is wrong with the file.  Raises _Lost where it is the worker's memory."""
        error = answer.get("error")
        if error is None:
            return None
        if error == "MemoryError":
            too_much = _TOO_MUCH.format(f"{self._memory_mib} MiB of memory")
            raise _Lost(ContentTooLarge(too_much), self._offered)
        message = str(answer.get("message"))[:_MAX_MESSAGE].encode("utf-8", "replace").decode()
        return _ERRORS.get(error, UnreadableContent)(message)

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """An exchange with the worker, whose end, or answer that is none, is the fault of the file it is at."""
        try:
            yield
        except WorkerEnded as ended:
            if ended.late or ended.signal == signal.SIGXCPU:
                too_much = _TOO_MUCH.format(f"{self._seconds} seconds")
                raise _Lost(ContentTooLarge(too_much), self._offered, again=False) from ended
            how = signal.Signals(ended.signal).name if ended.signal else str(ended)
            raise self._crashed(how) from ended
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise self._crashed("its answer cannot be read") from error

    def _crashed(self, how: str) -> _Lost:
        reason = f"its parser crashed ({how}): open it in its own program and save it again"
        return _Lost(UnreadableContent(reason), self._offered)


def _all(path: str, sha256: str) -> bool:
    return True
