"""One store and one model, ready to take documents and answer questions. Everything above the engine goes through here."""

import os
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Literal, Self

from index.backend import DELETE_TOGETHER, Place, Store
from index.errors import DocumentNotFound, StoreBehind, StoreMismatch, StoreMissing, StoreReplaced, StoreUnreachable
from index.jobs import Queue, queue_of
from index.stores import create_store, open_store, require_present
from index.types import Document, FailedFile, JsonScalar, Receipt, Span
from rag.answer.cache import AnswerCache
from rag.model.cache import measured_precision
from rag.model.loading import StoreModels, model_info, refuse_other_model, store_settings
from rag.shared.config import Config
from rag.shared.errors import BadInput
from rag.shared.validation import checked_collection, checked_question, spelled, spellings

if TYPE_CHECKING:
    from rag.answer.confidence import Refit
    from rag.generation.checks import Entailment
    from rag.generation.language_model import LanguageModel
    from rag.inspection.inspector import Inspector
    from rag.intake.intake import Intake
    from rag.model.cross_encoders import AnyReranker
    from rag.model.embedding import TextEmbedder
    from rag.shared.types import Answer, Citation, CitationCheck, Query

# How long a question waits for a change that the store does not have yet, and between two looks.
_WAIT_S, _PAUSE_S = 0.5, 0.05


