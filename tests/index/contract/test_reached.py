"""A store says whether it has a change."""

from typing import Any

from index.backend import Place, Store
from index.stores import open_store


def test_a_store_has_its_changes_and_no_later_ones(empty_store: Store, place: Place, make_document: Any) -> None:
    with open_store(place) as other:
        assert other.reached(0) and not other.reached(1)
        empty_store.add(*make_document("The board met on Monday."))
        with empty_store.read() as reader:
            generation = reader.generation
        assert generation > 0
        assert other.reached(generation) and not other.reached(generation + 1)
        with other.read() as reader:
            assert reader.generation >= generation
