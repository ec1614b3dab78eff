"""What the kernel forbids the process that parses: files, network, programs, other processes.

A parser that was taken over by the file it reads has that file and its own memory, and nothing else. Two mechanisms of Linux see
to that. Neither can be undone by the process.

- seccomp: the process can make the few system calls that are listed here, none of which opens anything. Others fail with EPERM.
- Landlock: the process can reach no path and no TCP port, and signal no process outside.

Where a kernel has only one of them, that one holds. Where it has neither, and on other systems, the process can open no new file or
connection by the limit on descriptors, which the system's administrator could lift. ``measures`` says what a system offers; the
process applies all of it or parses nothing.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_PR_GET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 21, 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
# Classic BPF: load a word, skip by how it compares, return.
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _PROCESSOR, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; of the argument its lower half
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026

# Numbers of system calls: x86-64, aarch64. None: the processor has none of this name.
_PROCESSORS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH
_Calls = dict[str, tuple[int | None, int | None]]
_COMPUTE: _Calls = {
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "futex": (202, 98),
    "clock_gettime": (228, 113),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getrusage": (98, 165),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "sched_yield": (24, 124),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
# What a program needs to start and to read its data, for text recognition.
_RUN_PROGRAM: _Calls = {
    "open": (2, None),
    "openat": (257, 56),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "stat": (4, None),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "fcntl": (72, 25),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "fadvise64": (221, 223),
    "ioctl": (16, 29),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "close_range": (436, 436),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "arch_prctl": (158, None),
    "set_tid_address": (218, 96),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "umask": (95, 166),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getppid": (110, 173),
    "sched_getaffinity": (204, 123),
}
_SECCOMP, _TGKILL, _PRLIMIT, _KILL_PROCESS = (317, 277), (234, 131), (302, 261), (62, 129)
_CLONE, _CLONE3 = (56, 220), (435, 435)
_CPU_TIME = 0  # RLIMIT_CPU
_NEW_NAMESPACES = 0x7E020000  # flags of clone

# Landlock: the numbers are the same on all processors.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_DIRECTORY = 1 << 0, 1 << 2, 1 << 3
# What each version can forbid, of files: 13 rights at first, then linking elsewhere, truncating, device control.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_ALL_FILE_RIGHTS = 16
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract sockets, signals
_HAS_TCP, _HAS_SCOPES = 4, 6
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_LOADERS = ("lib64/ld-*.so*", "lib/ld-*.so*", "lib/*-linux-*/ld-*.so*")


def measures() -> tuple[str, ...]:
    """What bounds a process that parses on this system, beside its limits; nothing where the kernel offers nothing."""
    if not sys.platform.startswith("linux"):
        return ()
    offered = ["no_new_privs"]
    if _has_seccomp():
        offered.append("seccomp")
    if version := _landlock_version():
        offered.append(f"Landlock {version}")
    return tuple(offered)


def confine(program: Path | None = None) -> None:
    """Apply what ``measures`` names to this process, for good; all code that it will need must have been imported.

    program: one that it may run, with the data in the folders beside it; then the system's libraries can be read, too.
    Raises OSError when something that is offered cannot be applied.
    """
    on_linux = sys.platform.startswith("linux")
    version = _landlock_version() if on_linux else 0
    if on_linux:
        _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if version:
        _apply_landlock(version, program)
    if program is None:  # on every system: what is open stays open, and nothing else is ever opened
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    if on_linux and _has_seccomp():
        _apply_seccomp(may_run=program is not None, may_kill=program is not None and version >= _HAS_SCOPES)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"this process cannot be confined: {os.strerror(ctypes.get_errno())}")
    return result


def _has_seccomp() -> bool:
    return platform.machine() in _PROCESSORS and _libc().prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


def _landlock_version() -> int:
    """Which version of Landlock the kernel has; 0 for none."""
    return max(int(_libc().syscall(_CREATE_RULESET, None, 0, 1)), 0)


def _apply_landlock(version: int, program: Path | None) -> None:
    files = (1 << _FILE_RIGHTS.get(version, _ALL_FILE_RIGHTS)) - 1
    attributes = [files]
    if version >= _HAS_TCP:
        attributes.append(_TCP)
    if version >= _HAS_SCOPES:
        attributes.append(_SCOPES)
    packed = struct.pack(f"={len(attributes)}Q", *attributes)
    rules = _checked(_libc().syscall(_CREATE_RULESET, packed, ctypes.c_size_t(len(packed)), 0))
    try:
        for path, rights in _readable(program) if program else ():
            _allow(rules, path, rights)
        _checked(_libc().syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def _readable(program: Path) -> Iterator[tuple[Path, int]]:
    """What running a program takes: itself, the loader of programs, libraries, and the data installed with it."""
    for loader in _LOADERS:
        for path in Path("/").glob(loader):
            yield path, _EXECUTE | _READ_FILE
    yield program, _EXECUTE | _READ_FILE
    prefix = program.parent.parent
    data = [os.environ["TESSDATA_PREFIX"]] if "TESSDATA_PREFIX" in os.environ else []
    for path in {*map(Path, (*_LIBRARIES, *data)), prefix / "lib", prefix / "share"}:
        if path.exists():
            yield path, _READ_FILE | _READ_DIRECTORY if path.is_dir() else _READ_FILE


def _allow(rules: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        _checked(_libc().syscall(_ADD_RULE, rules, 1, rule, 0))
    finally:
        os.close(descriptor)


def _apply_seccomp(*, may_run: bool, may_kill: bool) -> None:
    column, processor = _PROCESSORS[platform.machine()]
    instructions = [struct.pack("=HBBI", *each) for each in _filter(column, processor, may_run, may_kill)]
    code = ctypes.create_string_buffer(b"".join(instructions))
    # struct sock_fprog: how many instructions, padding, where they are.
    program = struct.pack("=H6xQ", len(instructions), ctypes.addressof(code))
    _checked(-abs(_libc().syscall(_SECCOMP[column], _SET_MODE_FILTER, _ALL_THREADS, program)))


def _filter(column: int, processor: int, may_run: bool, may_kill: bool) -> Iterator[tuple[int, int, int, int]]:
    """BPF instructions: what to do, how many to skip if so and if not, with which value."""
    yield _LOAD, 0, 0, _PROCESSOR
    yield _IF_EQUAL, 1, 0, processor
    yield _RETURN, 0, 0, _KILL  # the calls of 32-bit programs have other numbers
    yield _LOAD, 0, 0, _NUMBER
    allowed = [*_COMPUTE.values(), *(_RUN_PROGRAM.values() if may_run else ()), *([_KILL_PROCESS] if may_kill else ())]
    for numbers in allowed:
        if (number := numbers[column]) is not None:
            yield _IF_EQUAL, 0, 1, number
            yield _RETURN, 0, 0, _ALLOW
    # Of itself alone: a signal, as abort() sends one; the limit of its time, or of what the program asks for.
    yield from _allow_where(_TGKILL[column], (os.getpid(),))
    yield from _allow_where(_PRLIMIT[column], (0,) if may_run else (0, _CPU_TIME))
    if may_run:
        yield _IF_EQUAL, 0, 4, _CLONE[column]
        yield _LOAD, 0, 0, _FIRST_ARGUMENT
        yield _IF_ANY_BIT, 1, 0, _NEW_NAMESPACES
        yield _RETURN, 0, 0, _ALLOW
        yield _RETURN, 0, 0, _EPERM
        # Its flags are in memory, where a filter cannot look: libraries take clone where this is missing.
        yield _IF_EQUAL, 0, 1, _CLONE3[column]
        yield _RETURN, 0, 0, _ENOSYS
    yield _RETURN, 0, 0, _EPERM


def _allow_where(number: int, arguments: tuple[int, ...]) -> Iterator[tuple[int, int, int, int]]:
    """Instructions that allow a call with these first arguments only."""
    yield _IF_EQUAL, 0, 2 * len(arguments) + 2, number
    for place, argument in enumerate(arguments):
        yield _LOAD, 0, 0, _FIRST_ARGUMENT + 8 * place
        yield _IF_EQUAL, 0, 2 * (len(arguments) - place) - 1, argument
    yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _EPERM
