"""Files read and cut, one after another: an archive gives a document for each file in it, what failed is remembered."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from index.backend import Store
from index.types import Change, Document, FailedFile, Metadata
from rag.intake.folders import Found, find_files, without_pictures
from rag.intake.prepare import Cut, Prepared, prepare, sha256_of
from rag.language.languages import may_be_untold, with_language
from rag.parsing.sandbox.pool import Part, Sandbox
from rag.shared.errors import ContentTooLarge, RagError
from rag.shared.printable import as_utf8, is_utf8
from rag.shared.types import SEPARATOR, Check, Failure, ParsedText, ParseOptions, go_on

_OF_ARCHIVE = SEPARATOR.removesuffix("/")
_NOTE_TOGETHER = 200  # failures, which are few or many alike (a folder of pictures)


class Planned(NamedTuple):
    """A file and what would be done with it: "add", "update", "skip", "look into" (an archive), "fetch", "delete" or "fail".

    reason: why it would fail, else "".
    """

    path: str
    action: str
    reason: str = ""


@dataclass(slots=True)
class FileReader:
    """Reads files for one collection. options: how files are read.
    check: called again and again while a file is cut; what it raises ends the work.
    remembers: whether the store keeps what failed, for ``rag list --failed``.

    vanished: ids of documents whose file is in an archive no longer, to be deleted once the rest is in.
    """

    store: Store
    sandbox: Sandbox
    collection: str
    metadata: Metadata
    cut: Cut
    max_bytes: int
    options: ParseOptions = ParseOptions()
    check: Check = go_on
    remembers: bool = True
    vanished: list[str] = field(default_factory=list)
    _failed: list[FailedFile] = field(default_factory=list)
    _mended: list[str] = field(default_factory=list)

    def read(self, file: Found) -> Iterator[Prepared | Change | Failure]:
        """The documents of a file. One met in a folder that failed before is not tried again as long as its content is the same."""
        path = file.path
        key = os.path.abspath(path)
        content = self._content(path)
        if isinstance(content, Failure):
            yield content
        else:
            again = file.named or bool(self.options.passwords)
            yield from self.read_content(key, shown_path(path), path.name, content, again=again)

    def foresee(self, file: Found) -> tuple[str, str]:
        """What ``read`` and the store would do with a file, as ``Planned`` has it, and why if it would fail."""
        from rag.parsing.archives.members import is_archive

        content = self._content(file.path)
        if isinstance(content, Failure):
            return "fail", content.reason
        key, digest = os.path.abspath(file.path), self.digest(sha256_of(content))
        if self.unchanged(key, digest):
            return "skip", ""
        if not (file.named or self.options.passwords) and (before := self._failed_before(key, digest)):
            return "fail", before
        if is_archive(content):
            return "look into", ""
        with self.store.read() as reader:
            known = any(document.key == key for document in reader.below(self.collection, key))
        return ("update" if known else "add"), ""

    def _content(self, path: Path) -> bytes | Failure:
        """What a file holds, or why that cannot be had."""
        key = os.path.abspath(path)
        if not is_utf8(key):
            return Failure(as_utf8(str(path)), "its name or that of a folder is not UTF-8: rename it")
        try:
            if not path.is_file():
                return Failure(str(path), "not a regular file")
            # A path may lead elsewhere at the next moment, and a file may hold more than it says: what counts is what was opened.
            with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return Failure(str(path), "not a regular file")
                content = b"" if status.st_size > self.max_bytes else file.read(status.st_size + 1) or b""
                if len(content) > status.st_size:
                    content += file.read(self.max_bytes) or b""
            if max(status.st_size, len(content)) > self.max_bytes:
                raise ContentTooLarge(f"larger than {self.max_bytes // 2**20} MiB")
            return content
        except OSError as error:
            return self._note(key, str(path), None, f"cannot be read: {error.strerror or error}")
        except RagError as error:
            return self._note(key, str(path), None, str(error))

    def read_address(self, url: str, *, allow_private: bool) -> Iterator[Prepared | Change | Failure]:
        """The documents at an address of the web, which is their source; the last one that it redirects to is metadata."""
        from rag.intake.web import fetch, without_fragment

        key = without_fragment(url)
        try:
            page = fetch(url, max_bytes=self.max_bytes, allow_private=allow_private)
        except RagError as error:
            yield self._note(key, key, None, str(error))
            return
        yield from self.read_content(key, key, page.name, page.content, again=True, stated={"url": page.url})

    def read_content(
        self, key: str, source: str, name: str, content: bytes, *, again: bool, stated: Metadata | None = None
    ) -> Iterator[Prepared | Change | Failure]:
        """The documents of a file's content. again: whether to try what failed before.  stated: metadata that comes with it."""
        digest = self.digest(sha256_of(content))
        if known := self.unchanged(key, digest):
            yield Change(known, "skipped")
            return
        if not again and (before := self._failed_before(key, digest)):
            yield Failure(source, before)
            return
        seen: set[str] = set()

        def wanted(path: str, sha256: str) -> bool:
            if not path:  # what a compressed file holds: known by the digest of that file
                return True
            place, inner = _inside(key, path), self.digest(sha256)
            return not self.unchanged(place, inner) and (again or not self._failed_before(place, inner))

        whole = True
        for part in self.sandbox.read(name, content, wanted, self.options, self.check):
            place = _inside(key, part.path)
            seen.add(place)
            inner = self.digest(part.sha256) if part.path and part.sha256 else digest
            yield self._outcome(place, _inside(source, part.path), inner, part, stated)
            whole = whole and not (part.path == "" and isinstance(part.text, RagError))
        if whole:
            self._look_for_vanished(key, seen)

    def _outcome(
        self, key: str, source: str, digest: str, part: Part, stated: Metadata | None
    ) -> Prepared | Change | Failure:
        if part.text is None:  # it was not wanted
            if known := self.store.unchanged(self.collection, key, digest):
                return Change(known, "skipped")
            return Failure(source, self._failed_before(key, digest) or "was removed meanwhile: add it again")
        if isinstance(part.text, RagError):
            return self._note(key, source, digest, str(part.text))
        return self.prepared(key, source, digest, part.text, stated)

    def prepared(
        self, key: str, source: str, digest: str, parsed: ParsedText, stated: Metadata | None = None
    ) -> Prepared:
        """The document that a parsed file is.  stated: as of ``read_content``."""
        return prepare(
            parsed,
            key=key,
            source=source,
            collection=self.collection,
            metadata={**(stated or {}), **self.metadata},
            content_sha256=digest,
            cut=self.cut,
            check=self.check,
        )

    def finish(self) -> None:
        """Write down what failed and is not written yet."""
        self.store.note_failures(self._failed)
        self._failed.clear()
        self.store.forget_failures(self.collection, self._mended)
        self._mended.clear()

    def digest(self, sha256: str) -> str:
        """What a document is known by: its content, and the way in which it was read where that is not the usual one."""
        how = replace(self.options, passwords=())  # what is read is the same with any of them
        if how == ParseOptions():
            return sha256
        return sha256_of(f"{sha256} ParseOptions(fields={how.fields!r}, ocr={how.ocr!r})".encode())

    def unchanged(self, key: str, digest: str) -> Document | None:
        """The document of this key, where nothing of it is to be stored anew."""
        known = self.store.unchanged(self.collection, key, digest)
        if known is None or not self.metadata.items() <= known.metadata.items() or self._is_stemmed_anew(known):
            return None
        if self._failed_before(key, None) is not None:  # it had changed into something that failed, and back again
            self._mended.append(key)
        return known

    def _is_stemmed_anew(self, known: Document) -> bool:
        """Whether the words of a stored document would be stemmed in another language: it is from before that was told."""
        if not may_be_untold(known):
            return False
        with self.store.read() as reader:
            text = reader.text(known.id)
        return with_language(text, known.metadata, self.metadata)[1] != known.language

    def _failed_before(self, key: str, digest: str | None) -> str | None:
        """Why this file failed, with this content or, for None, with any."""
        with self.store.read() as reader:
            for known in reader.failures(self.collection, key):
                if digest is None or known.content_sha256 == digest:
                    return known.reason
        return None

    def _note(self, key: str, source: str, digest: str | None, reason: str) -> Failure:
        if self.remembers:
            self._failed.append(FailedFile(self.collection, key, source, digest, reason))
            if len(self._failed) >= _NOTE_TOGETHER:
                self.finish()
        return Failure(source, reason)

    def _look_for_vanished(self, key: str, seen: set[str]) -> None:
        """Documents and failures of this file, or of files in it, that its present content does not give."""
        with self.store.read() as reader:
            stored = reader.below(self.collection, key + SEPARATOR)
            if key not in seen:
                stored += [document for document in reader.below(self.collection, key) if document.key == key]
            failed = reader.failures(self.collection, key) + reader.failures(self.collection, prefix=key + SEPARATOR)
        self.vanished += [document.id for document in stored if document.key not in seen]
        self._mended += [known.key for known in failed if known.key not in seen]


