"""A parser that was taken over: what the file it reads says runs inside the process that parses, and gets nowhere."""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.parsing.sandbox import confinement
from rag.parsing.sandbox.pool import Sandbox
from rag.shared.errors import UnreadableContent
from rag.shared.types import ParseOptions

pytestmark = pytest.mark.medium

needs_seccomp = pytest.mark.skipif("seccomp" not in confinement.measures(), reason="this kernel has no seccomp")
needs_landlock = pytest.mark.skipif(
    confinement._landlock_version() < 6, reason="this kernel has no Landlock, or not all of it"
)

# Runs in a worker in the place of a parser, or in a process of its own. Each attack must raise OSError.
PRELUDE = """
import ctypes, json, os, platform, resource, socket, subprocess, sys, tempfile, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
def kernel(x86, arm, *arguments):
    call(libc.syscall(x86 if platform.machine() == "x86_64" else arm, *arguments))
def attack(job):
    outcomes = {}
    for name, code in job["attacks"].items():
        try:
            exec(code, {**globals(), **job["names"]})
        except OSError as error:
            outcomes[name] = type(error).__name__
        except BaseException as error:
            outcomes[name] = f"no attack: {error!r}"
        else:
            outcomes[name] = "it worked"
    return json.dumps(outcomes)
"""
IN_A_WORKER = f"""{PRELUDE}
import rag.parsing.formats
from pathlib import Path
from rag.parsing.sandbox import worker
from rag.shared.types import ParsedText
rag.parsing.formats.parse = lambda name, content, options: ParsedText(attack(json.loads(content[4:])), "", (), ())
worker.main(int(sys.argv[2]), *sys.argv[3:])
"""
ALONE = f"""{PRELUDE}
from rag.parsing.sandbox import confinement
job = json.load(sys.stdin)
exec(sys.argv[1])
sys.stdout.write(attack(job))
"""
FILES = {
    "read the store": "open(STORE, 'rb').read()",
    "read the keys": "os.read(os.open(KEYS, os.O_RDONLY), 10)",
    "list a folder": "os.listdir(FOLDER)",
    "read the code of the service": "open(CODE).read()",
    "read the password file": "open('/etc/passwd').read()",
    "read its own environment": "open('/proc/self/environ').read()",
    "read the parent's environment": "open(f'/proc/{PARENT}/environ').read()",
    "open the parent's memory": "open(f'/proc/{PARENT}/mem', 'rb')",
    "list the parent's descriptors": "os.listdir(f'/proc/{PARENT}/fd')",
    "create a file": "open(FOLDER + '/new', 'x')",
    "append to a file": "open(STORE, 'ab')",
    "truncate a file": "os.truncate(FOLDER + '/truncated', 0)",
    "delete a file": "os.unlink(FOLDER + '/deleted')",
    "rename a file": "os.rename(FOLDER + '/renamed', FOLDER + '/moved')",
    "link a file": "os.link(STORE, FOLDER + '/linked')",
    "make a symbolic link": "os.symlink(STORE, FOLDER + '/symbolic')",
    "make a folder": "os.mkdir(FOLDER + '/made')",
    "remove a folder": "os.rmdir(FOLDER + '/empty')",
    "make a FIFO": "os.mkfifo(FOLDER + '/fifo')",
    "write a temporary file": "tempfile.TemporaryFile()",
    "run sh": "os.waitpid(os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 0'], {}), 0)",
    "run sh by subprocess": "subprocess.run(['/bin/sh', '-c', 'exit 0'], check=True)",
}
OTHERS = {  # other processes, and other machines
    "connect by TCP": "socket.socket().connect(('127.0.0.1', TCP))",
    "connect to an abstract socket": "socket.socket(socket.AF_UNIX).connect(ABSTRACT)",
    "signal the parent": "os.kill(PARENT, 0)",
    "signal a thread of the parent": "kernel(234, 131, PARENT, PARENT, 0)",
    "trace the parent": "kernel(101, 117, 0x4206, PARENT, 0, 0)",
    "copy the parent's memory": (
        "here = ctypes.create_string_buffer(8)\n"
        "part = lambda address: (ctypes.c_uint64 * 2)(address, 8)\n"
        "kernel(310, 270, PARENT, part(ctypes.addressof(here)), 1, part(ADDRESS), 1, 0)"
    ),
}
CALLS = {  # that Landlock says nothing of
    "connect to a socket in a folder": "socket.socket(socket.AF_UNIX).connect(FOLDER + '/socket')",
    "send by UDP": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', TCP))",
    "make a pair of sockets": "socket.socketpair()",
    "limit the parent": "resource.prlimit(PARENT, resource.RLIMIT_CPU)",
    "hold the parent": "os.pidfd_open(PARENT)",
    "change the parent's priority": "os.setpriority(os.PRIO_PROCESS, PARENT, os.getpriority(os.PRIO_PROCESS, PARENT))",
    "move the parent to other processors": "os.sched_setaffinity(PARENT, os.sched_getaffinity(PARENT))",
    "make a file in memory": "os.memfd_create('x')",
    "make a namespace": "kernel(272, 97, 0x04000000)",
    "share memory": "call(libc.shmget(0, 4096, 0o1600))",
    "make a message queue": "call(libc.msgget(0, 0o1600))",
    "watch files": "call(libc.inotify_init1(0))",
    "let others look in": "call(libc.prctl(4, 1, 0, 0, 0))",
    "change its user": "os.setuid(os.getuid())",
    "change its working directory": "os.chdir('/')",
}
FORKS = {
    "fork": "os.fork() or os._exit(0)",
    "raise its limits": "kernel(302, 261, 0, 7, (ctypes.c_uint64 * 2)(4096, 4096), 0)",
}
# What an ordinary user may not do either, on some systems.
PRIVILEGED = {"trace the parent", "copy the parent's memory", "make a namespace", "raise its limits"}
SECRET = ctypes.create_string_buffer(b"secret!", 8)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Attacks, and what they are aimed at."""
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    for name in ("store.db", "keys.json", "truncated", "deleted", "renamed"):
        Path(name).write_text("content")
    Path("empty").mkdir()
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        named.bind("socket")
        abstract.bind("")
        named.listen()
        abstract.listen()
        yield {
            "attacks": {**FILES, **OTHERS, **CALLS, **FORKS},
            "names": {
                "STORE": str(tmp_path / "store.db"),
                "KEYS": str(tmp_path / "keys.json"),
                "FOLDER": str(tmp_path),
                "CODE": confinement.__file__,
                "PARENT": os.getpid(),
                "TCP": tcp.getsockname()[1],
                "ABSTRACT": abstract.getsockname().decode(),
                "ADDRESS": ctypes.addressof(SECRET),
            },
        }


def run_instead(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers run this code, with the arguments that they are given."""
    plain_popen = subprocess.Popen

    def popen(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        module = command.index("-m")
        return plain_popen([*command[:module], "-c", code, *command[module + 2 :]], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)


def outcomes_in_a_worker(job: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, ocr: bool = False) -> dict[str, str]:
    run_instead(IN_A_WORKER, monkeypatch)
    with Sandbox() as sandbox:
        text = sandbox.parse("x.pdf", b"%PDF" + json.dumps(job).encode(), ParseOptions(ocr=ocr)).text
    outcomes: dict[str, str] = json.loads(text)
    return outcomes


def outcomes_alone(job: dict[str, Any], first: str) -> dict[str, str]:
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, first], input=json.dumps(job), capture_output=True, text=True, check=True
    )
    outcomes: dict[str, str] = json.loads(ran.stdout)
    return outcomes


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() if path.is_file() else "" for path in folder.iterdir()}


