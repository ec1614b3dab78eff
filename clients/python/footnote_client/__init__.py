"""Client of Footnote: asks, searches, verifies, adds and deletes, at once or with ``await``."""

from footnote_client.asynchronous import AsyncClient
from footnote_client.errors import FootnoteError, Problem, Unreachable
from footnote_client.synchronous import Client

__all__ = ["AsyncClient", "Client", "FootnoteError", "Problem", "Unreachable"]
