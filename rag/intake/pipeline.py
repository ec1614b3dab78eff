"""Ingest as three stages that overlap: one thread reads and cuts, one embeds, one commits.

Each stage runs ahead of the next by so many characters of text and then waits: what is in memory does not grow with the corpus,
only with its largest document. A document is acknowledged, and reported, once it is durable.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, repeat
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import TypeVar, cast

from index.backend import Store
from index.types import Change
from rag.intake.chunking import Chunk
from rag.intake.notes import has_note, reading_notes
from rag.intake.prepare import Prepared, new_passage, passage_input
from rag.language.languages import languages_of
from rag.model.embedding import TOGETHER, VECTORS_TOGETHER, PassageInput, TextEmbedder
from rag.shared.types import Check, Failure, IngestProgress, IngestReport, go_on

# Enough for several groups of passages.
_AHEAD_CHARACTERS = 2_000_000
# What a document costs beside its text, so that empty ones fill a queue too.
_DOCUMENT_CHARACTERS = 1_000
_POLL_S = 0.1
# Passages; the rest are in groups of TOGETHER.
_FIRST_GROUPS = (8, 32, 96)

Progress = Callable[[IngestProgress], None]
# A document as it was read: to be embedded, there already ("skipped"), or one that cannot be read.
Seen = Prepared | Change | Failure
T = TypeVar("T", bound=Seen)


def ingest(
    store: Store,
    embedder: Callable[[], TextEmbedder],
    documents: Iterable[Seen],
    n_documents: int | None,
    progress: Progress | None,
) -> IngestReport:
    """Take in a stream of documents. embedder: called when the first passage needs it. n_documents: how many, if known.

    documents: iterated in a thread of its own.  progress: called from one thread at a time.
    Raises what reading, embedding or committing raised; what was reported until then stays.
    """
    started = time.perf_counter()
    tally = _Tally(n_documents, progress)
    stop = Event()
    cpu_s: dict[str, float] = {}

    def changed() -> Iterator[Prepared]:
        for seen in _ahead("read", documents, stop, cpu_s):
            if isinstance(seen, Prepared):
                yield seen
            else:
                tally.count(seen)

    def check() -> None:
        if stop.is_set():
            raise _Stopped

    def commit() -> None:
        for prepared in _ahead("embed", embedded(embedder, changed(), check), stop, cpu_s):
            tally.count(store.add(prepared.document, prepared.passages))
        cpu_s["commit"] = time.thread_time()

    with ThreadPoolExecutor(1, thread_name_prefix="ingest-commit") as committer:
        try:
            committer.submit(commit).result()
        finally:
            stop.set()  # after an interrupt nothing more goes in, and what is being committed is seen through
    return IngestReport(
        added=tally.outcomes["added"],
        updated=tally.outcomes["updated"],
        skipped=tally.outcomes["skipped"],
        deleted=0,
        failed=tuple(tally.failed),
        passages=tally.passages,
        seconds=time.perf_counter() - started,
        cpu_s=cpu_s,
        languages=tally.languages,
        notes=tuple(reading_notes(tally.noted)),
    )


def embedded(
    embedder: Callable[[], TextEmbedder], documents: Iterable[Prepared], check: Check = go_on
) -> Iterator[Prepared]:
    """Documents with their passages embedded, in order; passages of several documents are embedded together.

    check: called several times a second while passages are embedded; what it raises ends the work.
    """
    opened: deque[Prepared] = deque()
    outstanding: deque[tuple[Prepared, Chunk, PassageInput]] = deque()
    groups = _groups(documents, opened, outstanding)
    first = next(groups, None)
    if first is not None:
        for group in embedder().embed_groups(chain([first], groups), check):
            for vectors in group:
                prepared, piece, model_input = outstanding.popleft()
                prepared.passages.append(new_passage(piece, model_input, vectors))
            while opened and len(opened[0].passages) == len(opened[0].chunks):
                yield opened.popleft()
    yield from opened


def _groups(
    documents: Iterable[Prepared],
    opened: deque[Prepared],
    outstanding: deque[tuple[Prepared, Chunk, PassageInput]],
) -> Iterator[list[PassageInput]]:
    """Groups of passages for the embedder, across documents. Documents are noted in ``opened``, passages in ``outstanding``.

    The first groups are small, so that the first documents can be found soon.
    """
    sizes = chain(_FIRST_GROUPS, repeat(TOGETHER))
    group: list[PassageInput] = []
    size = next(sizes)
    n_vectors = 0
    for prepared in documents:
        opened.append(prepared)
        for piece in prepared.chunks:
            model_input = passage_input(prepared.document, piece)
            outstanding.append((prepared, piece, model_input))
            group.append(model_input)
            n_vectors += model_input.n_vectors
            if len(group) == size or n_vectors >= VECTORS_TOGETHER:
                yield group
                group, n_vectors, size = [], 0, next(sizes)
    if group:
        yield group


class _Tally:
    """Counts what became of the documents, for one thread at a time."""

    def __init__(self, n_documents: int | None, progress: Progress | None) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failed: list[Failure] = []
        self.passages = 0
        self.languages: Counter[str] = Counter()
        self.noted: list[Change] = []
        self._n_documents = n_documents
        self._progress = progress
        self._counting = Lock()

    def count(self, outcome: Change | Failure) -> None:
        with self._counting:
            if isinstance(outcome, Failure):
                self.failed.append(outcome)
                last = outcome.path, "failed"
            else:
                self.outcomes[outcome.outcome] += 1
                if outcome.outcome != "skipped":
                    self.passages += outcome.document.n_passages
                    self.languages.update(languages_of([outcome]))
                    self.noted += [outcome] if has_note(outcome) else []
                last = outcome.document.source or outcome.document.title, outcome.outcome
            if self._progress is not None:
                done = self.outcomes.total() + len(self.failed)
                self._progress(IngestProgress(done, self._n_documents, self.passages, *last))


class _Stopped(Exception):
    """Another stage has failed or the ingest was interrupted."""


class _Buffer(Queue["Seen | None"]):
    """A queue that is full when it holds so many characters of text."""

    def _init(self, maxsize: int) -> None:
        self._items: deque[Seen | None] = deque()
        self._weight = 0

    def _qsize(self) -> int:
        return self._weight

    def _put(self, item: "Seen | None") -> None:
        self._items.append(item)
        self._weight += _weight(item)

    def _get(self) -> "Seen | None":
        item = self._items.popleft()
        self._weight -= _weight(item)
        return item


def _weight(item: "Seen | None") -> int:
    return len(item.document.text) + _DOCUMENT_CHARACTERS if isinstance(item, Prepared) else 1


def _ahead(stage: str, items: Iterable[T], stop: Event, cpu_s: dict[str, float]) -> Iterator[T]:
    """The items, made in a thread of their own, ahead of whoever takes them.

    stop: set when any stage fails or is given up; nothing more goes in or out then.  cpu_s: gets the thread's processor time.
    Raises what making them raised, _Stopped once ``stop`` is set.
    """
    buffer = _Buffer(_AHEAD_CHARACTERS)
    failure: list[BaseException] = []

    def offer(item: T | None) -> None:
        while not stop.is_set():
            try:
                return buffer.put(item, timeout=_POLL_S)
            except Full:
                continue
        raise _Stopped

    def make() -> None:
        try:
            for item in items:
                offer(item)
        except BaseException as error:
            failure.append(error)
        finally:
            cpu_s[stage] = time.thread_time()
        with suppress(_Stopped):
            offer(None)

    maker = Thread(target=make, name=f"ingest-{stage}", daemon=True)
    maker.start()
    try:
        while not stop.is_set():
            try:
                item = buffer.get(timeout=_POLL_S)
            except Empty:
                continue
            if item is None:
                break
            yield cast(T, item)
        else:
            raise _Stopped
    except BaseException:
        stop.set()
        raise
    finally:
        maker.join()
    if failure:
        raise failure[0]
