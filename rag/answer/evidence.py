"""How much speaks for it that the chosen units answer, and not only share the topic of the question."""

import math
import re
from collections.abc import Mapping

from index.local.views.lexical import analyze
from index.types import Document, Passage
from rag.answer.aspects import missing_periods
from rag.answer.choice import Choice
from rag.answer.weights import load_weights
from rag.language.asked import kind_asked
from rag.language.held import STRICT
from rag.language.names import is_near, names_in
from rag.retrieval.question import function_terms
from rag.retrieval.ranking import CONFIDENCE_PASSAGES
from rag.retrieval.retrieve import Retrieved

FEATURES = (
    *("late", "cosine", "gap", "lead", "definite", "heaviest_unsaid"),
    *("names_missing", "names_unknown", "periods_missing"),
)
# More of it than this says no more.
_MOST_NAMES = 2
_WORD = re.compile(r"[^\W\d_]{4,}")


def evidence(retrieved: Retrieved, documents: Mapping[int, Document], choice: Choice) -> dict[str, float]:
    """The features of confidence, all of the first chosen unit; there must be one.

    late, cosine: of its best sentence with the question.  gap: how far the first passage is ahead of the last of the five best.
    lead: probability of the unit among all.  definite: whether a number, a date, a name or the like is asked for.
    heaviest_unsaid: the largest weight of a word of the question that is not in the unit, its title or headings.
    names_missing: how many names and numbers of the question are in no passage of its document that was looked at, its title and
    its headings.  names_unknown: how many have a word that no document has.
    periods_missing: how many years, months and quarters of the question are not in the passages, titles and headings of the chosen
    units.
    A name that is spelled almost like a word of the document is neither missing nor unknown.
    """
    unit = choice.units[0]
    question = retrieved.question
    passage = retrieved.passages[retrieved.groups[unit.passage][0]]
    title = documents[passage.id].title
    said = set(analyze("\n".join((title, *passage.section, unit.told, unit.text))))
    missing, unknown = _doubtful_names(retrieved, passage, title, numbered=unit.named)
    weighted = zip(question.weighted.terms, question.weighted.weights.tolist(), strict=True)
    best = sorted(retrieved.scores.tolist(), reverse=True)[:CONFIDENCE_PASSAGES]
    return {
        "late": unit.late,
        "cosine": unit.cosine,
        "gap": best[0] - best[-1],
        "lead": choice.probability,
        "definite": float(kind_asked(question.text) in STRICT),
        "heaviest_unsaid": max(
            (weight for term, weight in weighted if term not in said and term not in function_terms()), default=0.0
        ),
        "names_missing": float(min(missing, _MOST_NAMES)),
        "names_unknown": float(min(unknown, _MOST_NAMES)),
        "periods_missing": float(min(missing_periods(question.text, _around(retrieved, choice, title)), _MOST_NAMES)),
    }


def _doubtful_names(retrieved: Retrieved, passage: Passage, title: str, *, numbered: bool) -> tuple[int, int]:
    """How many names of the question a passage's document may not have, and how many no document has.

    numbered: whether the question refers to a part by its number, and the passage is in it, if it does not say the number itself.
    """
    question = retrieved.question
    names = [question.text[slice(*span)] for span in names_in(question.text)]
    if numbered:
        names = [name for name in names if not any(character.isdigit() for character in name)]
    of_document = (other.text for other in retrieved.passages.values() if other.document_id == passage.document_id)
    document = "\n".join((title, *passage.section, *of_document))
    terms, words = set(analyze(document)), {word.casefold() for word in _WORD.findall(document)}
    in_none = {
        term for term, unknown in zip(question.weighted.terms, question.weighted.unknown, strict=True) if unknown
    }
    missing = unknown = 0
    for name in names:
        parts = [(part, set(analyze(part))) for part in name.split()]
        is_there = name.casefold() in document.casefold()
        missing += not is_there and not all(own <= terms or is_near(part, words) for part, own in parts)
        unknown += any(not own.isdisjoint(in_none) and not is_near(part, words) for part, own in parts)
    return missing, unknown


def _around(retrieved: Retrieved, choice: Choice, title: str) -> str:
    """All that the passages of the chosen units say, with their headings. title: of the first's document."""
    passages = [retrieved.passages[retrieved.groups[unit.passage][0]] for unit in choice.units]
    about = [text for passage in passages for text in (*passage.section, passage.text)]
    return "\n".join((title, *about, *(unit.told for unit in choice.units)))


def confidence_of(features: Mapping[str, float]) -> float:
    """Probability that the chosen units answer."""
    weights = load_weights().confidence
    total = weights["intercept"] + sum(weights[name] * features[name] for name in FEATURES)
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, total))))
