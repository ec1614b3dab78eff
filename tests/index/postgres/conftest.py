"""A store in a database of its own."""

from collections.abc import Callable, Iterator

import pytest

from index.postgres.store import PostgresStore


@pytest.fixture
def address(databases: Callable[[], str]) -> str:
    """Of a new, empty database."""
    return databases()


@pytest.fixture
def store(address: str) -> Iterator[PostgresStore]:
    """A new store for the fake embedder's vectors, closed after the test."""
    with PostgresStore.create(address, dim=16, fingerprint="fake", settings={"model": "fake"}) as made:
        yield made
