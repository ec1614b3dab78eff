"""How much speaks for it that the chosen units answer, and not only share the topic of the question."""

import math
from collections.abc import Mapping

from index.local.views.lexical import analyze
from index.types import Document
from rag.answer.aspects import missing_periods
from rag.answer.choice import Choice
from rag.answer.weights import load_weights
from rag.language.asked import asks_for_author, kind_asked
from rag.language.held import STRICT
from rag.language.names import names_in
from rag.retrieval.question import function_terms
from rag.retrieval.ranking import CONFIDENCE_PASSAGES
from rag.retrieval.retrieve import Retrieved
from rag.shared.types import BYLINE

FEATURES = (
    *("late", "cosine", "gap", "lead", "covered", "lacking"),
    *("names_missing", "names_unsaid", "names_unknown", "unknown", "heaviest_missing", "periods_missing", "byline"),
)
# More of it than this says no more.
_MOST_NAMES = 2
_MOST_UNSAID = 3


def evidence(found: Retrieved, documents: Mapping[int, Document], choice: Choice) -> dict[str, float]:
    """The features of confidence, all of the first chosen unit; there must be one.

    late, cosine: of its best sentence with the question.  gap: how far the first passage is ahead of the last of the five best.
    lead: probability of the unit among all.  covered: weighted share of the question's words in the unit, its title and headings.
    lacking: whether no unit has a thing of the kind that is asked for.
    names_missing: how many names and numbers of the question are in no passage of its document that was looked at, its title and
    its headings.  names_unsaid: how many are not in the unit or these.  unknown: how many words of the question no document has.
    names_unknown: how many of the names and numbers no document has.
    heaviest_missing: the largest weight of a word that is not in the passage.
    periods_missing: how many years, months and quarters of the question are not in the passages, titles and headings of the chosen
    units.  byline: whether it is the byline that is asked for.
    """
    unit = choice.units[0]
    asked = found.question
    position = found.groups[unit.passage][0]
    passage = found.passages[position]
    title = documents[passage.id].title
    told = set(analyze("\n".join((title, *passage.section, unit.told, unit.text))))
    around = told | set(analyze(passage.text))
    written = [asked.text[slice(*span)] for span in names_in(asked.text)]
    if unit.named:  # the number of the part has been found, if not in the unit's own words
        written = [name for name in written if not any(character.isdigit() for character in name)]
    names = [set(analyze(name)) for name in written]
    document = [other.text.casefold() for other in found.passages.values() if other.document_id == passage.document_id]
    missing = sum(
        not terms <= around and not any(name.casefold() in text for text in document)
        for name, terms in zip(written, names, strict=True)
    )
    unsaid = sum(not name <= told for name in names)
    functional = function_terms()
    weighted = zip(asked.weighted.terms, asked.weighted.weights.tolist(), asked.weighted.unknown.tolist(), strict=True)
    telling = [(term, weight, unknown) for term, weight, unknown in weighted if term not in functional]
    absent = {term for term, _, unknown in telling if unknown}
    best = sorted(found.scores.tolist(), reverse=True)[:CONFIDENCE_PASSAGES]
    kind = kind_asked(asked.text)
    return {
        "late": unit.late,
        "cosine": unit.cosine,
        "gap": best[0] - best[-1],
        "lead": choice.probability,
        "covered": sum(weight for term, weight, _ in telling if term in told) / (sum(w for _, w, _ in telling) or 1.0),
        "lacking": float(kind in STRICT and not any(one.holds for one in choice.units)),
        "names_missing": float(min(missing, _MOST_NAMES)),
        "names_unsaid": float(min(unsaid, _MOST_UNSAID)),
        "names_unknown": float(min(sum(bool(name & absent) for name in names), _MOST_NAMES)),
        "unknown": float(min(sum(unknown for _, _, unknown in telling), _MOST_NAMES)),
        "heaviest_missing": max((weight for term, weight, _ in telling if term not in around), default=0.0),
        "periods_missing": float(min(missing_periods(asked.text, _around(found, choice, title)), _MOST_NAMES)),
        "byline": float(unit.kind == BYLINE and asks_for_author(asked.text)),
    }


def _around(found: Retrieved, choice: Choice, title: str) -> str:
    """All that the passages of the chosen units say, with their headings. title: of the first's document."""
    passages = [found.passages[found.groups[unit.passage][0]] for unit in choice.units]
    about = [text for passage in passages for text in (*passage.section, passage.text)]
    return "\n".join((title, *about, *(unit.told for unit in choice.units)))


def confidence_of(features: Mapping[str, float]) -> float:
    """Probability that the chosen units answer."""
    weights = load_weights().confidence
    total = weights["intercept"] + sum(weights[name] * features[name] for name in FEATURES)
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, total))))
