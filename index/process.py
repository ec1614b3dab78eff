"""Work in processes of its own: started, spoken to and ended in one way, whether they parse, answer or build views.

A worker is a module of this project in a fresh interpreter; a forked one would hang once FAISS has run. The two speak in messages
of bytes over a pair of sockets: a length (8 bytes, little-endian) and that many bytes. A worker ends when the other side closes.
"""

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Check = Callable[[], None]  # called several times a second by whoever waits; what it raises ends the waiting
_ROOT = Path(__file__).parent.parent
_LENGTH = 8
_PART = 1 << 20
_LOOK_S = 0.25
_END_S = 5.0
_PR_SET_DUMPABLE = 4


class WorkerEnded(Exception):
    """A worker is no more, or was ended for what it did; the message goes on from "the process".

    signal: the number of the one that ended it, 0 where none did.  late: whether it was ended for taking too long.
    """

    def __init__(self, message: str, signal: int = 0, *, late: bool = False) -> None:
        super().__init__(message)
        self.signal = signal
        self.late = late


def always() -> None:
    """The check of whoever waits as long as it takes."""


class Worker:
    """One process and the connection to it. What its methods raise is WorkerEnded, and what a check raises."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        folder: str | None = None,
        is_heard: bool = False,
    ) -> None:
        """Start ``python -m module FD arguments``, FD being the descriptor of its socket.  Raises OSError where that cannot be.

        environment: all that it sees of one; by default this process's.  folder: the one to work in.
        is_heard: whether what it writes to stderr is shown.
        """
        environment = os.environ if environment is None else environment
        # It takes its code from where this process does, and never from the folder that somebody works in (-P).
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
                    env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=None if is_heard else subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # an interrupt from the terminal is for who started it
                )
            except OSError:
                self._socket.close()
                raise
        self._socket.settimeout(_LOOK_S)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, messages: Sequence[bytes], seconds: float = math.inf, check: Check = always) -> None:
        """Send messages, which it has to take within so many seconds."""
        ends_at = time.monotonic() + seconds
        for message in messages:
            for part in _parts(message):
                rest = memoryview(part)
                while rest:
                    n_sent = self._exchange(partial(self._socket.send, rest[:_PART]), ends_at, check)
                    rest = rest[n_sent:]

    def receive(self, limit: int, seconds: float = math.inf, check: Check = always) -> bytes:
        """The next message, whole within so many seconds; one of more than ``limit`` bytes costs the process."""
        ends_at = time.monotonic() + seconds
        try:
            return _message(lambda size: self._exchange(partial(self._socket.recv, size), ends_at, check), limit)
        except EOFError as error:
            raise self.ended() from error
        except _TooLong as error:
            raise self.end_for(f"sent {error}") from error

    def _exchange(self, operation: Callable[[], T], ends_at: float, check: Check) -> T:
        while True:
            check()
            if time.monotonic() > ends_at:
                raise self.end_for("took too long", late=True)
            try:
                return operation()
            except TimeoutError:
                continue
            except OSError as error:
                raise self.ended() from error

    def ended(self) -> WorkerEnded:
        """How it ended; it is ended if it has not within seconds."""
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        return WorkerEnded(
            f"was ended by signal {-status}" if status < 0 else f"ended with status {status}", max(-status, 0)
        )

    def end_for(self, what: str, *, late: bool = False) -> WorkerEnded:
        """End it for what it did, which the error says that this gives."""
        self.end()
        return WorkerEnded(f"{what} and was ended", late=late)

    @property
    def is_over(self) -> bool:
        """Whether it is no more."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it and what it has started, whatever it is doing. Another thread that waits for it learns so."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the connection, at which it ends when it has done what it is at."""
        self._socket.close()

    def end(self, patience_s: float = 0.0) -> None:
        """Close the connection and wait for its end; after so many seconds make it end."""
        self.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self.kill()
        self._process.wait()


class _TooLong(ValueError):
    """A message has more bytes than are taken in."""


def parents_socket() -> socket.socket:
    """In a worker: the connection to the process that started it."""
    return socket.socket(fileno=int(sys.argv[1]))


def send(connection: socket.socket, *messages: bytes) -> None:
    """In a worker: send messages."""
    for message in messages:
        for part in _parts(message):
            connection.sendall(part)


def receive(connection: socket.socket, limit: int = sys.maxsize) -> bytes:
    """In a worker: the next message.  Raises EOFError when the other side has closed, ValueError for more than ``limit`` bytes."""
    return _message(connection.recv, limit)


def _parts(message: bytes) -> tuple[bytes, memoryview]:
    """A message as it is sent: its length with its beginning, so that the receiver wakes up once for both, and then the rest."""
    return len(message).to_bytes(_LENGTH, "little") + message[:_PART], memoryview(message)[_PART:]


def _message(receive_part: Callable[[int], bytes], limit: int) -> bytes:
    def exactly(size: int) -> bytes:
        parts = []
        while size:
            part = receive_part(min(size, _PART))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    size = int.from_bytes(exactly(_LENGTH), "little")
    if size > limit:
        raise _TooLong(f"a message of {size} bytes, more than {limit},")
    return exactly(size)


def work_behind(work: Callable[[], None]) -> None:
    """In a worker of one piece of work: do it, let all others go first, and say what went wrong; ``outcome`` reads that.

    It ends at once when the other side closes.
    """
    connection = parents_socket()

    def end_when_closed() -> None:
        with suppress(OSError):
            connection.recv(1)
        os._exit(3)

    os.nice(10)
    threading.Thread(target=end_when_closed, daemon=True).start()
    try:
        work()
        problem = ""
    except Exception as error:
        problem = " ".join(str(error).split()) or type(error).__name__
    send(connection, problem.encode("utf-8", "replace"))


def outcome(worker: Worker) -> str:
    """Wait for a worker of one piece of work, and end it; what went wrong, or nothing."""
    try:
        return worker.receive(_PART).decode()
    except WorkerEnded as ended:
        return f"the process {ended}"
    finally:
        worker.end()


class Stoppable:
    """Runs one worker of one piece of work at a time, which another thread may stop. worker: the one that is at it."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.stopped = threading.Event()

    def run(self, module: str, *arguments: str) -> str:
        """What went wrong, or nothing."""
        try:
            self.worker = worker = Worker(module, *arguments)
        except OSError as error:
            return str(error)
        if self.stopped.is_set():
            worker.kill()
        problem = outcome(worker)
        self.worker = None
        return problem

    def stop(self) -> None:
        """End the work that is under way, and let no other come to anything."""
        self.stopped.set()
        if (worker := self.worker) is not None:
            worker.kill()


def forbid_inspection() -> None:
    """Let no other process of the same user read this one's memory, environment or open files, as debuggers do (Linux).

    There is no core dump of it either. The system's administrator still may.
    """
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
