"""The engine against its reference, with the real default model."""

import json
import os
import re
import resource
import shutil
import string
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from index.types import Span
from rag.language.sentences import split_sentences
from rag.model.cache import ModelInfo, converted_model, find_model, fingerprint_of, read_converted
from rag.model.devices.precision import kept_precision
from rag.model.embedding import TOGETHER, Embedder, PassageInput, word_spans
from rag.model.reference import load_reference
from rag.shared.config import Config
from rag.shared.errors import ModelDamaged, ModelUnavailable

pytestmark = pytest.mark.medium

ROOT = Path(__file__).parents[3]

TEXTS = [
    "why did Zelensky refuse to sign?",
    "x",
    "Rare earth elements are a set of 17 elements that are essential to many kinds of consumer technology. " * 3,
    "Überraschung in Zürich: 3,5 Prozent 🙂",
    "президент не готов подписать",
]


@pytest.fixture(scope="module")
def exact(model: tuple[ModelInfo, Path]) -> Embedder:
    return Embedder(*model, precision="f32", threads=1)


@pytest.fixture(scope="module")
def reference() -> Iterator[object]:
    yield load_reference(find_model(None))


# The least cosine to float32 of texts of all sorts, of questions, of whole sentences, and of single words and letters, which have
# nothing to average over.
INT8 = (0.995, 0.998, 0.997, 0.99)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "least"),
    [("bf16", (0.999, 0.9995, 0.9995, 0.9995)), ("int8", INT8), ("int8-bf16", INT8), ("auto", INT8)],
)
def test_other_precisions_stay_close_to_float32(
    model: tuple[ModelInfo, Path], exact: Embedder, precision: str, least: tuple[float, ...]
) -> None:
    article = (ROOT / "seeds" / "us-ukraine-minerals-deal.txt").read_text(encoding="utf-8")
    gold = (ROOT / "eval" / "data" / "seeds.jsonl").read_text(encoding="utf-8").splitlines()
    kinds = (
        TEXTS,
        [json.loads(line)["question"] for line in gold],
        [article[slice(*sentence)] for sentence in split_sentences(article)],
        [*dict.fromkeys(re.findall(r"\w+", article)), *string.ascii_letters, *string.digits],
    )
    rounded = Embedder(*model, precision=precision, threads=1)
    cosines = [np.einsum("ij,ij->i", rounded.embed_texts(texts), exact.embed_texts(texts)) for texts in kinds]
    assert all(found.min() > bound for found, bound in zip(cosines, least, strict=True))
    assert min(map(len, kinds[1:])) > 20


@pytest.mark.slow
def test_before_the_fastest_precision_is_known_texts_are_embedded_exactly(
    model: tuple[ModelInfo, Path], exact: Embedder, tmp_path: Path
) -> None:
    info, source = model
    for file in source.glob("[mt]*"):  # what is kept of measurements and compiled models stays behind
        if file.suffix in (".xml", ".bin", ".json"):
            (tmp_path / file.name).symlink_to(file)
    embedder = Embedder(info, tmp_path, precision="auto", threads=1)
    first = embedder.embed_texts(TEXTS)
    for thread in threading.enumerate():
        if thread.name == "measure-precision":
            thread.join()
    assert embedder.precision == kept_precision(tmp_path)
    assert Embedder(info, tmp_path, precision="auto", threads=1).precision == embedder.precision  # known from now on
    assert "measure-precision" not in [thread.name for thread in threading.enumerate()]
    near = (first * exact.embed_texts(TEXTS)).sum(axis=1).min()
    assert near > 0.99 and (embedder.embed_texts(TEXTS) * first).sum(axis=1).min() > 0.99


def test_a_sentence_vector_is_the_mean_of_its_own_tokens_in_the_passage(exact: Embedder, reference: object) -> None:
    text = "Zelensky did not sign. The guarantees were missing from it."
    passage = PassageInput("Title", text, (Span(0, 22), Span(23, len(text))))
    [embedded] = exact.embed_passages([passage])
    tokens = reference.encode(["Title " + text], output_value="token_embeddings", show_progress_bar=False)[0].numpy()  # type: ignore[attr-defined]
    words = reference.tokenizer.convert_ids_to_tokens(reference.tokenizer("Title " + text)["input_ids"])  # type: ignore[attr-defined]
    stop = words.index(".")
    for vector, rows in zip(embedded.sentence_vectors, (tokens[2 : stop + 1], tokens[stop + 1 : -1]), strict=True):
        expected = rows.mean(axis=0) / np.linalg.norm(rows.mean(axis=0))
        assert np.abs(vector - expected).max() < 1e-4
    assert np.abs(embedded.vector - tokens.mean(axis=0) / np.linalg.norm(tokens.mean(axis=0))).max() < 1e-4


@pytest.mark.slow
def test_batches_of_mixed_lengths_give_what_each_text_gives_alone(exact: Embedder) -> None:
    texts = [("word " * n).strip() or "a" for n in (1, 300, 7, 90, 2, 55, 400, 30)] * 5
    alone = np.concatenate([exact.embed_texts([text]) for text in texts])
    assert np.abs(exact.embed_texts(texts) - alone).max() < 1e-5


