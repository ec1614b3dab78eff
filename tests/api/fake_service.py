"""A small working service in memory."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from threading import Event
from typing import Any

from index.errors import DocumentNotFound
from index.types import Change, Document, Metadata, Receipt, Span
from rag.answer.citations import check
from rag.language.languages import languages_of
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
