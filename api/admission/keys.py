"""Keys: the file that holds their hashes, and the ring of those that are valid at this moment.

A key is 256 random bits. Nobody can guess back from a hash of that, so plain SHA-256 is enough and the file is no secret; who can
write to it can let himself in.
"""

import fcntl
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

import platformdirs

from rag.shared.errors import BadInput, RagError
from rag.shared.files import replace_file
from rag.shared.setting_sources import SERVE, Sources
from rag.shared.setting_sources import path as settings_path
from rag.shared.validation import checked_collection

Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
# As RAG_API_KEY is called in logs; no key of a file may be called so.
ENVIRONMENT_KEY = "RAG_API_KEY"
_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LOOK_EVERY_S = 0.5

_log = logging.getLogger(__name__)


class KeysUnusable(RagError):
    """The key file cannot be trusted or read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key without its secret.  sha256: of the secret, hexadecimal.  collections: those that it opens, none for all."""

    name: str
    scope: Scope
    sha256: str
    added_at: str
    collections: tuple[str, ...] = ()


class Grant(NamedTuple):
    """What a key allows.  collections: those that it opens, None for all."""

    name: str
    scope: Scope
    collections: frozenset[str] | None = None


def path_from(sources: Sources | None = None) -> Path:
    """Where keys are kept: ``RAG_KEYS``, else what the settings file says, else beside the user's settings."""
    place = (sources or Sources.of(os.environ)).given("keys", SERVE)
    return settings_path(place) if place else platformdirs.user_config_path("footnote") / "keys.json"


def read_keys(path: Path) -> list[Key]:
    """The keys of a file, none when there is no file.  Raises KeysUnusable."""
    try:
        # Not waiting: of a pipe in its place nothing may ever come.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            _check_owner(path, os.fstat(file.fileno()))
            content = file.read()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KeysUnusable(
            f"{path} cannot be read ({error.strerror}): check its permissions, or name another file with RAG_KEYS"
        ) from error
    try:
        return _parsed(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeysUnusable(
            f"{path} is no key file: restore it, or delete it and make new keys with `rag key add`"
        ) from error


def add_key(path: Path, name: str, scope: Scope, collections: Collection[str] = ()) -> tuple[Key, str]:
    """A new key, in the file from now on, and its secret, which is kept nowhere.  Raises BadInput, KeysUnusable.

    collections: those that it opens, none for all.
    """
    if not _NAME.fullmatch(name) or name == ENVIRONMENT_KEY:
        raise BadInput(f"{name!r} is no name for a key: use up to 64 letters, digits, dots, hyphens and underscores")
    secret = f"footnote_{secrets.token_urlsafe(32)}"
    added_at = datetime.now(UTC).isoformat(timespec="seconds")
    opened = tuple(sorted({checked_collection(collection) for collection in collections}))
    key = Key(name, scope, _digest(secret.encode()), added_at, opened)
    with _changing(path) as keys:
        if any(other.name == name for other in keys):
            raise BadInput(f"there is a key {name!r} already: revoke it first, or choose another name")
        keys.append(key)
    return key, secret


def revoke_key(path: Path, name: str) -> Key:
    """The key of this name, no longer in the file.  Raises BadInput when there is none, KeysUnusable."""
    with _changing(path) as keys:
        revoked = next((key for key in keys if key.name == name), None)
        if revoked is None:
            raise BadInput(f"there is no key {name!r}: `rag key list` shows those that are")
        keys.remove(revoked)
    return revoked


class KeyRing:
    """The keys that open now: ``RAG_API_KEY``, which may write, and those of a file, which is looked at twice a second.

    From the moment that there is one key, requests need one until the process ends: losing the file opens nothing.
    clock: seconds that only go forward.
    """

    def __init__(self, api_key: str | None, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises KeysUnusable when the file is there and cannot be used."""
        self._fixed = [] if api_key is None else [Key(ENVIRONMENT_KEY, "write", _digest(api_key.encode()), "")]
        self._path = path
        self._clock = clock
        self._seen = None if path is None else _identity(path)
        self._complaint = ""
        self._keys = self._fixed + ([] if path is None else read_keys(path))
        self._looked_at = clock()
        self._required = bool(self._keys)

    @property
    def required(self) -> bool:
        """Whether requests need a key."""
        self._look()
        return self._required

    def find(self, secrets_sent: Collection[bytes]) -> Grant | None:
        """What the keys given allow, the widest; None when none is valid. Takes as long for a near miss as for any other."""
        self._look()
        digests = [_digest(secret) for secret in secrets_sent]
        # Every pair is compared, and digests have one length: the time tells nothing of where a comparison failed.
        matching = [key for key in self._keys for digest in digests if hmac.compare_digest(digest, key.sha256)]
        best = max(matching, key=lambda key: (not key.collections, SCOPES.index(key.scope)), default=None)
        return None if best is None else Grant(best.name, best.scope, frozenset(best.collections) or None)

    def _look(self) -> None:
        """Read the file again when it has changed since the last look, half a second ago or longer."""
        if self._path is None or self._clock() - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = self._clock()
        seen = _identity(self._path)
        if seen == self._seen:
            return
        try:
            self._keys, self._seen, complaint = self._fixed + read_keys(self._path), seen, ""
        except KeysUnusable as error:
            # A key may have been revoked by whatever broke the file, so none of it opens until it can be read again.
            self._keys, self._seen, complaint = self._fixed, (), str(error)
            self._required = True
        if complaint and complaint != self._complaint:
            _log.error("no key of the key file is valid: %s", complaint)
        self._complaint = complaint
        self._required = self._required or bool(self._keys)


def _digest(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def _identity(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file does; None when it cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _check_owner(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeysUnusable(f"{path} is not a file")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise KeysUnusable(f"others may write to {path} and let themselves in: chmod go-w {path}")


def _parsed(content: dict[str, object]) -> list[Key]:
    """Raises ValueError, KeyError, TypeError or AttributeError for anything but the content of a key file."""
    if content["version"] != _VERSION:
        raise ValueError
    entries = [Key(**fields) for fields in cast(list[dict[str, str]], content["keys"])]  # type: ignore[arg-type]
    # A string would be taken for the collections that its letters name.
    keys = [replace(key, collections=tuple(key.collections)) for key in entries if not isinstance(key.collections, str)]
    for key in keys:
        if not (_NAME.fullmatch(key.name) and key.scope in SCOPES and _DIGEST.fullmatch(key.sha256)):
            raise ValueError
        if not all(isinstance(name, str) and name for name in key.collections):
            raise ValueError
    if len(keys) != len(entries):
        raise ValueError
    return keys


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """The keys of a file, to change; written when the block ends well, one process at a time, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The lock is a file of its own: the one with the keys is replaced.
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = read_keys(path)
            yield keys
            content = {"version": _VERSION, "keys": [asdict(key) for key in keys]}
            replace_file(path, json.dumps(content, indent=1), private=True)
        finally:
            os.close(lock)
    except OSError as error:
        raise KeysUnusable(f"{path} cannot be changed: {error.strerror}") from error
