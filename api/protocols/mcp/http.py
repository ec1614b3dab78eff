"""`/mcp` of the service. Nothing of the protocol is imported, and nothing runs for it, until the first client asks."""

import asyncio
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.types import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class McpDoor:
    """The ASGI application at `/mcp`, stateless: every request is answered for itself, whatever revision it speaks.

    with_writing: whether clients whose key may write are offered the tools for it.
    """

    def __init__(self, *, with_writing: bool) -> None:
        self._with_writing = with_writing
        self._starting = asyncio.Lock()
        self._manager: StreamableHTTPSessionManager | None = None
        self._ended = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._manager is None:
            async with self._starting:
                if self._manager is None:
                    self._manager = await self._start()
        has_left = False

        async def receive_or_leave() -> Message:
            nonlocal has_left
            message = await receive()
            has_left = has_left or message["type"] == "http.disconnect"
            return message

        async def send_if_there(message: Message) -> None:
            if not has_left:  # a body that its client does not finish is told as an error of the server
                await send(message)

        await self._manager.handle_request(scope, receive_or_leave, send_if_there)

    async def _start(self) -> "StreamableHTTPSessionManager":
        manager = await anyio.to_thread.run_sync(self._make_manager)  # imports take half a second
        started = asyncio.Event()

        async def run() -> None:
            # Entered and left in one task, as its task group must be.
            async with manager.run():
                started.set()
                await self._ended.wait()

        self._running = asyncio.create_task(run())
        await started.wait()
        return manager

    def _make_manager(self) -> "StreamableHTTPSessionManager":
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from api.protocols.mcp.caller import HttpCaller
        from api.protocols.mcp.server import Context, make_server

        def caller_of(context: Context) -> HttpCaller:
            request: Any = context.request
            return HttpCaller(request, with_writing=self._with_writing)

        # Host, origin and size are looked at further out, for every route alike.
        return StreamableHTTPSessionManager(make_server(caller_of), json_response=True, stateless=True)

    async def close(self) -> None:
        """End what runs."""
        self._ended.set()
        if self._running is not None:
            await self._running
