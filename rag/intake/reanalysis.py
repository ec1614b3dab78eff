"""Documents that were taken in before languages were told, their words stemmed anew in their own language.

Nothing else of them changes: passages, vectors, ids, citations and the time of adding stay, and nothing is embedded.
"""

from collections.abc import Callable

import numpy as np

from index.backend import Reader, Store
from index.types import Document, NewDocument, NewPassage
from rag.language.languages import may_be_untold, with_language

_PAGE = 1000

Progress = Callable[[int, int], None]


def reanalyze(store: Store, progress: Progress | None = None) -> int:
    """Stem the documents that are in another language than the one they are stemmed in; how many there were.

    Each is changed by itself, so that what was interrupted goes on where it was; one that changes meanwhile is left alone, as
    its language is told by then.  progress: called with documents looked at and documents in all.
    """
    untold = _untold(store)
    n_changed = 0
    for done, document in enumerate(untold, 1):
        n_changed += _reanalyze(store, document)
        if progress is not None:
            progress(done, len(untold))
    return n_changed


def _untold(store: Store) -> list[Document]:
    found: list[Document] = []
    with store.read() as reader:
        after = None
        while page := reader.documents(after=after, limit=_PAGE):
            found += [document for document in page if may_be_untold(document)]
            after = page[-1].id
    return found


def _reanalyze(store: Store, document: Document) -> bool:
    with store.read() as reader:
        if document not in reader.find(document.id):
            return False
        text = reader.text(document.id)
        metadata, language = with_language(text, document.metadata, {})
        if language == document.language:
            return False
        passages = _as_given(reader, document.id)
    new = NewDocument(
        document.collection, document.key, document.title, document.source, text, document.content_sha256, metadata, language
    )  # fmt: skip
    return store.write_anew(document, new, passages)


def _as_given(reader: Reader, document_id: str) -> list[NewPassage]:
    """The passages of a document as they were handed to the store."""
    passages = reader.passages_of(document_id)
    if not passages:
        return []
    ids = [passage.id for passage in passages]
    found, words = reader.candidates(ids), reader.word_signs(ids)
    rows = np.split(found.vectors.astype(np.float32), found.firsts[1:])
    signs = iter(np.split(words.signs, np.cumsum(words.word_counts)[:-1]))
    return [
        NewPassage(
            span=passage.span,
            sentences=passage.sentences,
            context=context,
            section=passage.section,
            page=passage.page,
            vector=vectors[0],
            sentence_vectors=vectors[1:],
            word_signs=tuple(next(signs) for _ in passage.sentences),
            layout=passage.layout,
        )
        for passage, context, vectors in zip(passages, reader.contexts_of(document_id), rows, strict=True)
    ]
