"""Pages from the web: what is fetched, and what may not be reached. Servers are on this machine, at random ports."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from rag.intake.web import Page, fetch, is_public
from rag.service import Service
from rag.shared.errors import BadInput, ContentTooLarge, RagError, UnreadableContent
from tests.stub_server import serving

pytestmark = pytest.mark.medium

PAGE = b"<html><title>Mills</title><h1>Mills</h1><p>The mill was built by Anna Berg in 1850.</p></html>"
Reply = tuple[int, dict[str, str], bytes]


class Server:
    """Gives set replies by path. seen: the requests that came, as path and Host header."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.seen: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.path, self.headers["Host"]))
                status, headers, body = server.replies.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.handler = Handler
        self.url = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with serving(made.handler) as url:
        made.url = url.removesuffix("/v1")
        yield made


def get(url: str, *, max_bytes: int = 10**6, seconds: float = 300.0) -> Page:
    return fetch(url, max_bytes=max_bytes, allow_private=True, seconds=seconds)


def test_a_page_is_fetched_with_its_name_and_the_address_it_came_from(server: Server) -> None:
    server.replies["/notes/mills?x=1"] = (200, {"Content-Type": "text/html"}, PAGE)
    page = get(f"{server.url}/notes/mills?x=1#top")
    assert page == Page(f"{server.url}/notes/mills?x=1", "mills.html", PAGE)
    assert server.seen == [("/notes/mills?x=1", f"127.0.0.1:{server.port}")]


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/", {"Content-Type": "text/html; charset=utf-8"}, "127.0.0.1.html"),
        ("/a.pdf", {"Content-Type": "application/pdf"}, "a.pdf"),
        (
            "/get",
            {"Content-Disposition": 'attachment; filename="../../report.csv"', "Content-Type": "text/csv"},
            "report.csv",
        ),
        ("/read%20me", {"Content-Type": "text/markdown"}, "read me.md"),
    ],
)
def test_names_come_from_the_server_or_the_address(
    server: Server, path: str, headers: dict[str, str], name: str
) -> None:
    server.replies[path] = (200, headers, b"x")
    assert get(server.url + path).name == name


def test_text_in_a_stated_charset_is_read_in_it(server: Server) -> None:
    server.replies["/"] = (200, {"Content-Type": "text/html; charset=iso-8859-1"}, "<p>Zürich".encode("latin-1"))
    assert get(server.url).content.decode("utf-8-sig") == "<p>Zürich"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: Server, status: int) -> None:
    server.replies["/old"] = (status, {"Location": "/new"}, b"")
    server.replies["/new"] = (200, {}, b"here")
    page = get(f"{server.url}/old")
    assert (page.content, page.url) == (b"here", f"{server.url}/new")


CHUNKED = {"Transfer-Encoding": "chunked", "Content-Length": "0"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "reply",
    [
        (302, {"Location": "http://["}, b""),
        (302, {"Location": "http://a:b/"}, b""),
        (200, CHUNKED, b"-5\r\n" + b"x" * 5_000_000),
        (200, CHUNKED, b"-1\r\n" + b"x" * 5_000_000),
        (200, CHUNKED, b"zz\r\nx"),
        (200, {"Content-Disposition": "attachment; filename*=a\0b''x"}, PAGE),
        (200, {"Content-Type": "text/html; charset*=a\0b''x"}, PAGE),
    ],
    ids=["location", "port", "size -5", "size -1", "size zz", "name", "charset"],
)
def test_a_reply_that_makes_no_sense_is_one_failed_address(server: Server, service: Service, reply: Reply) -> None:
    server.replies["/odd"] = reply
    server.replies["/good"] = (200, {"Content-Type": "text/html"}, PAGE)
    report = service.intake.add_paths([], urls=[f"{server.url}/odd", f"{server.url}/good"], allow_private=True)
    assert [document.source for document in service.documents()] == [f"{server.url}/good"]
    assert [failure.path for failure in report.failed] == [f"{server.url}/odd"]


@pytest.mark.parametrize("charset", ["charset=a\0b", "charset=nobody-knows"])
def test_a_charset_that_is_none_counts_as_not_stated(server: Server, charset: str) -> None:
    server.replies["/"] = (200, {"Content-Type": f"text/html; {charset}"}, PAGE)
    assert get(server.url).content == PAGE


def test_redirects_end(server: Server) -> None:
    server.replies["/round"] = (302, {"Location": "/round"}, b"")
    with pytest.raises(UnreadableContent, match="more than 5"):
        get(f"{server.url}/round")
    assert len(server.seen) == 6


def test_what_the_server_does_not_have_is_told(server: Server) -> None:
    with pytest.raises(UnreadableContent, match="404"):
        get(f"{server.url}/none")


@pytest.mark.parametrize("stated", [True, False])
def test_more_than_allowed_is_refused_whatever_is_stated(server: Server, stated: bool) -> None:
    server.replies["/"] = (200, {} if stated else {"Content-Length": "10000000"}, b"x" * 5000)
    with pytest.raises((ContentTooLarge, UnreadableContent)):
        get(server.url, max_bytes=4000)


