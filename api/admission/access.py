"""Who may do what: the key is asked for before the body is read or any other work is done."""

from collections.abc import Collection, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from api.admission.keys import KeyRing
from api.admission.paths import only_reads
from api.admission.tokens import Tokens
from api.errors import FORBIDDEN, UNAUTHORIZED, problem


class RequireKey:
    """Turns away a request without a valid key or with one that may not do this; leaves what it opens in the state."""

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyRing,
        open_paths: Collection[str],
        tokens: Tokens | None = None,
        metadata_url: str = "",
    ) -> None:
        """open_paths: those that need no key.  metadata_url: where it says who gives out the tokens."""
        self.app = app
        self.open_paths = open_paths
        self.keys = keys
        self.tokens = tokens
        self.challenge = "Bearer" if tokens is None else f'Bearer resource_metadata="{metadata_url}"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_guarded = self.keys.required or self.tokens is not None
        if scope["type"] != "http" or scope["path"] in self.open_paths or not is_guarded:
            return await self.app(scope, receive, send)
        secrets_sent = given_keys(scope["headers"])
        grant = self.keys.find(secrets_sent)
        if grant is None and self.tokens is not None:
            grant = await self.tokens.find(secrets_sent)
        if grant is None:
            detail = (
                "The key is not valid."
                if secrets_sent
                else "Send the key as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            )
            headers = {"WWW-Authenticate": self.challenge, "Connection": "close"}
            return await problem(UNAUTHORIZED, detail, headers=headers)(scope, receive, send)
        scope.setdefault("state", {}).update(
            key=grant.name, collections=grant.collections, may_write=grant.scope == "write"
        )
        lacking = ""
        if grant.collections is not None and scope["path"] == "/metrics":
            lacking = "This needs a key for all collections."
        elif grant.scope != "write" and not only_reads(scope["method"], scope["path"]):
            lacking = "This needs a key for writing."
        response = problem(FORBIDDEN, lacking, headers={"Connection": "close"}) if lacking else self.app
        await response(scope, receive, send)


def given_keys(headers: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """Keys as they were sent. More than a few are nobody's honest request and are not hashed."""
    keys = []
    for name, value in headers:
        if name == b"x-api-key":
            keys.append(value)
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            keys.append(value[7:].strip())
    return keys[:4]
