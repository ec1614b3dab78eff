"""A store changed over to another model: every passage embedded again as it is cut, while the store goes on being used.

What decided the cut, headings and pages of the files, is not kept with the text, and so passages stay as they are: citations too.

Before that, the words of documents that were taken in before languages were told are stemmed anew, in their own language. Nothing
else of these changes: passages, vectors, ids, citations and the time of adding stay.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from index.backend import Place, Reader, Reindexing, Store, StoredDocument
from index.stores import abandon_reindexing, open_store, reindexing
from index.types import Document, JsonScalar, NewPassage, Passage
from rag.intake import prepare as ingest
from rag.intake.chunking import Chunk
from rag.language.languages import may_be_untold, with_language
from rag.model.embedding import TOGETHER, PassageInput, PassageVectors
from rag.model.loading import load_embedder, model_info, store_settings
from rag.shared.config import Config
from rag.shared.units import units_of

Embed = Callable[[Sequence[PassageInput]], list[PassageVectors]]
Progress = Callable[[str, int, int], None]
# Passages embedded before their documents are committed: what a kill may cost.
_PASSAGES_TOGETHER = 2 * TOGETHER


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What was done. changed: False when the store has that model already.  embedded: documents embedded this time.

    reanalyzed: documents whose words are stemmed in their own language since now, having been as English.
    """

    changed: bool
    documents: int
    passages: int
    embedded: int
    reanalyzed: int
    model: str
    fingerprint: str
    seconds: float


def reindex(place: Place, config: Config, progress: Progress | None = None) -> Reindexed:
    """Change the store at a place over to the model of ``config``, or go on with that where it was interrupted.

    Documents of an older version are stemmed in their own language before.
    progress: called with what is being done ("languages", "embedding", "checking"), how much of it is done and how much there is.
    Raises what the store and the model raise; then the store has the model that it had.
    """
    started = time.perf_counter()
    with open_store(place) as store:
        info = model_info(config.model, store.settings, config)
        n_reanalyzed = reanalyze(store, progress and partial(progress, "languages"))
        characters, overlap = store.settings["passage_characters"], store.settings["overlap_sentences"]
        settings, fingerprint = store_settings(info, characters, overlap)
        n_embedded, changed = 0, fingerprint != store.fingerprint
        if changed:
            embedder = load_embedder(config.model, None, config)
            n_embedded = change_over(store, info.dim, fingerprint, settings, embedder.embed_passages, progress)
        else:
            abandon_reindexing(store)
            store.checkpoint()
    with open_store(place) as store, store.read() as reader:
        documents, passages = reader.counts()
        seconds = time.perf_counter() - started
        return Reindexed(changed, documents, passages, n_embedded, n_reanalyzed, info.name, store.fingerprint, seconds)


def change_over(
    store: Store,
    dim: int,
    fingerprint: str,
    settings: dict[str, JsonScalar],
    embed: Embed,
    progress: Progress | None = None,
) -> int:
    """Put a store with the same documents and other vectors in the place of ``store``; the number of documents embedded.

    Documents that come, change or go meanwhile are followed until nothing is outstanding, which ends when embedding is faster.
    """
    report = progress or (lambda what, done, total: None)
    n_embedded = 0
    with reindexing(store, dim=dim, fingerprint=fingerprint, settings=settings) as making:
        checked = False
        while True:
            outstanding = making.outstanding()
            if not outstanding and not checked:
                making.check(lambda done, total: report("checking", done, total))
                checked = True
            elif not outstanding and making.install():
                return n_embedded
            with store.read() as reader:
                n_documents = reader.counts()[0]
            done = n_documents - len(outstanding)
            for group in _groups(making, outstanding):
                n_embedded += _take_over(making, group, embed)
                done += len(group)
                report("embedding", min(done, n_documents), n_documents)


def _groups(making: Reindexing, ids: Sequence[str]) -> Iterator[list[StoredDocument]]:
    """Documents with so many passages together, or one with more."""
    group: list[StoredDocument] = []
    n_passages = 0
    for identifier in ids:
        loaded = making.load(identifier)
        if loaded is None:
            continue
        if group and n_passages + len(loaded.passages) > _PASSAGES_TOGETHER:
            yield group
            group, n_passages = [], 0
        group.append(loaded)
        n_passages += len(loaded.passages)
    if group:
        yield group


def _take_over(making: Reindexing, group: Sequence[StoredDocument], embed: Embed) -> int:
    """Embed these documents and commit them; how many were still as they had been loaded."""
    cut = [[_as_cut(*pair) for pair in zip(document.passages, document.contexts, strict=True)] for document in group]
    inputs = [model_input for of_document in cut for _, model_input in of_document]
    vectors = iter(embed(inputs) if inputs else [])
    taken = 0
    for document, of_document in zip(group, cut, strict=True):
        # All of a document's vectors are drawn, whether or not it is still there.
        passages = [ingest.new_passage(piece, model_input, next(vectors)) for piece, model_input in of_document]
        taken += making.add(document, passages)
    return taken


def _as_cut(passage: Passage, context: str) -> tuple[Chunk, PassageInput]:
    """A stored passage as it was when it was cut, and as the embedder takes it."""
    piece = Chunk(passage.span, units_of(passage), passage.section, passage.page)
    return piece, ingest.input_of(passage.text, piece, context)


def reanalyze(store: Store, progress: Callable[[int, int], None] | None = None) -> int:
    """Stem the documents that are in another language than the one they are stemmed in; how many there were.

    Each is changed by itself, so that what was interrupted goes on where it was; one that changes meanwhile is left alone, as
    its language is told by then.  progress: called with documents looked at and documents in all.
    """
    with store.read() as reader:
        untold = [document for document in reader.every_document() if may_be_untold(document)]
    n_changed = 0
    for done, document in enumerate(untold, 1):
        n_changed += _reanalyze(store, document)
        if progress is not None:
            progress(done, len(untold))
    return n_changed


def _reanalyze(store: Store, document: Document) -> bool:
    with store.read() as reader:
        if reader.find_document(document.id) != document:
            return False
        text = reader.text(document.id)
        metadata, language = with_language(text, document.metadata, {})
        if language == document.language:
            return False
        passages = _as_given(reader, document.id)
    new = replace(document.as_new(text), metadata=metadata, language=language)
    return store.write_anew(document, new, passages)


def _as_given(reader: Reader, document_id: str) -> list[NewPassage]:
    """The passages of a document as they were handed to the store."""
    passages = reader.passages_of(document_id)
    if not passages:
        return []
    ids = [passage.id for passage in passages]
    candidates, words = reader.candidates(ids), reader.word_signs(ids)
    rows = np.split(candidates.vectors.astype(np.float32), candidates.firsts[1:])
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
