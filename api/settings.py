"""Keys, names and limits of one running service: from the environment, else the settings file, else as they stand here."""

import ipaddress
import math
import os
import re
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from api.admission.keys import path_from
from rag.shared.config import usable_cores
from rag.shared.setting_sources import (
    SERVE,
    Given,
    Sources,
    number,
    one_of,
    path,
    setting,
    settings_of,
    switch,
    text,
    whole,
)

MEBIBYTE = 1024 * 1024
_MOST_WORKERS = 4  # unless more are asked for
_URL = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")
_BYTES = whole(1, 10**12)
_SECONDS = number(0.1, 86_400)


def _threads() -> int:
    # Encoding has one slot per core; the rest of a request waits for disk or for its turn.
    return max(4, 2 * usable_cores())


def _workers() -> int:
    # One for each core, each with a model of its own in memory; where there is one core, none gains from another process.
    cores = usable_cores()
    return min(cores, _MOST_WORKERS) if cores > 1 else 0


def _hosts(written: Given) -> tuple[str, ...]:
    """Host names with commas or blanks between them."""
    names = tuple(filter(None, re.split(r"[\s,]+", written.value)))
    for name in names:
        if not _HOST.fullmatch(name):
            raise ValueError(f"give host names without scheme and port, separated by commas ({name!r} is none)")
    return names


def _rate(written: Given) -> float | None:
    return number(0, 1_000_000)(written) or None


def _url(written: Given) -> str:
    if not _URL.fullmatch(written.value):
        raise ValueError("give the address with http:// or https:// and without ? and #")
    return written.value


def _base(written: Given) -> str:
    return _url(written).rstrip("/")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one service allows. Made directly, it holds what it is given and defaults; ``read`` looks at environment and file.

    host, port: where to listen; port 0 takes a free one.  keys_file: its keys.  api_key: one more, for writing.
    extra_hosts: further names that the service answers to.
    public_url: where people reach the page, for links in citations.  mcp_write: whether /mcp offers tools that add and delete to
    clients whose key may write.
    oidc_issuer: whose access tokens open the service as keys do.  oidc_audience: whom those must be for; else the public address
    with /mcp.
    threads: requests worked on at once.  workers: processes that answer questions; 0 answers in the service's own.
    queue: questions, and reads, that may wait beyond those; a quarter of it for uploads, and for deletions.
    generations: answers that a language model writes at once.
    deadline_s: of a question or a read, upload_deadline_s: of an upload or a deletion, body included.
    rate: requests a second of each key, None for any.  burst_size: how many at once after a pause; else twice the rate.
    linger_s: how long a stopping service goes on taking requests, for balancers that look at /readyz.
    drain_s: how long it then waits for work that has begun and that nobody waits for any more.
    max_upload_bytes, max_json_bytes: bodies of uploads and of other requests.  max_files: in one upload.
    feedback: file for answers that people have judged, as a gold set; None for none.  unanswered: file for questions without an
    answer; None for none.
    keep_originals: whether uploaded files are kept with the store; None for where it can, which is in a directory.
    metrics: whether GET /metrics is there.  tracing: whether OpenTelemetry traces are sent (needs footnote[otel]).
    """

    host: str = setting(text, default="127.0.0.1")
    port: int = setting(whole(0, 65535), default=8000)
    log_format: Literal["text", "json"] = setting(one_of("text", "json"), default="text")
    keys_file: Path | None = setting(path, name="keys", default=None)
    api_key: str | None = setting(text, default=None, repr=False)
    extra_hosts: tuple[str, ...] = setting(_hosts, name="allowed_hosts", default=())
    public_url: str | None = setting(_base, default=None)
    oidc_issuer: str | None = setting(_url, default=None)
    oidc_audience: str | None = setting(text, default=None)
    mcp_write: bool = setting(switch, default=False)
    threads: int = setting(whole(1, 1024), name="concurrency", default_factory=_threads)
    workers: int = setting(whole(0, 256), default_factory=_workers)
    queue: int = setting(whole(0, 10_000), default=64)
    generations: int = setting(whole(1, 1024), default=8)
    deadline_s: float = setting(_SECONDS, name="deadline", default=30.0)
    upload_deadline_s: float = setting(_SECONDS, name="upload_deadline", default=600.0)
    rate: float | None = setting(_rate, default=None)
    burst_size: int | None = setting(whole(1), name="burst", default=None)
    linger_s: float = setting(number(0, 600), name="stop_delay", default=0.0)
    drain_s: float = setting(number(0, 3600), name="drain", default=30.0)
    max_upload_bytes: int = setting(_BYTES, default=64 * MEBIBYTE)
    max_json_bytes: int = setting(_BYTES, default=2 * MEBIBYTE)
    max_files: int = setting(whole(1, 10_000), default=100)
    feedback: Path | None = setting(path, default=None)
    unanswered: Path | None = setting(path, default=None)
    keep_originals: bool | None = setting(switch, default=None)
    metrics: bool = setting(switch, default=True)
    tracing: bool = setting(switch, default=False)
    # The host and address that are listened on, to whose names alone the service answers (see ``api.admission.hosts``); None
    # answers to every name, for an application inside another. Known only to whoever listens.
    bound: tuple[str, ...] | None = None

    @property
    def burst(self) -> int:
        """Requests of each key at once after a pause."""
        return self.burst_size or max(1, math.ceil(2 * (self.rate or 0)))

    @classmethod
    def read(cls, sources: Sources | None = None) -> "Settings":
        """The settings of this process.  Raises BadInput for a value that cannot be used, and for one that is no setting."""
        sources = sources or Sources.of(os.environ)
        return replace(sources.read(cls, SERVE), keys_file=path_from(sources))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What the settings are called outside of this program."""
        return tuple(settings_of(cls))


def installed_version() -> str:
    """The version of this distribution."""
    try:
        return version("footnote-rag")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. Names other than localhost count as reachable from elsewhere."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
