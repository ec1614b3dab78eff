"""What the service keeps of questions where a setting names a file: judged answers as a gold set, and what was not answered.

Questions are private: nothing is kept unless the operator wants it. Each file is JSON Lines, its owner's alone, and replaced whole.
"""

import errno
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from index.errors import StoreFull, StoreUnwritable
from rag.shared.errors import BadInput

Line = dict[str, Any]
MOST_JUDGED, MOST_UNANSWERED = 10_000, 1000


class Lines:
    """Objects in a file, one a line; thread-safe within one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex = Lock()

    def read(self) -> list[Line]:
        """The objects, in order; lines that are none are passed over.  Raises StoreUnwritable."""
        try:
            content = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise StoreUnwritable(f"{self.path} cannot be read: {error}") from error
        found = []
        for line in content.splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                found.append(value)
        return found

    @contextmanager
    def changing(self) -> Iterator[list[Line]]:
        """The objects, to be changed in place; on disk when the block has ended well.  Raises StoreFull, StoreUnwritable."""
        with self._mutex:
            lines = self.read()
            yield lines
            aside = self.path.with_name(f".{self.path.name}.new")
            try:
                self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
                with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
                    file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(aside, self.path)
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                raise (StoreFull if full else StoreUnwritable)(f"{self.path} cannot be written: {error}") from error


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers that people have judged, in the form of a gold set that `rag eval` reads."""

    lines: Lines

    def add(self, question: str, collection: str, quotes: Sequence[str], document: str | None) -> Line:
        """Keep what answers a question, none for one that the documents do not answer; a later judgement replaces an earlier one.

        Raises BadInput when the file is full.
        """
        name = hashlib.sha256(f"{collection}\0{question}".encode()).hexdigest()[:16]
        line: Line = {"id": name, "question": question, "answerable": bool(quotes), "quotes": list(quotes)}
        if document is not None:
            line["document"] = document
        with self.lines.changing() as lines:
            lines[:] = [one for one in lines if one.get("id") != name]
            if len(lines) >= MOST_JUDGED:
                raise BadInput(f"{MOST_JUDGED} answers are judged already: the operator has to move the file")
            lines.append(line)
        return line


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Questions that the documents did not answer, each once, the latest last; the oldest go first."""

    lines: Lines

    def note(self, question: str, collection: str, reason: str) -> None:
        """A question had no answer."""
        with self.lines.changing() as lines:
            same = [one for one in lines if (one.get("question"), one.get("collection")) == (question, collection)]
            count = sum(int(one.get("count", 1)) for one in same) + 1
            lines[:] = [one for one in lines if one not in same][1 - MOST_UNANSWERED :]
            now = datetime.now(UTC).isoformat(timespec="seconds")
            lines.append(
                {"question": question, "collection": collection, "reason": reason, "count": count, "last_at": now}
            )

    def listed(self, collections: Collection[str] | None) -> list[Line]:
        """Those of some collections, None for all, the latest first."""
        return [one for one in self.lines.read()[::-1] if collections is None or one.get("collection") in collections]

    def forget(self, collections: Collection[str] | None) -> None:
        """Forget those of some collections, None for all."""
        with self.lines.changing() as lines:
            lines[:] = [one for one in lines if collections is not None and one.get("collection") not in collections]
