"""What the reliability tests do to a store, and what must be in it afterwards: a dictionary beside the real thing.

The n-th operation of a seed is always the same, whatever happened before, so that whoever knows which ones were acknowledged
knows what the store must hold.
"""

import hashlib
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from index.errors import DocumentNotFound
from index.local.database.rows import document_id
from index.local.store import Store
from index.local.upkeep import snapshot
from index.local.upkeep.repair import repair
from index.types import Floats, NewDocument, NewPassage, Scope, Span

DIM = 8
KINDS = ("add", "delete", "checkpoint", "snapshot", "restore", "repair")
WEIGHTS = (60, 15, 12, 5, 5, 3)

State = dict[str, str]  # key -> the word that stands in each of the document's passages


class Violation(AssertionError):
    """A promise was not kept."""


class Operation(NamedTuple):
    kind: str
    key: str
    word: str
    n_passages: int


def operation(seed: int, number: int) -> Operation:
    """The n-th operation of a seed."""
    rng = random.Random(f"{seed} {number}")
    kind = rng.choices(KINDS, WEIGHTS)[0]
    return Operation(kind, f"k{rng.randrange(12)}", f"w{number}", rng.choice((1, 1, 2, 3, 9)))


def embed(text: str) -> Floats:
    digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=np.int32)[:DIM].astype(np.float32)
    unit: Floats = digest / np.linalg.norm(digest)
    return unit


def document(key: str, word: str, n_passages: int) -> tuple[NewDocument, list[NewPassage]]:
    """A document whose passages each hold its word."""
    sentence = f"Passage of {word} here."
    text = " ".join([sentence] * n_passages)
    step = len(sentence) + 1
    spans = [Span(first * step, first * step + len(sentence)) for first in range(n_passages)]
    passages = [
        NewPassage(span, (span,), key, (), None, embed(f"{word} {span}"), embed(f"{word} {span} s")[None])
        for span in spans
    ]
    return NewDocument("default", key, f"Title {key}", word, text, word, {"word": word}), passages


def create(path: Path) -> None:
    Store.create(path, dim=DIM, fingerprint="fake", settings={"model": "fake"}).close()


def perform(store: Store, step: Operation, saved: Path) -> Store:
    """Carry out an operation, and return the store, opened again where it was replaced. saved: of the last snapshot."""
    if step.kind == "add":
        store.add(*document(step.key, step.word, step.n_passages))
    elif step.kind == "delete":
        try:
            receipt = store.delete(document_id("default", step.key))
            assert receipt.remaining == 0
        except DocumentNotFound:
            pass
    elif step.kind == "checkpoint":
        store.checkpoint()
    elif step.kind == "snapshot":
        fresh = saved.with_name(saved.name + ".fresh")
        shutil.rmtree(fresh, ignore_errors=True)
        snapshot.take(store, fresh)
        shutil.rmtree(saved, ignore_errors=True)
        fresh.rename(saved)
    elif step.kind == "restore" and saved.exists():
        store.close()
        snapshot.restore(saved, store.path, overwrite=True)
        return Store.open(store.path)
    elif step.kind == "repair":
        repair(store, store.verify())
    return store


def apply(state: State, step: Operation, saved: State | None) -> State:
    """What an operation makes of a state."""
    if step.kind == "add":
        return {**state, step.key: step.word}
    if step.kind == "delete":
        return {key: word for key, word in state.items() if key != step.key}
    if step.kind == "restore" and saved is not None:
        return dict(saved)
    return state


def observed(store: Store) -> State:
    """What a store holds, after checking that each document is whole and found by words, by vectors and in no other way."""
    return observed_at(store)[0]


def observed_at(store: Store) -> tuple[State, int]:
    """The same, with the generation in which it is so."""
    state: State = {}
    n_passages = 0
    with store.read() as reader:
        for stored in reader.documents(limit=100_000):
            word = stored.source or ""
            text = reader.text(stored.id)
            assert text == " ".join([f"Passage of {word} here."] * stored.n_passages), (stored, text)
            _, ids = reader.matching([word], 100, Scope())
            passages = reader.passages(np.sort(ids))
            assert len(passages) == stored.n_passages and {passage.document_id for passage in passages} == {stored.id}
            for passage in passages:
                vector = embed(f"{word} {passage.span}")
                scores, nearest = reader.nearest(vector, 1, Scope())
                assert nearest.tolist() == [passage.id] and abs(scores[0] - 1) < 0.01
            state[stored.key] = word
            n_passages += stored.n_passages
        everything = reader.nearest(embed("q"), 100_000, Scope())[1]
        assert len(everything) == n_passages == len(reader.matching(["passag"], 100_000, Scope())[1])
    return state, reader.generation
