"""One store and one model, ready to take documents and answer questions. Everything above the engine goes through here."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Literal, Self

from index.errors import DocumentNotFound, StoreMismatch, StoreMissing, StoreReplaced
from index.repair import repair
from index.snapshot import Snapshot, take
from index.store import Store
from index.types import Change, Document, FailedFile, Finding, JsonScalar, Metadata, Receipt, Scope, Span
from rag import citations, ingest, pipeline
from rag.answer_cache import AnswerCache
from rag.asking import answer_question, calibration_of
from rag.confidence import REFIT_NOTE, Refit, basis_of, kept_refit
from rag.config import Config
from rag.embedding import Embedder, word_spans
from rag.errors import BadInput
from rag.files import FileReader, file_of, is_below, is_gone
from rag.folders import IgnoreRules, find_files
from rag.inspection import Inspector
from rag.languages import language_note, languages_of
from rag.models import DEFAULT_MODEL, converted_model
from rag.notes import reading_notes
from rag.parsing.sandbox import Limits, Sandbox
from rag.questions import joined, split_questions
from rag.ranking import Calibration, Examined, Ranker
from rag.reranker import Reranker
from rag.retrieval import score_candidates
from rag.store_models import StoreModels, refuse_other_model, store_settings
from rag.types import (
    Answer,
    Citation,
    CitationCheck,
    Failure,
    Incoming,
    IngestReport,
    ParseOptions,
    Query,
)

MAX_QUESTION = 2000
_MAX_COLLECTION = 100
_DELETE_TOGETHER = 500


class Service:
    """Thread-safe; every method blocks. The model is loaded when first needed."""

    def __init__(self, store: Store, config: Config, loading: "Future[Embedder] | None" = None) -> None:
        """Use ``open`` or ``create``."""
        self._opened = store
        self._views: Literal["first", "behind"] = "first"
        self._config = config
        self._models = StoreModels(config, loading)
        self._reopening = Lock()
        self._answers = AnswerCache()
        self._sandbox = Sandbox(Limits(config.parse_seconds, config.parse_mib), workers=config.threads)
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._checkpoint: Future[bool] | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        config: Config | None = None,
        *,
        views: Literal["first", "behind"] = "first",
        loading: "Future[Embedder] | None" = None,
    ) -> Self:
        """The service of an existing store.  views: as for ``Store.open``.  loading: from ``rag.loading.begin_loading``.

        Raises StoreMissing, StoreDamaged, StoreTooNew or StoreMismatch.
        """
        config = config or Config.from_environment()
        service = cls(Store.open(path, views=views), config, loading)
        service._views = views
        if config.model is not None and config.model != service._store.settings["model"]:
            info, _ = converted_model(config.model, None, config)
            refuse_other_model(service._store, info)
        return service

    @classmethod
    def create(cls, path: Path, config: Config) -> Self:
        """The service of a new, empty store with the model and passage settings of ``config``."""
        info, _ = converted_model(config.model, None, config)
        settings, fingerprint = store_settings(info, config.passage_characters, config.overlap_sentences)
        return cls(Store.create(path, dim=info.dim, fingerprint=fingerprint, settings=settings), config)

    @classmethod
    def open_or_create(
        cls, path: Path, config: Config | None = None, *, views: Literal["first", "behind"] = "first"
    ) -> Self:
        """The service of the store at ``path``, created when nothing is there."""
        config = config or Config.from_environment()
        try:
            return cls.open(path, config, views=views)
        except StoreMissing:
            return cls.create(path, config)

    @property
    def _store(self) -> Store:
        """The store that lies there now: opened again when `rag restore` put another in its place.

        The one before is let go of when the last who reads it is done.
        """
        if self._opened.replaced:
            with self._reopening:
                if self._opened.replaced:
                    self._opened = Store.open(self._opened.path, views=self._views)
                    self._answers = AnswerCache()  # its generations are not those of the one before
        return self._opened

    # --- questions

    def ask(self, query: Query) -> Answer:
        """The answer to a question.  Raises BadInput for a question or limit that cannot be used."""
        started = time.perf_counter()
        question = _checked_question(query.question)
        if query.k < 1:
            raise BadInput(f"k is {query.k}: ask for at least 1 passage")
        if len(parts := split_questions(question)) > 1:
            answers_apart = [self.ask(replace(query, question=part)) for part in parts]
            if len({answer.index for answer in answers_apart}) == 1:  # else the store has changed meanwhile
                return joined(query, answers_apart)
        if query.max_risk is not None and not 0.0 <= query.max_risk <= 1.0:
            raise BadInput(f"max_risk is {query.max_risk:g}: give a probability from 0 to 1, as 0.1 for one in ten")
        _checked_collection(query.collection)
        store = self._store
        return answer_question(
            query, question, store, self._models.embedder(store), self.reranker, self._answers, started
        )

    def examine(self, question: str, ranker: Ranker) -> Examined:
        """All candidates of a question and what a ranker scores them by: what training needs."""
        text = _checked_question(question)
        words = word_spans(text)
        vectors = self.embedder.embed_question(text, words)
        with self._store.read() as reader:
            scored = score_candidates(reader, vectors.result, text, words, Scope(), ranker)
            passages = reader.passages(scored.candidates.ids)
            documents = reader.documents_of(scored.candidates.ids)
        return Examined(
            scored.signals,
            scored.chosen,
            scored.late,
            tuple(documents[passage.id].source for passage in passages),
            tuple(passage.span for passage in passages),
            tuple(passage.sentences for passage in passages),
        )

    def check_citations(self, cited: Sequence[Citation]) -> list[CitationCheck]:
        """For each citation whether it still holds, in the order given."""
        texts: dict[str, tuple[str, str] | None] = {}
        with self._store.read() as reader:

            def stored(document_id: str) -> tuple[str, str] | None:
                if document_id not in texts:
                    there = [document for document in reader.find(document_id) if document.id == document_id]
                    texts[document_id] = (reader.text(document_id), there[0].text_sha256) if there else None
                return texts[document_id]

            return [citations.check(citation, stored) for citation in cited]

    # --- documents in

    def add_paths(
        self,
        paths: Sequence[Path],
        *,
        collection: str = "default",
        metadata: Metadata | None = None,
        sync: bool = False,
        options: ParseOptions | None = None,
        urls: Sequence[str] = (),
        allow_private: bool = False,
        progress: pipeline.Progress | None = None,
    ) -> IngestReport:
        """Take in files and folders. sync: also remove documents of these paths whose file is gone or ignored by now.

        urls: addresses of the web to fetch; allow_private: also from addresses that are not public.
        What is removed goes last: a file that was renamed can be found under one name or the other at any time.
        """
        files, missing = find_files(paths, self.path)
        reader = self._file_reader(collection, metadata, options)
        gone = self._gone(paths, collection) if sync else []
        if sync:  # a path whose documents are about to be removed is no mistake
            missing = [one for one in missing if not any(is_below(key, [one.path]) for _, key in gone)]

        def documents() -> Iterator[ingest.Prepared | ingest.Unchanged | Failure]:
            yield from missing
            for file in files:
                yield from reader.read(file)
            for url in urls:
                yield from reader.read_address(url, allow_private=allow_private)

        try:
            report = self._ingest(documents(), len(files) + len(missing) + len(urls), progress)
        finally:
            reader.finish()
        removed = [document_id for document_id, _ in gone if document_id] + reader.vanished
        for first in range(0, len(removed), _DELETE_TOGETHER):
            self._store.delete_many(removed[first : first + _DELETE_TOGETHER])
        self._store.forget_failures(collection, [key for _, key in gone])
        return replace(report, deleted=len(removed))

    def add_documents(self, incoming: Iterable[Incoming], progress: pipeline.Progress | None = None) -> IngestReport:
        """Take in documents given as plain text, embedded many at a time."""
        size, overlap = self._passage_settings
        return self._ingest(
            (ingest.prepare_incoming(one, size=size, overlap=overlap) for one in incoming), None, progress
        )

    def add_text(
        self,
        *,
        title: str | None,
        text: str,
        source: str | None,
        metadata: Metadata,
        collection: str = "default",
        check: pipeline.Check = lambda: None,
    ) -> Change:
        """Take in one text. The same source again replaces it; without a source the text itself tells whether it is known.

        check: called again and again until the text goes into the store; what it raises gives it up, and nothing of it stays.
        """
        _checked_text(text)
        key = source or "text:" + ingest.sha256_of(f"{title}\n{text}".encode())
        incoming = Incoming(
            key=key,
            title=title or _first_line(text) or source or "",
            text=text,
            source=source,
            collection=_checked_collection(collection),
            metadata=metadata,
        )
        size, overlap = self._passage_settings
        return self._commit(ingest.prepare_incoming(incoming, size=size, overlap=overlap), check)

    def add_file(
        self,
        name: str,
        content: bytes,
        *,
        collection: str = "default",
        metadata: Metadata | None = None,
        check: pipeline.Check = lambda: None,
    ) -> Change:
        """Take in a file that was handed over. The same name again replaces it.  Raises UnsupportedFormat, UnreadableContent.

        check: as in ``add_text``.
        """
        size, overlap = self._passage_settings
        prepared = ingest.prepare(
            self._sandbox.parse(name, content),
            key=name,
            source=name,
            collection=_checked_collection(collection),
            metadata=metadata or {},
            content_sha256=ingest.sha256_of(content),
            size=size,
            overlap=overlap,
        )
        return self._commit(prepared, check)

    def add_upload(
        self,
        name: str,
        content: bytes,
        *,
        collection: str = "default",
        metadata: Metadata | None = None,
        options: ParseOptions | None = None,
        check: pipeline.Check = lambda: None,
    ) -> tuple[list[Change], list[Failure]]:
        """Take in a file that was handed over, or the files of the archive that it is: what went in, and what did not and why.

        The same name again replaces it, and of an archive removes what is in it no longer. What is unchanged is "skipped".
        check: as in ``add_text``; files of an archive that are in by then stay.
        """
        reader = self._file_reader(collection, metadata, options)
        changes: list[Change] = []
        failed: list[Failure] = []
        for part in reader.read_content(name, name, name, content, again=True):
            check()
            if isinstance(part, ingest.Prepared):
                changes.append(self._commit(part, check))
            elif isinstance(part, Failure):
                failed.append(part)
            else:
                changes.append(Change(part.document, "skipped"))
        self._store.delete_many(reader.vanished)
        return changes, failed

    # --- documents there and out

    def documents(
        self, *, collection: str | Collection[str] | None = None, after: str | None = None, limit: int = 100
    ) -> list[Document]:
        """Documents in the order they came, those behind the document ``after``.  Raises BadInput when that is not there."""
        with self._store.read() as reader:
            try:
                return reader.documents(collection=collection, after=after, limit=limit)
            except DocumentNotFound as error:
                raise BadInput(f"no document {after!r} to go on from: begin the list again") from error

    def document(self, document_id: str) -> Document:
        """One document.  Raises DocumentNotFound."""
        with self._store.read() as reader:
            return reader.document(document_id)

    def failures(self, collection: str | None = None) -> list[FailedFile]:
        """Files that could not be taken in and have not been since, of one collection or all."""
        with self._store.read() as reader:
            return reader.failures(collection)

    def find(self, reference: str, collection: str | None = None) -> list[Document]:
        """Documents that a person may mean by an id, the beginning of one, or a source."""
        with self._store.read() as reader:
            found = reader.find(reference, collection)
            return found or reader.find(os.path.relpath(reference), collection)

    def text(self, document_id: str, span: Span | None = None) -> str:
        """Stored text of a document.  Raises DocumentNotFound; BadInput for a span outside the text."""
        with self._store.read() as reader:
            if span is not None:
                n_characters = reader.document(document_id).n_characters
                if not 0 <= span.start <= span.end <= n_characters:
                    raise BadInput(f"span {span.start}:{span.end} is not within the text of {n_characters} characters")
            return reader.text(document_id, span)

    def delete(self, document_id: str) -> Receipt:
        """Remove a document; the receipt comes when nothing of it can be found any more.  Raises DocumentNotFound."""
        return self._store.delete(document_id)

    def delete_collection(self, collection: str) -> list[Receipt]:
        """Remove all documents of a collection, several hundred at a time.  Raises BadInput when it has none."""
        receipts: list[Receipt] = []
        self._store.forget_failures(collection, [failed.key for failed in self.failures(collection)])
        while page := self.documents(collection=_checked_collection(collection), limit=_DELETE_TOGETHER):
            receipts += self._store.delete_many([document.id for document in page])
        if not receipts:
            raise BadInput(f"there is no collection {collection!r}: rag list shows what is there")
        return receipts

    # --- the whole

    def verify(self, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
        """Inconsistencies between the stored truth and the views; empty when all is well."""
        return self._store.verify(progress)

    def repair(self, findings: Iterable[Finding]) -> list[Finding]:
        """Mend what can be mended of what ``verify`` found, and return that."""
        return repair(self._store, findings)

    def snapshot(self, target: Path, progress: Callable[[int, int], None] | None = None) -> Snapshot:
        """A checked copy of the store as it is now, at a new or empty place; questions and changes go on meanwhile."""
        return take(self._store, target, progress)

    def counts(self, collection: str | None = None) -> tuple[int, int]:
        """Documents and passages."""
        with self._store.read() as reader:
            return reader.counts(collection)

    def collections(self) -> dict[str, tuple[int, int]]:
        """Documents and passages of each collection that has any, by name."""
        with self._store.read() as reader:
            return {name: reader.counts(name) for name in reader.collections()}

    @property
    def path(self) -> Path:
        """The store's directory."""
        return self._store.path

    @property
    def generation(self) -> int:
        """Number of the last change."""
        with self._store.read() as reader:
            return reader.generation

    @property
    def fingerprint(self) -> str:
        """Names model and passage settings."""
        return self._store.fingerprint

    @property
    def settings(self) -> dict[str, object]:
        """Model and passage settings of the store."""
        return dict(self._store.settings)

    @property
    def calibration(self) -> Calibration:
        """What a calibration of confidence depends on."""
        return calibration_of(self._store.settings)

    @property
    def confidence_basis(self) -> dict[str, JsonScalar]:
        """What the confidence of this store's answers is made with; a refit holds for one such basis."""
        reranker = self.reranker
        return basis_of(self._store.settings, reranker.fingerprint if reranker is not None else None)

    @property
    def refit(self) -> Refit | None:
        """The refit of confidence that questions are answered with now."""
        with self._store.read() as reader:
            return kept_refit(reader.note(REFIT_NOTE), self.confidence_basis)

    def set_refit(self, refit: Refit | None) -> None:
        """Answer with this refit of confidence from now on, in every process; None for the shipped confidence."""
        if refit is not None and refit.basis != self.confidence_basis:
            raise StoreMismatch("the confidence was fitted with another model, other settings or other weights")
        self._store.set_note(REFIT_NOTE, refit.to_note() if refit is not None else None)

    @property
    def rebuilt(self) -> tuple[str, ...]:
        """Views that were missing or damaged at the start and were made again from the truth."""
        return self._store.rebuilt

    @property
    def rebuilding(self) -> tuple[str, ...]:
        """Views that are being made again: until they are there, questions are answered from the truth, slower."""
        return self._store.rebuilding

    @property
    def embedder(self) -> Embedder:
        """The store's model.  Raises StoreMismatch when it is not the one the store was built with."""
        return self._models.embedder(self._store)

    @property
    def inspector(self) -> Inspector:
        """What evaluation looks at beside answers."""
        return Inspector(self._store, self.embedder)

    @property
    def reranker(self) -> Reranker | None:
        """The configured cross-encoder, loaded when first needed; None without one.  Raises ModelUnavailable."""
        return self._models.reranker

    def warm(self) -> None:
        """Load model and views now, so that the first question does not wait."""
        _ = self.embedder, self.reranker, self.generation

    def close(self) -> None:
        """Finish what goes on in the background and let go of the store."""
        self._store.stop_background_work()
        self._background.shutdown()
        self._sandbox.close()
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside

    @property
    def _passage_settings(self) -> tuple[int, int]:
        settings = self._store.settings
        return int(str(settings["passage_characters"])), int(str(settings["overlap_sentences"]))

    def _ingest(
        self,
        documents: Iterable[ingest.Prepared | ingest.Unchanged | Failure],
        n_documents: int | None,
        progress: pipeline.Progress | None,
    ) -> IngestReport:
        try:
            report = pipeline.ingest(self._store, lambda: self.embedder, documents, n_documents, progress)
        finally:
            self._store.checkpoint()
        return replace(report, notes=report.notes + self._language_notes(report.languages))

    def notes(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """What to tell whoever made these changes: what of the files was not read, and what the model is not made for."""
        return (*reading_notes(changes), *self._language_notes(languages_of(changes)))

    def _language_notes(self, languages: Mapping[str, int]) -> tuple[str, ...]:
        model = str(self._store.settings["model"])
        note = language_note(languages, model) if model == DEFAULT_MODEL else None
        return (note,) if note else ()

    def _commit(self, prepared: ingest.Prepared, check: pipeline.Check) -> Change:
        store = self._store  # and no other: one that comes in its place meanwhile may have another model
        [(document, passages)] = pipeline.embedded(lambda: self.embedder, [prepared], check)
        check()
        try:
            change = store.add(document.document, passages)
        except StoreReplaced:
            if self._store is store:
                raise
            return self._commit(prepared, check)
        self._checkpoint_later()
        return change

    def _checkpoint_later(self) -> None:
        """Let the views catch up on disk behind the caller's back: the change itself is durable already."""
        if self._store.checkpoint_due and (self._checkpoint is None or self._checkpoint.done()):
            self._checkpoint = self._background.submit(self._store.checkpoint)

    def _file_reader(self, collection: str, metadata: Metadata | None, options: ParseOptions | None) -> FileReader:
        size, overlap = self._passage_settings
        return FileReader(
            self._store,
            self._sandbox,
            _checked_collection(collection),
            metadata or {},
            size,
            overlap,
            self._config.max_file_bytes,
            options or ParseOptions(),
        )

    def _gone(self, paths: Sequence[Path], collection: str) -> list[tuple[str, str]]:
        """Id ("" for one that had failed) and key of files that were of ``paths`` and are no longer there, or ignored by now."""
        folders = [path for path in paths if path.is_dir()]
        named = {os.path.abspath(path) for path in paths}
        rules = IgnoreRules(folders)

        def is_out(key: str) -> bool:
            if not is_below(key, paths):
                return False
            file = file_of(key)
            return (
                is_gone(key)
                or file not in named
                and any(is_below(file, [folder]) and rules.ignores_anywhere(folder, file) for folder in folders)
            )

        gone = []
        after = None
        while page := self.documents(collection=collection, after=after, limit=1000):
            after = page[-1].id
            gone += [(document.id, document.key) for document in page if is_out(document.key)]
        return gone + [("", failed.key) for failed in self.failures(collection) if is_out(failed.key)]


def _checked_question(question: str) -> str:
    text = question.strip()
    if not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise BadInput("the question is empty: ask in words")
    if len(question) > MAX_QUESTION:
        raise BadInput(f"the question has {len(question)} characters: at most {MAX_QUESTION} are read")
    _checked_text(text)
    return text


def _checked_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("the text is not valid Unicode (a lone surrogate): send it as UTF-8") from error
    if "\x00" in text:
        raise BadInput("the text holds a null character, which text does not")


def _checked_collection(name: str) -> str:
    if not 0 < len(name) <= _MAX_COLLECTION or not name.isprintable() or name != name.strip():
        raise BadInput(f"{name[:40]!r} is no name for a collection: use 1 to {_MAX_COLLECTION} printable characters")
    return name


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 80 else line[:79].rstrip() + "…"
