"""What is sent for each method, and when it is sent again: the same for both clients, and without any input or output."""

from __future__ import annotations

import email.utils
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import httpx

from footnote_client.errors import Problem
from footnote_client.types import Citation, Filter, Metadata, Turn

TIMEOUT_S = 60.0
RETRIES = 3
# Waiting longer than this is for whoever asked to decide.
MAX_WAIT_S = 30.0
_FIRST_WAIT_S = 0.5
_BUSY = (429, 503)


@dataclass(frozen=True)
class Call:
    """One request.  files: paths, opened anew for every attempt."""

    method: str
    path: str
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    accept: str = "application/json"

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of ``httpx.Client.build_request``."""
        given: dict[str, Any] = {"params": self.query, "headers": {"Accept": self.accept}}
        if self.files:
            given["files"] = [("file", (path.name, path.read_bytes())) for path in self.files]
            given["data"] = self.fields
        elif self.body is not None:
            given["json"] = self.body
        return given


def ask(
    question: str,
    *,
    top_k: int,
    collection: str,
    filter: Filter | None,  # noqa: A002
    history: Sequence[Turn],
    max_risk: float | None,
    explain: bool,
    streamed: bool = False,
) -> Call:
    """A question."""
    body: dict[str, Any] = {"question": question, "top_k": top_k, "collection": collection, "filter": filter or {}}
    if history:
        body["history"] = list(history)
    if max_risk is not None:
        body["max_risk"] = max_risk
    if explain:
        body["explain"] = True
    accept = "text/event-stream, application/json" if streamed else "application/json"
    return Call("POST", "/v1/ask", body, accept=accept)


def verify(citations: Sequence[Citation]) -> Call:
    """Citations to check."""
    return Call("POST", "/v1/verify", {"citations": list(citations)})


def add_text(text: str, title: str | None, source: str | None, metadata: Metadata | None, collection: str) -> Call:
    """One text."""
    given = {"title": title, "text": text, "source": source, "metadata": metadata or {}, "collection": collection}
    return Call("POST", "/v1/documents", {name: value for name, value in given.items() if value is not None})


def add_files(paths: Sequence[str | PathLike[str]], metadata: Metadata | None, collection: str) -> Iterator[Call]:
    """Files, and those of folders, each of which is a request of its own: what one of them does says nothing of the next."""
    for path in map(Path, paths):
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in inside:
            fields = {"collection": collection, "metadata": json.dumps(metadata or {})}
            folder = file.parent.relative_to(path.parent).as_posix() if path.is_dir() else "."
            if folder != ".":
                fields["folder"] = folder
            yield Call("POST", "/v1/documents", files=(file,), fields=fields)


def documents(collection: str | None, cursor: str | None, limit: int = 100) -> Call:
    """A page of the documents."""
    given = {"collection": collection, "cursor": cursor, "limit": limit}
    return Call("GET", "/v1/documents", query={name: value for name, value in given.items() if value is not None})


def text(document_id: str, start: int | None, end: int | None) -> Call:
    """A document's stored text."""
    given = {"start": start, "end": end}
    query = {name: value for name, value in given.items() if value is not None}
    return Call("GET", f"/v1/documents/{_segment(document_id)}/text", query=query)


def delete(document_id: str) -> Call:
    """A document to delete."""
    return Call("DELETE", f"/v1/documents/{_segment(document_id)}")


def _segment(document_id: str) -> str:
    from urllib.parse import quote

    return quote(document_id, safe="")


def headers(key: str | None) -> dict[str, str]:
    """Of every request."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def problem_of(response: httpx.Response) -> Problem:
    """The problem that a response tells of, which must have been read."""
    try:
        body = response.json()
    except ValueError:
        body = {"title": response.reason_phrase, "detail": response.text[:300]}
    return Problem(response.status_code, body if isinstance(body, dict) else {}, retry_after_s(response))


def retry_after_s(response: httpx.Response) -> float | None:
    """The seconds that a response asks to wait; None where it does not."""
    given = response.headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def wait_before_again(status: int | None, asked_s: float | None, attempt: int) -> float | None:
    """Seconds to wait before the same is sent again, None where that is not to be.

    status: None where there was no answer.  asked_s: what the service asked for.  attempt: from 0. Sending again is safe with every
    request: a document is known by its source, and the same again changes nothing.
    """
    if status is not None and status not in _BUSY:
        return None
    if asked_s is None:
        return float(_FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1))
    # A little later than asked, and not all clients at once.
    return asked_s * random.uniform(1, 1.25) if asked_s <= MAX_WAIT_S else None
