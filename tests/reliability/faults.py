"""A layer under everything that the store does with files: it counts, records, fails, or ends the process at a given call.

SQLite's calls come through a VFS of its own, which must be the default one before ``index.local.database.connection`` is used
in the process (its checksums then lie above it, as above a real disk). The store's other calls come through
``index.local.system.files.system``.
"""

import errno
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from index.local.system import files


@dataclass(frozen=True)
class Event:
    """One call that changes or reads files. path: absolute; other: of a rename or link, its second path."""

    name: str
    path: str
    offset: int = 0
    data: bytes = b""
    other: str = ""


@dataclass
class Control:
    """What happens at each call.

    at: number of the call, from 1, at which ``action`` is taken; 0 for never.  action: "kill", "error" or "full".
    names: calls that count.  lasting: whether every later call fails too.  trace: calls so far, when ``recording``.
    """

    at: int = 0
    action: str = "error"
    names: frozenset[str] = frozenset(
        {"open", "write", "sync", "truncate", "rename", "link", "unlink", "mkdir", "rmdir"}
    )
    lasting: bool = False
    recording: bool = False
    count: int = 0
    hit: list[Event] = field(default_factory=list)
    trace: list[Event] = field(default_factory=list)

    def call(self, event: Event) -> bool:
        """Take note of a call that is about to be made; whether it must fail."""
        if event.name in self.names:
            self.count += 1
            if self.at and (self.count == self.at or (self.lasting and self.count > self.at)):
                self.hit.append(event)
                if self.action == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                return True
        if self.recording:
            self.trace.append(event)
        return False

    def raise_os(self) -> None:
        number = errno.ENOSPC if self.action == "full" else errno.EIO
        raise OSError(number, os.strerror(number))

    def raise_sqlite(self) -> None:
        raise apsw.FullError("injected") if self.action == "full" else apsw.IOError("injected")


class FaultySystem(files.System):
    """The store's own calls."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.paths: dict[int, str] = {}

    def _call(self, name: str, path: Path | str, **more: Any) -> None:
        if self.control.call(Event(name, os.path.abspath(path), **more)):
            self.control.raise_os()

    def open(self, path: Path, flags: int) -> int:
        if flags & os.O_CREAT:
            created = not path.exists()
            self._call("open", path)
            if self.control.recording and created:
                self.control.trace.append(Event("create", os.path.abspath(path)))
            if self.control.recording and flags & os.O_TRUNC and not created:
                self.control.trace.append(Event("truncate", os.path.abspath(path)))
        fd = super().open(path, flags)
        self.paths[fd] = os.path.abspath(path)
        return fd

    def read(self, path: Path) -> bytes:
        self._call("read", path)
        return super().read(path)

    def write(self, fd: int, data: memoryview) -> int:
        offset = os.lseek(fd, 0, os.SEEK_CUR)
        half = data[: len(data) // 2]
        if self.control.call(Event("write", self.paths[fd], offset, bytes(data) if self.control.recording else b"")):
            os.write(fd, half)
            self.control.raise_os()
        return super().write(fd, data)

    def write_at(self, fd: int, data: bytes) -> None:
        self._call("write", self.paths[fd], data=data)
        super().write_at(fd, data)
        if self.control.recording:
            self.control.trace.append(Event("truncate", self.paths[fd], len(data)))

    def sync(self, fd: int) -> None:
        path = self.paths[fd]
        if self.control.recording and "/lexical/" in path:  # written by tantivy, which does not come through here
            self.control.trace.append(Event("create", path))
            self.control.trace.append(Event("write", path, 0, Path(path).read_bytes()))
        self._call("sync", path)
        super().sync(fd)

    def rename(self, source: Path, target: Path) -> None:
        self._call("rename", source, other=os.path.abspath(target))
        super().rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._call("link", source, other=os.path.abspath(target))
        super().link(source, target)

    def unlink(self, path: Path) -> None:
        self._call("unlink", path)
        super().unlink(path)

    def mkdir(self, path: Path) -> None:
        self._call("mkdir", path)
        super().mkdir(path)

    def rmdir(self, path: Path) -> None:
        self._call("rmdir", path)
        super().rmdir(path)


class FaultyVFS(apsw.VFS):
    """SQLite's calls."""

    def __init__(self, control: Control) -> None:
        self.control = control
        super().__init__("faulty", "", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or not flags[0] & (
            apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
        ):
            return apsw.VFSFile("", name, flags)
        created = bool(flags[0] & apsw.SQLITE_OPEN_CREATE) and not os.path.exists(path)
        if created:
            if self.control.call(Event("open", path)):
                raise apsw.CantOpenError("injected")
            if self.control.recording:
                self.control.trace.append(Event("create", path))
        return FaultyFile(self.control, path, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:
        if self.control.call(Event("unlink", name)):
            self.control.raise_sqlite()
        super().xDelete(name, syncdir)
        if syncdir and self.control.recording:
            self.control.trace.append(Event("sync", os.path.dirname(name)))


class FaultyFile(apsw.VFSFile):
    def __init__(self, control: Control, path: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.control = control
        self.path = path
        # SQLite syncs the directory with the first sync of each log that may have been created, by whomever.
        self.directory_unsynced = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and not flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
        super().__init__("unix", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        if self.control.call(Event("read", self.path, offset)):
            self.control.raise_sqlite()
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.control.call(Event("write", self.path, offset, bytes(data) if self.control.recording else b"")):
            super().xWrite(data[: len(data) // 2], offset)
            self.control.raise_sqlite()
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        if self.control.call(Event("truncate", self.path, size)):
            self.control.raise_sqlite()
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        if self.control.call(Event("sync", self.path)):
            self.control.raise_sqlite()
        super().xSync(flags)
        if self.directory_unsynced and self.control.recording:
            self.control.trace.append(Event("sync", os.path.dirname(self.path)))
        self.directory_unsynced = False


_layers: list[FaultyVFS] = []  # SQLite holds no reference


def install(control: Control) -> None:
    """Put the layer under everything, once a process and before the store is first used."""
    if _layers:
        raise ValueError("already installed")
    _layers.append(FaultyVFS(control))
    files.system = FaultySystem(control)
