"""The one JSON form of what is answered, for command line and HTTP alike: plain dicts, ready for ``json.dumps``."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal, cast

from index.types import Change, Document, FailedFile, Job, Receipt, Span
from rag.shared.errors import BadInput

if TYPE_CHECKING:
    from rag.shared.shapes import (
        AddedOut,
        AnswerOut,
        AnswerPartOut,
        AnswerTextOut,
        CheckOut,
        CitationOut,
        DocumentOut,
        FailedOut,
        GeneratedSentenceOut,
        GeneratedTextOut,
        JobOut,
        PassageOut,
        ReceiptOut,
        RowOut,
        SpanOut,
    )
    from rag.shared.types import (
        Answer,
        AnswerPart,
        AnswerText,
        Citation,
        CitationCheck,
        GeneratedAnswer,
        GeneratedSentence,
        IngestReport,
        ListedRow,
        RankedPassage,
    )

Json = dict[str, object]


def answer_json(answer: "Answer") -> Json:
    """An answer as users get it."""
    shown: AnswerOut = {
        "question": answer.question,
        "corrected_question": answer.corrected_question,
        "asked_as": answer.asked_as,
        "answered": answer.answered,
        "confidence": answer.confidence,
        "calibrated": answer.calibrated,
        "abstain_reason": answer.abstain_reason,
        "answer": _answer_text_json(answer.answer) if answer.answer else None,
        "passages": [_passage_json(passage) for passage in answer.passages],
        "notes": list(answer.notes),
        "index": {"generation": answer.index.generation, "fingerprint": answer.index.fingerprint},
        "timings_ms": {
            "embed": answer.timings_ms.embed,
            "search": answer.timings_ms.search,
            "total": answer.timings_ms.total,
        },
    }
    return dict(shown)


def _answer_text_json(text: "AnswerText") -> "AnswerTextOut":
    return {
        "text": text.text,
        "citations": list(text.citations),
        "parts": [_part_json(part) for part in text.parts],
    }


def _part_json(part: "AnswerPart") -> "AnswerPartOut":
    shown: AnswerPartOut = {
        "text": part.text,
        "citation": _citation_json(part.citation),
        "passage": part.passage,
        "likeliest": part.likeliest,
    }
    if part.cells:
        shown["cells"] = [{"name": name, "text": text} for name, text in part.cells]
    if part.group:
        shown["group"] = part.group
    return shown


def generated_json(answer: "GeneratedAnswer", passages: list[int], extract: object) -> Json:
    """A generated answer.  passages: numbers of those that it cites.  extract: the extractive answer, which stands beside it."""
    shown: GeneratedTextOut = {
        "text": " ".join(sentence.text for sentence in answer.sentences),
        "citations": passages,
        "generated": True,
        "model": answer.model,
        "sentences": [generated_sentence_json(sentence) for sentence in answer.sentences],
        "dropped": answer.dropped,
        "extract": cast("AnswerTextOut | None", extract),
    }
    return dict(shown)


def generated_sentence_json(sentence: "GeneratedSentence") -> "GeneratedSentenceOut":
    """A sentence that a language model wrote and that is supported, with what bears it out."""
    return {
        "text": sentence.text,
        "support": sentence.support,
        "verdict": "supported",
        "citations": [_citation_json(citation) for citation in sentence.citations],
    }


def _passage_json(passage: "RankedPassage") -> "PassageOut":
    shown: PassageOut = {
        "rank": passage.rank,
        "score": passage.score,
        "text": passage.text,
        "document": {
            "id": passage.document.id,
            "title": passage.document.title,
            "source": passage.document.source,
            "metadata": passage.document.metadata,
        },
        "section": list(passage.section),
        "page": passage.page,
        "citation": _citation_json(passage.citation),
        "highlights": [_span_json(span) for span in passage.highlights],
        "also_in": [
            {"id": place.id, "title": place.title, "source": place.source, **_span_json(place.span)}
            for place in passage.also_in
        ],
    }
    if passage.rows:
        shown["rows"] = [
            {"head": list(row.head), "cells": list(row.cells), "span": _span_json(row.span), "group": row.group}
            for row in passage.rows
        ]
    if passage.explain is not None:
        shown["explain"] = {name: {"rank": s.rank, "score": s.score} for name, s in passage.explain.items()}
    return shown


def _span_json(span: Span) -> "SpanOut":
    return {"start_char_index": span.start, "end_char_index": span.end}


def _citation_json(citation: "Citation") -> "CitationOut":
    return {
        "type": "char_location",
        "document_id": citation.document_id,
        "document_title": citation.document_title,
        "cited_text": citation.cited_text,
        **_span_json(citation.span),
        "document_sha256": citation.document_sha256,
    }


def citation_from_json(value: object) -> "Citation":
    """A citation as an answer carries it; BadInput names the field that is missing or of the wrong kind."""
    from rag.shared.types import Citation

    if not isinstance(value, Mapping):
        raise BadInput("a citation must be a JSON object as in an answer's passages")

    def field(name: str, kind: type) -> object:
        content = value.get(name)
        if not isinstance(content, kind) or isinstance(content, bool):
            raise BadInput(f"a citation needs {name!r} ({'a whole number' if kind is int else 'a string'})")
        return content

    return Citation(
        document_id=str(field("document_id", str)),
        document_title=str(value.get("document_title", "")),
        cited_text=str(field("cited_text", str)),
        span=Span(int(str(field("start_char_index", int))), int(str(field("end_char_index", int)))),
        document_sha256=str(field("document_sha256", str)),
    )


def rows_from_json(rows: "list[RowOut]") -> "list[ListedRow]":
    """The rows of a listed passage."""
    from rag.shared.types import ListedRow

    return [
        ListedRow(
            tuple(row["head"]),
            tuple(row["cells"]),
            Span(row["span"]["start_char_index"], row["span"]["end_char_index"]),
            row["group"],
        )
        for row in rows
    ]


def check_json(check: "CitationCheck") -> "CheckOut":
    """The outcome of one check; the new place when the quote moved."""
    shown: CheckOut = {"status": check.status, "document_id": check.document_id}
    return shown if check.span is None else {**shown, **_span_json(check.span)}


def document_json(document: Document) -> "DocumentOut":
    """A document without its text; ``sha256`` is of the stored text, ``content_sha256`` of the file as it was given."""
    return {
        "id": document.id,
        "title": document.title,
        "source": document.source,
        "collection": document.collection,
        "metadata": document.metadata,
        "sha256": document.text_sha256,
        "content_sha256": document.content_sha256,
        "characters": document.n_characters,
        "passages": document.n_passages,
        "added_at": document.added_at,
    }


def change_json(change: Change) -> "AddedOut":
    """A document that was handed over, and whether it was added, updated or skipped."""
    outcome = cast(Literal["added", "updated", "skipped"], change.outcome)
    return {**document_json(change.document), "outcome": outcome}


def job_json(job: Job) -> "JobOut":
    """An upload that is taken in by a worker, as it is now."""
    return {
        "id": job.id,
        "state": job.state,
        "documents": cast("list[AddedOut]", list(job.outcome.documents)),
        "failed": cast("list[FailedOut]", list(job.outcome.failed)),
    }


def receipt_json(receipt: Receipt) -> "ReceiptOut":
    """What a delete removed."""
    return cast("ReceiptOut", receipt._asdict())


def failed_file_json(failed: FailedFile) -> Json:
    """A file that could not be taken in."""
    return {"path": failed.source, "collection": failed.collection, "reason": failed.reason, "at": failed.at}


def report_json(report: "IngestReport") -> Json:
    """What an ingest did."""
    return {name: value for name, value in asdict(report).items() if name not in ("cpu_s", "languages")}
