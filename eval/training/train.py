"""Fits the weights of ``rag/retrieval/ranking.json`` on gold folders, and measures them on sets that they were not fitted on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from eval.files import write_text
from eval.training.fitting import fit, fit_first
from eval.training.leaving_out import LeftOut, left_out_in_turn
from eval.training.samples import Examiner, collection_of, sample_of
from rag.retrieval.ranking import Ranker
from rag.shared.errors import BadInput

SECOND_STAGE = 20
# Signals alike in size, before anything is fitted.
_UNFITTED = {"bm25": 1.0, "dense": 1.0, "sentence": 1.0, "coverage": 1.0, "phrase": 0.25, "evidence": 1.0}


def train(
    folders: Sequence[Path],
    out: Path,
    open_collection: Callable[[Path], tuple[Examiner, Mapping[str, str | int]]],
    command: str = "",
    notify: Callable[[str], None] = lambda line: None,
) -> list[LeftOut]:
    """Fit on all folders, write ``out``, and return the figures of every set when it and its relatives are left out.

    open_collection: for a gold folder its indexed corpus, with each document's source its id there, and what its store is made
    with: model_fingerprint, passage_characters, overlap_sentences.  command: recorded, so that the file can be made again.
    Raises BadInput for sets that cannot be fitted on, most of them before any question is examined, and for an ``out`` that cannot
    be written.
    """
    collections = [collection_of(folder, open_collection) for folder in folders]
    calibrated_for = collections[0].calibrated_for
    if any(collection.calibrated_for != calibrated_for for collection in collections):
        raise BadInput("the collections are indexed with different models or passage settings: fit on one kind")
    if all(a.documents & b.documents for a, b in combinations(collections, 2)):
        raise BadInput("fit on at least two sets that share no document: each is judged by weights that never saw it")
    ranker = Ranker(_UNFITTED, {**_UNFITTED, "late": 1.0}, SECOND_STAGE, calibrated_for)

    asked = [(collection, q) for collection in collections for q in collection.questions if q.answerable]
    own = [sample_of(collection, question, ranker) for collection, question in asked]
    notify(f"examined {len(own)} questions for the first stage")
    ranker = replace(ranker, first=fit_first(own))
    samples = [sample_of(collection, question, ranker) for collection, question in asked]
    notify(f"examined {len(samples)} questions for the second stage")

    reports = []
    for report in left_out_in_turn(collections, samples, ranker):
        reports.append(report)
        notify(str(report))

    final = fit(samples, ranker)
    counted = {each.name: sum(sample.collection == each.name for sample in samples) for each in collections}
    write_text("--out", out, _file(final, counted, reports, command))
    return reports


def _file(ranker: Ranker, counted: Mapping[str, int], reports: Sequence[LeftOut], command: str) -> str:
    """The ranking file: one line for each part and for each set left out."""

    def rounded(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: rounded(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return [rounded(item) for item in value]
        if isinstance(value, float):
            return float(f"{value:.4g}")
        return value

    parts: dict[str, object] = {
        "command": command,
        "fitted_on": counted,
        "calibrated_for": ranker.calibrated_for,
        "first": ranker.first,
        "second": ranker.second,
        "second_stage": ranker.second_stage,
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(rounded(value))}" for name, value in parts.items()]
    left_out = ",\n".join(f"    {json.dumps(rounded(report._asdict()))}" for report in reports)
    lines.append(f'  "left_out": [\n{left_out}\n  ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"
