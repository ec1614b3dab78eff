"""The MCP server: what each request of the protocol is answered with, whichever way it came."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    ResourceLink,
    TextContent,
)
from pydantic import ValidationError

from api.errors import response_for
from api.protocols.mcp.arguments import OFFERS, Offer, Structured
from api.protocols.mcp.caller import Caller
from api.protocols.mcp.prompts import PROMPTS, get_prompt
from api.protocols.mcp.resources import TEMPLATES, list_resources, read_resource, resource_uri
from api.protocols.mcp.tools import as_text
from api.settings import installed_version

Context = ServerRequestContext[Any, Any]
CallerOf = Callable[[Context], Caller]

_INSTRUCTIONS = (
    "Footnote searches the user's own documents. `search` finds passages, `fetch` reads around them, `ask` answers with sentences "
    "quoted verbatim, and `verify` checks quotations: call it with every quotation before you show an answer. Cite the `url` of a "
    "passage; it opens the document at the quoted words."
)
_LINKS_SINCE = "2025-06-18"  # clients of older revisions know no link among the contents
_INTERNAL = 500


def make_server(caller_of: CallerOf) -> "Server[Any]":
    """A server that answers as whom ``caller_of`` says a request is from."""

    async def list_tools(context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        tools = [offer.tool for offer in _offered_to(caller_of(context)).values()]
        return ListToolsResult(tools=tools, cache_scope="private")

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        return await _call(caller_of(context), params, with_links=context.protocol_version >= _LINKS_SINCE)

    async def list_templates(context: Context, params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        return TEMPLATES

    async def resources(context: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        with _as_protocol_errors():
            return await list_resources(caller_of(context), params.cursor if params else None)

    async def read(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        with _as_protocol_errors():
            return await read_resource(caller_of(context), str(params.uri))

    async def prompts(context: Context, params: PaginatedRequestParams | None) -> ListPromptsResult:
        return PROMPTS

    async def prompt(context: Context, params: GetPromptRequestParams) -> GetPromptResult:
        with _as_protocol_errors():
            return get_prompt(params.name, params.arguments)

    return Server(
        "footnote",
        title="Footnote",
        version=installed_version(),
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read,
        on_list_prompts=prompts,
        on_get_prompt=prompt,
        get_tool_input_schema=lambda name: None,
    )


def _offered_to(caller: Caller) -> dict[str, Offer]:
    return {name: offer for name, offer in OFFERS.items() if caller.may_write or not offer.writes}


async def _call(caller: Caller, params: CallToolRequestParams, *, with_links: bool) -> CallToolResult:
    """A tool's result; an error that a model can mend is a result, too."""
    name = params.name
    known = _offered_to(caller)
    if name not in known:
        raise MCPError(code=INVALID_PARAMS, message=f"There is no tool {name[:40]!r} here: use {', '.join(known)}.")
    offer = known[name]
    try:
        does = partial(offer.does, caller, **dict(offer.takes.model_validate(params.arguments or {})))
        made = await does() if iscoroutinefunction(offer.does) else await caller.read(does)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return _failed(f"{place}: {first['msg'].removeprefix('Value error, ')}")
    except Exception as error:  # told as over HTTP: what nobody expected is logged, and its words stay here
        return _failed(told(error)[1])
    return CallToolResult(content=_content(name, made, with_links=with_links), structured_content=made)


def _content(name: str, made: Structured, *, with_links: bool) -> list[ContentBlock]:
    if name != "ask":
        return [TextContent(text=json.dumps(made, ensure_ascii=False))]
    content: list[ContentBlock] = [TextContent(text=as_text(made))]
    if with_links:
        documents = {
            sentence["citation"]["document_id"]: (sentence["title"], sentence["collection"])
            for sentence in made["sentences"]
        }
        content += [
            ResourceLink(uri=resource_uri(collection, document_id), name=title, mime_type="text/plain")
            for document_id, (title, collection) in documents.items()
        ]
    return content


def _failed(reason: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=reason)], is_error=True)


def told(error: Exception) -> tuple[int, str]:
    """The status and the words that a client over HTTP would be given."""
    response = response_for(error)
    problem = json.loads(bytes(response.body) or b"{}")
    return response.status_code, str(problem.get("detail", "The request was given up."))


@contextmanager
def _as_protocol_errors() -> Iterator[None]:
    """Errors of requests that have no other way to tell of them."""
    try:
        yield
    except MCPError:
        raise
    except Exception as error:
        status, detail = told(error)
        raise MCPError(code=INTERNAL_ERROR if status >= _INTERNAL else INVALID_PARAMS, message=detail) from error
