"""Many threads share few of the allocator's arenas."""

import os
import platform
import subprocess
import sys

import pytest

# Threads that are all alive and have all allocated; then what the allocator says of itself.
COUNT = """
import ctypes, sys, tempfile, threading
if sys.argv[1] == "few":
    from api.memory import keep_few_arenas
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
