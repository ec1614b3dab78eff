"""Text to vectors: one forward pass gives a passage's vector and, from its own tokens, each sentence's.

A sentence vector is the mean of the sentence's token vectors inside the passage, which therefore know their context
("late chunking", Günther et al. 2024). Texts longer than the model's window run as several windows whose token sums are joined:
nothing is cut off. Models whose pooling is not the mean get their sentence vectors from the mean of the sentence's tokens as well.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate, pairwise
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from index.types import Floats, Ids, Signs, Span
from rag.model.batching import Begun, Coalescer, in_turn
from rag.model.cache import PROBE, ModelInfo
from rag.model.devices.engine import open_engine
from rag.shared.errors import ModelDamaged
from rag.shared.types import Check, go_on

if TYPE_CHECKING:
    from rag.model.remote.embedding import RemoteInfo

MAX_CONTEXT_TOKENS = 48
# Passages in one go: enough that batches of like length fill. Their sums are held in float32, 200 kB each with word vectors.
TOGETHER = 256
# Vectors of those passages, each summed in float32 with 384 components: 100 MB. Prose has 30,000 in a group; short lines, each a
# sentence of one word, had 180,000.
VECTORS_TOGETHER = 65_536
# 16 together cost 0.6 times what they cost one by one, and more together hardly less.
_QUESTIONS_TOGETHER = 16
# Questions whose vectors are kept, 1.5 kB a word, and words that one may have for that: those that were embedded ahead, and those
# that are asked again and again.
_QUESTIONS_KEPT, _WORDS_KEPT = 64, 64
# The engine keeps memory for each shape of input that it met (0.6 to 1.3 MB for one row of 8 to 60 tokens, float32): like shapes
# cost less than the padding. Steps of 8 tokens leave 5.3 % of padding where 16 leave 7.8 (squad2); steps of 4 would leave 3.6, for
# twice as many shapes.
_TOKENS_STEP = 8
# Of a question alone in float32 up to this length, which leaves few shapes: squad2's, 14.2 tokens on average, become 14.7 instead
# of 17.8 (AVX2, one thread: 3.0 ms for the pass and 0.37 for each token).
_TOKENS_STEP_ALONE = 2
_TOKENS_ALONE = 32
# Of questions in int8 and bfloat16. The engine adds 16 values at a time (AVX-512); where it adds in another order, values are
# rounded to others. Padded to this step or further a question has the same vectors, bit for bit, whatever is embedded with it.
# Alone it costs nothing, as reading the weights takes longer.
_TOKENS_STEP_OF_QUESTIONS = 16
_VECTORS_STEP = 32
PROBE_TOLERANCE = 0.02


class PassageInput(NamedTuple):
    """A passage to embed: its context (title, section), its text, and its sentences and words as spans of the text, in order."""

    context: str
    text: str
    sentences: tuple[Span, ...]
    words: tuple[Span, ...] = ()

    @property
    def n_vectors(self) -> int:
        """Vectors that it gets: one for itself, one for each sentence and each word."""
        return 1 + len(self.sentences) + len(self.words)


_WORD = re.compile(r"\w+")


def word_spans(text: str, within: Span | None = None) -> tuple[Span, ...]:
    """The words of a text, or of a span of it, as spans of the text."""
    start, end = within or (0, len(text))
    return tuple(Span(*match.span()) for match in _WORD.finditer(text, start, end))


class PassageVectors(NamedTuple):
    """vector: float32 (dim,), sentence_vectors: float32 (n_sentences, dim), both unit length.

    word_signs: uint8 (n_words, dim / 8), one bit per component of a word's vector in its passage: whether it is positive.
    """

    vector: Floats
    sentence_vectors: Floats
    word_signs: Signs


class QuestionVectors(NamedTuple):
    """vector: float32 (dim,); word_vectors: float32 (n_words, dim), none of a model that gives none; unit length."""

    vector: Floats
    word_vectors: Floats


class TextEmbedder(Protocol):
    """A model, wherever it runs. Methods as of ``Embedder``."""

    @property
    def info(self) -> "ModelInfo | RemoteInfo": ...
    @property
    def dim(self) -> int: ...
    @property
    def precision(self) -> str: ...
    def is_word(self, text: str) -> bool: ...
    def embed_question(self, question: str, words: tuple[Span, ...]) -> Future[QuestionVectors]: ...
    def embed_ahead(self, questions: Sequence[str]) -> None: ...
    def embed_texts(self, texts: Sequence[str]) -> Floats: ...
    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageVectors]: ...
    def embed_groups(
        self, groups: Iterable[Sequence[PassageInput]], check: Check = go_on
    ) -> Iterator[list[PassageVectors]]: ...


class _Window(NamedTuple):
    """One row of a batch. Pairs (rows[i], columns[i]) say that token columns[i] counts for the window's vector rows[i].

    targets: to which of its passage's vectors (the passage, its sentences, then its words) each vector of the window adds.
    """

    passage: int
    tokens: list[int]
    rows: list[int]
    columns: list[int]
    targets: list[int]


class Embedder:
    """The model of ``info`` on a device of this machine. Thread-safe."""

    def __init__(self, info: ModelInfo, folder: Path, *, precision: str, threads: int, device: str = "auto") -> None:
        """Load and compile; arguments as of ``open_engine``.

        Raises ModelDamaged when a probe text does not come out as it did in the reference.
        """
        self.info = info
        self.dim = info.dim
        with ThreadPoolExecutor(max_workers=1) as other:  # the engine needs no Python for most of it
            opened = other.submit(open_engine, info, folder, device=device, precision=precision, threads=threads)
            self._load_tokenizer(folder)
            self._engine = opened.result()
        self._workers = ThreadPoolExecutor(max_workers=self._engine.at_once, thread_name_prefix="embed")
        self._questions = Coalescer(self._embed_together, places=threads, most=_QUESTIONS_TOGETHER)
        self._kept: dict[tuple[str, PassageInput], QuestionVectors] = {}
        self._keeping = Lock()
        probe = self.embed_texts([PROBE])[0]
        difference = float(np.abs(probe - np.asarray(info.probe, dtype=np.float32)).max())
        if not difference < PROBE_TOLERANCE:
            raise ModelDamaged(
                f"the model in {folder} computes a probe text wrongly (off by {difference:.3f}): delete it, it is made again"
            )

    @property
    def precision(self) -> str:
        """What it computes in now: the processor begins in float32 where it has to be measured what is the fastest."""
        return self._engine.precision

    def _load_tokenizer(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        marked: list[int] = self._tokenizer.encode("a").ids
        plain: list[int] = self._tokenizer.encode("a", add_special_tokens=False).ids
        at = marked.index(plain[0])
        self._prefix, self._suffix = marked[:at], marked[at + len(plain) :]

    def is_word(self, text: str) -> bool:
        """Whether the model has one token for all of this text, and so knows it as a word."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids) == 1

    def embed_question(self, question: str, words: tuple[Span, ...]) -> Future[QuestionVectors]:
        """The vectors of a question and of its words, spans of it, to come: computed in another thread.

        Questions that wait at the same time run as one batch. Their vectors are those that each gets alone: bit for bit in int8 and
        bfloat16 where that was looked at (AVX-512), within 1e-6 in float32.
        """
        asked = PassageInput("", question, (), words)
        kept = self._kept.get((self.precision, asked))
        if kept is None:
            return self._questions.submit(asked)
        known: Future[QuestionVectors] = Future()
        known.set_result(kept)
        return known

    def embed_ahead(self, questions: Sequence[str]) -> None:
        """Embed questions that are about to be asked, all in one pass: ``embed_question`` then has the vectors of each at once."""
        asked = [PassageInput("", question, (), word_spans(question)) for question in dict.fromkeys(questions)]
        asked = [each for each in asked if len(each.words) <= _WORDS_KEPT]
        if fresh := [each for each in asked if (self.precision, each) not in self._kept]:
            self._embed_together(fresh)

    def _embed_together(self, questions: Sequence[PassageInput]) -> list[QuestionVectors]:
        precision = self.precision
        units = map(_unit, self._sums(questions, self.info.query_prompt))
        vectors = [QuestionVectors(unit[0], unit[1:]) for unit in units]
        with self._keeping:
            for asked, own in zip(questions, vectors, strict=True):
                if len(asked.words) <= _WORDS_KEPT:
                    self._kept[precision, asked] = own
            for oldest in list(self._kept)[:-_QUESTIONS_KEPT]:
                del self._kept[oldest]
        return vectors

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of texts as they are, without prompt: float32 (n, dim)."""
        sums = self._sums([PassageInput("", text, ()) for text in texts], "")
        return np.concatenate([_unit(total) for total in sums]) if sums else np.empty((0, self.dim), np.float32)

    def embed_passages(self, passages: Sequence[PassageInput]) -> list[PassageVectors]:
        """Vectors of passages, of their sentences and words, in the order given."""
        groups = (passages[start : start + TOGETHER] for start in range(0, len(passages), TOGETHER))
        return [vectors for group in self.embed_groups(groups) for vectors in group]

    def embed_groups(
        self, groups: Iterable[Sequence[PassageInput]], check: Check = go_on
    ) -> Iterator[list[PassageVectors]]:
        """The same for a stream of groups, each best of ``TOGETHER`` passages, one result per group, in order.

        The next group is taken and tokenized while the one before is computed, so that no core waits.
        check: called several times a second while a group is computed. What it raises ends the work: batches that have not begun
        are dropped.
        """
        return in_turn(map(self._begin, groups), check)

    def _begin(self, passages: Sequence[PassageInput]) -> Begun[list[PassageVectors]]:
        windows = self._windows(passages, self.info.passage_prompt)
        sums, adding = self._no_sums(passages), Lock()

        def add(batch: list[_Window]) -> None:
            pooled = self._engine.pooled(*self._inputs(batch))
            with adding:  # windows of one passage may be in several batches
                _collect(batch, pooled, sums)

        batches = _batches(windows, self._engine.batch_tokens)
        return [self._workers.submit(add, batch) for batch in batches], lambda: _finished(passages, sums)

    def count_tokens(self, passages: Sequence[PassageInput]) -> int:
        """Tokens that the model runs over for these passages, contexts and marks included, padding not."""
        return sum(len(window.tokens) for window in self._windows(passages, self.info.passage_prompt))

    def _sums(self, passages: Sequence[PassageInput], prompt: str) -> list[Floats]:
        """Per passage the sums of token vectors: float32 (1 + n_sentences + n_words, dim). In the calling thread."""
        windows = self._windows(passages, prompt)
        sums = self._no_sums(passages)
        step = _TOKENS_STEP if self.precision == "f32" else _TOKENS_STEP_OF_QUESTIONS
        for batch in _batches(windows, self._engine.batch_tokens):
            _collect(batch, self._engine.pooled(*self._inputs(batch, step)), sums)
        return sums

    def _no_sums(self, passages: Sequence[PassageInput]) -> list[Floats]:
        return [np.zeros((passage.n_vectors, self.dim), np.float32) for passage in passages]

    def _windows(self, passages: Sequence[PassageInput], prompt: str) -> list[_Window]:
        """Cut tokenized passages into rows that fit the model, each with its context in front; the shortest first."""
        contexts = {passage.context: self._context_tokens(prompt, passage.context) for passage in passages}
        encodings = self._tokenizer.encode_batch([passage.text for passage in passages], add_special_tokens=False)
        windows = []
        for number, (passage, encoding) in enumerate(zip(passages, encodings, strict=True)):
            before, ids = contexts[passage.context], encoding.ids
            starts = [start for start, _ in encoding.offsets]
            room = self.info.window_tokens - len(before) - len(self._suffix)
            n_windows = max(1, -(-len(ids) // room))
            bounds = [0, *accumulate((len(ids) + n_windows - 1 - part) // n_windows for part in range(n_windows))]
            for begin, end in pairwise(bounds):
                tokens = [*before, *ids[begin:end], *self._suffix]
                windows.append(_Window(number, tokens, *_targets(passage, starts[begin:end], len(before))))
        return sorted(windows, key=lambda window: len(window.tokens))

    def _context_tokens(self, prompt: str, context: str) -> list[int]:
        ids = self._tokenizer.encode(prompt + context, add_special_tokens=False).ids if prompt or context else []
        return self._prefix + ids[:MAX_CONTEXT_TOKENS]

    def _inputs(self, batch: list[_Window], step: int = _TOKENS_STEP) -> tuple[Ids, Ids, Floats]:
        """input_ids and attention_mask int64 (rows, tokens), pool float32 (rows, vectors, tokens)."""
        n_tokens = max(len(window.tokens) for window in batch)
        n_vectors = max(len(window.targets) for window in batch)
        if len(batch) == 1 and n_tokens <= _TOKENS_ALONE and self.precision == "f32":
            step = _TOKENS_STEP_ALONE
        n_tokens = _rounded(n_tokens, step)
        n_vectors = _rounded(n_vectors, _VECTORS_STEP)
        ids = np.full((len(batch), n_tokens), self.info.pad_id, dtype=np.int64)
        mask = np.zeros((len(batch), n_tokens), dtype=np.int64)
        pool = np.zeros((len(batch), n_vectors, n_tokens), dtype=np.float32)
        for row, window in enumerate(batch):
            length = len(window.tokens)
            ids[row, :length] = window.tokens
            mask[row, :length] = 1
            # Weights are counts, not shares: the sums of a text's windows then add up to its weighted mean (up to length).
            if self.info.pooling == "cls":
                pool[row, 0, 0] = length
            elif self.info.pooling == "lasttoken":
                pool[row, 0, length - 1] = length
            else:
                pool[row, 0, :length] = 1.0
            pool[row, window.rows, window.columns] = 1.0
        return ids, mask, pool


def _rounded(n: int, step: int) -> int:
    return -(-n // step) * step


def _targets(passage: PassageInput, starts: Sequence[int], first: int) -> tuple[list[int], list[int], list[int]]:
    """rows, columns and targets of a ``_Window``. starts: where each token of its text starts; first: the column of the first.

    Plain loops: for the 15 tokens of a question numpy takes longer, and most so when the model has just filled the caches.
    """
    rows, columns = [], []
    targets = [0]  # the passage's own row, whose weights _inputs fills in
    for number, spans in ((1, passage.sentences), (1 + len(passage.sentences), passage.words)):
        begins = [span.start for span in spans]
        for column, start in enumerate(starts, first):
            at = bisect_right(begins, start) - 1
            if at >= 0 and start < spans[at].end:
                if targets[-1] != number + at:
                    targets.append(number + at)
                rows.append(len(targets) - 1)
                columns.append(column)
    return rows, columns, targets


def _collect(batch: list[_Window], pooled: Floats, sums: list[Floats]) -> None:
    for row, window in enumerate(batch):
        sums[window.passage][window.targets] += pooled[row, : len(window.targets)]


def _finished(passages: Sequence[PassageInput], sums_of_all: Sequence[Floats]) -> list[PassageVectors]:
    """The vectors of passages.  sums_of_all: as of ``Embedder._sums``."""
    results = []
    for passage, sums in zip(passages, sums_of_all, strict=True):
        n = 1 + len(passage.sentences)
        unit = _unit(sums[:n])
        results.append(PassageVectors(unit[0], unit[1:], np.packbits(sums[n:] > 0, axis=1)))
    return results


def _unit(sums: Floats) -> Floats:
    """Rows scaled to unit length. One without a token of its own (only control characters) becomes the first, the whole text's."""
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    sums[lengths == 0] = sums[0]
    lengths[lengths == 0] = lengths[0]
    unit: Floats = sums / lengths[:, None]
    return unit


def _batches(windows: list[_Window], most_tokens: int) -> Iterator[list[_Window]]:
    """Cut windows, sorted by length, into batches of at most so many tokens with padding.

    Their sizes are powers of two: few shapes of input, and no slower.
    """
    first = 0
    while first < len(windows):
        n = 1
        while (last := first + 2 * n - 1) < len(windows) and 2 * n * len(windows[last].tokens) <= most_tokens:
            n *= 2
        yield windows[first : first + n]
        first += n
