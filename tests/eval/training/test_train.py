"""Fitting on three small made sets: the signal that tells gets the weight, and the file can be read again."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.training.samples import FIRST, SECOND
from eval.training.train import train
from index.types import Span
from rag.retrieval.ranking import Examined, Ranker, read_ranker
from rag.retrieval.signals import Signals
from rag.shared.errors import BadInput

pytestmark = pytest.mark.medium

N = 30
CALIBRATED_FOR: dict[str, str | int] = {"model_fingerprint": "f", "passage_characters": 700, "overlap_sentences": 1}


class FakeCollection:
    """Candidates of one sentence each; coverage tells the hit of its own questions, everything else is noise."""

    def __init__(self, name: str) -> None:
        self._name = name

    def examine(self, question: str, ranker: Ranker) -> Examined:
        name, _, number = question.partition(" ")
        generator = np.random.default_rng([ord(c) for c in question + self._name])
        values = {
            field: generator.random(N, dtype=np.float32) for field in Signals.__dataclass_fields__ if field != "owner"
        }
        if name == self._name:
            values["coverage"][int(number)] += 1
            values["sentence_coverage"][int(number)] += 1
        signals = Signals(**values, owner=np.arange(N))
        chosen = np.sort(np.argsort(-ranker.first_scores(signals), kind="stable")[: ranker.second_stage])
        late = np.full(N, np.nan, dtype=np.float32)
        late[chosen] = 0.5
        spans = tuple(Span(10 * i, 10 * i + 10) for i in range(N))
        return Examined(signals, chosen, late, ("doc",) * N, spans, tuple((span,) for span in spans))


def write_set(folder: Path, title: str) -> Path:
    folder.mkdir()
    text = "".join(f"passage{i:02} " for i in range(N))
    (folder / "corpus.jsonl").write_text(
        json.dumps({"_id": "doc", "title": title, "text": text}) + "\n", encoding="utf-8"
    )
    with (folder / "queries.jsonl").open("w", encoding="utf-8") as file:
        for i in range(N):
            answer = {"text": f"passage{i:02}", "start": 10 * i, "doc_id": "doc"}
            file.write(json.dumps({"_id": str(i), "text": f"{folder.name} {i}", "answers": [answer]}) + "\n")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    return [write_set(tmp_path / name, title) for name, title in (("a", "One"), ("b", "Two"), ("c", "Two"))]


def test_the_signal_that_tells_gets_the_weight(folders: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "ranking.json"
    train(folders, out, lambda folder: (FakeCollection(folder.name), CALIBRATED_FOR), command="again")
    ranker = read_ranker(out)
    assert set(ranker.first) == set(FIRST) and set(ranker.second) == set(SECOND)
    assert max(ranker.first, key=lambda name: ranker.first[name]) == "coverage"
    assert min(ranker.first.values()) >= 0
    assert ranker.calibrated_for == CALIBRATED_FOR
    assert json.loads(out.read_text(encoding="utf-8"))["command"] == "again"


def test_a_set_is_left_out_together_with_those_that_share_its_documents(folders: list[Path], tmp_path: Path) -> None:
    reports = train(folders, tmp_path / "r.json", lambda folder: (FakeCollection(folder.name), CALIBRATED_FOR))
    assert {report.name: report.fitted_on for report in reports} == {"a": ("b", "c"), "b": ("a",), "c": ("a",)}
    assert all(report.n == N and report.ranking > 0.9 for report in reports)


def test_collections_of_different_settings_are_refused(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="different"):
        train(
            folders,
            tmp_path / "r.json",
            lambda folder: (FakeCollection(folder.name), {"model_fingerprint": folder.name}),
        )


def test_sets_that_share_their_documents_are_refused_before_any_question_is_asked(
    folders: list[Path], tmp_path: Path
) -> None:
    out, said = tmp_path / "r.json", list[str]()
    with pytest.raises(BadInput, match="two sets that share no document"):
        train(folders[1:], out, lambda folder: (FakeCollection(folder.name), CALIBRATED_FOR), notify=said.append)
    assert not said and not out.exists()


def test_sets_whose_evidence_is_never_found_are_refused(folders: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    for folder in folders:
        _answer_elsewhere(folder)
    with pytest.raises(BadInput, match="no question"):
        train(folders, out, lambda folder: (FakeCollection(folder.name), CALIBRATED_FOR))
    assert not out.exists()


def _answer_elsewhere(folder: Path) -> None:
    """Put the answers where no candidate stands."""
    text = (folder / "corpus.jsonl").read_text(encoding="utf-8").replace('"text": "', '"text": "' + "." * 10 * N)
    (folder / "corpus.jsonl").write_text(text, encoding="utf-8")
    queries = [json.loads(line) for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    for query in queries:
        query["answers"][0]["start"] += 10 * N
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries), encoding="utf-8")
