"""Who calls a tool: what it may see and change, and how its work is run, over HTTP or over standard input and output."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import anyio.to_thread
from fastapi import Request

from api.deps import Access, Run, access_of, state_of
from api.errors import no_collection
from api.protocols.asking import Made, ask
from api.protocols.links import Links
from rag.service import Service
from rag.shared.serialization import answer_json
from rag.shared.types import Check, Query, go_on

T = TypeVar("T")


class Caller(Protocol):
    """One client.  may_write: whether it may add and delete, and is offered the tools for it."""

    @property
    def service(self) -> Service: ...
    @property
    def access(self) -> Access: ...
    @property
    def links(self) -> Links: ...
    @property
    def may_write(self) -> bool: ...

    async def ask(self, query: Query) -> Made:
        """The answer.  Raises Refused for a collection that is closed or holds nothing."""

    async def read(self, work: Callable[[], T]) -> T:
        """What ``work``, which blocks, gives."""

    async def write(self, work: Callable[[Check], T], *, deletes: bool = False) -> T:
        """The same for work that changes the store, and asks whether to go on."""


class HttpCaller:
    """Who sent a request. Members as of ``Caller``.  with_writing: whether clients may write by this protocol at all."""

    def __init__(self, request: Request, *, with_writing: bool) -> None:
        self._request = request
        self._lanes = state_of(request).lanes
        self.service = state_of(request).service
        self.access = access_of(request)
        self.links = Links.of(request)
        self.may_write = with_writing and self.access.may_write

    async def ask(self, query: Query) -> Made:
        return await ask(self._request, [query], lambda made: made)

    async def read(self, work: Callable[[], T]) -> T:
        return await Run(self._request, self._lanes.read)(work)

    async def write(self, work: Callable[[Check], T], *, deletes: bool = False) -> T:
        run = Run(self._request, self._lanes.delete if deletes else self._lanes.write)
        return await run(lambda: work(run.check))


@dataclass(frozen=True, slots=True)
class LocalCaller:
    """Whoever started the process: it opens the store as any command does, and needs no key. Members as of ``Caller``."""

    service: Service
    links: Links
    may_write: bool
    access: Access = Access(None)

    async def ask(self, query: Query) -> Made:
        made: Made = await self.read(lambda: answer_json(self.service.ask(query)))
        if made["abstain_reason"] == "no_documents":
            raise no_collection(query.collection)
        return made

    async def read(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work)

    async def write(self, work: Callable[[Check], T], *, deletes: bool = False) -> T:
        return await anyio.to_thread.run_sync(lambda: work(go_on))
