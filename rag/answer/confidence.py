"""How likely it is that the chosen units answer, when that is worth an answer, and how a store's own questions correct it.

The shipped confidence (answering.json) was fitted on public sets. ``rag eval GOLD --calibrate`` refits it for one store by Platt
scaling (Platt 1999) and keeps the refit with the store; it holds as long as everything that made the confidence stays the same.
"""

import hashlib
import json
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Self

from index.local.views.lexical import analyze
from index.types import Document, JsonScalar, Passage
from rag.answer.units.aspects import lacks_negation, missing_periods, tells_another_year
from rag.answer.units.candidates import ANSWER_PASSAGES, Candidate
from rag.answer.weights import FILE, load_weights
from rag.language.asked import kind_asked
from rag.language.days import told_otherwise
from rag.language.kinds_in_text import NAMED, STRICT
from rag.language.names import is_near, is_short_for_part, names_in
from rag.retrieval.references import asks_for_part
from rag.retrieval.retrieve import Retrieved
from rag.shared.types import ROW

FEATURES = (
    *("score", "late", "gap", "agreement"),
    *("names_missing", "names_unknown", "periods_missing", "negation_missing"),
)
# Characters in which a document says what it is about: a title page, a letterhead.
_BEGINNING = 2000
# More of it than this says no more.
_MOST_NAMES = 2
_WORD = re.compile(r"[^\W\d_]{4,}")
# Below this probability nothing is answered, and the nearest passages are shown instead. At 0.35 96 to 99 % of the right
# answers to four public sets are given; of questions that real files do not answer, seven in ten get none (eval/reports/LOG.md).
THRESHOLD = 0.35
# Of a part that is asked for by its number and is there, at least: signals of words and meaning say little of numbers. Not one,
# as several documents may have a part of that number.
OF_NAMED_PART = 0.8
# Of something in such a part, at least: it is there, and quoting it leaves little to doubt.
IN_NAMED_PART = 0.5
# Of an answer without the number or date that is asked for, or of another year, at most. (Without it none of 16 on real files was
# right and two of 8 on public sets, and of another year none of 13.) Names are told by capitals alone, and count in rows only.
WITHOUT_THE_THING = 0.3
# Why nothing is answered, in the words of the contract, and what that means.
ABSTAIN_REASONS: Mapping[str, str] = {
    "no_documents": "the collection is empty",
    "no_match": "no document has the metadata that the filter asks for",
    "low_confidence": "no answer is likely enough to be right",
    "model_abstained": "the language model finds no answer in the passages (generated answers only)",
    "risk_too_high": "there may be an answer, but it is likelier to be wrong than the risk that was accepted",
}
# Log-odds beyond which a probability is as good as certain; the shipped confidence stays within.
_MOST_CERTAIN = 50.0
REFIT_NOTE = "confidence"  # name of the store's note

# A document's id -> its text.
TextOf = Callable[[str], str]

_log = logging.getLogger(__name__)


def evidence(
    retrieved: Retrieved, documents: Mapping[int, Document], chosen: Sequence[Candidate], text_of: TextOf
) -> dict[str, float]:
    """The features of confidence, all of the first chosen unit; there must be one. None moves with the number of passages listed.

    score: of the unit, late: of its best sentence (``rag.answer.units.candidates``).
    gap: how far the first passage is ahead of the last of the five best.
    agreement: how many of these put its passage first: all that it is ranked by, its vector, its best sentence's, BM25.
    names_missing: how many names and numbers of the question are in none of the five best passages of its document, the beginning
    of that, its title, the words of its file's name, its headings and the head of its table, nor short for what is.
    names_unknown: how many have a word that no document has.
    periods_missing: how many years, months and quarters of the question are not in the passages, titles and headings of the chosen
    units.
    negation_missing: whether the question denies something, and the unit nothing.
    A name that is spelled almost like a word of the document is neither missing nor unknown.
    """
    unit = chosen[0]
    question, signals = retrieved.question, retrieved.signals
    position = retrieved.groups[unit.passage][0]
    passage = retrieved.passages[position]
    document = documents[passage.id]
    title = document.title
    file_name = (document.source or "").rsplit("/", 1)[-1]
    told = "\n".join((title, *_WORD.findall(file_name), unit.told))
    missing, unknown = _doubtful_names(retrieved, passage, told, text_of, numbered=unit.named)
    best = sorted(retrieved.scores.tolist(), reverse=True)[:ANSWER_PASSAGES]
    return {
        "score": unit.score,
        "late": unit.late,
        "gap": best[0] - best[-1],
        "agreement": float(
            sum(
                int(values.argmax()) == position
                for values in (retrieved.scores, signals.dense, signals.sentence, signals.bm25)
            )
        ),
        "names_missing": float(min(missing, _MOST_NAMES)),
        "names_unknown": float(min(unknown, _MOST_NAMES)),
        "periods_missing": float(min(missing_periods(question.text, _around(retrieved, chosen, title)), _MOST_NAMES)),
        "negation_missing": float(lacks_negation(question.text, unit.text)),
    }


