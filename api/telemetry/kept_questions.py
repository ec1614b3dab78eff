"""What the service keeps of questions where a setting names a file: judged answers as a gold set, and what was not answered.

Questions are private: nothing is kept unless the operator wants it. Each file is JSON Lines, its owner's alone, and replaced whole.
"""

import errno
import hashlib
import json
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from api.errors import NotKept
from api.schemas.responses import FeedbackOut, UnansweredQuestionOut
from index.errors import StoreFull
from rag.shared.errors import BadInput
from rag.shared.files import replace_file

logger = logging.getLogger(__name__)
MOST_JUDGED, MOST_UNANSWERED = 10_000, 1000


class _Lines:
    """JSON objects in a file, one a line; thread-safe within one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = Lock()

    def _read(self) -> list[Any]:
        """The objects, in order; lines that are none are passed over.  Raises NotKept."""
        try:
            content = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise NotKept(f"{self._path} cannot be read: {error}") from error
        lines = []
        for line in content.split("\n"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                lines.append(value)
        return lines

    @contextmanager
    def _changing(self) -> Iterator[list[Any]]:
        """The objects, to be changed in place; on disk when the block has ended well.  Raises StoreFull, NotKept."""
        with self._mutex:
            lines = self._read()
            yield lines
            try:
                self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
                text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
                replace_file(self._path, text, private=True)
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                raise (StoreFull if full else NotKept)(f"{self._path} cannot be written: {error}") from error


class Judged(_Lines):
    """Answers that people have judged, in the form of a gold set that `rag eval` reads."""

    def add(self, question: str, collection: str, quotes: Sequence[str], document: str | None) -> FeedbackOut:
        """Keep what answers a question, none for one that the documents do not answer; a later judgement replaces an earlier one.

        Raises BadInput when the file is full.
        """
        name = hashlib.sha256(f"{collection}\0{question}".encode()).hexdigest()[:16]
        judged: FeedbackOut = {"id": name, "question": question, "answerable": bool(quotes), "quotes": list(quotes)}
        if document is not None:
            judged["document"] = document
        with self._changing() as lines:
            lines[:] = [line for line in lines if line.get("id") != name]
            if len(lines) >= MOST_JUDGED:
                raise BadInput(f"{MOST_JUDGED} answers are judged already: the operator has to move the file")
            lines.append(judged)
        return judged


class Unanswered(_Lines):
    """Questions that the documents did not answer, each once, the latest last; the oldest go first."""

    def note(self, question: str, collection: str, reason: str) -> None:
        """A question had no answer. Where that cannot be kept, the log says so: whoever asked needs nothing of it."""
        try:
            self._add(question, collection, reason)
        except (StoreFull, NotKept) as error:
            logger.warning("a question without an answer is not kept: %s", error)

    def _add(self, question: str, collection: str, reason: str) -> None:
        with self._changing() as lines:
            same = [line for line in lines if (line.get("question"), line.get("collection")) == (question, collection)]
            counts = [line.get("count") for line in same]
            count = sum(count if isinstance(count, int) else 1 for count in counts) + 1
            lines[:] = [line for line in lines if line not in same][1 - MOST_UNANSWERED :]
            now = datetime.now(UTC).isoformat(timespec="seconds")
            lines.append(
                {"question": question, "collection": collection, "reason": reason, "count": count, "last_at": now}
            )

    def listed(self, collections: Collection[str] | None) -> list[UnansweredQuestionOut]:
        """Those of some collections, None for all, the latest first."""
        return [line for line in self._read()[::-1] if collections is None or line.get("collection") in collections]

    def forget(self, collections: Collection[str] | None) -> None:
        """Forget those of some collections, None for all."""
        with self._changing() as lines:
            lines[:] = [line for line in lines if collections is not None and line.get("collection") not in collections]
