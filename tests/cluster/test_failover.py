"""Whole primary nodes are killed under load: nothing acknowledged is lost, half there, back again or stale.

Three etcd and three Patroni with PostgreSQL from a wheel, all on this machine, as another user than root. ``make test-cluster``
brings what is needed. Words are answered by scan: the wheel's pg_textsearch is refused beside standbys.
"""

import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from index.errors import DocumentNotFound, StoreError
from index.postgres.store import PostgresStore
from index.types import NewDocument, NewPassage, Scope

pytestmark = pytest.mark.slow
Made = tuple[NewDocument, list[NewPassage]]
KILLS, LONG_KILLS = 3, 50
WRITERS = 2
_READY_S = 180.0


def free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = _READY_S) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except psycopg.Error:
            pass
        time.sleep(0.3)
    raise AssertionError(f"{what} was waited for {seconds:g} s")


@dataclass
class Cluster:
    """Three nodes. patroni: by node, its process, None while it is dead."""

    folder: Path
    user: str | None
    python: str
    programs: Path
    etcd: str
    ports: list[int] = field(default_factory=lambda: free_ports(12))
    patroni: list["subprocess.Popen[bytes] | None"] = field(default_factory=lambda: [None] * 3)

    @property
    def address(self) -> str:
        nodes = ",".join(f"127.0.0.1:{port}" for port in self.ports[6:9])
        return f"postgresql://postgres@{nodes}/postgres"

    def start_etcd(self, node: int) -> "subprocess.Popen[bytes]":
        client, peer = self.ports[node], self.ports[3 + node]
        members = ",".join(f"e{n}=http://127.0.0.1:{self.ports[3 + n]}" for n in range(3))
        command = [self.etcd, "--name", f"e{node}", "--data-dir", str(self.folder / f"etcd{node}")]
        command += [
            "--listen-client-urls",
            f"http://127.0.0.1:{client}",
            "--advertise-client-urls",
            f"http://127.0.0.1:{client}",
        ]
        command += [
            "--listen-peer-urls",
            f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls",
            f"http://127.0.0.1:{peer}",
        ]
        command += ["--initial-cluster", members, "--heartbeat-interval", "500", "--election-timeout", "5000"]
        return self._start(command, f"etcd{node}.log")

    def start_node(self, node: int) -> None:
        port = self.ports[6 + node]
        login = {"username": "postgres", "password": "test"}
        settings = {
            "scope": "footnote",
            "name": f"n{node}",
            "restapi": {
                "listen": f"127.0.0.1:{self.ports[9 + node]}",
                "connect_address": f"127.0.0.1:{self.ports[9 + node]}",
            },
            "etcd3": {"hosts": [f"127.0.0.1:{one}" for one in self.ports[:3]]},
            "bootstrap": {
                "dcs": {
                    "ttl": 20,
                    "loop_wait": 3,
                    "retry_timeout": 5,
                    "synchronous_mode": True,
                    "synchronous_mode_strict": True,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "parameters": {
                            "synchronous_commit": "remote_apply",
                            "max_connections": 60,
                            "wal_keep_size": "256MB",
                        },
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{port}",
                "connect_address": f"127.0.0.1:{port}",
                "data_dir": str(self.folder / f"data{node}"),
                "bin_dir": str(self.programs),
                "pgpass": str(self.folder / f"pgpass{node}"),
                "authentication": {"superuser": login, "replication": login, "rewind": login},
                "parameters": {"unix_socket_directories": str(self.folder)},
                "pg_hba": [
                    "local all all trust",
                    "host all all 127.0.0.1/32 trust",
                    "host replication all 127.0.0.1/32 trust",
                ],
            },
        }
        place = self.folder / f"n{node}.yaml"
        place.write_text(json.dumps(settings))  # which is YAML
        place.chmod(0o644)
        self.patroni[node] = self._start([self.python, "-S", "-m", "patroni", str(place)], f"n{node}.log")

    def primary(self) -> int | None:
        """The node that may be written to, if there is one."""
        for node, port in enumerate(self.ports[6:9]):
            try:
                with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres?connect_timeout=2") as opened:
                    if opened.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                        return node
            except psycopg.Error:
                continue
        return None

    def is_whole(self) -> bool:
        """Whether both others stream from the primary, and one of them may be promoted: Patroni says so later than PostgreSQL."""
        node = self.primary()
        if node is None:
            return False
        with psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.ports[6 + node]}/postgres") as opened:
            row = opened.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").fetchone()
        return row == (2,) and any(self.is_synchronous(port) for port in self.ports[9:12])

    def is_synchronous(self, port: int) -> bool:
        """Whether a node's Patroni takes it for a synchronous standby."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/synchronous", timeout=2) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def kill(self, node: int) -> None:
        """End Patroni and PostgreSQL of a node at once."""
        process = self.patroni[node]
        assert process is not None
        postmaster = int((self.folder / f"data{node}" / "postmaster.pid").read_text().split("\n")[0])
        process.kill()
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True
        ).stdout
        for pid in [postmaster, *map(int, children.split())]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        self.patroni[node] = None

    def _start(self, command: list[str], log: str) -> "subprocess.Popen[bytes]":
        site = str(Path(psycopg.__file__).parent.parent)
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": site, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        with open(self.folder / log, "ab") as file:
            return subprocess.Popen(command, user=self.user, cwd="/", stdout=file, stderr=file, env=environment)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Three nodes that are ready, one of them a synchronous standby."""
    wheel, patroni = importlib.util.find_spec("pgserver"), importlib.util.find_spec("patroni")
    etcd = os.environ.get("FOOTNOTE_TEST_ETCD") or shutil.which("etcd")
    if wheel is None or wheel.origin is None or patroni is None or etcd is None:
        pytest.skip("no etcd, Patroni or PostgreSQL: `make test-cluster` brings them")
    user = "nobody" if os.geteuid() == 0 else None
    pythons = [sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"]
    usable = [one for one in pythons if _runs([one, "-c", "import sys"], user)]
    programs = Path(wheel.origin).parent / "pginstall" / "bin"
    if not usable or not _runs([str(programs / "postgres"), "--version"], user):
        pytest.skip(f"{user} can run no Python or no PostgreSQL here: they lie below a home that only root may read")
    with tempfile.TemporaryDirectory(prefix="footnote-cluster") as folder, ExitStack() as stack:
        if user is not None:
            shutil.chown(folder, user)
        made = Cluster(Path(folder), user, usable[0], programs, etcd)

        def end() -> None:
            for node in range(3):
                if made.patroni[node] is not None:
                    made.kill(node)

        stack.callback(end)
        for node in range(3):
            etcd_node = stack.enter_context(made.start_etcd(node))
            stack.callback(etcd_node.kill)
        time.sleep(6)
        for node in range(3):
            made.start_node(node)
        try:
            wait_for(made.is_whole, "a whole cluster")
        except AssertionError:
            for log in sorted(Path(folder).glob("*.log")):
                print(log.name, log.read_text(errors="replace")[-2000:])
            raise
        yield made


def _runs(command: list[str], user: str | None) -> bool:
    try:
        return subprocess.run(command, user=user, cwd="/", capture_output=True).returncode == 0
    except OSError:
        return False


@dataclass
class Load:
    """Clients that add, replace, delete and ask. acknowledged: by key its version, None when its deletion was."""

    store: PostgresStore
    make_document: Callable[..., Made]
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, int | None] = field(default_factory=dict)
    n_changes: int = 0
    n_reads: int = 0
    longest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def write(self, writer: int) -> None:
        rng = random.Random(writer)
        last = time.monotonic()
        version = 0
        while not self.stop.is_set():
            version += 1
            key = f"{writer}-{rng.randrange(20)}"
            delete = self.acknowledged.get(key) is not None and rng.random() < 0.3
            while True:
                try:
                    if delete:
                        self.delete(key)
                    else:
                        self.store.add(*document(self.make_document, key, version))
                    break
                except StoreError:
                    time.sleep(0.1)  # the same again, until it is acknowledged
                except Exception as error:
                    self.wrong.append(f"a change raised {error!r}")
                    return
            self.acknowledged[key] = None if delete else version
            self.n_changes += 1
            self.longest_s = max(self.longest_s, time.monotonic() - last)
            last = time.monotonic()

    def delete(self, key: str) -> None:
        identifier = document(self.make_document, key, 0)[0]
        with self.store.read() as reader:
            found = [one for one in reader.below("default", identifier.key) if one.key == key]
        try:
            if found and self.store.delete(found[0].id).remaining:
                self.wrong.append(f"rows of {key} remained")
        except DocumentNotFound:
            pass  # by an attempt that was not acknowledged

    def read(self) -> None:
        rng = random.Random(99)
        while not self.stop.is_set():
            key = f"{rng.randrange(WRITERS)}-{rng.randrange(20)}"
            before = self.acknowledged.get(key, 0)
            try:
                version = self.version(key)
            except StoreError:
                continue
            except Exception as error:
                self.wrong.append(f"a read raised {error!r}")
                return
            # What is not acknowledged may be there by now; what was before this read began must not be undone.
            after = self.acknowledged.get(key, 0)
            if before and after == before and version is not None and version < before:
                self.wrong.append(f"{key} is back at {version}, {before} was acknowledged")
            self.n_reads += 1

    def version(self, key: str) -> int | None:
        """The version of a document that is stored, None where there is none; what is half there is noted."""
        with self.store.read() as reader:
            found = [one for one in reader.below("default", key) if one.key == key]
            if not found:
                return None
            text, passages = reader.text(found[0].id), reader.passages_of(found[0].id)
            version = int(text.split()[1].rstrip("."))
            if len(passages) != found[0].n_passages or any(f"Version {version}." not in one.text for one in passages):
                self.wrong.append(f"{key} is half there")
            if not len(reader.matching(["version"], 5, Scope())[1]):
                self.wrong.append(f"{key} is found by no word")
            return version


