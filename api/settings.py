"""Keys, names and limits of one running service."""

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from api.keys import path_from
from rag.errors import BadInput

MEBIBYTE = 1024 * 1024


def _threads() -> int:
    # Encoding has one slot per core; the rest of a request waits for disk or for its turn.
    return max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Settings:
    """What one service allows.

    api_key, keys_file: a key that may write, and where further ones are kept (see ``api.keys``). As soon as there is one, every
    request except the page's files and the health checks needs one.  threads: requests worked on at once.
    max_upload_bytes: body of ``POST /v1/documents``.  max_json_bytes: body of every other request.  max_files: per upload.
    queue: requests that may wait beyond those worked on, and a quarter of it for uploads; more are turned away.
    deadline_s, upload_deadline_s: seconds that a request may take from its first byte.  rate, burst: requests a second of each key,
    and how many at once after a pause; None does not count.  linger_s: seconds that a stopping service still takes requests.
    metrics: whether ``GET /metrics`` is there.
    bound: the host and address that are listened on, to whose names alone the service answers (see ``api.hosts``); None answers
    to every name, for an application inside another.  extra_hosts: further names.
    """

    api_key: str | None = field(default=None, repr=False)
    keys_file: Path | None = None
    threads: int = field(default_factory=_threads)
    max_upload_bytes: int = 64 * MEBIBYTE
    max_json_bytes: int = 2 * MEBIBYTE
    max_files: int = 100
    queue: int = 64
    deadline_s: float = 30
    upload_deadline_s: float = 600
    rate: float | None = None
    burst: int = 20
    linger_s: float = 0
    metrics: bool = False
    bound: tuple[str, ...] | None = None
    extra_hosts: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Settings from the ``RAG_`` variables that ``docs/operate.md`` lists; blank ones count as not set.

        Raises BadInput for a value that cannot be used.
        """
        given = {name: value.strip() for name, value in (os.environ if environment is None else environment).items()}
        usual = cls()
        rate = _number(given, "RAG_RATE", 0, 0, 1_000_000)
        return cls(
            api_key=given.get("RAG_API_KEY") or None,
            keys_file=path_from(given),
            extra_hosts=_hosts(given.get("RAG_ALLOWED_HOSTS", "")),
            queue=int(_number(given, "RAG_QUEUE", usual.queue, 0, 10_000)),
            deadline_s=_number(given, "RAG_DEADLINE", usual.deadline_s, 0.1, 86_400),
            upload_deadline_s=_number(given, "RAG_UPLOAD_DEADLINE", usual.upload_deadline_s, 0.1, 86_400),
            linger_s=_number(given, "RAG_STOP_DELAY", usual.linger_s, 0, 600),
            metrics=True,
            rate=rate or None,
            burst=int(_number(given, "RAG_BURST", max(1, math.ceil(2 * rate)), 1, 1_000_000)),
        )


def _number(given: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    try:
        number = float(given.get(name) or default)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise BadInput(f"{name}={given[name]!r}: use a number from {low:g} to {high:g}")
    return number


def _hosts(names: str) -> tuple[str, ...]:
    found = tuple(re.split(r"[\s,]+", names.strip(" \t\n,"))) if names.strip(" \t\n,") else ()
    for name in found:
        if not re.fullmatch(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?", name):
            raise BadInput(
                f"RAG_ALLOWED_HOSTS={names!r}: give host names without scheme and port, separated by commas ({name!r} is none)"
            )
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. Names other than localhost count as reachable from elsewhere."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
