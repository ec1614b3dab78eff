"""The MCP server on this process's standard input and output, for one client."""

from mcp.server.stdio import stdio_server

from api.protocols.mcp.caller import Caller
from api.protocols.mcp.server import make_server


async def serve(caller: Caller) -> None:
    """Answer until the input ends."""
    server = make_server(lambda context: caller)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
