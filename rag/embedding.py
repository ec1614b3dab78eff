"""Text to vectors: one forward pass gives a passage's vector and, from its own tokens, each sentence's.

A sentence vector is the mean of the sentence's token vectors inside the passage, which therefore know their context
("late chunking", Günther et al. 2024). Texts longer than the model's window run as several windows whose token sums are joined:
nothing is cut off. Models whose pooling is not the mean get their sentence vectors from the mean of the sentence's tokens as well.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import local
from typing import Any, NamedTuple

import numpy as np

from index.types import Floats, Ids, Span
from rag.conversion import PROBE
from rag.engine import load_openvino
from rag.errors import ModelDamaged
from rag.models import ModelInfo

MAX_CONTEXT_TOKENS = 48
# One batch: at most this many tokens with padding. Larger ones leave the cache of a core, smaller ones leave it idle.
BATCH_TOKENS = 2048
PROBE_TOLERANCE = 0.02


class PassageInput(NamedTuple):
    """A passage to embed: its context (title, section), its text, and its sentences as spans of that text."""

    context: str
    text: str
    sentences: tuple[Span, ...]


class PassageVectors(NamedTuple):
    """vector: float32 (dim,); sentence_vectors: float32 (n_sentences, dim); all unit length."""

    vector: Floats
    sentence_vectors: Floats


@dataclass(frozen=True, slots=True)
class _Window:
    """One row of a batch: the tokens, and which of them belong to which sentence (-1: context and special tokens)."""

    passage: int
    tokens: Ids
    sentence: Ids
    first: int
    last: int


class Embedder:
    """The model of ``info``, run by OpenVINO. Thread-safe: each thread has its own inference request."""

    def __init__(self, info: ModelInfo, folder: Path, *, precision: str, threads: int) -> None:
        """Load and compile. precision: "f32", "bf16" or "auto" (bf16 where the CPU has it); threads: cores it may use.

        Raises ModelDamaged when a probe text does not come out as it did in the reference.
        """
        from tokenizers import Tokenizer

        openvino = load_openvino()
        properties, hint = openvino.properties, openvino.properties.hint

        self.info = info
        self.dim = info.dim
        self.streams = threads
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        marked: list[int] = self._tokenizer.encode("a").ids
        plain: list[int] = self._tokenizer.encode("a", add_special_tokens=False).ids
        at = marked.index(plain[0])
        self._prefix, self._suffix = marked[:at], marked[at + len(plain) :]
        self._openvino = openvino
        core = openvino.Core()
        capable = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = ("bf16" if capable else "f32") if precision == "auto" else precision
        options = {
            hint.inference_precision: openvino.Type.bf16 if self.precision == "bf16" else openvino.Type.f32,
            properties.num_streams: threads,
            properties.inference_num_threads: threads,
        }
        self._compiled = core.compile_model(core.read_model(folder / "model.xml"), "CPU", options)
        self._local = local()
        probe = self.embed_texts([PROBE])[0]
        difference = float(np.abs(probe - np.asarray(info.probe, dtype=np.float32)).max())
        if not difference < PROBE_TOLERANCE:
            raise ModelDamaged(
                f"the model in {folder} computes a probe text wrongly (off by {difference:.3f}): delete it, it is made again"
            )

    def embed_queries(self, questions: Sequence[str]) -> Floats:
        """Unit vectors of questions: float32 (n, dim)."""
        return self.embed_texts([self.info.query_prompt + question for question in questions])

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of texts as they are, without prompt: float32 (n, dim)."""
        passages = [PassageInput("", text, ()) for text in texts]
        return (
            np.stack([vectors.vector for vectors in self._embed(passages, prompt="")])
            if texts
            else np.empty((0, self.dim), np.float32)
        )

    def embed_passages(
        self, passages: Sequence[PassageInput], progress: Callable[[int], None] | None = None
    ) -> list[PassageVectors]:
        """Vectors of passages and of their sentences, in the order given. progress is told how many more are done."""
        return self._embed(passages, prompt=self.info.passage_prompt, progress=progress)

    def _embed(
        self, passages: Sequence[PassageInput], prompt: str, progress: Callable[[int], None] | None = None
    ) -> list[PassageVectors]:
        windows = self._windows(passages, prompt)
        windows.sort(key=lambda window: len(window.tokens))
        sums: list[Floats] = [np.zeros((1 + len(passage.sentences), self.dim), np.float32) for passage in passages]
        batches = list(_batches(windows))
        if len(batches) == 1:
            request = self._request()
            request.infer(self._inputs(batches[0]), share_inputs=True)
            self._collect(batches[0], request.get_output_tensor(0).data, sums)
        else:
            queue = self._openvino.AsyncInferQueue(self._compiled, self.streams)

            def done(request: Any, batch: list[_Window]) -> None:
                self._collect(batch, request.get_output_tensor(0).data, sums)
                if progress is not None:
                    progress(len(batch))

            queue.set_callback(done)
            for batch in batches:
                queue.start_async(self._inputs(batch), batch)
            queue.wait_all()
        results = []
        for passage, total in zip(passages, sums, strict=True):
            lengths = np.sqrt(np.einsum("ij,ij->i", total, total))
            # A sentence without a token of its own (only control characters) has the passage's vector.
            total[lengths == 0] = total[0]
            lengths[lengths == 0] = lengths[0]
            unit = total / lengths[:, None]
            results.append(
                PassageVectors(unit[0], unit[1:] if passage.sentences else np.empty((0, self.dim), np.float32))
            )
        return results

    def _windows(self, passages: Sequence[PassageInput], prompt: str) -> list[_Window]:
        """Cut tokenized passages into rows that fit the model, each with its context in front."""
        contexts = {passage.context: self._context_tokens(prompt, passage.context) for passage in passages}
        encodings = self._tokenizer.encode_batch([passage.text for passage in passages], add_special_tokens=False)
        windows = []
        for number, (passage, encoding) in enumerate(zip(passages, encodings, strict=True)):
            before = contexts[passage.context]
            ids = np.array(encoding.ids, dtype=np.int64)
            if passage.sentences:
                starts = np.array([span.start for span in passage.sentences])
                offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)[:, 0]
                sentence = np.searchsorted(starts, offsets, side="right") - 1  # -1: a heading before the first sentence
            else:
                sentence = np.full(len(ids), -1)
            room = self.info.window_tokens - len(before) - len(self._suffix)
            n_windows = max(1, -(-len(ids) // room))
            for part_ids, part_sentence in zip(
                np.array_split(ids, n_windows), np.array_split(sentence, n_windows), strict=True
            ):
                tokens = np.concatenate([before, part_ids, self._suffix]).astype(np.int64)
                owner = np.full(len(tokens), -1, dtype=np.int64)
                owner[len(before) : len(before) + len(part_ids)] = part_sentence
                own = part_sentence[part_sentence >= 0]
                first, last = (int(own[0]), int(own[-1])) if len(own) else (0, -1)
                windows.append(_Window(number, tokens, owner, first, last))
        return windows

    def _context_tokens(self, prompt: str, context: str) -> Ids:
        ids = self._tokenizer.encode(prompt + context, add_special_tokens=False).ids if prompt or context else []
        return np.array(self._prefix + ids[:MAX_CONTEXT_TOKENS], dtype=np.int64)

    def _inputs(self, batch: list[_Window]) -> list[Any]:
        """input_ids and attention_mask int64 (rows, tokens), pool float32 (rows, vectors, tokens)."""
        n_tokens = max(len(window.tokens) for window in batch)
        n_vectors = 1 + max(window.last - window.first + 1 for window in batch)
        ids = np.full((len(batch), n_tokens), self.info.pad_id, dtype=np.int64)
        mask = np.zeros((len(batch), n_tokens), dtype=np.int64)
        pool = np.zeros((len(batch), n_vectors, n_tokens), dtype=np.float32)
        for row, window in enumerate(batch):
            length = len(window.tokens)
            ids[row, :length] = window.tokens
            mask[row, :length] = 1
            if self.info.pooling == "cls":
                pool[row, 0, 0] = length
            elif self.info.pooling == "lasttoken":
                pool[row, 0, length - 1] = length
            else:
                pool[row, 0, :length] = 1.0
            owned = np.flatnonzero(window.sentence >= 0)
            pool[row, 1 + window.sentence[owned] - window.first, owned] = 1.0
        return [ids, mask, pool]

    def _collect(self, batch: list[_Window], pooled: Floats, sums: list[Floats]) -> None:
        # Weights are counts, not shares, so that sums of a text's windows add up to its weighted mean (up to length).
        for row, window in enumerate(batch):
            n_sentences = window.last - window.first + 1
            sums[window.passage][0] += pooled[row, 0]
            if n_sentences > 0:
                sums[window.passage][1 + window.first : 1 + window.last + 1] += pooled[row, 1 : 1 + n_sentences]

    def _request(self) -> Any:
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        return request


def _batches(windows: list[_Window]) -> Iterator[list[_Window]]:
    """Cut windows, sorted by length, into batches of at most BATCH_TOKENS tokens with padding."""
    rest = iter(windows)
    batch = list(islice(rest, 1))
    for window in rest:
        if len(window.tokens) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch
