"""A small working service in memory, clients for applications around it or around the real one, and real servers."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any, cast

import httpx
import pytest
from pydantic import ConfigDict, TypeAdapter
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Scope

from api.app import create_app
from api.settings import Settings
from index.errors import DocumentNotFound
from index.types import Change, Document, Metadata, Receipt, Span
from rag.answer.citations import check
from rag.language.languages import languages_of
from rag.service import Service
from rag.shared.errors import BadInput, UnreadableContent, UnsupportedFormat
from rag.shared.types import (
    Answer,
    AnswerPart,
    AnswerText,
    Citation,
    CitationCheck,
    DocumentRef,
    IndexState,
    ParseOptions,
    Query,
    RankedPassage,
    Signal,
    Timings,
)
from tests.conftest import tmp_path_in_memory as tmp_path

__all__ = ["tmp_path"]  # many of these servers take in hundreds of documents, one after the other
ClientOf = Callable[[Settings], TestClient]
Connect = Callable[..., httpx.Client]
ReadSettings = Callable[..., Settings]


def fits(shape: Any, value: object) -> Any:
    """The value, which has every field of a shape of what is answered, and no other."""
    (fitting,) = TypeAdapter(list[shape], config=ConfigDict(extra="forbid", strict=True)).validate_python([value])
    return fitting


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class FakeService:
    """Each document is one passage; a question finds those that share a word with it.

    fail_with: raised by every call.  gate: every call waits until it is set."""

    generation = 1
    fingerprint = "fake"
    settings = {"model": "fake-model"}
    rebuilding: tuple[str, ...] = ()
    queue: Any = None
    has_language_model = False

    def __init__(self) -> None:
        self.stored: dict[str, tuple[Document, str]] = {}
        self.originals: dict[str, bytes] = {}
        self.queries: list[Query] = []
        self.fail_with: Exception | None = None
        self.fail_on_name: dict[str, Exception] = {}
        self.gate: Event | None = None

    @property
    def store(self) -> "FakeService":
        """What only passes on to the store is asked of the store itself."""
        return self

    @property
    def intake(self) -> "FakeService":
        return self

    def _work(self) -> None:
        if self.gate is not None and not self.gate.wait(300):
            raise TimeoutError
        if self.fail_with is not None:
            raise self.fail_with

    def _add(self, key: str, title: str, text: str, source: str | None, collection: str, metadata: Metadata) -> Change:
        document_id = sha256(f"{collection}\0{key}")[:16]
        digest = sha256(text)
        new = Document(
            document_id, collection, key, title, source, metadata, digest, digest, len(text), 1, "2026-01-01T00:00:00Z"
        )
        before = self.stored.get(document_id)
        self.stored[document_id] = (new, text)
        return Change(new, "added" if before is None else "skipped" if before == (new, text) else "updated")

    def add_text(
        self,
        *,
        text: str,
        title: str | None = None,
        source: str | None = None,
        metadata: Metadata | None = None,
        collection: str = "default",
        check: Callable[[], None] = lambda: None,
    ) -> Change:
        self._work()
        check()
        return self._add(source or sha256(text), title or "untitled", text, source, collection, metadata or {})

    def add_file(
        self,
        name: str,
        content: bytes,
        *,
        collection: str,
        metadata: Metadata,
        options: ParseOptions | None = None,
        keep: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> Change:
        check()
        if name in self.fail_on_name:
            raise self.fail_on_name[name]
        if b"\0" in content:
            raise UnsupportedFormat("binary")
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise UnreadableContent("not UTF-8") from error
        self._work()
        check()
        change = self._add(name, name, text, name, collection, metadata)
        if keep:
            self.originals[change.document.id] = content
        return change

    def original(self, document: Document) -> bytes | None:
        self._work()
        return self.originals.get(document.id)

    def notes(self, changes: Sequence[Change]) -> tuple[str, ...]:
        languages = languages_of(changes)
        return tuple(f"{n} in {language}" for language, n in languages.items() if language != "en")

    def ask(self, query: Query) -> Answer:
        self._work()
        self.queries.append(query)
        words = set(query.question.lower().split())
        searched = [pair for pair in self.stored.values() if pair[0].collection == query.collection]
        matching = [pair for pair in searched if words & set(pair[1].lower().split())][: query.k]
        passages = tuple(
            self._passage(rank, *pair, explain=query.explain) for rank, pair in enumerate(matching, start=1)
        )
        parts = tuple(AnswerPart(passage.text, passage.citation, 0) for passage in passages[:1])
        answer = AnswerText((passages[0].text,), (0,), parts) if passages else None
        reason = None if passages else "no_match" if searched else "no_documents"
        state = IndexState(self.generation, self.fingerprint)
        return Answer(
            query.question, bool(passages), 0.5, False, reason, answer, passages, state, Timings(0.0, 0.0, 0.0)
        )

    def _passage(self, rank: int, document: Document, text: str, *, explain: bool) -> RankedPassage:
        span = Span(0, len(text))
        return RankedPassage(
            rank,
            1 / rank,
            text,
            DocumentRef(document.id, document.title, document.source, document.metadata),
            (),
            None,
            Citation(document.id, document.title, text, span, document.text_sha256),
            (span,),
            (),
            {"lexical": Signal(rank, 1.0)} if explain else None,
        )

    def documents(
        self,
        *,
        collection: str | Collection[str] | None = None,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[Document]:
        self._work()
        wanted = [collection] if isinstance(collection, str) else collection
        ids = list(self.stored)[:: -1 if newest_first else 1]
        if after is not None and after not in ids:
            raise BadInput("unknown cursor")
        behind = [
            self.stored[document_id][0] for document_id in ids[ids.index(after) + 1 if after is not None else 0 :]
        ]
        return [document for document in behind if wanted is None or document.collection in wanted][:limit]

    def document(self, document_id: str) -> Document:
        self._work()
        if document_id not in self.stored:
            raise DocumentNotFound(f"no document has the id {document_id}")
        return self.stored[document_id][0]

    def text(self, document_id: str, span: Span | None = None) -> str:
        self.document(document_id)
        text = self.stored[document_id][1]
        if span is not None and not 0 <= span.start <= span.end <= len(text):
            raise BadInput("outside the text")
        return text if span is None else text[slice(*span)]

    def delete_collection(self, collection: str) -> list[Receipt]:
        receipts = [self.delete(document.id) for document in self.documents(collection=collection)]
        if not receipts:
            raise BadInput(f"there are: {', '.join({document.collection for document, _ in self.stored.values()})}")
        return receipts

    def delete(self, document_id: str) -> Receipt:
        self.document(document_id)
        del self.stored[document_id]
        return Receipt(document_id, 1, 1, 1, 0)

    def check_citations(self, citations: Sequence[Citation]) -> list[CitationCheck]:
        self._work()
        texts = {document.id: (text, document.text_sha256) for document, text in self.stored.values()}
        return [check(citation, texts.get) for citation in citations]

    def collections(self) -> dict[str, tuple[int, int]]:
        self._work()
        names = [document.collection for document, _ in self.stored.values()]
        return {name: (names.count(name), names.count(name)) for name in sorted(set(names))}

    def require_ready(self) -> None:
        self._work()

    def counts(self, collection: str | None = None) -> tuple[int, int]:
        self._work()
        n = sum(collection in (None, document.collection) for document, _ in self.stored.values())
        return n, n


class Request:
    """One request at the border of the application, so that a client may stall or leave."""

    def __init__(
        self,
        app: ASGIApp,
        *messages: Message,
        path: str = "/v1/ask",
        method: str = "POST",
        kind: str = "application/json",
        **headers: bytes,
    ) -> None:
        named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        self.app = app
        self.messages = list(messages)
        self.left = asyncio.Event()
        self.sent: list[Message] = []
        self.scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-type", kind.encode()), *named],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }

    async def receive(self) -> Message:
        if self.messages:
            return self.messages.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def run(self) -> int:
        await self.app(self.scope, self.receive, self.send)
        return int(self.sent[0]["status"])


def whole(body: Any) -> Message:
    return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}


@pytest.fixture
def read_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ReadSettings:
    """Reads the settings of an environment that holds these variables and no others of ours."""
    for name in [name for name in os.environ if name.startswith("RAG_")]:
        monkeypatch.delenv(name)
    nothing = tmp_path / "nothing.toml"
    nothing.touch()
    monkeypatch.setenv("RAG_CONFIG", str(nothing))

    def read(**variables: str) -> Settings:
        with pytest.MonkeyPatch.context() as within:
            for name, value in variables.items():
                within.setenv(name, value)
            return Settings.read()

    return read


@pytest.fixture
def fake() -> FakeService:
    return FakeService()


@pytest.fixture
def client_of(fake: FakeService) -> Iterator[ClientOf]:
    """Makes a client of the fake service under the given settings."""
    opened: list[TestClient] = []

    def make(settings: Settings) -> TestClient:
        client = TestClient(create_app(cast(Service, fake), settings))
        opened.append(client.__enter__())
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(client_of: ClientOf) -> TestClient:
    """The fake service without a key."""
    return client_of(Settings())


@pytest.fixture(scope="module")
def real_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A new, empty store with the default model."""
    path: Path = tmp_path_factory.mktemp("api") / "store"
    with Service.open_or_create(path) as service, TestClient(create_app(service, Settings())) as client:
        yield client


