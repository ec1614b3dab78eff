"""Pages from the web, fetched once and only when someone asks for them by address.

An address that a document or a stranger gives must not reach what only this machine can reach. So a name is resolved once and
every address it has must be a public one, the connection goes to an address that was checked, and each redirect starts over.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import quote, unquote, urljoin, urlsplit

from rag.shared.errors import BadInput, ContentTooLarge, RagError, UnreadableContent

SCHEMES = ("http://", "https://")
_PORTS = {"http": 80, "https": 443}
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_ADDRESS = 2000
_SAFE = "/%:@!$&'()*+,;=~-._"
_CONNECT_S = 10.0
_STEP = 1 << 16
_SUFFIXES = {
    "text/html": ".html",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
}
# What the standard library raises for lines, names and numbers of a reply that it cannot use.
_BY_CONTENT = (ValueError, LookupError, TypeError, AttributeError)
# Networks that pass IPv4 addresses on inside their own: what is inside is checked as well.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Page:
    """What an address gave. url: of the last redirect.  name: as a file's, by which kinds of text are told apart."""

    url: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Target:
    """An address taken apart. host: in ASCII, without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class _Reply(http.client.HTTPResponse):
    """Takes a chunk of negative size for what it is: the standard library reads all that comes, whatever the limit."""

    def _read_next_chunk_size(self) -> int:
        size = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise http.client.HTTPException("a chunk of negative size")
        return int(size)


def is_address(text: str) -> bool:
    """Whether a text is meant as an address of the web and not as a path."""
    return text.lower().startswith(SCHEMES)


def without_fragment(url: str) -> str:
    """The address of the page, without the place in it."""
    return url.partition("#")[0]


def fetch(url: str, *, max_bytes: int, allow_private: bool = False, seconds: float = 60.0) -> Page:
    """The content at an http or https address, following at most five redirects, all of it within ``seconds``.

    allow_private: also from addresses that are not public, such as this machine's.
    Raises BadInput for an address that may not be fetched, ContentTooLarge past ``max_bytes``, UnreadableContent for what the
    server does not give.
    """
    end = time.monotonic() + seconds
    url = without_fragment(url)
    for _ in range(_MAX_REDIRECTS + 1):
        target = _take_apart(url)
        addresses = _resolve(target, allow_private)
        with _request(target, addresses, end) as reply:
            if reply.status in _REDIRECTS and (location := reply.getheader("Location")):
                url = without_fragment(urljoin(url, location))
                continue
            if reply.status != 200:
                raise UnreadableContent(f"the server answers {reply.status} {reply.reason}".rstrip())
            content = _read(reply, max_bytes)
            return Page(url, _name(target, reply), _in_utf8(content, reply))
    raise UnreadableContent(f"it redirects more than {_MAX_REDIRECTS} times")


def _take_apart(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("ascii" if ":" in (parts.hostname or "") else "idna").decode("ascii")
    except ValueError as error:  # UnicodeError is one
        raise BadInput(f"{url[:200]!r} is not an address: {error}") from error
    if len(url) > _MAX_ADDRESS or not url.isprintable() or " " in url.strip():
        raise BadInput(f"{url[:80]!r} is not an address: at most {_MAX_ADDRESS} printable characters, without blanks")
    if parts.scheme not in _PORTS:
        raise BadInput(f"{parts.scheme or 'an address without a scheme'}: only http and https addresses are fetched")
    if not host:
        raise BadInput(f"{url[:80]!r} names no server")
    if parts.username is not None or parts.password is not None:
        raise BadInput("an address with a user name or password is not fetched: save the page and add the file")
    # What is escaped already stays so; only what may not stand in a request is escaped here.
    path = quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        path += "?" + quote(parts.query, safe=_SAFE + "?")
    return _Target(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path)


def _resolve(target: _Target, allow_private: bool) -> list[str]:
    """The addresses of a server, all checked: a name with a public and a private one is no honest name."""
    try:
        entries = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnreadableContent(
            f"no server {target.host} is known: {getattr(error, 'strerror', None) or error}"
        ) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    for address in addresses:
        if not allow_private and not is_public(address):
            raise BadInput(
                f"{target.host} is at {address}, not a public address: it is fetched only with --allow-private-addresses"
            )
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, and so is what it may stand for."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner: list[ipaddress.IPv4Address] = []
    if isinstance(ip, ipaddress.IPv6Address):
        inner += filter(None, (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())))
        if ip in _NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip.is_site_local:
            return False
    return (
        ip.is_global
        and not ip.is_multicast
        and not ip.is_unspecified
        and all(is_public(str(embedded)) for embedded in inner)
    )


@contextmanager
def _request(target: _Target, addresses: list[str], end: float) -> Iterator[http.client.HTTPResponse]:
    """The reply to one request, its body not yet read. The connection is cut when the time is over, whatever it is waiting for."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.response_class = _Reply
    late = threading.Event()
    held: list[socket.socket] = []

    def cut() -> None:
        late.set()
        for open_socket in held:
            try:
                open_socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    timer = threading.Timer(max(end - time.monotonic(), 0.0), cut)
    timer.daemon = True
    timer.start()
    try:
        plain = _connect(target, addresses, end)
        held.append(plain)
        connection.sock = plain
        if target.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=target.host)
            held[:] = [connection.sock]
        connection.putrequest("GET", target.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", target.host_header)
        connection.putheader("User-Agent", f"footnote/{version('footnote-rag')}")
        connection.putheader("Accept", "*/*")
        connection.putheader("Accept-Encoding", "identity")
        connection.putheader("Connection", "close")
        connection.endheaders()
        yield connection.getresponse()
        if late.is_set():
            raise TimeoutError
    except RagError:
        raise
    except (OSError, http.client.HTTPException, *_BY_CONTENT) as error:
        if late.is_set():
            raise UnreadableContent(f"{target.host} took too long to answer: try again later") from error
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreadableContent(f"{target.host} cannot be reached or breaks off: {reason}") from error
    finally:
        timer.cancel()
        connection.close()
        for open_socket in held:
            open_socket.close()


def _connect(target: _Target, addresses: list[str], end: float) -> socket.socket:
    """A connection to the first of the checked addresses that takes one; the name is not looked up again."""
    last: OSError | None = None
    for address in addresses:
        remaining = end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        try:
            made = socket.create_connection((address, target.port), timeout=min(_CONNECT_S, remaining))
        except OSError as error:
            last = error
            continue
        made.settimeout(max(end - time.monotonic(), 0.1))
        return made
    raise last or OSError("no address")


def _read(reply: http.client.HTTPResponse, max_bytes: int) -> bytes:
    parts = []
    size = 0
    while part := reply.read(min(_STEP, max_bytes + 1 - size)):
        size += len(part)
        if size > max_bytes:
            raise ContentTooLarge(f"larger than {max_bytes // 2**20} MiB")
        parts.append(part)
    if reply.length:  # of what was stated, this much did not come
        raise http.client.IncompleteRead(b"", reply.length)
    return b"".join(parts)


def _name(target: _Target, reply: http.client.HTTPResponse) -> str:
    """A file name: what the server calls it, else the end of the address, with the ending that the stated kind has."""
    stated = reply.headers.get_filename() or unquote(target.path.partition("?")[0].rstrip("/").rpartition("/")[2])
    name = stated.replace("\\", "/").rpartition("/")[2].strip() or target.host
    suffix = _SUFFIXES.get(reply.headers.get_content_type(), "")
    return name if not suffix or name.lower().endswith(suffix) else name + suffix


def _in_utf8(content: bytes, reply: http.client.HTTPResponse) -> bytes:
    """Text in the charset that the server states, marked as UTF-8, so that what the page itself says of it does not matter."""
    charset = reply.headers.get_content_charset()
    if not reply.headers.get_content_type().startswith("text/") or not charset or charset in ("utf-8", "utf8"):
        return content
    try:
        return b"\xef\xbb\xbf" + content.decode(charset).encode()
    except (LookupError, ValueError):  # no such charset, or no name of one
        return content
