"""What can go wrong.

FootnoteError
├── Problem       the service refused; its words say what to do
└── Unreachable   there was no answer
"""

from __future__ import annotations

from typing import Any


class FootnoteError(Exception):
    """The base of all errors of this package."""


class Problem(FootnoteError):
    """What the service answered instead (RFC 9457).

    kind: such as "/problems/overloaded".  retry_after_s: when to try again, where it says so.  body: all that it said.
    """

    def __init__(self, status: int, body: dict[str, Any], retry_after_s: float | None = None) -> None:
        self.status = status
        self.kind = str(body.get("type", ""))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.retry_after_s = retry_after_s
        self.body = body
        super().__init__(f"{status} {self.title}: {self.detail}")


class Unreachable(FootnoteError):
    """The service could not be reached, or went away in the middle."""
