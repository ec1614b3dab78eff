"""Sentences altered by program, as language models err: what checks of generated answers must find, and what they must let pass.

True sentences are taken from a corpus as they are, or told a little differently; each cites the sentence that it comes from.
Altered ones have one thing wrong.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from index.types import Span
from rag.generation.vocabulary import DOWN, UP
from rag.language.sentences import split_sentences
from rag.shared.types import Citation

TRUE = ("verbatim", "introduced", "shortened", "joined")
ALTERED = ("number", "name", "date", "negation", "comparison", "merged", "invented")
_LENGTHS = range(60, 260)
_MONTHS = "January February March April May June July August September October November December".split()
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")
_AUXILIARY = re.compile(r"\b(is|are|was|were|has|have|had|can|could|will|would|does|did|may|might|should|must)\b")
_NOT = re.compile(r"\s+not\b|n't\b")


class Altered(NamedTuple):
    """A sentence of a kind, and what it cites."""

    kind: str
    text: str
    cited: tuple[Citation, ...]


def altered_sentences(texts: Sequence[tuple[str, str]], n: int, seed: int) -> Iterator[Altered]:
    """n sentences of each kind, as far as the corpus gives them.  texts: (id, text) of its documents."""
    chance = random.Random(seed)
    pairs = [pair for document, text in texts for pair in _pairs(document, text)]
    chance.shuffle(pairs)
    names = sorted({name for first, _ in pairs for name in _NAME.findall(first.cited_text)})
    make: dict[str, Callable[[Citation, Citation, Citation], Altered | None]] = {
        "verbatim": lambda sentence, after, other: Altered("verbatim", sentence.cited_text, (sentence,)),
        "introduced": lambda sentence, after, other: _introduced(sentence),
        "shortened": lambda sentence, after, other: _shortened(sentence),
        "joined": lambda sentence, after, other: _joined(sentence, after),
        "number": lambda sentence, after, other: _changed(
            "number", sentence, r"(?<![\d.,])\d{1,3}(?![\d.,])", lambda d: str(int(d) + chance.randint(1, 7))
        ),
        "name": lambda sentence, after, other: _changed(
            "name", sentence, _NAME.pattern, lambda name: _another(names, name, sentence.cited_text, chance)
        ),
        "date": lambda sentence, after, other: _changed(
            "date",
            sentence,
            rf"\b(?:1[5-9]|20)\d\d\b|\b(?:{'|'.join(_MONTHS)})\b",
            lambda date: str(int(date) - chance.randint(1, 40)) if date.isdigit() else chance.choice(_MONTHS),
        ),
        "negation": lambda sentence, after, other: _negated(sentence),
        "comparison": lambda sentence, after, other: _turned(sentence),
        "merged": lambda sentence, after, other: _merged(sentence, other),
        "invented": lambda sentence, after, other: _invented(sentence, other),
    }
    for kind in (*TRUE, *ALTERED):
        made = 0
        for (sentence, after), (other, _) in zip(pairs, pairs[1:], strict=False):
            if made == n:
                break
            if (
                sentence.document_id != other.document_id
                and (altered := make[kind](sentence, after, other)) is not None
            ):
                made += 1
                yield altered


def _pairs(document: str, text: str) -> Iterator[tuple[Citation, Citation]]:
    """Each sentence of middle length with the one behind it."""
    spans = split_sentences(text)
    cited = [Citation(document, "", text[slice(*span)], Span(*span), "") for span in spans]
    for sentence, after in zip(cited, cited[1:], strict=False):
        if (
            len(sentence.cited_text) in _LENGTHS
            and sentence.cited_text[0].isupper()
            and sentence.cited_text.endswith(".")
        ):
            yield sentence, after


def _introduced(sentence: Citation) -> Altered:
    text = sentence.cited_text
    begins = text[0].lower() + text[1:] if text.split()[0] in ("The", "In", "It", "A", "This", "He", "She") else text
    return Altered("introduced", f"According to the document, {begins}", (sentence,))


def _shortened(sentence: Citation) -> Altered | None:
    head, comma, _ = sentence.cited_text.rpartition(", ")
    return Altered("shortened", f"{head}.", (sentence,)) if comma and len(head) > 40 else None


def _joined(sentence: Citation, after: Citation) -> Altered | None:
    if len(after.cited_text) not in _LENGTHS:
        return None
    return Altered("joined", f"{sentence.cited_text[:-1]}; {after.cited_text}", (sentence, after))


def _changed(kind: str, sentence: Citation, pattern: str, change: Callable[[str], str | None]) -> Altered | None:
    match = re.search(pattern, sentence.cited_text)
    put = change(match[0]) if match else None
    if match is None or put is None or put in sentence.cited_text:
        return None
    return Altered(kind, sentence.cited_text[: match.start()] + put + sentence.cited_text[match.end() :], (sentence,))


def _another(names: Sequence[str], name: str, text: str, chance: random.Random) -> str | None:
    other = chance.choice(names)
    return other if other != name and other not in text else None


def _negated(sentence: Citation) -> Altered | None:
    text = sentence.cited_text
    if _NOT.search(text):
        return Altered("negation", _NOT.sub("", text, count=1), (sentence,))
    match = _AUXILIARY.search(text)
    return Altered("negation", f"{text[: match.end()]} not{text[match.end() :]}", (sentence,)) if match else None


_OPPOSITE = dict(
    pair.split("/")
    for pair in (
        "more/less less/more higher/lower lower/higher larger/smaller smaller/larger before/after after/before increased/decreased "
        "decreased/increased above/below below/above over/under rose/fell fell/rose most/least best/worst highest/lowest "
        "lowest/highest longer/shorter older/younger largest/smallest smallest/largest increase/decrease later/earlier"
    ).split()
)


def _turned(sentence: Citation) -> Altered | None:
    words = [word for word in re.findall(r"[a-z]+", sentence.cited_text) if word in _OPPOSITE]
    # A sentence that tells both directions by itself is told apart by grammar alone.
    if len(words) != 1 or len({*re.findall(r"[a-z]+", sentence.cited_text.lower())} & (UP | DOWN)) != 1:
        return None
    return Altered("comparison", re.sub(rf"\b{words[0]}\b", _OPPOSITE[words[0]], sentence.cited_text), (sentence,))


def _merged(sentence: Citation, other: Citation) -> Altered | None:
    """The beginning of one sentence with the end of another one, of both of which something is named."""
    first, second = _AUXILIARY.search(sentence.cited_text), _AUXILIARY.search(other.cited_text)
    if first is None or second is None:
        return None
    head, tail = sentence.cited_text[: first.start()], other.cited_text[second.start() :]
    facts = [re.search(r"\d|[A-Z][a-z]{3,}", part) for part in (head[1:], tail)]
    return Altered("merged", head + tail, (sentence, other)) if all(facts) else None


def _invented(sentence: Citation, other: Citation) -> Altered | None:
    head, comma, _ = sentence.cited_text.partition(", ")
    end = other.cited_text.rpartition(", ")[2]
    return Altered("invented", f"{head}, {end}", (sentence,)) if comma and len(end) > 20 and len(head) > 20 else None
