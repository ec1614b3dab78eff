"""Server-sent events, from the lines of a response."""

from __future__ import annotations

import json

from footnote_client.types import Event


class EventReader:
    """Puts lines together to events."""

    def __init__(self) -> None:
        self._name = "message"
        self._data: list[str] = []

    def feed(self, line: str) -> Event | None:
        """The event that this line completes; None for any other line."""
        if line.startswith("event:"):
            self._name = line[6:].strip()
        elif line.startswith("data:"):
            self._data.append(line[5:].removeprefix(" "))
        elif not line and self._data:
            event: Event = {"event": self._name, "data": json.loads("\n".join(self._data))}
            self._name, self._data = "message", []
            return event
        return None
