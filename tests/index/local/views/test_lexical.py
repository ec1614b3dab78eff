"""The analyzer, and the lexical index by itself."""

import time
from pathlib import Path

import numpy as np
import pytest

from index.local.views.lexical import LexicalIndex, LexicalRow, analyze


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The Cats were running!", ["the", "cat", "were", "run"]),
        ("naïve Straße İstanbul", ["naiv", "strass", "istanbul"]),
        ("cafe\u0301 ﬁne １２", ["cafe", "fine", "12"]),
        ("can't e-mail 3.14", ["can", "t", "e", "mail", "3", "14"]),
        ("東京都に住む", ["東京", "京都", "都に", "に住", "住む"]),
        ("木", ["木"]),
        ("iPhone用ケース", ["iphone", "用ケ", "ケー", "ース"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("МИР", ["мир"]),
        ("", []),
        ("... --- !!!", []),
        ("a" * 61 + " b", ["b"]),
    ],
)
def test_text_is_cut_into_terms(text: str, terms: list[str]) -> None:
    assert analyze(text) == terms


def test_a_long_run_without_blanks_is_kept_as_pairs() -> None:
    assert len(analyze("東" * 500)) == 499


def rows(*passages: tuple[int, list[int]]) -> list[LexicalRow]:
    return [LexicalRow(i, i, "default", np.array(terms, dtype="<u4").tobytes()) for i, terms in passages]


def test_extending_leaves_the_old_value_as_it_was() -> None:
    old = LexicalIndex.in_memory(rows((1, [7, 7]), (2, [8])))
    new = old.extended(rows((3, [7])))
    assert old.search({7: 1.0}, 9, None, None)[1].tolist() == [1]
    assert sorted(new.search({7: 1.0}, 9, None, None)[1].tolist()) == [1, 3]
    assert (old.n_passages, old.n_terms, new.n_passages, new.n_terms) == (2, 3, 3, 4)
    assert (old.ids().tolist(), new.ids().tolist(), new.ids([3, 4]).tolist()) == ([1, 2], [1, 2, 3], [3])


def test_a_saved_index_opens_with_the_same_scores(tmp_path: Path) -> None:
    saved = LexicalIndex.create(tmp_path, rows(*((i, [i % 5] * (i % 7 + 1)) for i in range(1, 300))))
    opened = LexicalIndex.open(tmp_path, saved.n_passages, saved.n_terms)
    for same in zip(*(index.search({3: 1.5, 4: 0.5}, 50, "default", None) for index in (saved, opened)), strict=True):
        np.testing.assert_array_equal(*same)


def test_an_index_that_was_made_writes_nothing_later_by_itself(tmp_path: Path) -> None:
    """Its directory may be removed any time: a file that appears meanwhile would keep it there."""
    made = LexicalIndex.create(tmp_path, rows((1, [7])))
    for lock in tmp_path.glob("*.lock"):
        lock.unlink()
    time.sleep(1)  # twice as long as the engine waits between two looks at its directory
    assert list(tmp_path.glob("*.lock")) == []
    assert made.ids().tolist() == [1]
