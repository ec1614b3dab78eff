"""A cross-encoder, tiny and random but real: its scores decide the order of the best passages."""

import socket
from pathlib import Path

import numpy as np
import pytest

from rag.model.cross_encoders import Reranker, reordered
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import ModelUnavailable
from rag.shared.types import Query

pytestmark = pytest.mark.medium

SEED = Path(__file__).parents[3] / "seeds" / "us-ukraine-minerals-deal.txt"
QUESTION = "why did Zelensky refuse to sign?"


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cross-encoder with random weights and the default model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from rag.model.cache import find_model

    folder = tmp_path_factory.mktemp("cross-encoder")
    torch.manual_seed(7)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, initializer_range=1.0
    )
    config.num_labels = 1
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(find_model(None)).save_pretrained(folder)
    return folder


def test_scores_are_dealt_out_anew_within_the_best() -> None:
    scores = np.array([0.9, 0.1, 0.7, 0.5], dtype=np.float32)
    found = reordered(scores, [0, 2, 3], np.array([-1.0, 3.0, 0.0], dtype=np.float32))
    assert found.tolist() == pytest.approx([0.5, 0.1, 0.9, 0.7])
    assert reordered(scores, [0, 2, 3], np.zeros(3, dtype=np.float32)).tolist() == scores.tolist()
    assert reordered(scores, [], np.empty(0, dtype=np.float32)).tolist() == scores.tolist()


@pytest.mark.model
def test_passages_come_in_the_order_of_the_cross_encoder_s_scores(cross_encoder: Path, tmp_path: Path) -> None:
    with Service.create(tmp_path / "store", Config()) as plain:
        plain.intake.add_paths([SEED])
        before = plain.ask(Query(QUESTION, k=8))
    with Service.open(tmp_path / "store", Config(reranker=str(cross_encoder))) as service:
        after = service.ask(Query(QUESTION, k=8, explain=True))
        expected = Reranker(str(cross_encoder)).scores(QUESTION, [passage.text for passage in after.passages])
    assert np.all(np.diff(expected) <= 1e-6) and len(set(expected.tolist())) == 8
    explained = [passage.explain["reranker"] for passage in after.passages if passage.explain]
    assert [signal.rank for signal in explained] == list(range(1, 9))
    assert [signal.score for signal in explained] == pytest.approx(expected.tolist(), abs=1e-4)
    scores = [passage.score for passage in after.passages]
    assert scores == sorted(scores, reverse=True)
    assert [passage.text for passage in after.passages] != [passage.text for passage in before.passages]
    assert before.calibrated and not after.calibrated
    assert "reranker" not in (before.passages[0].explain or {})


def test_a_cross_encoder_that_is_not_there_is_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="RAG_RERANKER=.*nowhere: there is no such folder"):
        Reranker(str(tmp_path / "nowhere"))
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        Reranker(str(tmp_path))


def test_a_cross_encoder_that_would_have_to_be_fetched_is_told_without_asking_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        raise OSError("no network here")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ModelUnavailable, match="hf download nobody/no-such-model"):
        Reranker("nobody/no-such-model")
    assert asked == []
