"""Fits the confidence of ``rag/answer/answering.json``: the probability that the units chosen as the answer are right.

Each gold folder's questions are asked of its own corpus, and an answer is right when a gold answer stands in its text. Some are
asked again with one of their names exchanged for one of another set, or their year for a near one: the topic is there then, and the
answer is not. So it is for those that are asked again with the passages passed over that hold the answer. Some questions of other
sets are asked as well. The weights are fitted on all; level and scale then on the set's own questions, as if of a set that has some
without an answer three in ten were such. Every set counts alike; each is also judged by a
fit without it and those that share a document with it.

Example: python -m eval.training.answers gold/squad2 gold/xquad gold/clapnq gold/covidqa --out rag/answer/answering.json
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from eval.files import check_writable, write_text
from eval.scoring.confidence import auroc, calibration_error
from eval.scoring.score import is_inside
from eval.sets.gold import Question, read_folder, sample, titles_of
from rag.answer.confidence import FEATURES
from rag.answer.weights import FILE
from rag.inspection.inspector import AnswerEvidence
from rag.language.names import names_in

Values = NDArray[np.float64]

# What speaks against an answer must not raise its confidence, and what speaks for it must not lower it.
_AGAINST = frozenset(("names_missing", "names_unknown", "periods_missing", "negation_missing"))
# What part of the questions that people ask of documents is taken to have no answer there; of squad2 and clapnq it is half.
_UNANSWERABLE = 0.3
_RIDGE = 1e-3  # on weights of features scaled to unit deviation
# Questions of a set that are asked with another name, at most, and without the passages that answer and of other sets: so many of
# each teach that names count most. The set's own count for twice the first of these.
_EXCHANGED, _HIDDEN, _FOREIGN, _OWN = 400, 200, 200, 2
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_NEAR_YEARS = (-7, -3, -1, 1, 2, 5, 11)


class EvidenceSource(Protocol):
    """An indexed collection that answers however unlikely it is to be right."""

    def evidence_for(self, question: str, hides: Callable[[str], bool] | None = None) -> AnswerEvidence | None:
        """The answer and the features of its confidence; None where nothing is listed. hides: which passages are passed over."""


class AnsweredSet(NamedTuple):
    """The questions of one set. features: float64 (n, len(FEATURES)).  right, answerable: (n,), 1 or 0.

    unanswered: (m, len(FEATURES)), of those with another name, without the answer and of other sets: none can be answered right.
    documents: by which sets are seen to share one.
    """

    name: str
    features: Values
    right: Values
    answerable: Values
    unanswered: Values
    documents: frozenset[str]


class LeftOutSet(NamedTuple):
    """What a fit on the other sets is worth on one: area under the ROC curve of "right", and calibration error."""

    name: str
    auroc: float
    calibration_error: float


def answered_set(
    name: str, questions: Sequence[Question], foreign: Sequence[str], documents: frozenset[str], source: EvidenceSource
) -> AnsweredSet:
    """A set's questions asked of its collection, some again with a name of the ``foreign`` ones, and some of these."""
    generator = Random(0)
    features, right, answerable = [], [], []
    for question in questions:
        if (evidence := source.evidence_for(question.text)) is not None:
            features.append(_row(evidence))
            right.append(float(question.answerable and is_inside(question.answers, evidence.text)))
            answerable.append(float(question.answerable))
    names = [text[slice(*span)] for text in foreign for span in names_in(text)]
    changed = (with_other_name(q.text, names, generator) for q in questions if q.answerable)
    exchanged = [text for text in changed if text is not None][:_EXCHANGED]
    drawn = generator.sample(foreign, min(_FOREIGN, len(foreign)))
    asked = [source.evidence_for(text) for text in (*exchanged, *drawn)]
    asked += [
        source.evidence_for(question.text, partial(is_inside, question.answers))
        for question in [question for question in questions if question.answers][:_HIDDEN]
    ]
    unanswered = np.array([_row(evidence) for evidence in asked if evidence is not None]).reshape(-1, len(FEATURES))
    return AnsweredSet(name, np.array(features), np.array(right), np.array(answerable), unanswered, documents)


def _row(evidence: AnswerEvidence) -> list[float]:
    return [evidence.features[name] for name in FEATURES]


def with_other_name(question: str, strangers: Sequence[str], generator: Random) -> str | None:
    """A question with one of its names exchanged for another one of its sort; None where it has none."""
    spans = names_in(question)
    if not spans:
        return None
    span = generator.choice(spans)
    name = question[slice(*span)]
    if _YEAR.fullmatch(name):
        other = str(int(name) + generator.choice(_NEAR_YEARS))
    else:
        alike = [
            each for each in strangers if _has_digit(each) == _has_digit(name) and each.casefold() != name.casefold()
        ]
        if not alike:
            return None
        other = generator.choice(alike)
    return question[: span.start] + other + question[span.end :]


def _has_digit(name: str) -> bool:
    return any(character.isdigit() for character in name)