def shown_path(path: Path) -> str:
    """A file's name as people know it: from here where it lies below, else in full."""
    full = os.path.abspath(path)
    relative = os.path.relpath(full)
    return full if relative.startswith("..") else Path(relative).as_posix()


def file_of(key: str) -> str:
    """The file on disk that a document or failure came from: of a file in an archive, the archive."""
    while not os.path.lexists(key) and SEPARATOR in key:
        key = key.rpartition(SEPARATOR)[0]
    return key


def is_gone(key: str) -> bool:
    """Whether the file of a document is no longer there, or is a folder by now; one that cannot be looked at may be there."""
    place = file_of(key)
    try:
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return os.path.isdir(place)


def places_of(key: str) -> list[str]:
    """What a document's key is below, in full and without an end of ``/``: its file, the archives and folders that this is in."""
    above = [key[:place] for place, letter in enumerate(key) if letter == os.sep]
    return [key, *above, *(path.removesuffix(_OF_ARCHIVE) for path in above if path.endswith(_OF_ARCHIVE))]


def _inside(place: str, path: str) -> str:
    return f"{place}{SEPARATOR}{path}" if path else place


def plan(
    reader: FileReader, files: Iterable[Found], missing: Iterable[Failure], urls: Sequence[str], gone: Iterable[str]
) -> list[Planned]:
    """What would be done, in the order in which it would be.  gone: keys of documents that would be removed."""
    planned = [Planned(failure.path, "fail", failure.reason) for failure in missing]
    for file in files:
        action, reason = reader.foresee(file)
        planned.append(Planned(str(file.path), action, reason))
    planned += [Planned(url, "fetch") for url in urls]
    return planned + [Planned(key, "delete") for key in gone]


def plan_anew(paths: Sequence[Path], urls: Sequence[str], options: ParseOptions) -> list[Planned]:
    """The same where there is no store yet."""
    everything, missing = find_files(paths)
    files, _ = without_pictures(everything, options)
    planned = [Planned(failure.path, "fail", failure.reason) for failure in missing]
    planned += [Planned(str(file.path), "add") for file in files]
    return planned + [Planned(url, "fetch") for url in urls]