def _doubtful_names(
    retrieved: Retrieved, passage: Passage, told: str, text_of: TextOf, *, numbered: bool
) -> tuple[int, int]:
    """How many names of the question a passage's document may not have, and how many no document has.

    told: what the passage is read with beside its headings.
    numbered: whether the question refers to a part by its number, and the passage is in it, if it does not say the number itself.
    """
    question = retrieved.question
    names = [question.text[slice(*span)] for span in names_in(question.text)]
    if numbered:
        names = [name for name in names if not any(character.isdigit() for character in name)]
    best = (retrieved.passages[leader] for leader, *_ in retrieved.groups[:ANSWER_PASSAGES])
    of_document = (other.text for other in best if other.document_id == passage.document_id)
    document = "\n".join((told, *passage.section, *of_document))
    if any(name.casefold() not in document.casefold() for name in names):
        document = f"{document}\n{text_of(passage.document_id)[:_BEGINNING]}"
    dates = told_otherwise(question.text, document)
    document = "\n".join((document, *dates))
    folded = document.casefold()
    absent = {name for name in names if name.casefold() not in folded}
    in_none = {
        term for term, unknown in zip(question.weighted.terms, question.weighted.unknown, strict=True) if unknown
    }
    if not absent and not in_none:
        return 0, 0
    dated = set(analyze(" ".join(dates)))
    terms, words = set(analyze(document)), {word.casefold() for word in _WORD.findall(document)}
    missing = unknown = 0
    for name in names:
        parts = [(part, set(analyze(part))) for part in name.split()]
        if is_short_for_part(name, document):
            continue
        missing += name in absent and not all(own <= terms or is_near(part, words) for part, own in parts)
        unknown += any(not own.isdisjoint(in_none - dated) and not is_near(part, words) for part, own in parts)
    return missing, unknown


def _around(retrieved: Retrieved, chosen: Sequence[Candidate], title: str) -> str:
    """All that the passages of the chosen units say, with their headings. title: of the first's document."""
    passages = [retrieved.passages[retrieved.groups[unit.passage][0]] for unit in chosen]
    about = [text for passage in passages for text in (*passage.section, passage.text)]
    return "\n".join((title, *about, *(unit.told for unit in chosen)))


def confidence_of(
    retrieved: Retrieved, documents: Mapping[int, Document], chosen: Sequence[Candidate], text_of: TextOf
) -> float:
    """Probability that the chosen units answer; 0 without any."""
    asked = retrieved.question.text
    sure = 0.0
    if chosen:
        weights, features = load_weights().confidence, evidence(retrieved, documents, chosen, text_of)
        sure = _probability(weights["intercept"] + sum(weights[name] * features[name] for name in FEATURES))
        told_surely = STRICT if chosen[0].kind == ROW else STRICT - NAMED
        lacks_the_thing = kind_asked(asked) in told_surely and not any(unit.holds for unit in chosen)
        if lacks_the_thing or _of_another_year(retrieved, documents, chosen):
            sure = min(sure, WITHOUT_THE_THING)
    if asks_for_part(asked) and any(group[0] in retrieved.named for group in retrieved.groups):
        return max(sure, OF_NAMED_PART)
    return max(sure, IN_NAMED_PART) if chosen and chosen[0].named else sure


