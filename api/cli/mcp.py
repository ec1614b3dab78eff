"""The command ``rag mcp``. Imported by ``rag --help``: everything heavy is imported when it runs."""

from typing import Annotated

import typer

from rag.cli.output import StoreOption, store_path


def mcp(
    store: StoreOption = None,
    mcp_write: Annotated[
        bool, typer.Option("--mcp-write", help="Offer the tools that add and delete documents as well.")
    ] = False,
) -> None:
    """Serve the store to an assistant by the Model Context Protocol, over standard input and output.

    Links lead to the page at $RAG_PUBLIC_URL where that is set, for which `rag serve` must run there.

    Example: rag mcp --store .rag
    """
    import anyio

    from api.protocols.links import Links
    from api.protocols.mcp.caller import LocalCaller
    from api.protocols.mcp.stdio import serve
    from api.settings import Settings
    from rag.service import Service
    from rag.shared.config import Config

    links = Links(Settings.read().public_url or "")
    with Service.open(store_path(store), Config.from_environment()) as service:
        anyio.run(serve, LocalCaller(service, links, may_write=mcp_write))
