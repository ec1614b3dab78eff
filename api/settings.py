"""Limits and the key of one running service."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

MEBIBYTE = 1024 * 1024


def _threads() -> int:
    # Encoding has one slot per core; the rest of a request waits for disk or for its turn.
    return max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Settings:
    """What one service allows.

    api_key: required of every request except the health checks; None serves without.  threads: requests worked on at once.
    max_upload_bytes: body of ``POST /v1/documents``.  max_json_bytes: body of every other request.  max_files: per upload.
    """

    api_key: str | None = field(default=None, repr=False)
    threads: int = field(default_factory=_threads)
    max_upload_bytes: int = 64 * MEBIBYTE
    max_json_bytes: int = 2 * MEBIBYTE
    max_files: int = 100

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Settings with the key of ``RAG_API_KEY``; an empty or blank one is none."""
        given = os.environ if environment is None else environment
        return cls(api_key=given.get("RAG_API_KEY", "").strip() or None)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. Names other than localhost count as reachable from elsewhere."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
