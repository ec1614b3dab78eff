"""Several questions in one: taken apart where each stands on its own, and their answers put together again."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag.retrieval.retrieve import asks
from rag.shared.types import Answer, AnswerPart, AnswerText, Query, RankedPassage, Timings

_MOST = 4  # a longer list is asked as one
_MIN_WORDS = 4
_BOUNDARY = re.compile(
    r"\?[\s\"'”’)]*\s(?:(?:and|also|or)\s+)?(?=\w)|,?\s+and\s+(?=(?:(?-i:who)|whom|whose|what|when|where|why|how|which)\b)",
    re.IGNORECASE,
)
# What it points to is in another part: such a question is not taken apart.
_POINTS_BACK = re.compile(
    r"\b(?:he|she|it|they|him|them|his|her|hers|its|their|theirs|(?<!is )(?<!are )(?<!was )(?<!were )there"
    r"|this|that|these|those|then|so|one|ones|else|also)\b",
    re.IGNORECASE,
)

_Key = tuple[str, int]


def split_questions(text: str) -> list[str]:
    """The questions of a text, each to be asked by itself; the text alone where they do not stand on their own."""
    parts, position = [], 0
    for boundary in _BOUNDARY.finditer(text):
        end = boundary.start() + 1 if text[boundary.start()] == "?" else boundary.start()
        parts.append(text[position:end].strip())
        position = boundary.end()
    parts.append(text[position:].strip())
    alone = all(len(part.split()) >= _MIN_WORDS and asks(part) for part in parts)
    alone = alone and not any(_POINTS_BACK.search(part) for part in parts[1:])
    return parts if 1 < len(parts) <= _MOST and alone else [text]


def joined(query: Query, answers: Sequence[Answer]) -> Answer:
    """One answer to a query from those of its questions, in their order, all of one state of the index.

    Each question's best passages are listed, ranked by score. It is answered when one of them is; confidence is then the least of
    those that are, else the largest of all.
    """
    chosen = _chosen(query.k, answers)
    passages = tuple(replace(passage, rank=rank) for rank, passage in enumerate(chosen.values(), 1))
    places = {key: number for number, key in enumerate(chosen)}
    sentences: dict[str, None] = {}
    cited: dict[int, None] = {}
    parts: dict[AnswerPart, None] = {}
    for answer in answers:
        if answer.answer is not None:
            numbers = {number: places.get(_key(passage)) for number, passage in enumerate(answer.passages)}
            listed = [(part, at) for part in answer.answer.parts if (at := numbers[part.passage]) is not None]
            texts = {part.text for part, _ in listed}
            sentences |= dict.fromkeys(text for text in answer.answer.sentences if text in texts)
            cited |= dict.fromkeys(at for number in answer.answer.citations if (at := numbers[number]) is not None)
            parts |= dict.fromkeys(replace(part, passage=at) for part, at in listed)
    answered = [answer for answer in answers if answer.answered]
    corrected = any(answer.corrected_question is not None for answer in answers)
    completed = any(answer.asked_as is not None for answer in answers)
    return Answer(
        question=query.question,
        answered=bool(answered),
        confidence=min(each.confidence for each in answered) if answered else max(each.confidence for each in answers),
        calibrated=all(answer.calibrated for answer in answers),
        abstain_reason=None if answered else answers[0].abstain_reason,
        answer=AnswerText(tuple(sentences), tuple(cited), tuple(parts)) if answered else None,
        passages=passages,
        index=answers[0].index,
        timings_ms=Timings(
            *(
                round(sum(getattr(each.timings_ms, name) for each in answers), 3)
                for name in ("embed", "search", "total")
            )
        ),
        corrected_question=" ".join(each.corrected_question or each.question for each in answers)
        if corrected
        else None,
        asked_as=" ".join(each.asked_as or each.question for each in answers) if completed else None,
    )


def _chosen(k: int, answers: Sequence[Answer]) -> dict[_Key, RankedPassage]:
    """At most k passages by score, what answers and each question's best before others."""
    wanted: dict[_Key, RankedPassage] = {}
    for passage in _in_turn(answers):
        key = _key(passage)
        if key in wanted:
            before = wanted[key]
            spans = tuple(sorted({*before.highlights, *passage.highlights}))
            wanted[key] = replace(before, highlights=spans, score=max(before.score, passage.score))
        elif len(wanted) < k:
            wanted[key] = passage
    return dict(sorted(wanted.items(), key=lambda item: -item[1].score))


def _in_turn(answers: Sequence[Answer]) -> Iterator[RankedPassage]:
    for answer in answers:  # what is cited must be listed
        yield from (answer.passages[number] for number in (answer.answer.citations if answer.answer else ()))
    for rank in range(max(len(answer.passages) for answer in answers)):
        yield from (answer.passages[rank] for answer in answers if rank < len(answer.passages))


def _key(passage: RankedPassage) -> _Key:
    return passage.document.id, passage.citation.span.start
