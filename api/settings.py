"""Keys, names and limits of one running service."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rag.errors import BadInput

MEBIBYTE = 1024 * 1024


def _threads() -> int:
    # Encoding has one slot per core; the rest of a request waits for disk or for its turn.
    return max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Settings:
    """What one service allows.

    api_key: required of every request except the health checks; None serves without.  threads: requests worked on at once.
    max_upload_bytes: body of ``POST /v1/documents``.  max_json_bytes: body of every other request.  max_files: per upload.
    bound: the host and address that are listened on, to whose names alone the service answers (see ``api.hosts``); None answers
    to every name, for an application inside another.  extra_hosts: further names.
    """

    api_key: str | None = field(default=None, repr=False)
    threads: int = field(default_factory=_threads)
    max_upload_bytes: int = 64 * MEBIBYTE
    max_json_bytes: int = 2 * MEBIBYTE
    max_files: int = 100
    bound: tuple[str, ...] | None = None
    extra_hosts: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Settings from ``RAG_API_KEY`` (blank is none) and ``RAG_ALLOWED_HOSTS``; BadInput for a value that cannot be used."""
        given = os.environ if environment is None else environment
        return cls(
            api_key=given.get("RAG_API_KEY", "").strip() or None,
            extra_hosts=_hosts(given.get("RAG_ALLOWED_HOSTS", "")),
        )


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
