"""Many threads share few of the allocator's arenas; garbage is looked for between pieces of work."""

import gc
import os
import platform
import subprocess
import sys

import pytest

from api.server.memory import collecting_when_idle

pytestmark = pytest.mark.medium

# Threads that are all alive and have all allocated; then what the allocator says of itself.
COUNT = """
import ctypes, sys, tempfile, threading
if sys.argv[1] == "few":
    from api.server.memory import keep_few_arenas
    keep_few_arenas()
barrier = threading.Barrier(int(sys.argv[2]) + 1)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def work():
    for size in (100, 10_000, 100_000):
        libc.malloc(ctypes.c_size_t(size))
    barrier.wait()
    barrier.wait()
threads = [threading.Thread(target=work, daemon=True) for _ in range(int(sys.argv[2]))]
for thread in threads:
    thread.start()
barrier.wait()
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().count(b"<heap nr="))
barrier.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_an_arena_for_each_core() -> None:
    cores = os.cpu_count() or 1

    def arenas(which: str) -> int:
        return int(subprocess.check_output([sys.executable, "-c", COUNT, which, str(4 * cores)], text=True))

    assert arenas("as they come") > cores
    assert arenas("few") <= cores


def test_much_work_is_not_interrupted_to_look_through_all_objects() -> None:
    seen = set()

    def note(phase: str, info: dict[str, int]) -> None:
        seen.add((phase, info["generation"]))

    before = gc.get_threshold()
    gc.callbacks.append(note)
    try:
        with collecting_when_idle(lambda: True):
            seen.clear()
            assert len([[number] for number in range(1_000_000)]) == 1_000_000
    finally:
        gc.callbacks.remove(note)
    assert ("start", 1) in seen and ("start", 2) not in seen
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0
