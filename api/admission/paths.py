"""What kind of request it is (a question, a read, an upload), told from its method and path alone."""

import re

MCP_PATH = "/mcp"
FILES_PATH = "/openai/v1/files"
# Answered without a key: where a client learns who gives out tokens (RFC 9728).
RESOURCE_METADATA_PATH = "/.well-known/oauth-protected-resource"
METADATA_PATHS = (RESOURCE_METADATA_PATH, RESOURCE_METADATA_PATH + MCP_PATH)
UPLOAD_PATHS = frozenset(("/v1/documents", FILES_PATH))
# A tool of `/mcp` that writes looks at the key itself, and takes a place among the uploads.
_ASKING = re.compile(
    r"/v1/ask|/mcp|/dify/retrieval|/openai/v1/(?:chat/completions|responses|embeddings|vector_stores/.+/search)"
)
_READING_METHODS = ("GET", "HEAD", "OPTIONS")
_ROUTE = re.compile(
    r"/openai/v1/(?:models|vector_stores|files|chat/completions|responses|embeddings)(?=/|$)|/dify/retrieval$|/mcp$"
)


def asks(method: str, path: str) -> bool:
    """Whether a request is a question, or may be one."""
    return method == "POST" and _ASKING.fullmatch(path) is not None


def only_reads(method: str, path: str) -> bool:
    """Whether a key for reading may send this; what is added one day takes one for writing."""
    return (
        method in _READING_METHODS
        or (method == "POST" and path in ("/v1/verify", "/v1/feedback"))
        or asks(method, path)
    )


def route_of_door(path: str) -> str | None:
    """The route of a path of another door, without what a client put in it; None for any other path."""
    match = _ROUTE.match(path)
    return match[0] if match else None
