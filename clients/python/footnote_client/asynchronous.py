"""The client to ``await``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from os import PathLike
from types import TracebackType
from typing import Any

import httpx

from footnote_client import calls
from footnote_client.errors import Problem, Unreachable
from footnote_client.events import EventReader
from footnote_client.types import (
    Added,
    Answer,
    Check,
    Citation,
    Document,
    Event,
    Filter,
    Metadata,
    Passage,
    Receipt,
    Turn,
)


class AsyncClient:
    """One service.  url: such as http://127.0.0.1:8000.  key: of ``rag key add``, where the service asks for one.

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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url, headers=calls.headers(key), timeout=timeout_s, transport=transport, trust_env=False
        )

    async def ask(
        self,
        question: str,
        *,
        top_k: int = 5,
        collection: str = "default",
        filter: Filter | None = None,  # noqa: A002
        history: Sequence[Turn] = (),
        max_risk: float | None = None,
        explain: bool = False,
    ) -> Answer:
        """The sentences that answer and the passages they stand in; ``answered`` is False when the documents do not hold it."""
        answer: Answer = await self._json(
            calls.ask(
                question,
                top_k=top_k,
                collection=collection,
                filter=filter,
                history=history,
                max_risk=max_risk,
                explain=explain,
            )
        )
        return answer

    async def ask_events(
        self,
        question: str,
        *,
        top_k: int = 5,
        collection: str = "default",
        filter: Filter | None = None,  # noqa: A002
        history: Sequence[Turn] = (),
        max_risk: float | None = None,
    ) -> AsyncIterator[Event]:
        """The answer as it is made; the last event is "done", with all of it."""
        call = calls.ask(
            question,
            top_k=top_k,
            collection=collection,
            filter=filter,
            history=history,
            max_risk=max_risk,
            explain=False,
            streamed=True,
        )
        response = await self._send(call, stream=True)
        try:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                await response.aread()
                yield {"event": "done", "data": response.json()}
                return
            reader = EventReader()
            async for line in response.aiter_lines():
                if (event := reader.feed(line)) is not None:
                    yield event
        except httpx.TransportError as error:
            raise Unreachable(f"the answer broke off: {error}") from error
        finally:
            await response.aclose()

    async def search(
        self,
        query: str,
        *,
        top_k: int = 10,
        collection: str = "default",
        filter: Filter | None = None,  # noqa: A002
    ) -> list[Passage]:
        """The passages that fit best, best first."""
        return (await self.ask(query, top_k=top_k, collection=collection, filter=filter))["passages"]

    async def verify(self, citations: Sequence[Citation]) -> list[Check]:
        """For each citation whether its quotation still stands."""
        results: list[Check] = (await self._json(calls.verify(citations)))["results"]
        return results

    async def add(
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
            added: Added = await self._json(calls.add_text(text, title, source, metadata, collection))
            return added
        done: Added = {"documents": [], "failed": []}
        for call in calls.add_files(paths, metadata, collection):
            try:
                one = await self._json(call)
            except Problem as problem:
                if not problem.body.get("failed"):
                    raise
                one = problem.body
            done["documents"] += one.get("documents", [])
            done["failed"] += one.get("failed", [])
        return done

    async def documents(self, collection: str | None = None) -> AsyncIterator[Document]:
        """All documents, in the order they were added, a page at a time."""
        cursor = None
        while True:
            page = await self._json(calls.documents(collection, cursor))
            for document in page["documents"]:
                yield document
            if (cursor := page["next_cursor"]) is None:
                return

    async def text(self, document_id: str, start: int | None = None, end: int | None = None) -> str:
        """A document's stored text, or a part of it."""
        return str((await self._json(calls.text(document_id, start, end)))["text"])

    async def delete(self, document_id: str) -> Receipt:
        """Delete a document; the receipt comes when nothing of it can be found any more."""
        receipt: Receipt = await self._json(calls.delete(document_id))
        return receipt

    async def _json(self, call: calls.Call) -> Any:
        return (await self._send(call)).json()

    async def _send(self, call: calls.Call, *, stream: bool = False) -> httpx.Response:
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                request = self._http.build_request(call.method, call.path, **call.arguments())
                response = await self._http.send(request, stream=stream)
                if response.is_success:
                    return response
                await response.aread()
            except httpx.TransportError as error:
                wait = calls.wait_before_again(None, None, attempt)
                if last or wait is None:
                    raise Unreachable(f"{self._http.base_url} cannot be reached: {error}") from error
            else:
                wait = calls.wait_before_again(response.status_code, calls.retry_after_s(response), attempt)
                if last or wait is None:
                    raise calls.problem_of(response)
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
