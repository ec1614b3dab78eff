"""What every store can do, wherever it keeps its documents: the Protocols that a directory and a PostgreSQL database fulfil.

The folders above know these and ``index.stores``, and no store by its own name. What the methods promise is said here once: the
stores' own inherit it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self
from urllib.parse import urlsplit, urlunsplit

from index.errors import StoreDamaged

if TYPE_CHECKING:
    from index.candidates import Candidates, WordSigns
    from index.types import (
        Change,
        Document,
        FailedFile,
        Finding,
        Floats,
        Ids,
        JsonScalar,
        NewDocument,
        NewPassage,
        Passage,
        Receipt,
        Scope,
        Span,
        TermStatistics,
    )

# Where a store is: its directory, or the address of its database.
Place = Path | str
Progress = Callable[[int, int], None]
# Documents that callers with many remove at a time: others who write wait that long.
DELETE_TOGETHER = 500
_PAGE = 1000  # documents read at a time
_DATABASES = ("postgresql://", "postgres://")


class Reader(Protocol):
    """One state of a store, which stays as it is while it is read, by one thread. generation: number of the last change it sees."""

    generation: int

    def documents(
        self,
        *,
        collection: str | Collection[str] | None = None,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> "list[Document]":
        """Up to ``limit`` documents in the order in which they first came; ``after`` is the id of the last one already seen.

        collection: the name of one or the names of several, None for all.  newest_first: the other way round.
        Raises DocumentNotFound when there is no document ``after``.
        """
        ...

    def every_document(self, collection: str | None = None) -> "Iterator[Document]":
        """All documents, of one collection or of all, in the order in which they first came."""
        after = None
        while page := self.documents(collection=collection, after=after, limit=_PAGE):
            after = page[-1].id
            yield from page

    def document(self, document_id: str) -> "Document":
        """The document of that id. Raises DocumentNotFound."""
        ...

    def find_document(self, document_id: str) -> "Document | None":
        """The document of that id, None where there is none."""
        ...

    def find(self, reference: str, collection: str | None = None, key: str | None = None) -> "list[Document]":
        """Documents that may be meant: the one of that id, else those of that key, if one is given, else those of that source, else
        those whose id begins with it.
        """
        ...

    def below(self, collection: str, prefix: str) -> "list[Document]":
        """Documents of a collection whose key begins with the prefix, in the order of their keys."""
        ...

    def languages(self, collection: str) -> tuple[str, ...]:
        """Languages other than English in which documents of a collection are stemmed, in the order of their codes."""
        ...

    def failures(
        self, collection: str | None = None, key: str | None = None, *, prefix: str | None = None
    ) -> "list[FailedFile]":
        """Files that could not be taken in, of one collection or all, of one key, of keys that begin so, or all."""
        ...

    def document_marks(self) -> "Mapping[str, str | bytes]":
        """Of each document, by id and in the order of ``documents``, a hash of all that its row says: equal rows, equal hashes."""
        ...

    def text(self, document_id: str, span: "Span | None" = None) -> str:
        """A document's text, or a span of it. Raises DocumentNotFound, ValueError for a span outside the text."""
        ...

    def note(self, name: str) -> str | None:
        """The text that ``Store.set_note`` keeps under that name; None when there is none."""
        ...

    def passages(self, ids: "Sequence[int] | Ids") -> "list[Passage]":
        """The passages of these ids, in the order asked; ids that do not exist are left out."""
        ...

    def passages_of(self, document_id: str) -> "list[Passage]":
        """The passages of a document, in order; none when it has none or does not exist."""
        ...

    def contexts(self, ids: "Sequence[int] | Ids") -> list[str]:
        """What is searched with each of these passages beside its own text, in the order asked, as ``passages``."""
        ...

    def contexts_of(self, document_id: str) -> list[str]:
        """What is searched with each passage of a document beside its own text, in the order of ``passages_of``."""
        ...

    def documents_of(self, passage_ids: "Sequence[int] | Ids") -> "dict[int, Document]":
        """The document of each of these passages; ids that do not exist are left out."""
        ...

    def statistics(self, collection: str, terms: Sequence[str]) -> "TermStatistics":
        """Counts of a collection's passage bodies (context not counted); terms that occur nowhere have no entry in ``df``.

        mean_length: analyzed terms a passage, 0 for a collection without passages.
        """
        ...

    def nearest(self, vector: "Floats", k: int, scope: "Scope") -> "tuple[Floats, Ids]":
        """Best passages of a scope by inner product with a unit vector float32 (dim,).

        Returns scores float32 and passage ids int64, both (at most k,), best first, ties by lower id.
        Raises DimensionMismatch for a vector of another length, ValueError for k < 1 or a vector that is not finite.
        """
        ...

    def matching(self, terms: Sequence[str], k: int, scope: "Scope") -> "tuple[Floats, Ids]":
        """Best passages of a scope by BM25 of distinct analyzed terms, context included.

        Frequencies and mean length are the collection's, exactly, whatever else the scope leaves out.
        Returns scores float32 and passage ids int64, both (at most k,), best first, ties by lower id; passages without any of the
        terms are not among them.
        """
        ...

    def candidates(self, ids: "Sequence[int] | Ids") -> "Candidates":
        """What scoring needs of these passages, in the order asked; ids that do not exist are left out."""
        ...

    def word_signs(self, ids: "Sequence[int] | Ids") -> "WordSigns":
        """The words of these passages, in the order asked; ids that do not exist are left out."""
        ...

    def counts(self, collection: str | None = None) -> tuple[int, int]:
        """Documents and passages, of one collection or of all."""
        ...

    def collections(self) -> list[str]:
        """Names of the collections that have documents, in alphabetical order."""
        ...

    def has_field(self, collection: str, key: str) -> bool:
        """Whether a document of the collection has metadata under this name."""
        ...

    def fields(self, collection: str, limit: int) -> list[str]:
        """Names under which documents of a collection have metadata, the first of them in alphabetical order."""
        ...


