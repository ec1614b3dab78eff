"""Optional cross-encoders, which read two texts together: one orders the best passages anew, one checks generated sentences.

They cost torch at start and one forward pass a pair, so they are used only where a user names one (``RAG_RERANKER``,
``RAG_VERIFIER``).
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from index.types import Floats
from rag.model.cache import fingerprint_of
from rag.shared.config import Config
from rag.shared.errors import ModelUnavailable

# The best passages of the order without it, which it puts into its own.
RERANKED = 20


class AnyReranker(Protocol):
    """A reranker, wherever it runs. Members as of ``Reranker``."""

    @property
    def fingerprint(self) -> str: ...
    def scores(self, question: str, passages: Sequence[str]) -> Floats: ...


def load_reranker(name: str, config: Config) -> AnyReranker:
    """The reranker of this name: behind a server, else a cross-encoder.  Raises BadInput, ModelUnavailable."""
    from rag.model.remote.reranking import RemoteReranker, is_remote_reranker

    return RemoteReranker(name, config) if is_remote_reranker(name) else Reranker(name)


class Reranker:
    """A sentence-transformers ``CrossEncoder`` by folder or name, loaded when made. fingerprint: of its files, or of its name."""

    def __init__(self, name: str) -> None:
        """Raises ModelUnavailable when there is no such model, or it does not give one score a pair."""
        import torch
        from huggingface_hub import snapshot_download

        folder = Path(name)
        if not folder.is_dir() and (folder.is_absolute() or name.startswith(".")):
            raise ModelUnavailable(f"RAG_RERANKER={name}: there is no such folder: name a CrossEncoder's, or unset it")
        with _loading(
            f"RAG_RERANKER={name}", f"give the folder of one, fetch it first with `hf download {name}`"
        ) as load:
            # Nothing is fetched: without a network the hub's client would try for a minute.
            place = str(folder) if folder.is_dir() else snapshot_download(name, local_files_only=True)
            self._model = load(place, device="cpu", activation_fn=torch.nn.Identity())
        if self._model.num_labels != 1:
            raise ModelUnavailable(
                f"RAG_RERANKER={name}: it gives {self._model.num_labels} scores a pair: use a cross-encoder that gives one"
            )
        self.fingerprint = fingerprint_of(folder) if folder.is_dir() else hashlib.sha256(name.encode()).hexdigest()
        self._one_at_a_time = Lock()  # tokenizers refuse to be used from two threads

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """How well each passage answers, float32 (n,), the model's own logits: higher is better."""
        if not passages:
            return np.empty(0, dtype=np.float32)
        with self._one_at_a_time:
            logits = self._model.predict([(question, text) for text in passages], show_progress_bar=False)
        return np.asarray(logits, dtype=np.float32)


@contextmanager
def _loading(setting: str, advice: str) -> Iterator[Any]:
    """The class of cross-encoders; what goes wrong while one is loaded is told as ModelUnavailable."""
    try:
        from sentence_transformers import CrossEncoder

        yield CrossEncoder
    except Exception as error:  # whatever transformers raises for files that are missing or no model
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelUnavailable(f"{setting}: it cannot be loaded ({reason[:200]}): {advice}, or unset it") from error


def reordered(scores: Floats, best: Sequence[int], by: Floats) -> Floats:
    """The scores with those of ``best`` dealt out anew: the largest of them to the passage first in ``by``, ties as before.

    scores: float32 (n,); best: m positions in it, best first; by: float32 (m,). What is not among the best keeps its score, and no
    score leaves the scale that confidence and answer sentences are fitted to.
    """
    positions = np.asarray(best, dtype=np.int64)
    result = scores.copy()
    result[positions[np.argsort(-by, kind="stable")]] = np.sort(scores[positions])[::-1]
    return result


class EntailmentModel:
    """A sentence-transformers ``CrossEncoder`` of the NLI kind, by folder, loaded when made. It needs the extra ``models``."""

    def __init__(self, folder: str) -> None:
        """Raises ModelUnavailable when there is no such model, or none of its labels is entailment."""
        with _loading(f"RAG_VERIFIER={folder}", "give the folder of a cross-encoder") as load:
            self._model = load(folder, device="cpu", local_files_only=True)
        labels = {int(number): str(label).lower() for number, label in self._model.config.id2label.items()}
        numbers = [number for number, label in labels.items() if label.startswith("entail")]
        if not numbers:
            raise ModelUnavailable(
                f"RAG_VERIFIER={folder}: none of its labels ({', '.join(labels.values())}) is entailment: use a model of that kind"
            )
        self._entailment = numbers[0]
        self._one_at_a_time = Lock()  # tokenizers refuse to be used from two threads

    def entails(self, premise: str, hypothesis: str) -> float:
        """Probability, 0 to 1, that the hypothesis follows from the premise."""
        with self._one_at_a_time:
            shares = self._model.predict([(premise, hypothesis)], apply_softmax=True, show_progress_bar=False)
        return float(shares[0][self._entailment])