def document(make_document: Callable[..., Made], key: str, version: int) -> Made:
    return make_document(" ".join(f"Version {version}. Part {part}." for part in range(3)), key=key)


def test_whole_primaries_are_killed_under_load(make_document: Callable[..., Made], long: bool) -> None:
    with cluster() as nodes:
        with PostgresStore.create(nodes.address, dim=16, fingerprint="fake", settings={}) as store:
            assert store.words == "scan"
            store.lock_timeout_s = 60.0
            load = Load(store, make_document)
            threads = [threading.Thread(target=load.write, args=(n,)) for n in range(WRITERS)]
            threads.append(threading.Thread(target=load.read))
            for thread in threads:
                thread.start()
            try:
                for _ in range(LONG_KILLS if long else KILLS):
                    time.sleep(3)
                    killed = wait_for(lambda: (node := nodes.primary()) is not None and [node], "a primary")[0]
                    done = load.n_changes
                    nodes.kill(killed)
                    wait_for(lambda: nodes.primary() not in (None, killed), "another primary")  # noqa: B023
                    wait_for(lambda: load.n_changes > done + WRITERS, "a change after a kill")  # noqa: B023
                    nodes.start_node(killed)
                    wait_for(nodes.is_whole, "the node to come back")
            finally:
                load.stop.set()
                for thread in threads:
                    thread.join()
            lost = [key for key, version in load.acknowledged.items() if load.version(key) != version]
            print(f"{load.n_changes} changes, {load.n_reads} reads, longest without a change {load.longest_s:.1f} s")
            assert (lost, load.wrong) == ([], [])
            assert load.n_reads > 0 and load.longest_s < 55 and store.verify() == []
