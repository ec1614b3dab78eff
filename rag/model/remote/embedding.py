"""Text to vectors by a server: Ollama, vLLM, llama.cpp and all others that speak OpenAI's ``/embeddings``; TEI, Cohere, Jina.

No vectors of tokens come from there: each sentence is embedded as a text of its own, and words have no signs.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import Any

import numpy as np

from index.types import Floats, JsonScalar, Span
from rag.model.batching import Begun, Coalescer, in_turn
from rag.model.cache import find_model
from rag.model.embedding import TOGETHER, PassageInput, PassageVectors, QuestionVectors
from rag.model.remote.server import Patience, server_of
from rag.model.remote.shapes import VECTORS
from rag.shared.config import Config
from rag.shared.errors import ModelUnavailable
from rag.shared.types import Check, go_on

# Their vectors tell one model from another. Texts of several kinds: a model that was changed for one of them is noticed.
PROBES = (
    "A probe sentence: the quick brown fox signed 17 agreements in Kyiv.",
    "Wie hoch ist der Berg, und wer hat ihn 1953 zuerst bestiegen?",
    "def area(radius): return 3.14159 * radius ** 2",
)
# The same model on another processor or in another batch differs in the last digits, which turns few signs (a cosine of .999 turns
# 1.4 % of them, .99 turns 4.5 %); in vectors of another model half of them differ.
_SIGNS_MAY_DIFFER = 0.05
_PROBE_AGAIN_S = 60.0
# TEI takes no more in one request unless told so.
_TEXTS_TOGETHER = 32
_REQUESTS_AT_ONCE = 4
_QUESTIONS_TOGETHER = 16
# Characters: the models' windows are not known from here, and most hold 512 tokens. Longer texts are embedded in pieces.
_LONGEST_TEXT = 1200
_LONGEST_CONTEXT = 200
_QUESTION_PATIENCE = Patience(tries=2, pause_s=2.0)
_PASSAGE_PATIENCE = Patience(tries=6, pause_s=60.0)


@dataclass(frozen=True, slots=True)
class RemoteInfo:
    """What a store must know of a model behind a server. name: ``openai:NAME@URL``, or of another kind of ``shapes.VECTORS``.

    probe: the signs of its vectors of ``PROBES`` as hexadecimal digits.  fingerprint: 64 digits that stand for all but the URL.
    """

    name: str
    fingerprint: str
    dim: int
    query_prompt: str
    passage_prompt: str
    probe: str

    @property
    def settings(self) -> dict[str, JsonScalar]:
        """What a store keeps beside its name and its fingerprint."""
        return {"model_probe": self.probe, "query_prompt": self.query_prompt, "passage_prompt": self.passage_prompt}


class RemoteEmbedder:
    """The same as ``rag.model.embedding.Embedder`` for a model behind a server. Thread-safe."""

    precision = "remote"

    def __init__(self, model: str, kept: Mapping[str, JsonScalar] | None, config: Config) -> None:
        """kept: settings of the store that its vectors are for, None for a new one.

        Where the model is the one that the store was built with, ``info`` is the store's. Raises BadInput, ModelUnavailable.
        """
        self._server = server_of("RAG_MODEL", model, VECTORS, config.model_key, "RAG_MODEL_KEY", config.model_seconds)
        stored = dict(kept or {})
        self._probed_at = time.monotonic()
        probed = self._request(PROBES, _QUESTION_PATIENCE, None, are_questions=False)
        self.dim = probed.shape[1]
        probe = _signs(probed).tobytes().hex()
        query, passage = (
            prompt if prompt is not None else str(stored.get(name) or "")
            for name, prompt in (("query_prompt", config.query_prompt), ("passage_prompt", config.passage_prompt))
        )
        facts = [self._server.name, self.dim, query, passage, probe]
        info = RemoteInfo(model, hashlib.sha256(repr(facts).encode()).hexdigest(), self.dim, query, passage, probe)
        if info.settings.items() - {("model_probe", probe)} <= stored.items() and _agree(
            probed, str(stored["model_probe"])
        ):
            name, fingerprint, probe = (str(stored[key]) for key in ("model", "model_fingerprint", "model_probe"))
            info = RemoteInfo(name, fingerprint, self.dim, query, passage, probe)
        self.info = info
        self._pool = ThreadPoolExecutor(max_workers=_REQUESTS_AT_ONCE, thread_name_prefix="embed")
        self._questions = Coalescer(self._embed_together, places=_REQUESTS_AT_ONCE, most=_QUESTIONS_TOGETHER)

    def is_word(self, text: str) -> bool:
        """Whether the default model knows this text as a word: what the server's model knows cannot be asked."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids) == 1

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(find_model(None) / "tokenizer.json"))
        tokenizer.no_padding()
        return tokenizer

    def embed_question(self, question: str, words: tuple[Span, ...]) -> Future[QuestionVectors]:
        """The vector of a question, to come; of its words there are none."""
        return self._questions.submit(question)

    def embed_ahead(self, questions: Sequence[str]) -> None:
        """Nothing: those that wait for a server wait together."""

    def _embed_together(self, questions: Sequence[str]) -> list[QuestionVectors]:
        texts = [self.info.query_prompt + question for question in questions]
        no_words = np.empty((0, self.dim), np.float32)
        return [
            QuestionVectors(vector, no_words)
            for vector in self._vectors(texts, _QUESTION_PATIENCE, go_on, are_questions=True)
        ]

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of texts as they are, without prompt: float32 (n, dim)."""
        pieces = [self._vectors(batch, _QUESTION_PATIENCE, go_on) for batch in _batches(texts)]
        return np.concatenate(pieces) if pieces else np.empty((0, self.dim), np.float32)

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageVectors]:
        """Vectors of passages and of their sentences, in the order given."""
        groups = (passages[start : start + TOGETHER] for start in range(0, len(passages), TOGETHER))
        return [vectors for group in self.embed_groups(groups) for vectors in group]

    def embed_groups(
        self, groups: Iterable[Sequence[PassageInput]], check: Check = go_on
    ) -> Iterator[list[PassageVectors]]:
        """The same for a stream of groups, one result per group, in order. The next group is sent while one is waited for.

        check: called several times a second; what it raises ends the work, also where requests would be tried again.
        """
        stop = Event()

        def go_on_unless_stopped() -> None:
            if stop.is_set():
                raise _Stopped

        try:
            yield from in_turn((self._begin(passages, go_on_unless_stopped) for passages in groups), check)
        finally:
            stop.set()

    def _begin(self, passages: Sequence[PassageInput], check: Check) -> Begun[list[PassageVectors]]:
        numbers: dict[str, int] = {}  # each text once
        rows: list[list[int]] = []  # per passage the numbers of its own text and its sentences'
        for passage in passages:
            before = f"{passage.context[:_LONGEST_CONTEXT]}\n" if passage.context else ""
            texts = [before + passage.text, *(passage.text[start:end] for start, end in passage.sentences)]
            rows.append([numbers.setdefault(text, len(numbers)) for text in texts])
        prompted = [self.info.passage_prompt + text for text in numbers]
        prompted.sort(key=len)  # a server pads a batch to its longest
        places = {text: place for place, text in enumerate(prompted)}
        parts = [self._pool.submit(self._vectors, batch, _PASSAGE_PATIENCE, check) for batch in _batches(prompted)]

        def finished() -> list[PassageVectors]:
            sent = np.concatenate([np.empty((0, self.dim), np.float32), *(part.result() for part in parts)])
            vectors = sent[[places[self.info.passage_prompt + text] for text in numbers]]
            no_words = np.empty((0, -(-self.dim // 8)), np.uint8)
            return [PassageVectors(vectors[own[0]], vectors[own[1:]], no_words) for own in rows]

        return parts, finished

    def _vectors(
        self, texts: Sequence[str], patience: Patience, check: Check, *, are_questions: bool = False
    ) -> Floats:
        """Unit vectors of texts of any length: float32 (n, dim). Now and then with a look whether the model is still the same.

        Raises ModelUnavailable.
        """
        if time.monotonic() - self._probed_at > _PROBE_AGAIN_S:
            self._probed_at = time.monotonic()
            if not _agree(self._request(PROBES, patience, self.dim, check, are_questions=False), self.info.probe):
                self._probed_at = 0.0  # until it is the same again
                raise ModelUnavailable(
                    f"{self._server.setting}: another model is behind this name by now: its vectors of known texts are not those "
                    "that the store was built with. Bring that model back, or change the store over with `rag reindex`"
                )
        cut = [_pieces(text) for text in texts]
        sent = _batches([piece for pieces in cut for piece in pieces])
        vectors = np.concatenate(
            [self._request(batch, patience, self.dim, check, are_questions=are_questions) for batch in sent]
        )
        joined = np.empty((len(texts), self.dim), np.float32)
        row = 0
        for number, pieces in enumerate(cut):
            lengths = np.array([len(piece) for piece in pieces], np.float32)
            joined[number] = lengths @ vectors[row : row + len(pieces)]
            row += len(pieces)
        return _unit(joined)

    def _request(
        self, texts: Sequence[str], patience: Patience, dim: int | None, check: Check = go_on, *, are_questions: bool
    ) -> Floats:
        """What one request gives, of unit length: float32 (n, dim).  dim: None where it is not known yet."""
        shape, setting = VECTORS[self._server.kind], self._server.setting
        reply = self._server.post(shape.path, shape.body(self._server.name, texts, are_questions), patience, check)
        try:
            vectors = np.array(shape.vectors(reply), dtype=np.float32)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelUnavailable(
                f"{setting}: the server does not speak as servers of the kind {self._server.kind!r} do"
            ) from error
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise ModelUnavailable(f"{setting}: the server gave {len(vectors)} vectors for {len(texts)} texts")
        if dim is not None and vectors.shape[1] != dim:
            raise ModelUnavailable(
                f"{setting}: its vectors have {vectors.shape[1]} components, and the store's {dim}: another model is behind this "
                "name. Bring that model back, or change the store over with `rag reindex`"
            )
        if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
            raise ModelUnavailable(f"{setting}: the server gave a vector that is no direction, all zero or not finite")
        return _unit(vectors)


class _Stopped(Exception):
    """What was sent for has been given up."""


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(texts), _TEXTS_TOGETHER):
        yield texts[first : first + _TEXTS_TOGETHER]


def _pieces(text: str) -> list[str]:
    """A text in pieces that a model's window holds, cut at blanks; a blank text as a dash, since servers refuse blank ones."""
    text = text.strip() or "-"
    pieces = []
    while len(text) > _LONGEST_TEXT:
        end = text.rfind(" ", _LONGEST_TEXT // 2, _LONGEST_TEXT)
        end = end if end > 0 else _LONGEST_TEXT
        pieces.append(text[:end])
        text = text[end:].strip()
    return [*pieces, text] if text else pieces


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _signs(vectors: Floats) -> Any:
    """Whether each component is positive, packed: uint8."""
    return np.packbits(vectors > 0)


def _agree(vectors: Floats, probe: str) -> bool:
    """Whether vectors of ``PROBES`` are those of the model with these signs."""
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", probe):
        return False
    kept, signs = np.frombuffer(bytes.fromhex(probe), np.uint8), _signs(vectors)
    return kept.shape == signs.shape and bool(np.unpackbits(kept ^ signs).sum() <= _SIGNS_MAY_DIFFER * vectors.size)
