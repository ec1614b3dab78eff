"""A question for which there is no place is refused by its head, before the application sees it.

At ten times what a service can serve, nine of ten requests are such; through the application each costs several times as much, and
the answers need that time. What is refused here is what the application would refuse, with the same answer; whatever is not plain
goes on to it.
"""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus

from api.admission.access import given_keys
from api.admission.hosts import Hosts
from api.admission.keys import KeyRing
from api.admission.lanes import Lane
from api.admission.middleware import SECURITY_HEADERS
from api.errors import KINDS, problem
from api.telemetry.metrics import Metrics
from api.telemetry.observe import identity_of
from rag.shared.errors import Overloaded

_PATH = "/v1/ask"
_TELL_EVERY_S = 1.0

logger = logging.getLogger(__name__)


class EarlyRefusal:
    """Refuses questions while their lane is full; belongs to the event loop.

    hosts: None for any.  max_body_bytes: larger bodies are the application's to refuse.
    """

    def __init__(self, lane: Lane, hosts: Hosts | None, keys: KeyRing, metrics: Metrics, max_body_bytes: int) -> None:
        self._lane = lane
        self._hosts = hosts
        self._keys = keys
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._n_refused = 0
        # Made once: under load there is no time for it. (A server may leave out `Date` with these statuses: RFC 9110, 6.6.1.)
        response = problem(KINDS[Overloaded])
        self._status = str(response.status_code)
        head = b"".join(b"%s: %s\r\n" % pair for pair in (*response.raw_headers, *SECURITY_HEADERS))
        line = f"HTTP/1.1 {self._status} {HTTPStatus(response.status_code).phrase}\r\n"
        self._before_id = line.encode() + head + b"x-request-id: "
        self._after_id = b"\r\n\r\n" + bytes(response.body)

    def refusal(self, method: bytes, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
        """The whole answer to a request with this head; None: it is to go on.  headers: names in lower case."""
        if not self._lane.is_full() or url != _PATH.encode() or method != b"POST" or not self._is_plain(headers):
            return None
        if self._hosts is not None and self._hosts.refusal("POST", headers) is not None:
            return None
        if self._keys.required and self._keys.find(given_keys(headers)) is None:
            return None
        self._note()
        identity_sent = next((value for name, value in headers if name == b"x-request-id"), b"")
        return self._before_id + identity_of(identity_sent.decode("latin-1")).encode() + self._after_id

    def _is_plain(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        length = b""
        for name, value in headers:
            if name in (b"expect", b"transfer-encoding"):
                return False
            if name == b"content-length":
                length = value
        return length.isdigit() and int(length[:20]) <= self._max_body_bytes

    def _note(self) -> None:
        self._metrics.requests.labels("POST", _PATH, self._status).inc()
        self._metrics.request_seconds.labels(_PATH).observe(0.0)
        if not self._n_refused:
            asyncio.get_running_loop().call_later(_TELL_EVERY_S, self._tell)
        self._n_refused += 1

    def _tell(self) -> None:
        """One line for all of a second: a line for each would cost as much as its answer."""
        n, self._n_refused = self._n_refused, 0
        fields = {"method": "POST", "route": _PATH, "status": int(self._status), "requests": n}
        logger.warning("POST %s %s: no place for %d requests", _PATH, self._status, n, extra=fields)
