"""Which names this service answers to: a page of another site must not reach it through the user's browser.

A site can let its own name resolve to this machine's address (DNS rebinding); the browser then takes this service for a part of
that site. It still sends the site's name in `Host`, which is why only known names are answered. An address is no name: nobody
can rebind one.
"""

import ipaddress
import re
from collections.abc import Collection, Sequence

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import FOREIGN_HOST, FOREIGN_ORIGIN, problem

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/\s]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_ORIGIN = re.compile(r"(https?)://([^/]+)", re.IGNORECASE)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_MOST_KEPT = 16
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Hosts:
    """The names that are ours.

    bound: the host and address that the service listens on.  extra: names that the operator added; pages served under these
    may send requests, too, so that a proxy in front may speak to the service under another name.
    """

    def __init__(self, bound: Collection[str], extra: Collection[str]) -> None:
        self.names = {_plain(name) for name in ("localhost", *bound, *extra)}
        self.extra = {_plain(name) for name in extra}
        self.any_address = any(_is_wildcard(host) for host in bound)
        self._known: set[str] = set()  # as they were sent, found good before; few, because a client chooses them

    def refusal(self, method: str, sent: Sequence[tuple[bytes, bytes]]) -> Response | None:
        """The answer to a request to another name, and to one that another site's page sent to change something."""
        headers = Headers(raw=list(sent))
        hosts = headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        close = {"Connection": "close"}
        if not self._is_known(host):
            detail = "This service does not answer to the name in `Host`; RAG_ALLOWED_HOSTS adds names."
            return problem(FOREIGN_HOST, detail, headers=close)
        origins = headers.getlist("origin")
        if method not in _SAFE_METHODS and not all(self._is_ours(origin, host) for origin in origins):
            detail = "A page of another site sent this; RAG_ALLOWED_HOSTS adds sites."
            return problem(FOREIGN_ORIGIN, detail, headers=close)
        return None

    def _is_known(self, host: str) -> bool:
        if host in self._known:
            return True
        known = self._names_us(host)
        if known and len(self._known) < _MOST_KEPT:
            self._known.add(host)
        return known

    def _names_us(self, host: str) -> bool:
        parsed = _HOST.fullmatch(host)
        if parsed is None:
            return False
        name = _plain(parsed[1])
        if name in self.names:
            return True
        address = _address(name)
        return address is not None and (address.is_loopback or self.any_address)

    def _is_ours(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is one that ``host`` served, or one of a name that the operator added."""
        parsed = _ORIGIN.fullmatch(origin)
        place = parsed and _HOST.fullmatch(parsed[2])
        asked = _HOST.fullmatch(host)
        if parsed is None or place is None or asked is None:
            return False
        if _plain(place[1]) in self.extra:
            return True
        # A proxy in front may take https and speak http here: the default port is that of the scheme which the page came by.
        default = _DEFAULT_PORTS[parsed[1].lower()]
        return (_plain(place[1]), place[2] or default) == (_plain(asked[1]), asked[2] or default)


class AllowedHosts:
    """Turns away what ``hosts`` refuses."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        response = self.hosts.refusal(scope["method"], scope["headers"])
        await (response or self.app)(scope, receive, send)


def _plain(name: str) -> str:
    """A host as it is compared: lower case, without brackets and the root's full stop, addresses in their one short form."""
    plain = name.lower().strip("[]").removesuffix(".")
    address = _address(plain)
    return plain if address is None else str(address)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_wildcard(host: str) -> bool:
    address = _address(host.strip("[]"))
    return host == "" or (address is not None and address.is_unspecified)
