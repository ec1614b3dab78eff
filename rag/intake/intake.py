"""Documents in: read, embedded, committed, and what is gone removed."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from index.backend import DELETE_TOGETHER, Store
from index.errors import StoreReplaced
from index.types import Change, Document, Metadata, NewDocument
from rag.intake import pipeline
from rag.intake import prepare as ingest
from rag.intake.folders import Found, IgnoreRules, find_files, without_pictures
from rag.intake.notes import reading_notes
from rag.intake.reading import FileReader, Planned, file_of, is_gone, places_of, plan
from rag.language.languages import language_note, languages_of
from rag.model.cache import DEFAULT_MODEL
from rag.model.embedding import TextEmbedder
from rag.parsing.sandbox.pool import Limits, Sandbox
from rag.parsing.structure.metadata import STATED
from rag.shared.config import Config
from rag.shared.types import Check, Failure, Incoming, IngestReport, ParseOptions, go_on
from rag.shared.validation import checked_collection, checked_text, composed
from rag.viewing.pictures import Drawn, Wanted


class Intake:
    """The part of a service that takes documents in; thread-safe.

    store: gives the store that is there now, which may be another than the one of the call before.  embedder: its model.
    """

    def __init__(self, store: Callable[[], Store], embedder: Callable[[], TextEmbedder], config: Config) -> None:
        self._store_now = store
        self._embedder = embedder
        self._max_file_bytes = config.max_file_bytes
        self._sandbox = Sandbox(Limits(config.parse_seconds, config.parse_mib), workers=config.threads)
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._checkpoint: Future[bool] | None = None

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
        collection = checked_collection(collection)
        files, pictures, missing, gone = self._discover(paths, collection, options or ParseOptions(), sync=sync)
        reader = self._file_reader(collection, metadata, options)

        def documents() -> Iterator[pipeline.Seen]:
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
        for first in range(0, len(removed), DELETE_TOGETHER):
            self._store.delete_many(removed[first : first + DELETE_TOGETHER])
        passed_over = {os.path.abspath(picture.path) for picture in pictures}
        with self._store.read() as state:
            before = [key for key in passed_over if state.failures(collection, key)]
        self._store.forget_failures(collection, [key for _, key in gone] + before)
        return replace(report, deleted=len(removed), notes=report.notes + _picture_notes(pictures))

    def plan(
        self,
        paths: Sequence[Path],
        *,
        collection: str = "default",
        metadata: Metadata | None = None,
        sync: bool = False,
        options: ParseOptions | None = None,
        urls: Sequence[str] = (),
    ) -> list[Planned]:
        """What ``add_paths`` would do with each file; nothing is written."""
        collection = checked_collection(collection)
        files, _, missing, gone = self._discover(paths, collection, options or ParseOptions(), sync=sync)
        reader = self._file_reader(collection, metadata, options, remembers=False)
        return plan(reader, files, missing, urls, [key for document_id, key in gone if document_id])

    def add_documents(self, incoming: Iterable[Incoming], progress: pipeline.Progress | None = None) -> IngestReport:
        """Take in documents given as plain text, embedded many at a time."""
        cut = self._cut
        return self._ingest((ingest.prepare_incoming(document, cut) for document in incoming), None, progress)

    def add_text(
        self,
        *,
        title: str | None,
        text: str,
        source: str | None,
        metadata: Metadata,
        collection: str = "default",
        check: Check = go_on,
    ) -> Change:
        """Take in one text. The same source again replaces it; without a source the text itself tells whether it is known.

        check: called again and again until the text goes into the store; what it raises gives it up, and nothing of it stays.
        """
        checked_text(text)
        source = composed(source) if source else None
        key = source or "text:" + ingest.sha256_of(f"{title}\n{text}".encode())
        incoming = Incoming(
            key=key,
            title=title or _first_line(text) or source or "",
            text=text,
            source=source,
            collection=checked_collection(collection),
            metadata=metadata,
        )
        return self._commit(ingest.prepare_incoming(incoming, self._cut, check), check)

    def add_file(
        self,
        name: str,
        content: bytes,
        *,
        collection: str = "default",
        metadata: Metadata | None = None,
        options: ParseOptions | None = None,
        keep: bool = False,
        check: Check = go_on,
    ) -> Change:
        """Take in a file that was handed over. The same name again replaces it.  Raises UnsupportedFormat, UnreadableContent.

        keep: whether the file itself is kept with the store.  check: as in ``add_text``.
        """
        name = composed(name)
        reader = self._file_reader(collection, metadata, options, check)
        content_sha256 = reader.digest(ingest.sha256_of(content))
        stored = reader.unchanged(name, content_sha256)
        # Metadata that is no longer sent can be told from what the file says of itself only by its name.
        if stored is not None and stored.metadata.keys() - (metadata or {}).keys() <= STATED:
            return self._skipped(stored, content if keep else None)
        parsed = self._sandbox.parse(name, content, reader.options, check=check)
        return self._commit(reader.prepared(name, name, content_sha256, parsed), check, content if keep else None)

    def add_upload(
        self,
        name: str,
        content: bytes,
        *,
        collection: str = "default",
        metadata: Metadata | None = None,
        options: ParseOptions | None = None,
        check: Check = go_on,
    ) -> tuple[list[Change], list[Failure]]:
        """Take in a file that was handed over, or the files of the archive that it is: what went in, and what did not and why.

        The same name again replaces it, and of an archive removes what is in it no longer. What is unchanged is "skipped".
        check: as in ``add_text``; files of an archive that are in by then stay.
        """
        # What failed is for whoever sent it, who has the file: `rag list --failed` tells of files that can be read again.
        name = composed(name)
        reader = self._file_reader(collection, metadata, options, check, remembers=False)
        changes: list[Change] = []
        failed: list[Failure] = []
        for part in reader.read_content(name, name, name, content, again=True):
            check()
            if isinstance(part, ingest.Prepared):
                changes.append(self._commit(part, check))
            elif isinstance(part, Failure):
                failed.append(part)
            else:
                changes.append(part)
        self._store.delete_many(reader.vanished)
        reader.finish()
        return changes, failed

    def draw(self, content: bytes, wanted: Wanted, check: Check = go_on) -> Drawn:
        """A page of a PDF, drawn where files are parsed.  Raises as ``Sandbox.draw``."""
        return self._sandbox.draw(content, wanted, check)

    def notes(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """What to tell whoever made these changes: what of the files was not read, and what the model is not made for."""
        return (*reading_notes(changes), *self._language_notes(languages_of(changes)))

    def close(self) -> None:
        """Finish what goes on in the background, and end the processes that parse."""
        self._background.shutdown()
        self._sandbox.close()

    @property
    def place(self) -> str:
        """Where the store is, as messages say it."""
        return self._store.place

    @property
    def _store(self) -> Store:
        return self._store_now()

    @property
    def _cut(self) -> ingest.Cut:
        settings = self._store.settings
        return ingest.Cut(int(str(settings["passage_characters"])), int(str(settings["overlap_sentences"])))

    def _ingest(
        self,
        documents: Iterable[pipeline.Seen],
        n_documents: int | None,
        progress: pipeline.Progress | None,
    ) -> IngestReport:
        try:
            report = pipeline.ingest(self._store, self._embedder, documents, n_documents, progress)
        finally:
            self._store.checkpoint()
        return replace(report, notes=report.notes + self._language_notes(report.languages))

    def _language_notes(self, languages: Mapping[str, int]) -> tuple[str, ...]:
        model = str(self._store.settings["model"])
        note = language_note(languages, model) if model == DEFAULT_MODEL else None
        return (note,) if note else ()

    def _skipped(self, stored: Document, original: bytes | None) -> Change:
        if original is not None and self._store.original(stored) is None:
            self._store.keep_original(stored.id, original)
        return Change(stored, "skipped")

    def _commit(self, prepared: ingest.Prepared, check: Check, original: bytes | None = None) -> Change:
        """original: the file to be kept with the document, if any."""
        store = self._store  # and no other: one that comes in its place meanwhile may have another model
        if (stored := _stored_as_it_is(store, prepared.document)) is not None:
            return self._skipped(stored, original)
        prepared.passages.clear()
        [document] = pipeline.embedded(self._embedder, [prepared], check)
        check()
        try:
            change = store.add(document.document, document.passages, original)
        except StoreReplaced:
            if self._store is store:
                raise
            return self._commit(prepared, check, original)
        self._checkpoint_later()
        return change

    def _checkpoint_later(self) -> None:
        """Let the views catch up on disk behind the caller's back: the change itself is durable already."""
        if self._store.checkpoint_due and (self._checkpoint is None or self._checkpoint.done()):
            self._checkpoint = self._background.submit(self._store.checkpoint)

    def _file_reader(
        self,
        collection: str,
        metadata: Metadata | None,
        options: ParseOptions | None,
        check: Check = go_on,
        *,
        remembers: bool = True,
    ) -> FileReader:
        return FileReader(
            self._store,
            self._sandbox,
            checked_collection(collection),
            metadata or {},
            self._cut,
            self._max_file_bytes,
            options or ParseOptions(),
            check,
            remembers,
        )

    def _discover(
        self, paths: Sequence[Path], collection: str, options: ParseOptions, *, sync: bool
    ) -> tuple[list[Found], list[Found], list[Failure], list[tuple[str, str]]]:
        """Files to read, pictures to pass over, paths that are not there, and with ``sync`` what ``_gone`` gives."""
        files, missing = find_files(paths, self._store.place)
        files, pictures = without_pictures(files, options)
        gone = self._gone(paths, collection) if sync else []
        # A path whose documents are about to be removed is no mistake.
        of_gone = {place for _, key in gone for place in places_of(key)}
        missing = [failure for failure in missing if os.path.abspath(failure.path) not in of_gone]
        return files, pictures, missing, gone

    def _gone(self, paths: Sequence[Path], collection: str) -> list[tuple[str, str]]:
        """Id ("" for one that had failed) and key of files that were of ``paths`` and are no longer there, or ignored by now."""
        # Thousands of files may be named, and each of thousands of documents be looked for among them.
        named = {os.path.abspath(path).rstrip(os.sep): path for path in paths}
        folders = {place: path for place, path in named.items() if path.is_dir()}
        rules = IgnoreRules([*folders.values()])

        def is_out(key: str) -> bool:
            if named.keys().isdisjoint(places_of(key)):
                return False
            file = file_of(key)
            around = [folders[place] for place in places_of(file) if place in folders]
            return is_gone(key) or file not in named and any(rules.ignores_anywhere(folder, file) for folder in around)

        with self._store.read() as reader:
            documents = reader.every_document(collection)
            gone = [(document.id, document.key) for document in documents if is_out(document.key)]
            return gone + [("", failed.key) for failed in reader.failures(collection) if is_out(failed.key)]


def _stored_as_it_is(store: Store, new: NewDocument) -> Document | None:
    """The stored document, where nothing of it would be changed by adding this one."""
    stored = store.unchanged(new.collection, new.key, new.content_sha256)
    same = stored is not None and (
        (stored.title, stored.source, stored.metadata, stored.language, stored.text_sha256)
        == (new.title, new.source, new.metadata, new.language, ingest.sha256_of(new.text.encode()))
    )
    return stored if same else None


def _picture_notes(pictures: Sequence[Found]) -> tuple[str, ...]:
    if not pictures:
        return ()
    counted = "1 picture was" if len(pictures) == 1 else f"{len(pictures)} pictures were"
    return (f"{counted} passed over: with --ocr the text in pictures is read",)


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 80 else line[:79].rstrip() + "…"
