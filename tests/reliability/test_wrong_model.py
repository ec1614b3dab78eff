"""A store is answered from with its own model or not at all, and a damaged copy of that in the cache is never used."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from index.errors import StoreError, StoreMismatch
from rag.model.cache import converted_model
from rag.service import Service
from rag.shared.config import Config
from rag.shared.errors import ModelUnavailable, RagError
from rag.shared.types import Query

pytestmark = pytest.mark.model
WORDS = "[PAD] [UNK] [CLS] [SEP] the cat sat on a mat near some river while dog ate fish and moon rose".split()


def make_model(folder: Path, dim: int, seed: int) -> None:
    """A model of one layer that knows a few words, as sentence-transformers keeps it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast  # type: ignore[attr-defined]

    torch.manual_seed(seed)
    plain = folder.with_name(folder.name + ".plain")
    layers = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=dim,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(layers).save_pretrained(plain)
    (plain / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
    word = Transformer(str(plain), max_seq_length=64)
    SentenceTransformer(modules=[word, Pooling(dim, "mean")], device="cpu").save(str(folder))
    shutil.rmtree(plain)


def answer(store: Path, config: Config) -> object:
    """What is answered, with scores, by a service that has loaded nothing yet."""
    with Service.open(store, config) as service:
        listed = service.ask(Query("where sat the cat", k=10))
        return [(passage.text, passage.score) for passage in listed.passages]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in ``model``, a store made with it in ``store``, its converted form in ``cache``."""
    place = tmp_path_factory.mktemp("model")
    make_model(place / "model", 16, 0)
    config = Config(model=str(place / "model"), cache=place / "cache", precision="f32")
    with Service.create(place / "store", config) as service:
        for number, text in enumerate(["The cat sat on a mat.", "The dog ate fish near some river.", "A moon rose."]):
            service.intake.add_text(title=f"{number}", text=text, source=f"{number}", metadata={})
    return place


def missing(model: Path) -> None:
    shutil.rmtree(model)


def truncated(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def one_bit_flipped(model: Path) -> None:
    weights = model / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1000] ^= 1
    weights.write_bytes(content)


def other_dimension(model: Path) -> None:
    shutil.rmtree(model)
    make_model(model, 24, 0)


def same_dimension_but_another_model(model: Path) -> None:
    shutil.rmtree(model)
    make_model(model, 16, 1)


def other_prompt(model: Path) -> None:
    path = model / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "prompts": {"query": "the ", "document": ""}}))


@pytest.mark.parametrize(
    "wrong",
    [missing, truncated, one_bit_flipped, other_dimension, same_dimension_but_another_model, other_prompt],
)
def test_a_wrong_model_is_refused(place: Path, tmp_path: Path, wrong: Callable[[Path], None]) -> None:
    model, aside = place / "model", tmp_path / "right"
    config = Config(cache=place / "cache", precision="f32")
    right = answer(place / "store", config)
    shutil.copytree(model, aside)
    try:
        wrong(model)
        assert answer(place / "store", config) == right  # from the converted model, which is not the wrong one's
        with pytest.raises((RagError, StoreError)) as refused:
            answer(place / "store", replace(config, cache=tmp_path / "empty"))
        assert isinstance(refused.value, StoreMismatch | ModelUnavailable)
        if wrong is not missing:
            shutil.move(model, tmp_path / "other")  # perhaps to another disk
            with pytest.raises((StoreMismatch, ModelUnavailable)):  # named instead of the store's own
                answer(place / "store", Config(str(tmp_path / "other"), cache=tmp_path / "empty", precision="f32"))
    finally:
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(aside, model)


def test_the_test_finds_a_service_that_takes_any_model_of_the_right_dimension(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.model.loading.refuse_other_model", lambda store, info: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_a_wrong_model_is_refused(place, tmp_path, same_dimension_but_another_model)


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    if how == "delete":
        path.unlink()
        return
    content[half] ^= 1
    path.write_bytes({"flip": content, "truncate": content[:half], "empty": bytearray()}[how])


@pytest.mark.slow
@pytest.mark.parametrize("source", ["there", "gone"])
def test_damage_in_the_cache_of_models_is_mended_or_refused(
    place: Path, tmp_path: Path, source: str, long: bool
) -> None:
    """Each file flipped, and in the long form also cut short, emptied and removed."""
    config = Config(cache=tmp_path / "cache", precision="f32")
    right = answer(place / "store", replace(config, cache=place / "cache"))
    [whole] = (place / "cache" / "models").iterdir()
    folder = config.cache / "models" / whole.name
    outcomes = {"right": 0, "refused": 0}
    if source == "gone":
        (place / "model").rename(place / "away")
    try:
        for name in sorted(path.name for path in whole.iterdir()):
            for how in ("flip", "truncate", "empty", "delete") if long else ("flip",):
                shutil.rmtree(config.cache, ignore_errors=True)
                shutil.copytree(whole, folder)
                damage(folder / name, how)
                try:
                    assert answer(place / "store", config) == right, (name, how)
                    outcomes["right"] += 1
                except (ModelUnavailable, StoreMismatch) as error:
                    assert source == "gone" and len(str(error)) > 40, (name, how, error)
                    outcomes["refused"] += 1
    finally:
        if source == "gone":
            (place / "away").rename(place / "model")
    print(f"{sum(outcomes.values())} cases with the model {source}: {outcomes}, 0 wrong")
    assert outcomes["right"] and (outcomes["refused"] or source == "there")


def test_no_flipped_bit_in_the_description_of_a_model_goes_unnoticed(place: Path, tmp_path: Path, long: bool) -> None:
    [whole] = (place / "cache" / "models").iterdir()
    folder = tmp_path / "models" / whole.name
    shutil.copytree(whole, folder)
    config = Config(cache=tmp_path, precision="f32")
    right, _ = converted_model(str(tmp_path / "nowhere"), whole.name, config)
    path = folder / "model.json"
    content = path.read_bytes()
    refused = 0
    tried = range(0, len(content), 1 if long else 5)
    for at in tried:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        try:
            model, _ = converted_model(str(tmp_path / "nowhere"), whole.name, config)
            assert model == right, at
        except ModelUnavailable:
            refused += 1
    assert refused > len(tried) / 2
