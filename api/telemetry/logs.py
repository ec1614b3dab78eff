"""How logs look: lines of text or of JSON, errors by where they happened. No question, no text or name of a document, no key.

The words of an unexpected exception are left out, too: they may quote what was being worked on.
"""

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

Format = Literal["text", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
_FIELDS = ("method", "route", "status", "ms", "requests", "key", "url", "store", "documents", "passages")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class TextLines(logging.Formatter):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__("rag: %(message)s")

    def formatException(self, ei: _Raised) -> str:
        """Where it happened."""
        return "\n".join(f"  {line}" for line in where(ei[1]))


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """``time``, ``level``, ``logger``, ``message``, and what is known of ``request_id``, a request, and an ``error``."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            entry["request_id"] = current
        entry |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1] is not None:
            entry["error"] = where(record.exc_info[1])
        return json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def where(error: BaseException | None) -> list[str]:
    """The kinds of an exception and of those that led to it, each with its frames, innermost first; none of their words."""
    kinds: list[str] = []
    while error is not None and len(kinds) < 10:
        frames = [
            f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[::-1]
        ]
        kinds.append(f"{type(error).__name__} at {' < '.join(frames)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return kinds


def configure(lines: Format) -> None:
    """Log to stderr from now on, as text or as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if lines == "json" else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("api", "rag"):
        logging.getLogger(name).setLevel(logging.INFO)
