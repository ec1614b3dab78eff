"""What is sent for each method, and when it is sent again: the same for both clients, and without any input or output."""

from __future__ import annotations

import email.utils
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

import httpx

from footnote_client.errors import Problem, Unreachable
from footnote_client.types import Added, Answer, Asking, Check, Citation, Limits, Metadata, Page, Receipt

T = TypeVar("T")

TIMEOUT_S = 60.0
# For uploads and deletions, which a service gives 600 unless it is set otherwise.
WRITE_TIMEOUT_S = 630.0
RETRIES = 3
# Waiting longer than this is for whoever asked to decide.
MAX_WAIT_S = 30.0
_FIRST_WAIT_S = 0.5
_BUSY = (429, 503)
# What is wrong with the address or the key stays wrong.
_NEVER_SENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and as T what the JSON of its reply is.  files: paths, opened anew for every attempt."""

    method: str
    path: str
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    accept: str = "application/json"

    def arguments(self, timeout_s: float) -> dict[str, Any]:
        """Keyword arguments of ``httpx.Client.build_request``.  timeout_s: of whatever is no upload and no deletion."""
        given: dict[str, Any] = {"method": self.method, "url": self.path, "headers": {"Accept": self.accept}}
        if _writes(self.method, self.path):
            given["timeout"] = httpx.Timeout(max(timeout_s, WRITE_TIMEOUT_S), connect=timeout_s)
        given["params"] = _present(self.query)
        if self.files:
            given["files"] = [("file", (path.name, path.read_bytes())) for path in self.files]
            given["data"] = self.fields
        elif self.body is not None:
            given["json"] = self.body
        return given


def ask(question: str, how: Asking, *, streamed: bool = False) -> Call[Answer]:
    """A question."""
    accept = "text/event-stream, application/json" if streamed else "application/json"
    return Call("POST", "/v1/ask", {"question": question, **_present(how)}, accept=accept)


def search(query: str, limits: Limits) -> Call[Answer]:
    """A question whose passages count."""
    return Call("POST", "/v1/ask", {"question": query, "top_k": 10, **_present(limits)})


def verify(citations: Sequence[Citation]) -> Call[dict[str, list[Check]]]:
    """Citations to check."""
    return Call("POST", "/v1/verify", {"citations": list(citations)})


def add_text(
    text: str, title: str | None, source: str | None, metadata: Metadata | None, collection: str
) -> Call[Added]:
    """One text."""
    given = {"title": title, "text": text, "source": source, "metadata": metadata, "collection": collection}
    return Call("POST", "/v1/documents", _present(given))


def add_files(
    paths: Sequence[str | PathLike[str]], metadata: Metadata | None, collection: str
) -> Iterator[Call[Added]]:
    """Files, and those of folders, each of which is a request of its own: what one of them does says nothing of the next."""
    for path in map(Path, paths):
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in inside:
            fields = {"collection": collection, "metadata": json.dumps(metadata or {})}
            folder = file.parent.relative_to(path.parent).as_posix() if path.is_dir() else "."
            if folder != ".":
                fields["folder"] = folder
            yield Call("POST", "/v1/documents", files=(file,), fields=fields)


def documents(collection: str | None, cursor: str | None) -> Call[Page]:
    """A page of the documents."""
    return Call("GET", "/v1/documents", query={"collection": collection, "cursor": cursor, "limit": 100})


def text(document_id: str, start: int | None, end: int | None) -> Call[dict[str, str]]:
    """A document's stored text."""
    return Call("GET", f"/v1/documents/{quote(document_id, safe='')}/text", query={"start": start, "end": end})


def delete(document_id: str) -> Call[Receipt]:
    """A document to delete."""
    return Call("DELETE", f"/v1/documents/{quote(document_id, safe='')}")


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def headers(key: str | None) -> dict[bytes, bytes]:
    """Of every request."""
    # One that is read from a file ends with its line.
    return {b"Authorization": f"Bearer {key.strip()}".encode()} if key else {}


def _writes(method: str, path: str) -> bool:
    return method != "GET" and path.startswith("/v1/documents")


def is_gone(call: Call[Any], response: httpx.Response, attempt: int) -> bool:
    """Whether a document that is not there was deleted by an attempt before, whose reply was lost."""
    return call.method == "DELETE" and response.status_code == 404 and attempt > 0


def taken(call: Call[Any], response: httpx.Response) -> Any:
    """The JSON of a reply.  Raises Problem where it is of something else than the service."""
    if not response.is_success:  # ``is_gone``: nothing was left to remove
        name = unquote(call.path.rpartition("/")[2])
        return {"document_id": name, "passages": 0, "vectors": 0, "lexical": 0, "remaining": 0}
    try:
        return response.json()
    except ValueError as error:
        raise problem_of(response) from error


def problem_of(response: httpx.Response) -> Problem:
    """The problem that a response tells of, which must have been read."""
    try:
        body = response.json()
    except ValueError:
        body = {"title": response.reason_phrase, "detail": response.text[:300]}
    return Problem(response.status_code, body if isinstance(body, dict) else {}, retry_after_s(response))


def partly_added(problem: Problem) -> Added:
    """What an upload that was refused did all the same.  Raises the problem again where it is not of its files."""
    if not problem.body.get("failed"):
        raise problem
    return {"documents": problem.body.get("documents", []), "failed": problem.body["failed"]}


def not_read(call: Call[Added], error: OSError | UnicodeEncodeError) -> Added:
    """What an upload did whose file cannot be read, or not be named, here."""
    reason = error.strerror if isinstance(error, OSError) else None
    name = "/".join([*filter(None, [call.fields.get("folder")]), call.files[0].name])
    shown = name.encode(errors="replace").decode()
    return {"documents": [], "failed": [{"name": shown, "reason": reason or "its name is not Unicode: rename it"}]}


def retry_after_s(response: httpx.Response) -> float | None:
    """The seconds that a response asks to wait; None where it does not."""
    given = response.headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def wait_before_again(outcome: httpx.Response | httpx.TransportError, n_left: int, attempt: int) -> float:
    """Seconds to wait before the same is sent again.  n_left: how often that may still be.  attempt: from 0.

    Sending again is safe with every request: a document is known by its source, and the same again changes nothing.
    Raises Unreachable, and Problem of a response that has been read, where it is not to be sent again.
    """
    if isinstance(outcome, httpx.TransportError):
        request = outcome.request
        late = isinstance(outcome, httpx.ReadTimeout) and _writes(request.method, request.url.path)
        if not n_left or late or isinstance(outcome, _NEVER_SENT):
            raise Unreachable(f"{request.url} cannot be reached: {outcome}") from outcome
        asked_s = None
    else:
        asked_s = retry_after_s(outcome)
        if not n_left or outcome.status_code not in _BUSY or (asked_s or 0) > MAX_WAIT_S:
            raise problem_of(outcome)
    if asked_s is None:
        return float(_FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1))
    return asked_s * random.uniform(1, 1.25)  # a little later than asked, and not all clients at once
