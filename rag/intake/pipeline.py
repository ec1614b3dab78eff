"""Ingest as three stages that overlap: one thread reads and cuts, the caller's embeds, one commits.

Between the stages stand buffers that hold so many characters of text and then make the faster stage wait: what is in memory does
not grow with the corpus, only with its largest document. A document is acknowledged, and reported, once it is durable.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from threading import Condition, Thread
from typing import Generic, TypeVar

from index.backend import Store
from index.types import Change, NewPassage
from rag.intake.notes import has_note, reading_notes
from rag.intake.prepare import Prepared, Unchanged, new_passage, passage_input
from rag.language.languages import languages_of
from rag.model.embedding import TOGETHER, VECTORS_TOGETHER, Embedder, PassageInput, PassageVectors
from rag.types import Check, Failure, IngestProgress, IngestReport, go_on

# Enough for several groups of passages; a larger document is let through when the buffer is empty.
_BUFFER_CHARACTERS = 2_000_000
# What a document costs beside its text, so that empty ones fill a buffer too.
_DOCUMENT_CHARACTERS = 1_000

Progress = Callable[[IngestProgress], None]
Seen = Prepared | Unchanged | Failure
T = TypeVar("T")


def ingest(
    store: Store,
    embedder: Callable[[], Embedder],
    documents: Iterable[Seen],
    n_documents: int | None,
    progress: Progress | None,
) -> IngestReport:
    """Take in a stream of documents. embedder: called when the first passage needs it. n_documents: how many, if known.

    documents: iterated in a thread of its own.  progress: called from the thread that commits.
    Raises what reading, embedding or committing raised; what was reported until then stays.
    """
    started = time.perf_counter()
    read: _Buffer[Prepared] = _Buffer(_BUFFER_CHARACTERS)
    ready: _Buffer[tuple[Prepared, list[NewPassage]] | Unchanged | Failure] = _Buffer(_BUFFER_CHARACTERS)
    tally = _Tally(n_documents, progress)
    cpu_s: dict[str, float] = {}

    def reading() -> None:
        for seen in documents:
            if isinstance(seen, Prepared):
                read.put(seen, _weight(seen))
            else:
                ready.put(seen, 0)

    def committing() -> None:
        for item in ready:
            if isinstance(item, tuple):
                prepared, passages = item
                tally.commit(store.add(prepared.document, passages))
            else:
                tally.pass_over(item)

    reader = _Stage("read", reading, read, (read, ready), cpu_s)
    committer = _Stage("commit", committing, None, (read, ready), cpu_s)
    reader.start()
    committer.start()
    own = time.thread_time()
    try:
        for prepared, passages in embedded(embedder, read):
            ready.put((prepared, passages), _weight(prepared))
        reader.join()
        ready.end()
        committer.join()
    except _Stopped:
        pass  # the stage that stopped it tells why, below
    finally:
        # Whatever ended this, an interrupt too: nothing more goes in, and what is being committed is seen through.
        read.stop()
        ready.stop()
        reader.join()
        committer.join()
        cpu_s["embed"] = time.thread_time() - own
    for stage in (reader, committer):
        if stage.error is not None:
            raise stage.error
    return IngestReport(
        tally.added,
        tally.updated,
        tally.skipped,
        0,
        tuple(tally.failed),
        tally.passages,
        time.perf_counter() - started,
        cpu_s,
        tally.languages,
        tuple(reading_notes(tally.noted)),
    )


def embedded(
    embedder: Callable[[], Embedder], documents: Iterable[Prepared], check: Check = go_on
) -> Iterator[tuple[Prepared, list[NewPassage]]]:
    """Documents with their embedded passages, in order; passages of several documents are embedded together.

    check: called several times a second while passages are embedded; what it raises ends the work.
    """
    opened: deque[_Opened] = deque()
    groups = _groups(documents, opened)
    first = next(groups, None)
    if first is not None:
        for vectors in embedder().embed_groups(chain([first], groups), check):
            given = iter(vectors)
            for document in opened:
                while document.missing and (embedded_one := next(given, None)) is not None:
                    document.take(embedded_one)
                if document.missing:
                    break
            while opened and not opened[0].missing and opened[0].complete:
                done = opened.popleft()
                yield done.prepared, done.passages
    while opened:
        done = opened.popleft()
        yield done.prepared, done.passages


@dataclass(slots=True, eq=False)
class _Opened:
    """A document of which passages are being embedded. inputs: given to the embedder and not yet come back."""

    prepared: Prepared
    inputs: deque[PassageInput] = field(default_factory=deque)
    passages: list[NewPassage] = field(default_factory=list)

    @property
    def missing(self) -> bool:
        return bool(self.inputs)

    @property
    def complete(self) -> bool:
        return len(self.passages) == len(self.prepared.chunks)

    def take(self, vectors: PassageVectors) -> None:
        piece = self.prepared.chunks[len(self.passages)]
        self.passages.append(new_passage(piece, self.inputs.popleft(), vectors))


def _groups(documents: Iterable[Prepared], opened: deque[_Opened]) -> Iterator[list[PassageInput]]:
    """Groups of passages for the embedder, across documents; what is in them is noted in ``opened``."""
    group: list[PassageInput] = []
    n_vectors = 0
    for prepared in documents:
        document = _Opened(prepared)
        opened.append(document)
        for piece in prepared.chunks:
            given = passage_input(prepared.document, piece)
            document.inputs.append(given)
            group.append(given)
            n_vectors += given.n_vectors
            if len(group) == TOGETHER or n_vectors >= VECTORS_TOGETHER:
                yield group
                group, n_vectors = [], 0
    if group:
        yield group


class _Tally:
    """Counts what became of the documents. Used by the committing thread alone until that has ended."""

    def __init__(self, n_documents: int | None, progress: Progress | None) -> None:
        self.added = self.updated = self.skipped = self.passages = 0
        self.failed: list[Failure] = []
        self.languages: Counter[str] = Counter()
        self.noted: list[Change] = []
        self._done = 0
        self._n_documents = n_documents
        self._progress = progress

    def commit(self, change: Change) -> None:
        if change.outcome == "added":
            self.added += 1
        elif change.outcome == "updated":
            self.updated += 1
        else:
            self.skipped += 1
        if change.outcome != "skipped":
            self.passages += change.document.n_passages
            self.languages.update(languages_of([change]))
            if has_note(change):
                self.noted.append(change)
        self._report(change.document.source or change.document.title, change.outcome)

    def pass_over(self, item: Unchanged | Failure) -> None:
        if isinstance(item, Failure):
            self.failed.append(item)
            self._report(item.path, "failed")
        else:
            self.skipped += 1
            self._report(item.document.source or item.document.title, "skipped")

    def _report(self, path: str, outcome: str) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(IngestProgress(self._done, self._n_documents, self.passages, path, outcome))


class _Stopped(Exception):
    """Another stage has failed or the ingest was interrupted."""


class _Buffer(Generic[T]):
    """A queue between two threads that holds at most ``limit`` of weight, or one item."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._ended = self._stopped = False
        self._changed = Condition()

    def put(self, item: T, weight: int) -> None:
        """Wait for room. Raises _Stopped."""
        with self._changed:
            while not self._stopped and self._items and self._weight + weight > self._limit:
                self._changed.wait()
            if self._stopped:
                raise _Stopped
            self._items.append((item, weight))
            self._weight += weight
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Items as they come, until ``end``. Raises _Stopped."""
        while True:
            with self._changed:
                while not (self._items or self._ended or self._stopped):
                    self._changed.wait()
                if self._stopped:
                    raise _Stopped
                if not self._items:
                    return
                item, weight = self._items.popleft()
                self._weight -= weight
                self._changed.notify_all()
            yield item

    def end(self) -> None:
        """Nothing more comes."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing more goes in or out."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class _Stage(Thread):
    """A thread that ends its output when it is done, and stops all buffers when it fails. error: what it failed with."""

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        output: "_Buffer[Prepared] | None",
        buffers: Iterable["_Buffer[Prepared] | _Buffer[tuple[Prepared, list[NewPassage]] | Unchanged | Failure]"],
        cpu_s: dict[str, float],
    ) -> None:
        super().__init__(name=f"ingest-{name}", daemon=True)
        self.error: BaseException | None = None
        self._stage = name
        self._work = work
        self._output = output
        self._buffers = tuple(buffers)
        self._cpu_s = cpu_s

    def run(self) -> None:
        try:
            self._work()
            if self._output is not None:
                self._output.end()
        except _Stopped:
            pass
        except BaseException as error:
            self.error = error
            for buffer in self._buffers:
                buffer.stop()
        finally:
            self._cpu_s[self._stage] = time.thread_time()


def _weight(prepared: Prepared) -> int:
    return len(prepared.document.text) + _DOCUMENT_CHARACTERS