class Store(Protocol):
    """Documents and passages, with what finds them; used by any number of threads, beside any number of processes.

    place: where it is, as messages say it: without a password.  id: of this store, for ever.  dim: length of its vectors.
    fingerprint: of the model that made them.  settings: what the store was created with.
    rebuilt: views that were missing or damaged at open, and were or are being made again.
    """

    place: str
    id: str
    dim: int
    fingerprint: str
    settings: "Mapping[str, JsonScalar]"
    rebuilt: tuple[str, ...]

    @property
    def rebuilding(self) -> tuple[str, ...]:
        """Views that are missing now: what they would answer is answered from the rows, as exactly, and slower."""
        return ()

    @property
    def replaced(self) -> bool:
        """Whether another store lies in the place of the one that was opened: what is read here is of the old one."""
        ...

    def read(self) -> AbstractContextManager[Reader]:
        """A reader of the latest state, which stays as it is within the block whatever is written meanwhile."""
        ...

    def reached(self, generation: int) -> bool:
        """Whether the store has this change; then every reader from now on has it too."""
        ...

    def unchanged(self, collection: str, key: str, content_sha256: str) -> "Document | None":
        """The stored document of that name if its content is this; to be asked before parsing and embedding."""
        ...

    def add(self, document: "NewDocument", passages: "Sequence[NewPassage]", original: bytes | None = None) -> "Change":
        """Write one document, replacing the one of the same collection and key; durable and searchable when this returns.

        original: the file that it is made of, where that is to be kept (``keeps_originals``).
        The outcome is "skipped", and nothing is written, when text, content, metadata, title and source are what is stored.
        Raises ValueError for spans, sentences, vectors or text that do not fit together, DimensionMismatch, StoreFull, StoreLocked
        or StoreUnwritable; then nothing was changed.
        """
        ...

    def write_anew(self, old: "Document", new: "NewDocument", passages: "Sequence[NewPassage]") -> bool:
        """Replace a document by another form of it, which keeps the time at which it was added.

        False, and nothing is written, when ``old`` is not what is stored any more.  Raises as ``add`` does.
        """
        ...

    def keep_original(self, document_id: str, content: bytes) -> None:
        """Keep the file that a document is made of, which it was added without. It goes with the document.

        Does nothing where none are kept.  Raises DocumentNotFound, StoreFull, StoreLocked, StoreUnwritable.
        """
        return None

    def original(self, document: "Document") -> bytes | None:
        """The file that a document is made of; None where it is not kept, or is not what was kept."""
        return None

    def delete(self, document_id: str) -> "Receipt":
        """Remove a document; the receipt comes when nothing of it can be found any more. Raises DocumentNotFound."""
        return self.delete_many([document_id])[0]

    def delete_many(self, document_ids: Sequence[str]) -> "list[Receipt]":
        """Remove several documents, all or none. Not to be called within a ``read`` block.  Raises as ``delete``."""
        ...

    def note_failures(self, failed: "Sequence[FailedFile]") -> None:
        """Remember files that could not be taken in; adding a document of the same collection and key forgets it again."""
        ...

    def forget_failures(self, collection: str, keys: Sequence[str]) -> None:
        """Files that had failed are gone, or are as they were when they were taken in."""
        ...

    def set_note(self, name: str, text: str | None) -> None:
        """Keep a text with the store under a name, in place of the one before; None removes it. ``Reader.note`` gives it back."""
        ...

    def verify(self, progress: Progress | None = None) -> "list[Finding]":
        """Everything in the store that does not fit together, found by comparing all of it; empty for a healthy store.

        progress: called with passages checked and passages in all.
        """
        ...

    @property
    def checkpoint_due(self) -> bool:
        """Whether so much has changed that ``checkpoint`` pays."""
        return False

    def checkpoint(self) -> bool:
        """Leave what the next start would otherwise have to make up for; False when there is nothing of that kind."""
        return False

    def stop_background_work(self) -> None:
        """End what goes on in other threads and can be done without."""
        ...

    def close(self) -> None:
        """Let go of all files and connections. Readers that are open in other threads may finish."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was copied. path: of the snapshot; store: where the store is; generation: its last change; bytes: size of its files."""

    path: Path
    store: str
    generation: int
    documents: int
    passages: int
    bytes: int


