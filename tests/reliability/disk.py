"""What a disk may hold after the power went, worked out from the calls that were made before.

Content that was not synced may be there or not, each write for itself, and the last of them torn. Names that were not synced may be
there or not, in each directory up to some point in order. What was synced is there.
"""

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.reliability.faults import Event

_SECTOR = 512


@dataclass(eq=False)
class File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[str, int, bytes]] = field(default_factory=list)

    def change(self, kind: str, offset: int, data: bytes) -> None:
        self.pending.append((kind, offset, data))

    def sync(self) -> None:
        for kind, offset, data in self.pending:
            _apply(self.durable, kind, offset, data)
        self.pending.clear()

    def after_crash(self, rng: random.Random) -> bytes:
        content = bytearray(self.durable)
        keep = rng.choice((0.0, 0.5, 0.9, 1.0))
        for kind, offset, data in self.pending:
            if rng.random() >= keep:
                continue
            torn = kind == "write" and len(data) > _SECTOR and rng.random() < 0.1
            _apply(
                content, kind, offset, data[: rng.randrange(1, len(data) // _SECTOR + 1) * _SECTOR] if torn else data
            )
        return bytes(content)


@dataclass(eq=False)
class Directory:
    durable: "dict[str, Node]" = field(default_factory=dict)
    now: "dict[str, Node]" = field(default_factory=dict)
    pending: "list[tuple[str, Node | None]]" = field(default_factory=list)

    def put(self, name: str, node: "Node | None") -> None:
        if node is None:
            self.now.pop(name, None)
        else:
            self.now[name] = node
        self.pending.append((name, node))

    def sync(self) -> None:
        _put_all(self.durable, self.pending)
        self.pending.clear()

    def write_to(self, path: Path, rng: random.Random) -> None:
        names = dict(self.durable)
        _put_all(names, self.pending[: rng.choice((0, len(self.pending), rng.randint(0, len(self.pending))))])
        path.mkdir()
        for name, node in names.items():
            if isinstance(node, Directory):
                node.write_to(path / name, rng)
            else:
                (path / name).write_bytes(node.after_crash(rng))


Node = File | Directory


class Disk:
    """A directory that starts empty and durable, followed through the calls below it."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.abspath(root)
        self._top = Directory()

    def follow(self, event: Event) -> None:
        """Take a call that succeeded into account."""
        if event.path != self._root and not event.path.startswith(self._root + os.sep):
            return
        parent, name = self._find(event.path)
        node = parent.now.get(name) if name else self._top
        if event.name == "create" and node is None:
            parent.put(name, File())
        elif event.name == "mkdir":
            parent.put(name, Directory())
        elif event.name in ("unlink", "rmdir"):
            parent.put(name, None)
        elif event.name in ("rename", "link") and node is not None:
            other, target = self._find(event.other)
            other.put(target, node)
            if event.name == "rename":
                # One step, decided by where the name goes: what is no longer there is gone from its old place as well.
                parent.put(name, None)
        elif isinstance(node, File) and event.name in ("write", "truncate"):
            node.change(event.name, event.offset, event.data)
        elif event.name == "sync" and node is not None:
            node.sync()

    def write_to(self, path: Path, rng: random.Random) -> None:
        """A state that the disk may be in if the power goes now, as a directory."""
        self._top.write_to(path, rng)

    def _find(self, path: str) -> tuple[Directory, str]:
        steps = os.path.relpath(path, self._root).split(os.sep)
        directory = self._top
        if steps == ["."]:
            return directory, ""
        for step in steps[:-1]:
            below = directory.now.get(step)
            if not isinstance(below, Directory):
                raise ValueError(f"{path}: {step} is not known as a directory")
            directory = below
        return directory, steps[-1]


def _apply(content: bytearray, kind: str, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    if kind == "truncate":
        del content[offset:]
    else:
        content[offset : offset + len(data)] = data


def _put_all(names: "dict[str, Node]", changes: "Iterable[tuple[str, Node | None]]") -> None:
    for name, node in changes:
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node