class Service:
    """Thread-safe; every method blocks. The model is loaded when first needed."""

    def __init__(self, store: Store, config: Config, loading: "Future[TextEmbedder] | None" = None) -> None:
        """Use ``open`` or ``create``."""
        self._opened = store
        self._place: Place = store.place
        self._views: Literal["first", "behind"] = "first"
        self._models = StoreModels(config, loading)
        self._reopening = Lock()
        self._answers = AnswerCache()
        self._config = config

    @classmethod
    def open(
        cls,
        place: Place,
        config: Config | None = None,
        *,
        views: Literal["first", "behind"] = "first",
        loading: "Future[TextEmbedder] | None" = None,
    ) -> Self:
        """The service of an existing store.  views: as for ``open_store``.  loading: from ``rag.model.loading.begin_loading``.

        Raises StoreMissing, StoreDamaged, StoreTooNew or StoreMismatch.
        """
        config = config or Config.from_environment()
        store = open_store(place, views=views)
        try:
            if config.model is not None and config.model != store.settings["model"]:
                refuse_other_model(store, model_info(config.model, store.settings, config))
        except BaseException:
            store.close()
            raise
        service = cls(store, config, loading)
        service._place, service._views = place, views
        return service

    @classmethod
    def create(cls, place: Place, config: Config) -> Self:
        """The service of a new, empty store with the model and passage settings of ``config``."""
        info = model_info(config.model, None, config)
        settings, fingerprint = store_settings(info, config.passage_characters, config.overlap_sentences)
        store = create_store(place, dim=info.dim, fingerprint=fingerprint, settings=settings)
        service = cls(store, config)
        service._place = place
        return service

    @classmethod
    def open_or_create(
        cls, place: Place, config: Config | None = None, *, views: Literal["first", "behind"] = "first"
    ) -> Self:
        """The service of the store at a place, created when nothing is there."""
        config = config or Config.from_environment()
        try:
            return cls.open(place, config, views=views)
        except StoreMissing:
            return cls.create(place, config)

    @property
    def store(self) -> Store:
        """The store that lies there now: opened again when `rag restore` put another in its place.

        The one before is let go of when the last who reads it is done.
        """
        if self._opened.replaced:
            with self._reopening:
                if self._opened.replaced:
                    self._opened = open_store(self._place, views=self._views)
                    self._answers = AnswerCache()  # its generations are not those of the one before
        return self._opened

    @cached_property
    def intake(self) -> "Intake":
        """Takes documents in. Imported when first needed: a command that asks or lists needs nothing of it."""
        from rag.intake.intake import Intake

        return Intake(lambda: self.store, lambda: self.embedder, self._config)

    @property
    def queue(self) -> Queue | None:
        """Uploads that wait for `rag work`; None for a store that has no queue."""
        return queue_of(self.store)

    @cached_property
    def language_model(self) -> "LanguageModel":
        """The model that writes answers.  Raises BadInput where none is set."""
        from rag.generation.language_model import LanguageModel

        config = self._config
        if config.llm_url is None:
            raise BadInput("no language model is set: give the address of an OpenAI-compatible server in RAG_LLM_URL")
        return LanguageModel(config.llm_url, config.llm_model, config.llm_key, config.llm_seconds)

    @property
    def has_language_model(self) -> bool:
        """Whether answers can be generated."""
        return self._config.llm_url is not None

    @cached_property
    def entailment(self) -> "Entailment | None":
        """What checks generated sentences beside the guards; None where none is set.  Raises ModelUnavailable."""
        if self._config.verifier is None:
            return None
        from rag.model.cross_encoders import EntailmentModel

        return EntailmentModel(self._config.verifier).entails

    # --- questions

    def ask(self, query: "Query") -> "Answer":
        """The answer to a question.

        Raises BadInput for a question or limit that cannot be used, StoreBehind when the store is not at ``min_generation``.
        """
        from rag.answer.unmatched import notes_on

        if query.min_generation is not None:
            self._wait_for(query.min_generation)
        where = {key: spelled(wanted) for key, wanted in query.where.items()}
        query = replace(query, collection=checked_collection(query.collection), where=where)
        answer = self._answer(query)
        if answer.passages:
            return answer
        with self.store.read() as reader:
            return replace(answer, notes=notes_on(query, reader))

    def embed_ahead(self, queries: "Sequence[Query]") -> None:
        """Embed together the questions that are about to be asked, which costs less than one by one."""
        from rag.answer.compound import split_questions
        from rag.language.followups import completed

        texts: list[str] = []
        for query in queries:
            with suppress(BadInput):  # ``ask`` will say so
                texts += split_questions(completed(checked_question(query.question), query.history))
        self.embedder.embed_ahead(texts)

    def _wait_for(self, generation: int) -> None:
        deadline = time.monotonic() + _WAIT_S
        while not self.store.reached(generation):
            if time.monotonic() > deadline:
                raise StoreBehind(f"the store is not at generation {generation} yet: try again later")
            time.sleep(_PAUSE_S)

    def _answer(self, query: "Query") -> "Answer":
        from rag.answer.compound import joined, split_questions
        from rag.language.followups import completed

        started = time.perf_counter()
        question = completed(checked_question(query.question), query.history)
        if query.k < 1:
            raise BadInput(f"k is {query.k}: ask for at least 1 passage")
        if len(parts := split_questions(question)) > 1:
            answers_apart = [self._answer(replace(query, question=part, history=())) for part in parts]
            if len({answer.index for answer in answers_apart}) == 1:  # else the store has changed meanwhile
                return joined(query, answers_apart)
        if query.max_risk is not None and not 0.0 <= query.max_risk <= 1.0:
            raise BadInput(f"max_risk is {query.max_risk:g}: give a probability from 0 to 1, as 0.1 for one in ten")
        try:
            return self._answer_from(self.store, query, question, started)
        except (StoreReplaced, StoreUnreachable):
            # Told by the first who reads it; now another one is there, or another server.
            return self._answer_from(self.store, query, question, started)

    def _answer_from(self, store: Store, query: "Query", question: str, started: float) -> "Answer":
        from rag.answer.ask import answer_question
        from rag.answer.overview import asks_for_overview, overview

        if not query.where and asks_for_overview(question):
            with store.read() as reader:
                if (described := overview(query, question, reader, store.fingerprint, started)) is not None:
                    return described
        return answer_question(
            query, question, store, self._models.embedder(store), self.reranker, self._answers, started
        )

    def check_citations(self, cited: "Sequence[Citation]") -> "list[CitationCheck]":
        """For each citation whether it still holds, in the order given."""
        from rag.answer import citations

        texts: dict[str, tuple[str, str] | None] = {}
        with self.store.read() as reader:

            def stored(document_id: str) -> tuple[str, str] | None:
                if document_id not in texts:
                    document = reader.find_document(document_id)
                    texts[document_id] = (reader.text(document_id), document.text_sha256) if document else None
                return texts[document_id]

            return [citations.check(citation, stored) for citation in cited]

    # --- documents

    def documents(
        self,
        *,
        collection: str | Collection[str] | None = None,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[Document]:
        """Documents in the order they came, or the newest first, those behind the document ``after``.

        Raises BadInput when that is not there.
        """
        with self.store.read() as reader:
            try:
                return reader.documents(collection=collection, after=after, limit=limit, newest_first=newest_first)
            except DocumentNotFound as error:
                raise BadInput(f"no document {after!r} to go on from: begin the list again") from error

    def document(self, document_id: str) -> Document:
        """One document.  Raises DocumentNotFound."""
        with self.store.read() as reader:
            return reader.document(document_id)

    def failures(self, collection: str | None = None) -> list[FailedFile]:
        """Files that could not be taken in and have not been since, of one collection or all."""
        with self.store.read() as reader:
            return reader.failures(collection)

    def find(self, reference: str, collection: str | None = None) -> list[Document]:
        """Documents that a person may mean by an id, the beginning of one, a file's path from here, or a source."""
        with self.store.read() as reader:
            attempts = (reader.find(form, collection, key=os.path.abspath(form)) for form in spellings(reference))
            return next(filter(None, attempts), [])

    def text(self, document_id: str, span: Span | None = None) -> str:
        """Stored text of a document.  Raises DocumentNotFound; BadInput for a span outside the text."""
        with self.store.read() as reader:
            if span is not None:
                n_characters = reader.document(document_id).n_characters
                if not 0 <= span.start <= span.end <= n_characters:
                    raise BadInput(f"span {span.start}:{span.end} is not within the text of {n_characters} characters")
            return reader.text(document_id, span)

    def original(self, document: Document) -> bytes | None:
        """The file that a document is made of; None where neither the store nor the disk has it as it was."""
        from rag.viewing.originals import original_of

        return original_of(self.store, document, self._config.max_file_bytes)

    def delete_collection(self, collection: str) -> list[Receipt]:
        """Remove all documents of a collection, several hundred at a time, and forget what failed in it.

        The receipts are of the documents: none where all of it had failed.  Raises BadInput when there is neither.
        """
        receipts: list[Receipt] = []
        collection = checked_collection(collection)
        failed = [file.key for file in self.failures(collection)]
        if not failed and not self.documents(collection=collection, limit=1):
            names = ", ".join(self.collections()) or "none"
            raise BadInput(f"there is no collection {collection!r}; there are: {names}")
        # Before the documents: it is their removal that leaves no byte of either in the files.
        self.store.forget_failures(collection, failed)
        while page := self.documents(collection=collection, limit=DELETE_TOGETHER):
            receipts += self.store.delete_many([document.id for document in page])
        return receipts

    # --- the whole

    def counts(self, collection: str | None = None) -> tuple[int, int]:
        """Documents and passages."""
        with self.store.read() as reader:
            return reader.counts(collection)

    def require_ready(self) -> None:
        """Raises when the store cannot be read, or was moved or removed while it was open."""
        require_present(self.store)
        self.counts()

    def collections(self) -> dict[str, tuple[int, int]]:
        """Documents and passages of each collection that has any, by name."""
        with self.store.read() as reader:
            return {name: reader.counts(name) for name in reader.collections()}

    @property
    def place(self) -> str:
        """Where the store is, as messages say it."""
        return self.store.place

    @property
    def generation(self) -> int:
        """Number of the last change."""
        with self.store.read() as reader:
            return reader.generation

    @property
    def settings(self) -> dict[str, object]:
        """Model and passage settings of the store."""
        return dict(self.store.settings)

    @property
    def precision(self) -> str:
        """What this process embeds in: as configured, else what was measured on this machine; "auto" until that is known."""
        if self._config.precision != "auto":
            return self._config.precision
        return measured_precision(str(self.settings["model_fingerprint"]), self._config) or "auto"

    @property
    def confidence_basis(self) -> dict[str, JsonScalar]:
        """What the confidence of this store's answers is made with; a refit holds for one such basis."""
        from rag.answer.confidence import basis_of

        reranker = self.reranker
        return basis_of(self.store.settings, reranker.fingerprint if reranker is not None else None)

    @property
    def refit(self) -> "Refit | None":
        """The refit of confidence that questions are answered with now."""
        from rag.answer.confidence import REFIT_NOTE, kept_refit

        with self.store.read() as reader:
            return kept_refit(reader.note(REFIT_NOTE), self.confidence_basis)

    def set_refit(self, refit: "Refit | None") -> None:
        """Answer with this refit of confidence from now on, in every process; None for the shipped confidence."""
        from rag.answer.confidence import REFIT_NOTE

        if refit is not None and refit.basis != self.confidence_basis:
            raise StoreMismatch("the confidence was fitted with another model, other settings or other weights")
        self.store.set_note(REFIT_NOTE, refit.to_note() if refit is not None else None)

    @property
    def embedder(self) -> "TextEmbedder":
        """The store's model.  Raises StoreMismatch when it is not the one the store was built with."""
        return self._models.embedder(self.store)

    @property
    def inspector(self) -> "Inspector":
        """What evaluation looks at beside answers."""
        from rag.inspection.inspector import Inspector

        return Inspector(self.store, self.embedder)

    @property
    def reranker(self) -> "AnyReranker | None":
        """The configured cross-encoder, loaded when first needed; None without one.  Raises ModelUnavailable."""
        return self._models.reranker

    def warm(self) -> None:
        """Load now what answers, model and views, so that the first question does not wait."""
        import rag.answer.ask  # noqa: F401

        _ = self.embedder, self.reranker, self.generation

    def close(self) -> None:
        """Finish what goes on in the background and let go of the store: the one that is open, whatever lies there by now."""
        with ExitStack() as parts:  # closes the second also when the first fails
            parts.callback(self._opened.close)
            if "intake" in self.__dict__:  # looked at without making it
                parts.callback(self.intake.close)
            self._opened.stop_background_work()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
