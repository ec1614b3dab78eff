"""One JSON request to a model's server, tried again while that may help."""

import email.utils
import json
import re
import time
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from rag.shared.errors import BadInput, ModelUnavailable
from rag.shared.types import Check, go_on

_PLACE = re.compile(r"(?P<kind>[a-z]+):(?P<name>[^@\s][^\s]*)@(?P<url>https?://\S+)")
_CONNECT_S = 5.0
_FIRST_PAUSE_S = 0.5
_LOOK_S = 0.25  # how often whoever waits asks whether its work is still wanted
_BUSY = (429, 500, 502, 503, 504)
# A batch of 32 vectors of 4,096 components is 3 MB.
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Patience:
    """tries: requests in all.  pause_s: the longest wait between two of them, also where the server asks for a longer one."""

    tries: int
    pause_s: float


@dataclass(frozen=True)
class ModelServer:
    """Thread-safe. setting: the variable that names it, with its value, for messages.  kind: of its shape.  name: of the model.

    url: without a last slash.  key_setting: the variable of its key.  timeout_s: that one reply may take.
    """

    setting: str
    kind: str
    name: str
    url: str
    key: str | None = field(default=None, repr=False)
    key_setting: str = ""
    timeout_s: float = 60.0

    def post(self, path: str, body: dict[str, Any], patience: Patience, check: Check = go_on) -> Any:
        """The JSON that the server replies.  check: called several times a second between tries; what it raises ends the work.

        Raises ModelUnavailable, without words of the reply: a server may repeat the texts that it was sent.
        """
        for n_left in reversed(range(patience.tries)):
            try:
                return self._post(path, body)
            except _Busy as busy:
                pause_s = _FIRST_PAUSE_S * 2 ** (patience.tries - 1 - n_left)
                pause_s = busy.wait_s if busy.wait_s is not None else pause_s
                if n_left == 0 or pause_s > patience.pause_s:
                    raise ModelUnavailable(f"{self.setting}: {busy}") from busy
                _wait(pause_s, check)
        raise AssertionError("a last try returns or raises")

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        deadline = time.monotonic() + self.timeout_s
        address = f"{self.url}/{path}"
        with self._errors(address), self._client.stream("POST", address, json=body) as response:
            if response.status_code in _BUSY:
                raise _Busy(f"{address} replied {response.status_code}: see its log", _retry_after(response.headers))
            if response.status_code != 200:
                raise ModelUnavailable(f"{self.setting}: {self._refusal(address, response.status_code)}")
            content = b""
            for piece in response.iter_bytes():
                content += piece
                if time.monotonic() > deadline:
                    raise _Busy(f"{address} took longer than {self.timeout_s:g} s")
                if len(content) > _MOST_BYTES:
                    raise ModelUnavailable(f"{self.setting}: the reply of {address} does not end")
            return json.loads(content)

    def _refusal(self, address: str, status: int) -> str:
        if status in (401, 403):
            return f"{address} refuses the key ({status}): set {self.key_setting}"
        if status in (404, 405):
            return f"{address} is not there, or serves no {self.name!r} ({status}): give the address up to its version, as /v1"
        return f"{address} refuses what it was sent ({status}): see its log; texts may be longer than it takes"

    @cached_property
    def _client(self) -> Any:
        import httpx

        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        client = httpx.Client(headers=headers, timeout=httpx.Timeout(self.timeout_s, connect=_CONNECT_S))
        weakref.finalize(self, client.close)
        return client

    @contextmanager
    def _errors(self, address: str) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TimeoutException as error:
            raise _Busy(f"{address} did not reply within {self.timeout_s:g} s") from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise _Busy(f"{address} cannot be reached ({reason}): start the server, or correct the address") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelUnavailable(f"{self.setting}: {address} cannot be used: {error}") from error
        except (ValueError, RecursionError) as error:
            raise ModelUnavailable(f"{self.setting}: {address} does not reply with JSON") from error


def server_of(
    setting: str, value: str, kinds: Collection[str], key: str | None, key_setting: str, timeout_s: float
) -> ModelServer:
    """The server that a setting's value names, as ``openai:NAME@URL``.  Raises BadInput for one that names none of these kinds."""
    match = _PLACE.fullmatch(value)
    if match is None or match["kind"] not in kinds:
        first, *others = kinds
        raise BadInput(
            f"{setting}={value}: write it as {first}:NAME@http://HOST:PORT/v1, or with {' or '.join(others)} in place of {first}"
        )
    try:
        parts = urlsplit(match["url"])
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise BadInput(f"{setting}: {match['url']!r} is no address: write it as http://HOST:PORT/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadInput(
            f"{setting}: a store keeps this address, so that no secret may be in it: give the key in {key_setting}"
        )
    url = match["url"].rstrip("/")
    return ModelServer(f"{setting}={value}", match["kind"], match["name"], url, key, key_setting, timeout_s)


class _Busy(Exception):
    """The server may reply when it is asked again. wait_s: after how long, where it says so."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def _retry_after(headers: Any) -> float | None:
    """Seconds, of either form that the header has."""
    value = str(headers.get("retry-after", "")).strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _wait(seconds: float, check: Check) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(left, _LOOK_S))
