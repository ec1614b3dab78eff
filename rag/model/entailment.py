"""An optional cross-encoder of entailment: whether one text follows from another, for checking generated sentences."""

from threading import Lock
from typing import Any

from rag.shared.errors import ModelUnavailable


class EntailmentModel:
    """A sentence-transformers ``CrossEncoder`` of the NLI kind, by folder, loaded when made. It needs the extra ``models``."""

    def __init__(self, folder: str) -> None:
        """Raises ModelUnavailable when there is no such model, or none of its labels is entailment."""
        try:
            from sentence_transformers import CrossEncoder

            self._model: Any = CrossEncoder(folder, device="cpu", local_files_only=True)
        except Exception as error:  # whatever transformers raises for files that are missing or no model
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelUnavailable(
                f"RAG_VERIFIER={folder}: it cannot be loaded ({reason[:200]}): give the folder of a cross-encoder, or unset it"
            ) from error
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
