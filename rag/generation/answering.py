"""A question answered by a language model from the passages of an extractive answer, as the JSON in which answers are given."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rag.generation.checks import SUPPORTED, Entailment
from rag.generation.evidence import OfferedPassage
from rag.generation.generate import generate_sentences, generated_answer, rewritten
from rag.generation.language_model import ChatModel
from rag.shared.errors import LanguageModelFailed
from rag.shared.serialization import Json, citation_from_json, generated_json, generated_sentence_json, rows_from_json
from rag.shared.types import Citation, GeneratedSentence, Query

Event = tuple[str, Json]
_NOT_FOUND = "model_abstained"


def stand_alone(query: Query, model: ChatModel) -> Query:
    """The question as the model rewrites a follow-up; as it is where the model cannot."""
    if not query.history:
        return query
    try:
        return replace(query, question=rewritten(query.question, query.history, model), history=())
    except LanguageModelFailed:
        return query  # rules take from the conversation then


def answer_events(extract: Json, question: str, model: ChatModel, entails: Entailment | None = None) -> Iterator[Event]:
    """``search``: the passages; ``sentence``: each that is borne out, once it is checked; ``done``: the whole answer.

    extract: the extractive answer.  question: as it was asked.  An abstention asks no model. Where the model fails before anything
    of it is borne out, the extractive answer stands, with a note that says so.
    """
    whole = dict(extract)
    if whole["question"] != question:
        whole["asked_as"], whole["question"] = whole["question"], question
    yield "search", {"question": question, "asked_as": whole["asked_as"], "passages": whole["passages"]}
    if whole["answered"]:
        sentences: list[GeneratedSentence] = []
        offered = [_offered(passage) for passage in _passages(whole)]
        passages = [passage.citation for passage in offered]
        asked = str(whole["asked_as"] or whole["corrected_question"] or question)
        try:
            for sentence in generate_sentences(asked, offered, model, entails):
                sentences.append(sentence)
                if sentence.verdict == SUPPORTED:
                    yield "sentence", dict(generated_sentence_json(sentence))
            _put_in(whole, sentences, passages, model.name)
        except LanguageModelFailed as error:
            if any(sentence.verdict == SUPPORTED for sentence in sentences):  # what was shown is not taken back
                _put_in(whole, sentences, passages, model.name)
                _note(whole, f"the answer may end early: {error}")
            else:  # the model may not even have a name
                _note(whole, f"the answer is quoted, not written: {error}")
    yield "done", whole


def extract_events(extract: Json) -> Iterator[Event]:
    """The same events for an answer that is quoted: each part is a sentence that supports itself."""
    yield "search", {name: extract[name] for name in ("question", "asked_as", "passages")}
    answer = extract["answer"]
    for part in answer["parts"] if isinstance(answer, dict) else ():
        yield (
            "sentence",
            {"text": part["text"], "support": 1.0, "verdict": "supported", "citations": [part["citation"]]},
        )
    yield "done", extract


def _put_in(whole: Json, sentences: list[GeneratedSentence], passages: list[Citation], model: str) -> None:
    answer = generated_answer(model, sentences)
    if answer is not None:
        cited = [citation for sentence in answer.sentences for citation in sentence.citations]
        numbers = dict.fromkeys(passage_of(citation, passages) for citation in cited)
        whole["answer"] = generated_json(answer, list(numbers), whole["answer"])
    elif sentences:
        _note(whole, f"the answer is quoted: what {model} wrote is not borne out by the documents")
    else:
        whole |= {"answered": False, "answer": None, "abstain_reason": _NOT_FOUND}


def passage_of(citation: Citation, passages: Sequence[Citation]) -> int:
    """The number of the listed passage that a sentence's citation stands in: it was offered from one of them."""
    return next(
        number
        for number, passage in enumerate(passages)
        if passage.document_id == citation.document_id and passage.span.start <= citation.span.start < passage.span.end
    )


def _offered(passage: dict[str, Any]) -> OfferedPassage:
    """A listed passage as the model may cite it."""
    language = str(passage["document"]["metadata"].get("language", "en"))
    return OfferedPassage(citation_from_json(passage["citation"]), language, rows_from_json(passage.get("rows", [])))


def _passages(whole: Json) -> list[dict[str, Any]]:
    passages = whole["passages"]
    return passages if isinstance(passages, list) else []


def _note(whole: Json, note: str) -> None:
    notes = whole.get("notes")
    whole["notes"] = [*(notes if isinstance(notes, list) else ()), note]
