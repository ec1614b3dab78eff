"""A generated answer, sentence by sentence: the model cites numbers, and what the cited sentences do not bear out is not shown."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rag.generation.checks import SUPPORTED, Entailment, check_sentence
from rag.generation.drafts import Draft, read_reply
from rag.generation.evidence import Evidence, OfferedPassage, number_sentences
from rag.generation.language_model import ChatModel
from rag.generation.prompt import Messages, answer_messages, answer_schema, repair_messages, rewrite_messages
from rag.shared.errors import LanguageModelFailed
from rag.shared.types import GeneratedAnswer, GeneratedSentence, Turn

_LONGEST_QUESTION = 2000


def generate_sentences(
    question: str,
    passages: Sequence[OfferedPassage],
    model: ChatModel,
    entails: Entailment | None = None,
) -> Iterator[GeneratedSentence]:
    """Each sentence once it is complete and checked, supported or not; none where the model finds no answer in the passages.

    Sentences that are not supported go back to the model once, all together.
    Raises LanguageModelFailed, also for a reply that cannot be read.
    """
    evidence = number_sentences(passages)
    offered = {sentence.id: sentence for sentence in evidence}
    messages, schema = answer_messages(question, evidence), answer_schema(evidence)
    reply = ""
    failed: list[tuple[Draft, str]] = []
    shown: set[str] = set()
    for piece, draft in _drafts(model, messages, schema):
        reply += piece
        if draft is not None:
            sentence, reason = _checked(draft, offered, entails)
            if sentence.verdict != SUPPORTED:
                failed.append((draft, reason))
            elif sentence.text not in shown:  # small models repeat themselves
                shown.add(sentence.text)
                yield sentence
    if not failed:
        return
    again = repair_messages(messages, reply, [(draft.text, why) for draft, why in failed])
    try:
        repaired = list(_drafts(model, again, schema))
    except LanguageModelFailed:
        repaired = []
    checked = [_checked(draft, offered, entails)[0] for _, draft in repaired if draft is not None]
    mended = [sentence for sentence in checked if sentence.verdict == SUPPORTED and sentence.text not in shown]
    yield from mended
    yield from (_checked(draft, offered, entails)[0] for draft, _ in failed[len(mended) :])


def generated_answer(model: str, sentences: Sequence[GeneratedSentence]) -> GeneratedAnswer | None:
    """The answer that these sentences make; None when none of them is supported."""
    supported = tuple(sentence for sentence in sentences if sentence.verdict == SUPPORTED)
    if not supported:
        return None
    return GeneratedAnswer(model, supported, len(sentences) - len(supported))


def rewritten(question: str, history: Sequence[Turn], model: ChatModel) -> str:
    """A follow-up as a question that stands by itself, by the model.  Raises LanguageModelFailed."""
    turns = [(turn.question, turn.answer) for turn in history]
    reply = " ".join("".join(model.stream(rewrite_messages(question, turns))).split()).strip("\"“”'")
    return reply if 0 < len(reply) <= _LONGEST_QUESTION else question


def _drafts(model: ChatModel, messages: Messages, schema: dict[str, Any]) -> Iterator[tuple[str, Draft | None]]:
    """Pieces of a reply, and with them its sentences, each as soon as it is whole; none that says that there is no answer."""
    reply, n_read = "", 0
    for piece in model.stream(messages, schema=schema):
        reply += piece
        yield piece, None
        so_far = read_reply(reply, is_whole=False) if "}" in piece else None
        for draft in so_far.drafts[n_read:] if so_far and so_far.answerable else ():
            n_read += 1
            yield "", draft
    whole = read_reply(reply, is_whole=True)
    if whole.answerable and not whole.drafts:
        raise LanguageModelFailed("the language model's reply holds no sentence that cites anything")
    if whole.answerable:
        yield from (("", draft) for draft in whole.drafts[n_read:])


def _checked(draft: Draft, offered: dict[str, Evidence], entails: Entailment | None) -> tuple[GeneratedSentence, str]:
    cited = [offered[number] for number in draft.evidence if number in offered]
    as_read = [replace(sentence.citation, cited_text=sentence.text) for sentence in cited]
    verdict = check_sentence(draft.text, as_read, entails, [sentence.cells for sentence in cited if sentence.cells])
    citations = tuple(sentence.citation for sentence in cited)
    return GeneratedSentence(draft.text, verdict.support, verdict.verdict, citations), verdict.reason
