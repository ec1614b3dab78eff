"""The same passages in the same order as a directory's store, with every list taken from the engine's indexes.

With ``FOOTNOTE_TEST_GOLD=FOLDER``, a gold set in the BEIR layout, 400 of its questions are asked; else some of a few documents that
are made here.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.sets.corpora import open_folder
from eval.sets.gold import read_folder
from index.postgres.store import PostgresStore
from index.postgres.words import has_all_words
from index.stores import restore
from rag.answer.cache import AnswerCache
from rag.service import Service
from rag.shared.config import Config
from rag.shared.types import Incoming, Query
from tests.index.conftest import is_filled
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.model]
WORDS = "harbour ship captain storm cargo light river winter engine map island trade coal letter sailor".split()


@contextmanager
def corpus(folder: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """The place of a directory's store, and questions to it."""
    if gold := os.environ.get("FOOTNOTE_TEST_GOLD"):
        questions = [question.text for question in read_folder(Path(gold)).questions]
        with open_folder(Path(gold), Config.from_environment(), print) as service:
            place = Path(service.place)
        yield place, random.Random(0).sample(questions, min(400, len(questions)))
        return
    rng = random.Random(0)
    made = [" ".join(rng.choices(WORDS, k=12)).capitalize() + "." for _ in range(400)]
    with Service.create(folder / "store", Config()) as service:
        service.intake.add_documents(
            Incoming(key=f"{n}", title=f"Note {n}", text=" ".join(made[n : n + 8])) for n in range(0, 400, 8)
        )
    yield folder / "store", [f"what of the {' '.join(rng.sample(WORDS, 3))}?" for _ in range(20)]


def test_lists_from_the_engine_end_in_the_same_ten(
    databases: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, milvus: Any
) -> None:
    with corpus(tmp_path) as (place, questions):
        address = databases()
        restore(place, address)
        with Service.open(place) as local, Service.open(f"{address}?milvus={milvus.address}") as service:
            store = service.store
            assert isinstance(store, PostgresStore)
            with store.reading() as (opened, _):
                assert has_all_words(opened)
            view = store.searching.view
            wait_until(lambda: is_filled(view))
            different = []
            for by, searching in {
                "scan": replace(store.searching, view=None),
                "PostgreSQL": replace(store.searching, view=None, scan_vectors=-1, scan_words=-1),
                "Milvus": replace(store.searching, scan_vectors=-1, scan_words=-1),
            }.items():
                store.searching = searching
                service._answers = AnswerCache()  # without what was answered before
                for question in questions:
                    query = Query(question, k=10)
                    lists = [
                        [(one.document.id, one.citation.span, round(one.score, 5)) for one in asked.ask(query).passages]
                        for asked in (local, service)
                    ]
                    if lists[0] != lists[1]:
                        different.append((by, question))
                others = sum(one == by for one, _ in different)
                print(f"{len(questions) - others} of {len(questions)} lists of ten by {by} are the same")
            assert different == []
