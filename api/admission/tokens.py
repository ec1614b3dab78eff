"""Access tokens of an OpenID Connect issuer, as another kind of key: signed by the issuer, for this service, with a scope.

A client that has none is told by the resource metadata (RFC 9728) who gives them out.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

import anyio.to_thread

from api.admission.keys import Grant
from api.admission.paths import MCP_PATH, RESOURCE_METADATA_PATH
from api.settings import Settings
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from jwt import PyJWK

READ, WRITE = "footnote:read", "footnote:write"
COLLECTIONS = "footnote_collections"  # the claim with those that a token opens; without it, all
# Signed by a key that the issuer alone has: never one that both sides know.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_FETCH_S = 5
# The issuer's keys are asked for again after this time, and for a token of an unknown key, but not more often than that.
_KEPT_S, _AGAIN_S = 3600, 30
_MAX_KEYS_BYTES = 1024 * 1024


class Tokens:
    """Which tokens open now.  fetch: JSON from an address.  clock: seconds that only go forward."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        fetch: Callable[[str], Mapping[str, Any]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self._fetch = fetch or _fetched
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._reading = asyncio.Lock()

    async def find(self, secrets_sent: Sequence[bytes]) -> Grant | None:
        """What the first valid token of these allows; None when none is valid."""
        for token in secrets_sent:
            if token.count(b".") == 2 and (grant := await self._grant(token)) is not None:
                return grant
        return None

    async def _grant(self, token: bytes) -> Grant | None:
        import jwt

        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self.audience,
                issuer=self.issuer,
                leeway=10,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError):
            return None
        return _grant_of(claims)

    async def _key(self, kid: str) -> "PyJWK | None":
        # Who comes while the keys are read waits for them, unless his is known.
        if self._is_due(kid) and not (kid in self._keys and self._reading.locked()):
            async with self._reading:
                if self._is_due(kid):
                    self._keys = await anyio.to_thread.run_sync(self._read_keys) or self._keys
                    # Also when it fails: a flood of tokens is no flood of requests to the issuer.
                    self._fetched_at = self._clock()
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _is_due(self, kid: str) -> bool:
        age = self._clock() - self._fetched_at
        return age > _KEPT_S or (kid not in self._keys and age > _AGAIN_S)

    def _read_keys(self) -> "dict[str, PyJWK]":
        from jwt import PyJWKSet, PyJWTError

        try:
            described = self._fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            published = PyJWKSet.from_dict(dict(self._fetch(str(described["jwks_uri"]))))
        except (OSError, ValueError, KeyError, PyJWTError):
            return {}
        return {str(key.key_id or ""): key for key in published.keys}


def _fetched(url: str) -> Mapping[str, Any]:
    if not url.startswith(("https://", "http://")):
        raise URLError("keys come over HTTP")
    with urlopen(url, timeout=_FETCH_S) as response:
        document = json.loads(response.read(_MAX_KEYS_BYTES))
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
    return document


def _grant_of(claims: Mapping[str, Any]) -> Grant | None:
    """What a token's claims allow; None where no scope is ours."""
    claimed = claims.get("scope", claims.get("scp", ""))
    scopes = claimed.split() if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
    if READ not in scopes and WRITE not in scopes:
        return None
    named = claims.get(COLLECTIONS)
    if named is not None and not (isinstance(named, list) and all(isinstance(name, str) for name in named)):
        return None
    # Logs hold no names of people.
    name = f"oidc-{hashlib.sha256(str(claims['sub']).encode()).hexdigest()[:12]}"
    return Grant(name, "write" if WRITE in scopes else "read", None if named is None else frozenset(named))


def tokens_of(settings: Settings) -> Tokens | None:
    """The tokens of the configured issuer; None without one.  Raises BadInput where nothing says how clients reach this service."""
    if settings.oidc_issuer is None:
        return None
    if settings.public_url is None:
        raise BadInput(
            "RAG_OIDC_ISSUER needs RAG_PUBLIC_URL: tokens are for this service, and clients are told so there"
        )
    return Tokens(settings.oidc_issuer, settings.oidc_audience or f"{settings.public_url}{MCP_PATH}")


def metadata_url(settings: Settings) -> str:
    """Where a client reads who gives out tokens."""
    return f"{settings.public_url or ''}{RESOURCE_METADATA_PATH}{MCP_PATH}"
