"""The client that waits for each answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TypeVar, Unpack

import httpx

from footnote_client import calls
from footnote_client.errors import Problem, Unreachable
from footnote_client.events import EventReader
from footnote_client.types import (
    Added,
    Answer,
    Asking,
    Check,
    Citation,
    Document,
    Event,
    Limits,
    Metadata,
    Passage,
    Receipt,
)

T = TypeVar("T")


class Client:
    """One service.  url: such as http://127.0.0.1:8000.  key: of ``rag key add``, where the service asks for one.

    timeout_s: for a reply; uploads and deletions have 630 s at least, and are not sent again when that has passed.
    retries: how often the same is sent again when the service is busy or out of reach.  transport: of httpx, for tests.
    Every method raises Problem or Unreachable.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = calls.TIMEOUT_S,
        retries: int = calls.RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._timeout_s = timeout_s
        self._http = httpx.Client(
            base_url=url, headers=calls.headers(key), timeout=timeout_s, transport=transport, trust_env=False
        )

    def ask(self, question: str, **how: Unpack[Asking]) -> Answer:
        """The sentences that answer and the passages they stand in; ``answered`` is False when the documents do not hold it."""
        return self._json(calls.ask(question, how))

    def ask_events(self, question: str, **how: Unpack[Asking]) -> Iterator[Event]:
        """The answer as it is made; the last event is "done", with all of it."""
        response = self._send(calls.ask(question, how, streamed=True), stream=True)
        try:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                response.read()
                yield {"event": "done", "data": response.json()}
                return
            reader = EventReader()
            for line in response.iter_lines():
                if (event := reader.feed(line)) is not None:
                    yield event
        except httpx.TransportError as error:
            raise Unreachable(f"the answer broke off: {error}") from error
        finally:
            response.close()

    def search(self, query: str, **limits: Unpack[Limits]) -> list[Passage]:
        """The passages that fit best, best first."""
        return self._json(calls.search(query, limits))["passages"]

    def verify(self, citations: Sequence[Citation]) -> list[Check]:
        """For each citation whether its quotation still stands."""
        return self._json(calls.verify(citations))["results"]

    def add(
        self,
        *paths: str | PathLike[str],
        text: str | None = None,
        title: str | None = None,
        source: str | None = None,
        metadata: Metadata | None = None,
        collection: str = "default",
    ) -> Added:
        """Add files and folders, or one text. What cannot be taken is listed in ``failed``; the rest goes in."""
        if text is not None:
            return self._json(calls.add_text(text, title, source, metadata, collection))
        done: Added = {"documents": [], "failed": []}
        for call in calls.add_files(paths, metadata, collection):
            try:
                added = self._json(call)
            except Problem as problem:
                added = calls.partly_added(problem)
            except (OSError, UnicodeEncodeError) as error:
                added = calls.not_read(call, error)
            done["documents"] += added.get("documents", [])
            done["failed"] += added.get("failed", [])
        return done

    def documents(self, collection: str | None = None) -> Iterator[Document]:
        """All documents, in the order they were added, a page at a time."""
        cursor = None
        while True:
            page = self._json(calls.documents(collection, cursor))
            yield from page["documents"]
            if (cursor := page["next_cursor"]) is None:
                return

    def text(self, document_id: str, start: int | None = None, end: int | None = None) -> str:
        """A document's stored text, or a part of it."""
        return self._json(calls.text(document_id, start, end))["text"]

    def delete(self, document_id: str) -> Receipt:
        """Delete a document; the receipt comes when nothing of it can be found any more."""
        return self._json(calls.delete(document_id))

    def _json(self, call: calls.Call[T]) -> T:
        taken: T = calls.taken(call, self._send(call))
        return taken

    def _send(self, call: calls.Call[T], *, stream: bool = False) -> httpx.Response:
        outcome: httpx.Response | httpx.TransportError
        for attempt in range(self._retries + 1):
            try:
                outcome = self._http.send(self._http.build_request(**call.arguments(self._timeout_s)), stream=stream)
                if outcome.is_success or calls.is_gone(call, outcome, attempt):
                    return outcome
                outcome.read()
            except httpx.TransportError as error:
                outcome = error
            time.sleep(calls.wait_before_again(outcome, self._retries - attempt, attempt))
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