def _of_another_year(retrieved: Retrieved, documents: Mapping[int, Document], chosen: Sequence[Candidate]) -> bool:
    """Whether the chosen units name a year, and neither they nor what stands around them the year that is asked for."""
    first = documents[retrieved.passages[retrieved.groups[chosen[0].passage][0]].id]
    told, quoted = _around(retrieved, chosen, first.title), "\n".join(unit.text for unit in chosen)
    return tells_another_year(retrieved.question.text, told, quoted)


@dataclass(frozen=True, slots=True)
class Refit:
    """Platt scaling of the shipped confidence: ``log-odds = slope * (given - centre) + centre + shift``, slope > 0.

    basis: what the confidence was made with, and so what this holds for (``basis_of``).
    gold: SHA-256 of the questions it was fitted on.  positives, negatives: how many are answered right, and the others.
    fitted_at: ISO 8601, UTC.
    """

    slope: float
    centre: float
    shift: float
    basis: Mapping[str, JsonScalar]
    gold: str
    positives: int
    negatives: int
    fitted_at: str

    def apply(self, confidence: float) -> float:
        """The corrected probability."""
        return _probability(self.slope * (log_odds(confidence) - self.centre) + self.centre + self.shift)

    def undo(self, confidence: float) -> float:
        """The probability that ``apply`` was given."""
        return _probability((log_odds(confidence) - self.centre - self.shift) / self.slope + self.centre)

    def to_note(self) -> str:
        """The text that a store keeps."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_note(cls, note: str) -> Self:
        """The refit that ``to_note`` wrote.  Raises ValueError for anything else."""
        try:
            return cls(**json.loads(note))
        except TypeError as error:
            raise ValueError(f"not a refit of confidence: {error}") from error


def answers(confidence: float, max_risk: float | None) -> bool:
    """Whether a confidence is enough to answer.

    max_risk: the accepted probability that an answer is wrong; None for the default threshold.
    """
    if max_risk is None:
        return confidence >= THRESHOLD
    return 1.0 - confidence <= max_risk + 1e-12  # so that 0.9 is enough for a risk of 0.1


def reason_to_abstain(confidence: float, max_risk: float | None) -> str:
    """Which of ``ABSTAIN_REASONS`` a confidence gives that is not enough."""
    return "low_confidence" if max_risk is None or not answers(confidence, None) else "risk_too_high"


def basis_of(settings: Mapping[str, JsonScalar], reranker: str | None = None) -> dict[str, JsonScalar]:
    """What decides a store's confidence: its model, its passage settings, the shipped weights and the cross-encoder.

    settings: of the store.  reranker: fingerprint of the cross-encoder, None without one.
    """
    return {
        **{name: settings[name] for name in ("model_fingerprint", "passage_characters", "overlap_sentences")},
        "weights": _weights_sha256(),
        "reranker": reranker,
    }


def kept_refit(note: str | None, basis: Mapping[str, JsonScalar]) -> Refit | None:
    """The refit in a store's note when it holds for this basis; one that does not is told once and not used."""
    if note is None:
        return None
    try:
        refit = Refit.from_note(note)
    except ValueError:
        _tell_unused("by another version")
        return None
    if refit.basis == basis:
        return refit
    changed = [name.replace("_", " ") for name, value in basis.items() if refit.basis.get(name) != value]
    _tell_unused(f"with other {' and '.join(changed)}")
    return None


@cache
def _tell_unused(how: str) -> None:
    _log.warning(
        "this store's calibration of confidence was made %s and is not used: make it again, rag eval GOLD --calibrate",
        how,
    )


def log_odds(probability: float) -> float:
    """``ln(p / (1 - p))``, within +-50."""
    if not 0.0 < probability < 1.0:
        return math.copysign(_MOST_CERTAIN, probability - 0.5)
    return max(-_MOST_CERTAIN, min(_MOST_CERTAIN, math.log(probability) - math.log1p(-probability)))


def _probability(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-_MOST_CERTAIN, min(_MOST_CERTAIN, odds))))


@cache
def _weights_sha256() -> str:
    ranking = Path(__file__).parents[1] / "retrieval" / "ranking.json"
    return hashlib.sha256(ranking.read_bytes() + FILE.read_bytes()).hexdigest()