def test_a_server_that_breaks_off_is_told(server: Server) -> None:
    server.replies["/"] = (200, {"Content-Length": "10000"}, b"x" * 10)
    with pytest.raises(UnreadableContent):
        get(server.url)


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_server_that_never_ends_is_left(drip: bytes) -> None:
    """Silent, or a byte at a time: the whole exchange is bounded, not each read."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                try:
                    client.sendall(drip)
                    while not stop.wait(0.05):
                        if drip:
                            client.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UnreadableContent, match="too long|timed out"):
            get(f"http://127.0.0.1:{listening.getsockname()[1]}/", seconds=1)
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 127.9.9.9 10.0.0.1 172.16.5.5 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.1"
    " 198.18.0.1 240.0.0.1 ::1 :: fe80::1 fc00::1 fd12::1 ff02::1 fec0::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254"
    " 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a00:1:: 2001:0:7f00:1::  2001:db8::1 fe80::1%eth0 nonsense".split(),
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://127.1:{port}/",
        "http://0:{port}/",
        "https://127.0.0.1:{port}/",
    ],
)
def test_this_machine_is_not_reached_however_it_is_written(server: Server, url: str) -> None:
    with pytest.raises((BadInput, UnreadableContent)):
        fetch(url.format(port=server.port), max_bytes=1000)
    assert server.seen == []


def resolve_to(*answers: list[str]) -> Callable[..., list[tuple[object, ...]]]:
    """A resolver that gives each list once, the last one from then on."""
    rest = list(answers)

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        found = rest.pop(0) if len(rest) > 1 else rest[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    return resolve


def test_a_name_with_a_public_and_a_private_address_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolve_to(["8.8.8.8", "127.0.0.1"]))
    with pytest.raises(BadInput, match="not a public address"):
        fetch(f"http://example.com:{server.port}/", max_bytes=1000)


def test_the_connection_goes_to_the_address_that_was_checked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers differently the second time (DNS rebinding) gains nothing: it is asked once, and numbers are used."""
    connected: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", resolve_to(["93.184.215.14"], ["127.0.0.1"]))
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(UnreadableContent, match="refused"):
        fetch(f"http://rebind.example:{server.port}/", max_bytes=1000)
    assert connected == [("93.184.215.14", server.port)]
    assert server.seen == []


def test_each_redirect_is_checked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first name counts as public here; where it leads to does not."""
    from rag.intake import web

    server.replies["/"] = (302, {"Location": f"http://127.0.0.2:{server.port}/secret"}, b"")
    server.replies["/secret"] = (200, {}, b"secret")
    monkeypatch.setattr(web, "is_public", lambda address: address == "127.0.0.1")
    with pytest.raises(BadInput, match=r"127\.0\.0\.2, not a public address"):
        fetch(f"{server.url}/", max_bytes=1000)
    assert [path for path, _ in server.seen] == ["/"]


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "//", "http://", "javascript:1"]
)
def test_a_redirect_to_another_scheme_is_refused(server: Server, target: str) -> None:
    server.replies["/"] = (302, {"Location": target}, b"")
    with pytest.raises(RagError):
        get(server.url)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@127.0.0.1/",
        "http://user@127.0.0.1/",
        "http:///path",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://a b/",
        "http://[::1/",
        "http://exa mple.com/",
        "http://127.0.0.1/a\r\nX-Injected: 1",
        "http://" + "a" * 3000,
        "http://.../",
        "http://" + "ü" * 70 + ".example/",
    ],
)
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(RagError):
        get(url)


def test_a_page_becomes_a_document_and_its_change_replaces_it(server: Server, service: Service) -> None:
    server.replies["/mills"] = (302, {"Location": "/mills.html"}, b"")
    server.replies["/mills.html"] = (200, {"Content-Type": "text/html"}, PAGE)
    url = f"{server.url}/mills"
    report = service.intake.add_paths([], urls=[url], allow_private=True)
    [document] = service.documents()
    assert (report.added, document.source, document.title) == (1, url, "Mills")
    assert document.metadata["url"] == f"{server.url}/mills.html"
    assert service.intake.add_paths([], urls=[url + "#part"], allow_private=True).skipped == 1
    server.replies["/mills.html"] = (200, {"Content-Type": "text/html"}, PAGE.replace(b"1850", b"1851"))
    assert service.intake.add_paths([], urls=[url], allow_private=True).updated == 1


def test_an_address_that_may_not_be_fetched_is_a_failure_that_is_remembered(server: Server, service: Service) -> None:
    report = service.intake.add_paths([], urls=[f"{server.url}/"])
    assert "--allow-private-addresses" in report.failed[0].reason
    assert [failed.source for failed in service.failures()] == [f"{server.url}/"]
    assert server.seen == []


def test_the_time_for_connecting_is_part_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[float] = []

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        allowed.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", resolve_to(["93.184.215.14", "93.184.215.15"]))
    with pytest.raises(UnreadableContent):
        fetch("http://example.com/", max_bytes=1000, seconds=3)
    assert allowed and all(timeout <= 3 for timeout in allowed)
