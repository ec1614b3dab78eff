"""Access tokens of an issuer open what their scope says, and nothing opens with any other."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import anyio
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from api.admission.keys import Grant
from api.admission.tokens import Tokens, tokens_of
from api.settings import Settings
from rag.shared.errors import BadInput

ISSUER, AUDIENCE = "https://issuer.example", "https://docs.example.org/mcp"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """Answers what an issuer publishes, and counts how often it is asked."""

    def __init__(self) -> None:
        self.n_asked = 0
        self.is_down = False

    def fetch(self, url: str) -> Mapping[str, Any]:
        self.n_asked += 1
        if self.is_down:
            raise OSError("down")
        if url == f"{ISSUER}/.well-known/openid-configuration":
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        assert url == f"{ISSUER}/keys"
        return {"keys": [{**jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "1"}]}


def token(key: Any = KEY, kid: str = "1", algorithm: str = "RS256", **claims: Any) -> bytes:
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": time.time() + 60, "scope": "footnote:read openid"}
    held = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(held, key, algorithm=algorithm, headers={"kid": kid}).encode()


def grant(token: bytes, tokens: Tokens | None = None) -> Grant | None:
    known = tokens or Tokens(ISSUER, AUDIENCE, Issuer().fetch)

    async def find() -> Grant | None:
        return await known.find([token])

    return anyio.run(find)


def test_a_token_opens_what_its_scope_says() -> None:
    reading = grant(token())
    assert reading is not None and reading.scope == "read" and reading.collections is None
    assert "ann" not in reading.name
    writing = grant(token(scope=None, scp=["footnote:write"], footnote_collections=["minutes"]))
    assert writing is not None and writing.scope == "write" and writing.collections == frozenset(["minutes"])


@pytest.mark.parametrize(
    "wrong",
    [
        token(aud="https://other.example"),
        token(iss="https://other.example"),
        token(exp=time.time() - 3600),
        token(exp=None),
        token(sub=None),
        token(scope="openid"),
        token(footnote_collections="minutes"),
        token(key=OTHER_KEY),
        token(kid="2"),
        token(key="a secret that both sides know, of 32 bytes", algorithm="HS256"),
        jwt.encode(
            {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "scope": "footnote:write"}, "", algorithm="none"
        ).encode(),
        b"a.b.c",
        b"..",
        b"nothing",
        b"\xff.\xff.\xff",
    ],
)
def test_nothing_opens_with_any_other(wrong: bytes) -> None:
    assert grant(wrong) is None


def test_a_flood_of_unknown_keys_is_no_flood_at_the_issuer() -> None:
    issuer, now = Issuer(), [0.0]
    tokens = Tokens(ISSUER, AUDIENCE, issuer.fetch, clock=lambda: now[0])
    for kid in range(20):
        assert grant(token(kid=f"unknown-{kid}"), tokens) is None
    assert issuer.n_asked == 2
    now[0] = 7200.0
    issuer.is_down = True
    assert grant(token(), tokens) is not None, "known keys still hold while the issuer is down"


def test_tokens_that_come_while_the_issuer_is_asked_wait_for_its_keys() -> None:
    issuer = Issuer()
    tokens = Tokens(ISSUER, AUDIENCE, issuer.fetch)

    async def together() -> list[Grant | None]:
        return await asyncio.gather(*(tokens.find([token()]) for _ in range(3)))

    assert None not in anyio.run(together, backend="asyncio") and issuer.n_asked == 2


def test_tokens_must_be_for_this_service() -> None:
    with pytest.raises(BadInput, match="RAG_PUBLIC_URL"):
        tokens_of(Settings(oidc_issuer=ISSUER))
    made = tokens_of(Settings(oidc_issuer=ISSUER, public_url="https://docs.example.org"))
    assert made is not None and made.audience == AUDIENCE
    assert tokens_of(Settings()) is None