class StoredDocument(NamedTuple):
    """A document as it is in the store, with its passages and what is searched with each of them."""

    document: "Document"
    text: str
    passages: "Sequence[Passage]"
    contexts: Sequence[str]


class Reindexing(Protocol):
    """A store that is being made from another one, with another model. Used by one thread.

    removal: how the one that is being made is removed by hand, as a message says it.
    """

    _store: Store
    _made: Store
    removal: str

    def outstanding(self) -> list[str]:
        """Ids of the documents that it has not, or not as they are now, in the order of the store."""
        stored, done = self._marks()
        return [identifier for identifier, mark in stored.items() if done.get(identifier) != mark]

    def _marks(self) -> "tuple[Mapping[str, str | bytes], Mapping[str, str | bytes]]":
        """The marks of the store's documents, and of those that are taken over."""
        with self._store.read() as stored, self._made.read() as made:
            return stored.document_marks(), made.document_marks()

    def load(self, document_id: str) -> StoredDocument | None:
        """A document of the store as it is now, None when it is there no longer."""
        with self._store.read() as reader:
            if (document := reader.find_document(document_id)) is None:
                return None
            passages, contexts = reader.passages_of(document_id), reader.contexts_of(document_id)
            return StoredDocument(document, reader.text(document_id), passages, contexts)

    def add(self, loaded: StoredDocument, passages: "Sequence[NewPassage]") -> bool:
        """Take a document over with new passages; False, and nothing is done, when it was changed or removed meanwhile."""
        ...

    def check(self, progress: Progress | None = None) -> None:
        """Compare all of it, as ``Store.verify`` does.  Raises StoreDamaged with what was found first."""
        findings = self._made.verify(progress)
        require_healthy(findings, "the new store", f"nothing was changed; {self.removal} and try again")
        self._made.checkpoint()

    def install(self) -> bool:
        """Put it in the place of the store; False, and nothing is done, when documents are outstanding."""
        ...


def require_healthy(findings: "Sequence[Finding]", what: str, remedy: str) -> None:
    """Raises StoreDamaged when something was found by ``Store.verify``."""
    if findings:
        first = findings[0]
        raise StoreDamaged(
            f"{what} does not verify ({len(findings)} findings, first {first.kind} in {first.where}: {first.detail}): {remedy}"
        )


def is_database(place: Place) -> bool:
    """Whether a store's place is the address of a database."""
    return isinstance(place, str) and place.startswith(_DATABASES)


def without_password(place: Place) -> str:
    """A store's place as people may read it: a database's address without what opens it."""
    if not is_database(place):
        return str(place)
    parts = urlsplit(without(str(place), "password", "milvus"))
    user, at, hosts = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=user.partition(":")[0] + at + hosts))


def without(address: str, *names: str) -> str:
    """A database's address without those parameters."""
    parts = urlsplit(address)
    query = "&".join(part for part in parts.query.split("&") if part and part.partition("=")[0] not in names)
    return urlunsplit(parts._replace(query=query))


def keeps_originals(place: Place) -> bool:
    """Whether a store at this place can keep the files that its documents are made of: one in a directory can."""
    return not is_database(place)
