"""Ports for servers that cannot take a free one by themselves and say which."""

import os
import socket
from itertools import count

# Below those that systems give out by themselves: to servers on port 0 and to whoever connects, at any moment.
_FIRST, _LAST = 20_000, 32_000
_tried = count(os.getpid() * 97)


def free_port() -> int:
    """A port at which nothing listens, another one each time and in each process."""
    while True:
        port = _FIRST + next(_tried) % (_LAST - _FIRST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
