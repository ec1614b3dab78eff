"""Versions are pinned, what a service needs with the hashes of its files, and nothing of it calls out."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.medium

ROOT = Path(__file__).parent.parent
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:==([^\s;\\]+))?")


def name_of(requirement: str) -> str:
    match = REQUIREMENT.match(requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[1]).lower()


def pinned(text: str) -> dict[str, str]:
    """The versions that lines like ``name==version`` pin."""
    pins = {}
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line) and (match := REQUIREMENT.match(line)) and match[2]:
            pins[name_of(line)] = match[2]
    return pins


CONSTRAINTS = pinned((ROOT / "constraints.txt").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_all_that_is_named_is_pinned() -> None:
    named = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]
    assert {name_of(each) for each in named} - {PROJECT["name"]} <= CONSTRAINTS.keys()


def test_the_lock_has_what_a_service_needs_in_the_pinned_versions() -> None:
    locked = pinned(LOCK)
    assert {name_of(each) for each in PROJECT["dependencies"]} <= locked.keys()
    differing = {name for name, version in locked.items() if CONSTRAINTS.get(name, version) != version}
    assert not differing, "run `make lock`"


def test_each_entry_of_the_lock_has_hashes() -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCK.strip())
    assert len(entries) == len(pinned(LOCK)) and all("--hash=sha256:" in entry for entry in entries)


def test_cutting_text_calls_nobody_whatever_the_environment_says() -> None:
    code = """
import sys, threading
calls = []
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn"):
        calls.append(event)
sys.addaudithook(note)
from rag.intake.chunking import chunk
from rag.shared.types import Section
text = "words without any end " * 500
assert len(chunk(text, (Section(0, 0, len(text), (), ""),), size=600, overlap=1)) > 1
assert "langchain_core" in sys.modules
assert not calls and threading.active_count() == 1, (calls, threading.enumerate())
import socket
try:
    socket.create_connection(("127.0.0.1", 9), 1)
except OSError:
    pass
assert calls
"""
    asked_to_trace = {"LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true", "LANGSMITH_API_KEY": "a key"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked_to_trace}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