def worked(outcomes: dict[str, str]) -> dict[str, str]:
    return {name: outcome for name, outcome in outcomes.items() if not outcome.endswith("Error")}


def test_each_attack_works_where_nothing_confines_it(job: dict[str, Any]) -> None:
    outcomes = outcomes_alone(job, "")
    failed = job["attacks"].keys() - {name for name, outcome in outcomes.items() if outcome == "it worked"}
    assert failed <= (set() if os.geteuid() == 0 else PRIVILEGED), outcomes


@needs_seccomp
def test_a_parser_that_was_taken_over_reaches_nothing(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(tmp_path)
    outcomes = outcomes_in_a_worker(job, monkeypatch)
    assert outcomes.keys() == job["attacks"].keys() and worked(outcomes) == {}
    assert contents(tmp_path) == before


@needs_seccomp
@needs_landlock
@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_one_that_may_run_tesseract_reaches_nothing_either(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(tmp_path)
    monkeypatch.setenv("RAG_OCR_LANGUAGES", "eng")
    assert worked(outcomes_in_a_worker(job, monkeypatch, ocr=True)).keys() <= FORKS.keys()
    assert contents(tmp_path) == before


@pytest.mark.slow
@needs_seccomp
def test_one_that_recognises_text_by_itself_reaches_nothing_either(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rapidocr")
    before = contents(tmp_path)
    assert worked(outcomes_in_a_worker(job, monkeypatch, ocr=True)) == {}
    assert contents(tmp_path) == before


@needs_seccomp
def test_seccomp_alone_refuses_all_of_it(job: dict[str, Any], tmp_path: Path) -> None:
    before = contents(tmp_path)
    without_landlock = "confinement._landlock_version = lambda: 0; confinement.confine()"
    assert worked(outcomes_alone(job, without_landlock)) == {}
    assert contents(tmp_path) == before


@needs_landlock
def test_landlock_alone_refuses_files_and_what_is_outside(job: dict[str, Any], tmp_path: Path) -> None:
    before = contents(tmp_path)
    job["attacks"] = {**FILES, **OTHERS}
    assert worked(outcomes_alone(job, "confinement._has_seccomp = lambda: False; confinement.confine()")) == {}
    assert contents(tmp_path) == before


@needs_seccomp
def test_what_cannot_be_confined_parses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; from rag.parsing.sandbox import worker\n"
        "def refused(*_, **__): raise OSError(1, 'this process cannot be confined')\n"
        "worker.confine = refused\nworker.main(int(sys.argv[2]))"
    )
    run_instead(code, monkeypatch)
    with Sandbox() as sandbox, pytest.raises(UnreadableContent, match="cannot be confined.*docs/security.md"):
        sandbox.parse("a.html", b"<html><p>Tea")


def test_what_is_in_force_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(" ".join(confinement.measures()).split()) & {"seccomp", "Landlock"}
    monkeypatch.setattr(sys, "platform", "darwin")
    assert confinement.measures() == ()
