"""Three etcd and three Patroni with PostgreSQL from a wheel, all on this machine, as another user than root.

They lie on addresses of this machine, or each in a network of its own that can be cut.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.ports import free_port

_READY_S = 180.0
NODES = range(3)


@dataclass
class Network:
    """A network of its own for each node, all on one bridge of this machine. names: of the networks, by node."""

    prefix: str = field(default_factory=lambda: f"fn{os.getpid() % 100_000}")
    hosts: tuple[str, ...] = ("10.213.77.1", "10.213.77.2", "10.213.77.3")

    @property
    def names(self) -> list[str]:
        return [f"{self.prefix}n{node}" for node in NODES]

    def __enter__(self) -> "Network":
        bridge = f"{self.prefix}b"
        _ip(f"link add {bridge} type bridge")
        _ip(f"addr add 10.213.77.254/24 dev {bridge}")
        _ip(f"link set {bridge} up")
        for name, host in zip(self.names, self.hosts, strict=True):
            _ip(f"netns add {name}")
            _ip(f"link add {name} type veth peer name eth0 netns {name}")
            _ip(f"link set {name} master {bridge} up")
            _ip(f"-n {name} addr add {host}/24 dev eth0")
            _ip(f"-n {name} link set eth0 up")
            _ip(f"-n {name} link set lo up")
        return self

    def __exit__(self, *error: object) -> None:
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        for link in (*self.names, f"{self.prefix}b"):
            subprocess.run(["ip", "link", "del", link], capture_output=True)

    def cut(self, node: int, *, from_clients: bool, healed: bool = False) -> None:
        """Cut a node off from all others; from_clients: also from those who ask, of which it learns nothing. healed: undo that."""
        name = self.names[node]
        if from_clients:
            _ip(f"link set {name} {'up' if healed else 'down'}")
            return
        for other in {*self.hosts} - {self.hosts[node]}:
            _ip(f"-n {name} route {'del' if healed else 'add'} blackhole {other}/32")


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True, capture_output=True)


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
    network: Network | None
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(12)])
    patroni: list["subprocess.Popen[bytes] | None"] = field(default_factory=lambda: [None] * 3)

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.network.hosts if self.network else ("127.0.0.1",) * 3

    @property
    def address(self) -> str:
        return self.address_of(NODES)

    def address_of(self, nodes: Iterable[int]) -> str:
        """The address of a store at these nodes, which are tried in this order."""
        return f"postgresql://postgres@{','.join(map(self.server, nodes))}/postgres"

    def server(self, node: int) -> str:
        return f"{self.hosts[node]}:{self.ports[6 + node]}"

    def start_etcd(self, node: int) -> "subprocess.Popen[bytes]":
        client, peer = self.ports[node], self.ports[3 + node]
        members = ",".join(f"e{n}=http://{self.hosts[n]}:{self.ports[3 + n]}" for n in NODES)
        command = [self.etcd, "--name", f"e{node}", "--data-dir", str(self.folder / f"etcd{node}")]
        for option, port in {"client": client, "peer": peer}.items():
            advertised = "--advertise-client-urls" if option == "client" else "--initial-advertise-peer-urls"
            url = f"http://{self.hosts[node]}:{port}"
            command += [f"--listen-{option}-urls", url, advertised, url]
        command += ["--initial-cluster", members, "--heartbeat-interval", "500", "--election-timeout", "5000"]
        return self._start(node, command, f"etcd{node}.log")

    def start_node(self, node: int) -> None:
        own_patroni = f"{self.hosts[node]}:{self.ports[9 + node]}"
        login = {"username": "postgres", "password": "test"}
        settings = {
            "scope": "footnote",
            "name": f"n{node}",
            "restapi": {"listen": own_patroni, "connect_address": own_patroni},
            "etcd3": {"hosts": [f"{host}:{port}" for host, port in zip(self.hosts, self.ports, strict=False)]},
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
                "listen": self.server(node),
                "connect_address": self.server(node),
                "data_dir": str(self.folder / f"data{node}"),
                "bin_dir": str(self.programs),
                "pgpass": str(self.folder / f"pgpass{node}"),
                "authentication": {"superuser": login, "replication": login, "rewind": login},
                "parameters": {"unix_socket_directories": str(self.folder)},
                "pg_hba": [
                    "local all all trust",
                    "host all all 0.0.0.0/0 trust",
                    "host replication all 0.0.0.0/0 trust",
                ],
            },
        }
        place = self.folder / f"n{node}.yaml"
        place.write_text(json.dumps(settings))  # which is YAML
        place.chmod(0o644)
        self.patroni[node] = self._start(node, [self.python, "-S", "-m", "patroni", str(place)], f"n{node}.log")

    def primary(self) -> int | None:
        """The node that may be written to, if there is one."""
        for node in NODES:
            try:
                with self.connected(node) as opened:
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
        with self.connected(node) as opened:
            row = opened.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").fetchone()
        return row == (2,) and any(map(self.is_synchronous, NODES))

    def connected(self, node: int) -> "psycopg.Connection[Any]":
        return psycopg.connect(f"postgresql://postgres@{self.server(node)}/postgres?connect_timeout=2", autocommit=True)

    def is_synchronous(self, node: int) -> bool:
        """Whether a node's Patroni takes it for a synchronous standby."""
        try:
            place = f"http://{self.hosts[node]}:{self.ports[9 + node]}/synchronous"
            with urllib.request.urlopen(place, timeout=2) as reply:
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

    def _start(self, node: int, command: list[str], log: str) -> "subprocess.Popen[bytes]":
        site = str(Path(psycopg.__file__).parent.parent)
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": site, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        with open(self.folder / log, "ab") as file:
            if self.network is None:
                return subprocess.Popen(command, user=self.user, cwd="/", stdout=file, stderr=file, env=environment)
            command = ["ip", "netns", "exec", self.network.names[node], "setpriv", "--reuid", "nobody", "--", *command]
            return subprocess.Popen(command, cwd="/", stdout=file, stderr=file, env=environment)


@contextmanager
def cluster(network: Network | None = None) -> Iterator[Cluster]:
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
        made = Cluster(Path(folder), user, usable[0], programs, etcd, network)

        def end() -> None:
            for node in NODES:
                if made.patroni[node] is not None:
                    made.kill(node)

        stack.callback(end)
        for node in NODES:
            etcd_node = stack.enter_context(made.start_etcd(node))
            stack.callback(etcd_node.kill)
        time.sleep(6)
        for node in NODES:
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
