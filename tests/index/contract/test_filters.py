"""Which documents a condition on metadata lets a search see: values, and ranges of numbers and dates."""

from pathlib import Path
from typing import Any

import pytest

from index.backend import Store
from index.types import DOCUMENT_IDS, Excluded, Range, Scope

pytestmark = pytest.mark.medium

META: dict[str, dict[str, Any]] = {
    "a": {"date": "2024-12-31", "year": 2024, "size": 9.5, "tag": ["x", "y"]},
    "b": {"date": "2025-03-01", "year": "2025", "size": "10", "tag": "y"},
    "c": {"date": "2025-03", "year": 2026, "size": -3},
    "d": {"date": "2025", "size": 1e-05, "year": "unknown"},
    "e": {"date": "spring", "size": "1.2.3", "year": None, "version": "2..3", "odd": "9" * 500},
    "f": {"date": "2026-01-01T08:30", "size": 1e20, "isbn": "978-3-16", "odd": "-1e-400"},
    "g": {"odd": "1e400"},
}


@pytest.fixture
def store(empty_store: Store, make_document: Any) -> Store:
    for key, metadata in META.items():
        empty_store.add(*make_document(f"Document {key}.", key=key, title=key, metadata=metadata))
    return empty_store


def allowed_by(store: Store, fake_embed: Any, **where: Any) -> str:
    scope = Scope(where=where)
    with store.read() as reader:
        _, ids = reader.nearest(fake_embed("x"), 50, scope)
        _, matched = reader.matching(["document"], 50, scope)
        titles = {document.title for document in reader.documents_of(ids).values()}
        assert titles == {document.title for document in reader.documents_of(matched).values()}
    return "".join(sorted(titles))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "condition", "expected"),
    [
        ("tag", ["x"], "a"),
        ("tag", ["x", "y"], "ab"),
        ("year", ["2025"], "b"),
        ("year", Range(gte="2025"), "bc"),
        ("year", Range(gt="2025"), "c"),
        ("year", Range(lt="2025.5"), "ab"),
        ("year", Range(gte="2024", lte="2025"), "ab"),
        ("size", Range(gte="0"), "abdf"),
        ("size", Range(lt="0"), "c"),
        ("size", Range(gt="9.5"), "bf"),
        ("size", Range(lte="1e-5"), "cd"),
        ("size", Range(gte="-3", lt="10"), "acd"),
        ("date", Range(gte="2025"), "bcdf"),
        ("date", Range(gte="2025", lte="2025"), "bcd"),
        ("date", Range(gt="2025"), "f"),
        ("date", Range(lt="2025"), "a"),
        ("date", Range(gte="2025-03-01"), "bf"),
        ("date", Range(gte="2025-03", lt="2025-04"), "bc"),
        ("date", Range(lte="2025-03-01"), "abcd"),
        ("date", Range(gt="2026-01-01"), ""),
        ("date", Range(lte="2026-01-01"), "abcdf"),
        ("isbn", Range(gte="0"), ""),
        ("odd", Range(gt="1"), "eg"),
        ("odd", Range(lte="0", gt="-1e400"), "f"),
        ("nothing", Range(gte="0"), ""),
        ("tag", Excluded(["x"]), "bcdefg"),
        ("tag", Excluded(["x", "y"]), "cdefg"),
        ("nothing", Excluded(["x"]), "abcdefg"),
    ],
)
def test_a_condition_lets_through_what_it_says(
    store: Store, fake_embed: Any, key: str, condition: Any, expected: str
) -> None:
    assert allowed_by(store, fake_embed, **{key: condition}) == expected


def test_conditions_of_several_keys_hold_together(store: Store, fake_embed: Any) -> None:
    assert allowed_by(store, fake_embed, date=Range(gte="2025"), size=Range(gt="0"), year=["2025", "2026"]) == "b"


@pytest.mark.parametrize("condition", [Range(), Range(gte="spring"), Range(gte="2025-01-01", lt="7.5"), Range(lt="")])
def test_a_range_that_compares_nothing_is_refused(store: Store, fake_embed: Any, condition: Range) -> None:
    with pytest.raises(ValueError, match="bound|compared"):
        allowed_by(store, fake_embed, date=condition)


def test_what_a_range_says_is_never_sql(store: Store, fake_embed: Any, tmp_path: Path) -> None:
    assert allowed_by(store, fake_embed, **{"date' OR 1=1 --": Range(gte="2025")}) == ""


def test_documents_are_chosen_by_their_ids(store: Store, fake_embed: Any) -> None:
    with store.read() as reader:
        ids = {document.title: document.id for document in reader.documents()}
    assert allowed_by(store, fake_embed, **{DOCUMENT_IDS: [ids["a"], ids["c"], "none"]}) == "ac"
    assert allowed_by(store, fake_embed, **{DOCUMENT_IDS: [ids["a"], ids["c"]], "tag": ["x"]}) == "a"
    assert allowed_by(store, fake_embed, **{DOCUMENT_IDS: ["none"]}) == ""
