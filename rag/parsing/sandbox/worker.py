"""The process in which files are parsed: reads jobs from a socket, bounded in memory and time, and writes what it made of them.

Started by ``rag.parsing.sandbox.pool`` as ``python -m rag.parsing.sandbox.worker FD MEMORY [PROGRAM]``. It ends when the other side
of the socket closes. Before the first job it imports all it may need; then it gives up what no parser needs
(``rag.parsing.sandbox.confinement``). PROGRAM is the one that it may run, to recognise text.
What comes back is JSON, which cannot carry code.
"""

import encodings
import hashlib
import importlib
import json
import pkgutil
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from index.process import parents_socket, receive, send
from rag.parsing.pdf.recognition.ocr import RAPID, load
from rag.parsing.sandbox.confinement import confine
from rag.parsing.sandbox.result import to_json
from rag.shared.errors import RagError, UnreadableContent
from rag.shared.types import ParseOptions

_MAX_FILES = 256
# What parsers, and what they use, import when they first need it: too late for a process that opens no file any more.
_IMPORTED_LATE = (
    *(
        "rag.parsing.formats",
        "rag.viewing.pictures",
        "charset_normalizer",
        "olefile",
        "openpyxl",
        "pypdfium2",
        "selectolax.lexbor",
        "yaml",
    ),
    *("_strptime", "ctypes", "email.generator", "heapq", "tracemalloc", "unicodedata"),
)
_OF_PASSWORDS = ("msoffcrypto.format.ooxml", "xml.dom.expatbuilder", "cryptography.hazmat.backends.openssl.backend")
_NOT_HERE = ("mbcs", "oem")  # encodings of Windows


def main(memory_bytes: int, recogniser: str = "") -> None:
    """Work on jobs until there are no more. recogniser: of text: the place of a program, or RAPID, which runs in this process."""
    connection = parents_socket()
    _limit(memory_bytes)
    _import_all()
    if recogniser == RAPID:
        load()
    try:
        confine(Path(recogniser) if recogniser and recogniser != RAPID else None)
    except OSError as error:
        receive(connection), receive(connection)
        return send(connection, _failure(UnreadableContent(f"{error}: see docs/security.md")))
    from rag.parsing.archives.members import is_archive

    try:
        while True:
            job, content = json.loads(receive(connection)), receive(connection)
            _allow_seconds(job["seconds"])
            if job["picture"] is not None:
                for message in _drawn(content, job["picture"]):
                    send(connection, message)
            elif job["after"] is not None and is_archive(content):
                _send_members(connection, job, content)
            else:
                send(connection, _parsed(job["name"], content, job["options"]))
            del content
    except EOFError:
        return


def _import_all() -> None:
    for name in _IMPORTED_LATE:
        importlib.import_module(name)
    with suppress(ImportError):  # of an extra; whoever gives passwords is told
        for name in _OF_PASSWORDS:
            importlib.import_module(name)
    for module in pkgutil.iter_modules(encodings.__path__, "encodings."):
        if not module.name.endswith(_NOT_HERE):
            importlib.import_module(module.name)


def _send_members(connection: socket.socket, job: dict[str, Any], content: bytes) -> None:
    """Offer the members of an archive one by one and parse those that are wanted; "end" comes last, with an error if there was one.

    after: members to pass over, as they were dealt with before an earlier worker ended.
    """
    from rag.parsing.archives.members import inner_name, members

    end = json.dumps({"end": True}).encode()
    try:
        for number, (path, inner) in enumerate(members(job["name"], content)):
            if number < job["after"]:
                continue
            if isinstance(inner, RagError):
                send(connection, _failure(inner, path=path))
                continue
            offer = {"path": path, "sha256": hashlib.sha256(inner).hexdigest()}
            send(connection, json.dumps(offer).encode())
            if receive(connection, 1) == b"1":
                _allow_seconds(job["seconds"])
                inner_path = path.rpartition("/")[2] or inner_name(job["name"])
                send(connection, _parsed(inner_path, inner, job["options"]))
            _allow_seconds(job["seconds"])
    except (MemoryError, RagError) as error:
        end = _failure(error, end=True)
    send(connection, end)


def _parsed(name: str, content: bytes, options: dict[str, Any]) -> bytes:
    """What parsing gives, or what is wrong, as a message."""
    from rag.parsing.formats import parse

    chosen = ParseOptions(tuple(options["fields"]), options["ocr"], tuple(options["passwords"]))
    try:
        # A lone surrogate, which no text may hold, becomes a question mark.
        return json.dumps(to_json(parse(name, content, chosen)), ensure_ascii=False).encode("utf-8", "replace")
    except (MemoryError, RagError) as error:
        return _failure(error.__cause__ if isinstance(error.__cause__, MemoryError) else error)


def _drawn(content: bytes, wanted: list[Any]) -> list[bytes]:
    """A page as a picture: what is known of it, and the picture."""
    from rag.viewing.pictures import Wanted, draw

    try:
        drawn = draw(content, Wanted(*wanted))
        return [json.dumps(drawn[:-1]).encode(), drawn.png]
    except (MemoryError, RagError) as error:
        return [_failure(error)]


def _failure(error: Exception, **more: Any) -> bytes:
    return json.dumps({"error": type(error).__name__, "message": str(error), **more}).encode()


def _limit(memory_bytes: int) -> None:
    """No more memory than given, no core dumps, no growing files, few files open, no reaction to Ctrl-C (the other side has it)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_FILES, _MAX_FILES))
    if sys.platform == "linux":  # elsewhere it is not enforced or not to be set
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _allow_seconds(seconds: int) -> None:
    """Processor time from now on: past it the kernel ends this process, whatever it is doing and whoever still waits for it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, hard))


if __name__ == "__main__":
    main(int(sys.argv[2]), *sys.argv[3:])
