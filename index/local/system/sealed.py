"""JSON files with a SHA-256 of themselves: what is read is what was written, or an error."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_SEAL = "sha256"


def seal(content: Mapping[str, object]) -> bytes:
    """A file's bytes for a JSON object, which has no key "sha256" of its own."""
    return json.dumps({**content, _SEAL: checksum(content)}, indent=1).encode()


def unseal(data: bytes, version: int) -> dict[str, Any]:
    """The JSON object of ``seal``.  Raises ValueError when it is not as it was written, or its "format" is not this version."""
    content = json.loads(data)
    if not isinstance(content, dict) or content.pop(_SEAL, None) != checksum(content):
        raise ValueError("its checksum does not fit")
    if content.get("format") != version:
        raise ValueError(f"it has format {content.get('format')}, this program's is {version}")
    return content


def checksum(content: Mapping[str, object]) -> str:
    """SHA-256 of a JSON object, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
