"""Which documents and collections a person means by what was typed."""

import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from index.types import Document
    from rag.service import Service


def all_documents(service: "Service", collection: str | None) -> "Iterator[Document]":
    """The documents of one collection or all, in the order they came."""
    with service.store.read() as reader:
        yield from reader.every_document(collection)


def matching(documents: "Iterable[Document]", patterns: Sequence[str]) -> "list[Document]":
    """Those whose source, file name or title fits a pattern (``*`` stands for slashes too)."""
    return [document for document in documents if _fits(document, patterns)]


def the_document(service: "Service", reference: str, collection: str | None) -> "Document":
    """The document meant by an id, its beginning, a path, a source, or a file's name that only one has.

    Raises DocumentNotFound where there is none, BadInput where there are several.
    """
    from index.errors import DocumentNotFound

    candidates = service.find(reference, collection)
    if not candidates and os.sep not in reference:
        candidates = [document for document in all_documents(service, collection) if file_name(document) == reference]
    if not candidates:
        note = unknown_collection(service.collections(), collection)
        raise DocumentNotFound(note or f"no document {reference!r}: rag list shows what is there")
    if len(candidates) > 1:
        named = ", ".join(f"{document.id} ({document.source or document.title})" for document in candidates[:5])
        raise BadInput(f"{reference!r} may be any of {named}: give one id")
    return candidates[0]


def documents_meant(service: "Service", references: Sequence[str], collection: str | None) -> "list[Document]":
    """The documents of several references, patterns among them, each once.  Raises as ``the_document``."""
    from index.errors import DocumentNotFound

    chosen: dict[str, Document] = {}
    for reference in references:
        if any(sign in reference for sign in "*?[") and not service.find(reference, collection):
            documents = matching(all_documents(service, collection), [reference])
            if not documents:
                raise DocumentNotFound(f"no document matches {reference!r}: rag list shows what is there")
        else:
            documents = [the_document(service, reference, collection)]
        chosen.update((document.id, document) for document in documents)
    return list(chosen.values())


def file_name(document: "Document") -> str:
    """The last part of a document's source: the name of its file."""
    return (document.source or "").rpartition("/")[2]


def unknown_collection(names: Iterable[str], collection: str | None) -> str | None:
    """What to say of a collection that holds nothing while others, of these names, do; None for one that is there."""
    names = list(names)
    if collection is None or not names or collection in names:
        return None
    return f"there is no collection {collection!r}: there {'is' if len(names) == 1 else 'are'} {', '.join(names)}"


def _fits(document: "Document", patterns: Sequence[str]) -> bool:
    names = (document.source or "", file_name(document), document.title)
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