def fit(sets: Sequence[AnsweredSet]) -> dict[str, float]:
    """Intercept and weights of a logistic model in which no feature counts against what it stands for."""
    asked = np.concatenate([each.features for each in sets])
    right = np.concatenate([each.right for each in sets])
    share = np.concatenate([np.full(len(each.right), _OWN / len(each.right)) for each in sets])
    features = np.concatenate([asked, *(each.unanswered for each in sets)])
    labels = np.concatenate([right, np.zeros(len(features) - len(asked))])
    shares = np.concatenate([share, *(np.full(len(each.unanswered), 1 / _EXCHANGED) for each in sets)])
    shares /= shares.sum()
    spread = features.std(axis=0) + 1e-9
    scaled = features / spread

    def loss(weights: Values) -> tuple[float, Values]:
        odds = weights[0] + scaled @ weights[1:]
        misses = shares * (expit(odds) - labels)
        value = float(shares @ (np.logaddexp(0.0, odds) - labels * odds) + _RIDGE * weights[1:] @ weights[1:])
        return value, np.concatenate([[misses.sum()], scaled.T @ misses + 2 * _RIDGE * weights[1:]])

    bounds = [(None, None), *((None, 0.0) if name in _AGAINST else (0.0, None) for name in FEATURES)]
    weights = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes = weights[1:] / spread
    # Level and scale of the set's own questions as they are: the others would make every answer look less likely.
    odds = weights[0] + asked @ slopes
    usual = np.concatenate([_usual_shares(each.answerable) for each in sets])

    def rescaled(line: Values) -> tuple[float, Values]:
        moved = line[0] + line[1] * odds
        misses = usual * (expit(moved) - right)
        return float(usual @ (np.logaddexp(0.0, moved) - right * moved)), np.array([misses.sum(), misses @ odds])

    shift, scale = minimize(
        rescaled, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(None, None), (0.1, None)]
    ).x
    return {
        "intercept": float(shift + scale * weights[0]),
        **dict(zip(FEATURES, map(float, scale * slopes), strict=True)),
    }


def _usual_shares(answerable: Values) -> Values:
    """How much each question of a set counts where as many have no answer as people ask: float64 (n,), their sum is 1."""
    n_answerable = float(answerable.sum())
    if n_answerable in (0.0, float(len(answerable))):
        return np.full(len(answerable), 1 / len(answerable))
    return np.where(
        answerable > 0, (1 - _UNANSWERABLE) / n_answerable, _UNANSWERABLE / (len(answerable) - n_answerable)
    )


def probabilities(weights: Mapping[str, float], features: Values) -> Values:
    """The confidence of each question: float64 (n,)."""
    sure: Values = expit(weights["intercept"] + features @ np.array([weights[name] for name in FEATURES]))
    return sure


def judge_left_out(sets: Sequence[AnsweredSet]) -> list[LeftOutSet]:
    """For each set the figures of a fit on those that share no document with it; nothing of one that shares with all others."""
    judged = []
    for each in sets:
        if others := [other for other in sets if other is not each and not other.documents & each.documents]:
            sure = probabilities(fit(others), each.features)
            judged.append(LeftOutSet(each.name, auroc(sure, each.right), calibration_error(sure, each.right)))
    return judged


def asked_of_folders(folders: Sequence[Path], limit: int | None) -> list[AnsweredSet]:
    """The questions of gold folders, asked of their corpora as they are indexed in the cache."""
    from eval.sets import corpora
    from rag.cli.output import message
    from rag.shared.config import Config

    questions = [sample(read_folder(folder).questions, limit, 0) for folder in folders]
    documents = list(map(titles_of, folders))
    sets = []
    with ExitStack() as services:
        for number, folder in enumerate(folders):
            foreign = [
                question.text
                for asked, shared in zip(questions, documents, strict=True)
                if not shared & documents[number]
                for question in asked
            ]
            service = services.enter_context(corpora.open_folder(folder, Config.from_environment(), message))
            sets.append(answered_set(folder.name, questions[number], foreign, documents[number], service.inspector))
            message(f"{folder.name}: {len(sets[-1].right)} questions, {sets[-1].right.mean():.3f} right")
    return sets


def main() -> None:
    """Asks the sets, prints what each is worth left out, and writes the file."""
    parser = argparse.ArgumentParser(prog="python -m eval.training.answers", description=__doc__)
    parser.add_argument("folders", nargs="+", metavar="GOLD", type=Path, help="folders in the BEIR layout with answers")
    parser.add_argument("--limit", type=int, help="questions of each set, drawn")
    parser.add_argument("--out", type=Path, default=FILE)
    arguments = parser.parse_args()
    check_writable("--out", arguments.out)
    sets = asked_of_folders(arguments.folders, arguments.limit)
    judged = judge_left_out(sets)
    for line in judged:
        sys.stdout.write(f"{line}\n")
    names = " ".join(folder.name for folder in arguments.folders)
    parts = {
        "command": f"python -m eval.training.answers {names}"
        + (f" --limit {arguments.limit}" if arguments.limit else ""),
        "fitted_on": {each.name: [len(each.right), len(each.unanswered)] for each in sets},
        "unit": json.loads(FILE.read_text(encoding="utf-8"))["unit"],
        "confidence": {name: float(f"{value:.4g}") for name, value in fit(sets).items()},
        "left_out": [[line.name, round(line.auroc, 3), round(line.calibration_error, 3)] for line in judged],
    }
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in parts.items())
    write_text("--out", arguments.out, "{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
