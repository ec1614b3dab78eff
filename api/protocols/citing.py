"""Which words of an answer come from where: each of its sentences with its place in the answer and in a document."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from api.protocols.links import Links
from rag.answer.rows import named_cells, told
from rag.generation.answering import passage_of
from rag.shared.serialization import citation_from_json
from rag.shared.types import NamedCell

Made = Mapping[str, Any]

_ABSTAINED = "The documents do not hold the answer."


class CitedSentence(NamedTuple):
    """``answer_text[start:end]``, verbatim from a listed passage, or written by a language model from what is cited.

    passage: its index in the answer.  source: the place in the document, in the fields of a citation.
    row: of a table row, its group and its cells with the names of their columns.
    """

    start: int
    end: int
    passage: int
    source: dict[str, Any]
    row: str = ""


def text_of(made: Made) -> str:
    """What a person is shown: the answer, behind each table row the names of its columns, or that there is none."""
    if not made["answer"]:
        return _ABSTAINED
    text, position = str(made["answer"]["text"]), 0
    for part in made["answer"].get("parts", ()):
        position = text.index(part["text"], position) + len(part["text"])
        text = with_row(text[:position], _row(part)) + text[position:]
    return text


def _row(part: Mapping[str, Any]) -> str:
    """The group of a row and its cells with the names of their columns; nothing for what is no row."""
    return told([NamedCell(**cell) for cell in part.get("cells", ())], part.get("group", ""))


def with_row(text: str, row: str) -> str:
    """A row as it stands and, behind it, what it says."""
    return f"{text} ({row})" if row else text


def cited_sentences(made: Made, first: int = 0) -> list[CitedSentence]:
    """The sentences of an answer in its order, from a place in its text on; none of an abstention."""
    if not made["answer"]:
        return []
    text, position, cited = text_of(made), first, list[CitedSentence]()
    sentences = made["answer"].get("sentences", ())
    passages = [citation_from_json(passage["citation"]) for passage in made["passages"]] if sentences else []
    for sentence in sentences:
        start = text.index(sentence["text"], position)
        position = start + len(sentence["text"])
        for citation in sentence["citations"]:
            number = passage_of(citation_from_json(citation), passages)
            cited.append(CitedSentence(start, position, number, source_of({"citation": citation})))
    for part in made["answer"].get("parts", ()):
        start = text.index(part["text"], position)
        position = start + len(part["text"])
        cited.append(CitedSentence(start, position, part["passage"], source_of(part), _row(part)))
    return cited


def source_of(cited: Mapping[str, Any]) -> dict[str, Any]:
    """Where a passage, or a part of an answer, stands, in the fields of a citation that no other protocol has."""
    names = ("document_id", "start_char_index", "end_char_index", "document_sha256", "cited_text")
    return {name: cited["citation"][name] for name in names}


def link_of(source: Mapping[str, Any], links: Links) -> str:
    """The page at a source."""
    return links.to(source["document_id"], source["start_char_index"], source["end_char_index"])


def name_of(passage: Mapping[str, Any]) -> str:
    """What the document of a passage is called: never empty."""
    document = passage["document"]
    return str(document["title"] or document["source"] or document["id"])


def columns_of(passage: Mapping[str, Any]) -> str:
    """The names of the columns of its tables, a line a table, where its text lacks some of them; nothing of one without tables."""
    heads = dict.fromkeys(tuple(row["head"]) for row in passage.get("rows", ()))
    lacking = [head for head in heads if not all(name in passage["text"] for name in head)]
    return "\n".join(
        "Columns: " + " | ".join(cell.name for cell in named_cells(head, head)) for head in lacking if any(head)
    )


def relevance(passage: Mapping[str, Any]) -> float:
    """A passage's score as other protocols have it, from 0 to 1, higher is better."""
    return round(min(1.0, max(0.0, float(passage["score"]))), 6)


def summary(made: Made, links: Links) -> dict[str, Any]:
    """What the other protocols have no place for: how sure the answer is, and its passages with their exact places."""
    names = ("answered", "confidence", "calibrated", "abstain_reason", "corrected_question", "asked_as", "index")
    return {
        **{name: made.get(name) for name in names},
        "passages": [
            {**source_of(passage), "title": name_of(passage), "url": link_of(source_of(passage), links)}
            for passage in made["passages"]
        ],
    }