def test_nothing_of_a_long_text_is_cut_off(exact: Embedder) -> None:
    filler = "The committee met again without a result. " * 60
    needle = "Penguins were seen on the moon by an astronaut."
    text = filler + needle
    spans = (Span(0, len(filler) - 1), Span(len(filler), len(text)))
    [embedded] = exact.embed_passages([PassageInput("", text, spans)])
    alone = exact.embed_texts([needle])[0]
    assert float(embedded.sentence_vectors[1] @ alone) > 0.7


@pytest.mark.slow
def test_batches_of_work_that_nobody_waits_for_any_more_are_dropped(
    exact: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages = [PassageInput("", f"The ship number {n} has left the harbour. " * 12, ()) for n in range(TOGETHER)]
    begun, going_on, inputs = list[object](), Event(), exact._inputs

    def held(batch: Any, *step: int) -> Any:
        begun.append(batch)
        assert going_on.wait(300)
        return inputs(batch, *step)

    def check() -> None:
        if begun:
            raise InterruptedError

    monkeypatch.setattr(exact, "_inputs", held)
    with pytest.raises(InterruptedError):
        list(exact.embed_groups([passages], check))
    going_on.set()
    exact.embed_passages(passages[:1])  # behind whatever was left of them
    most = exact._engine.at_once + 1
    assert 0 < len(begun) <= most < exact.count_tokens(passages) / exact._engine.batch_tokens / 2


def test_text_without_tokens_of_its_own_has_a_vector(exact: Embedder) -> None:
    [embedded] = exact.embed_passages([PassageInput("", "\u200b \u200b", (Span(0, 1), Span(2, 3)))])
    assert np.allclose(np.linalg.norm(embedded.sentence_vectors, axis=1), 1, atol=1e-5)


def test_an_unknown_model_is_named_with_what_to_do() -> None:
    with pytest.raises(ModelUnavailable, match="give the folder"):
        find_model("nobody/no-such-model")


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="config.json"):
        fingerprint_of(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "name"), [("f32", "model.bin"), ("int8", "model-int8.bin")])
def test_a_damaged_conversion_is_made_again(
    model: tuple[ModelInfo, Path], tmp_path: Path, precision: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    info, folder = model
    copy = tmp_path / "models" / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("compiled-*"))  # without which the weights are needed
    weights = copy / name
    content = bytearray(weights.read_bytes())
    content[1000] ^= 1
    weights.write_bytes(content)
    config = replace(Config.from_environment(), cache=tmp_path, precision=precision)
    with pytest.raises(ModelUnavailable, match="no converted model"):
        read_converted(info.fingerprint, config)
    again, place = converted_model(None, info.fingerprint, config)
    assert caplog.text.count("is damaged and is made again") == 1
    assert (again, place) == (info, copy)
    assert weights.read_bytes() == (folder / name).read_bytes()
    # Whoever may read the cache may read what was converted: an image is built by one user and run by another.
    assert copy.stat().st_mode == copy.parent.stat().st_mode


def test_a_cache_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelUnavailable, match="set RAG_CACHE"):
        converted_model(None, None, replace(Config.from_environment(), cache=tmp_path / "file"))


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file can grow beyond 4 KiB: as on a full disk, writing fails half-way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("failing", ["the list of files", "the graph"])
def test_a_cache_without_room_is_named_with_what_to_do_and_keeps_nothing_half_made(
    model: tuple[ModelInfo, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_files: None, failing: str
) -> None:
    if failing == "the list of files":  # whose error is the file system's; that of the graph is the engine's
        facts = {name: value for name, value in asdict(model[0]).items() if name not in ("name", "fingerprint")}
        monkeypatch.setattr("rag.model.conversion.convert", lambda source, destination: facts)
    with pytest.raises(ModelUnavailable, match="free some space there, or set RAG_CACHE"):
        converted_model(None, None, replace(Config.from_environment(), cache=tmp_path))
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.slow
def test_processes_that_start_together_convert_the_model_once(tmp_path: Path) -> None:
    code = (
        "import logging; logging.basicConfig(level='INFO')\n"
        "from rag.shared.config import Config; from rag.model.cache import converted_model\n"
        "print(converted_model(None, None, Config.from_environment())[1])"
    )
    environment = {**os.environ, "RAG_CACHE": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=-1, stderr=-1, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert told[0][0] == told[1][0]
    assert sum(errors.count("converting") for _, errors in told) == 1


def test_a_model_that_computes_something_else_is_refused(model: tuple[ModelInfo, Path]) -> None:
    info, folder = model
    with pytest.raises(ModelDamaged, match="probe"):
        Embedder(replace(info, probe=tuple(-value for value in info.probe)), folder, precision="f32", threads=1)


def test_questions_embedded_ahead_have_the_vectors_that_each_has_alone(model: tuple[ModelInfo, Path]) -> None:
    questions = ["Who met him?", "Why did the president refuse to sign the agreement on minerals in Kyiv?", *TEXTS[:2]]
    too_long_to_keep = "What was said of it? " * 20
    one_by_one, ahead = (Embedder(*model, precision="int8", threads=1) for _ in range(2))
    ahead.embed_ahead([*questions, questions[0], too_long_to_keep])
    for question in (*questions, too_long_to_keep):
        alone, known = (each.embed_question(question, word_spans(question)) for each in (one_by_one, ahead))
        assert known.done() or question is too_long_to_keep
        np.testing.assert_allclose(known.result().vector, alone.result().vector, atol=1e-6)
        np.testing.assert_allclose(known.result().word_vectors, alone.result().word_vectors, atol=1e-6)