RAG = Path(sys.executable).parent / "rag"
Server = tuple["subprocess.Popen[str]", dict[str, Any]]


@contextmanager
def server_process(folder: Path, *arguments: str, **variables: str) -> Iterator[Server]:
    """A server on a free port, with these variables, a key file of its own, and a new store in a folder unless another is named.

    Gives the process and what it said of itself, with the path of its "log". It is killed at the end. Where no variable says
    otherwise it has more time for an answer than a busy machine takes.
    """
    if not RAG.exists():
        pytest.skip("the console command `rag` is not installed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    environment |= {"RAG_KEYS": str(folder / "keys.json"), "XDG_CONFIG_HOME": str(folder)}
    environment |= {"RAG_DEADLINE": "600", **variables}
    command = [str(RAG), "serve", "--port", "0", "--store", str(folder / "store"), "--json", *arguments]
    path = folder / f"serve-{len(list(folder.glob('serve-*.log')))}.log"
    with path.open("w") as log:  # not a pipe, which would be full one day and stop the server
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(path.read_text(encoding="utf-8"))
        yield process, {**json.loads(line), "log": path}
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers with a store in the folder of the test; see ``server_process``."""
    with ExitStack() as stack:
        yield lambda *arguments, **variables: stack.enter_context(server_process(tmp_path, *arguments, **variables))


@pytest.fixture
def connect() -> Callable[[dict[str, Any]], httpx.Client]:
    """Makes a client of a server that said this of itself."""

    def client(told: dict[str, Any]) -> httpx.Client:
        return httpx.Client(base_url=told["url"].replace("0.0.0.0", "127.0.0.1"), timeout=300, trust_env=False)

    return client


Attacked = tuple["subprocess.Popen[str]", str]


@pytest.fixture(scope="module")
def attacked_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the attacked server: of its store, its log and its settings."""
    return tmp_path_factory.mktemp("attacked")


@pytest.fixture(scope="module")
def attacked(attacked_folder: Path) -> Iterator[Attacked]:
    """One server for all attacks of a module, with little memory and time for a file, and its address."""
    limits = {"RAG_PARSE_SECONDS": "5", "RAG_PARSE_MIB": "768"}
    with server_process(attacked_folder, "--log-format", "json", **limits) as (process, told):
        yield process, told["url"]
        assert process.poll() is None, "the server died"
        process.terminate()
        assert process.wait(300) == 0
        assert "Traceback" not in told["log"].read_text()


@pytest.fixture(scope="module")
def attacker(attacked: Attacked) -> Iterator[httpx.Client]:
    """A client of the attacked server."""
    with httpx.Client(base_url=attacked[1], timeout=300, trust_env=False) as client:
        yield client
