"""How fast are passages embedded?

Timed: text to passage, sentence and word vectors, tokenizing included; beside it, in the same run, the matrix-product limit of
the machine (products.py) and ``SentenceTransformer.encode`` of the same texts (one vector a passage, float32, its own batches).
Left out: loading of models, parsing, cutting, writing. Each is measured several times, in turn with its limit, and the best is
taken: what else runs on the machine can only slow it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from eval.bench import corpus
from eval.bench.products import Products
from eval.bench.results import Row
from rag.model.cache import converted_model, find_model
from rag.model.embedding import Embedder, PassageInput
from rag.model.reference import load_reference
from rag.shared.config import Config

_ROUNDS = 3
_WARM_UP = 32  # passages
# sentence-transformers takes about three times as long.
_REFERENCE_SHARE = 4


def rows(gold: Path | None, n_passages: int, precisions: Sequence[str], config: Config) -> Iterator[Row]:
    """One row per precision, one for sentence-transformers. n_passages: embedded in each round."""
    source = corpus.read(gold)
    passages = corpus.passages_of(source, config.passage_characters, config.overlap_sentences, n_passages)
    few = passages[::_REFERENCE_SHARE]
    reference = load_reference(find_model(config.model))
    texts = [f"{passage.context} {passage.text}" for passage in few]

    def encode() -> None:
        reference.encode(texts, show_progress_bar=False)

    encode()
    seconds = min(_seconds(encode) for _ in range(_ROUNDS))
    encoded_per_s = len(few) / seconds
    for precision in precisions:
        info, folder = converted_model(config.model, None, replace(config, precision=precision))
        embedder = Embedder(info, folder, precision=precision, threads=config.threads)
        products = Products(folder / "model.xml", embedder.precision, config.threads)
        n_tokens = embedder.count_tokens(passages)
        embedder.embed_passages(passages[:_WARM_UP])
        embed = partial(embedder.embed_passages, passages)
        speeds, limits = [], []
        for _ in range(_ROUNDS):
            limits.append(products.measure())
            speeds.append(len(passages) / _seconds(embed))
        yield Row(
            "embed",
            f"footnote {embedder.precision}",
            {
                **_about(source, passages, n_tokens),
                "passages_per_s": round(max(speeds), 1),
                "tokens_per_s": round(max(speeds) * n_tokens / len(passages)),
                "limit_gflop_per_s": round(max(limits) / 1e9, 1),
                "share_of_limit": round(max(speeds) * n_tokens / len(passages) * products.flop / max(limits), 3),
                "times_sentence_transformers": round(max(speeds) / encoded_per_s, 2),
            },
        )
    yield Row(
        "embed",
        "sentence-transformers f32",
        {**_about(source, few, None), "passages_per_s": round(encoded_per_s, 1), "times_sentence_transformers": 1.0},
    )


def _about(
    source: corpus.Corpus, passages: Sequence[PassageInput], n_tokens: int | None
) -> dict[str, str | int | None]:
    return {"corpus": source.name, "passages": len(passages), "tokens": n_tokens}


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
