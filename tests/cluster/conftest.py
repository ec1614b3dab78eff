"""One cluster for all tests, each with a database in which no store is."""

from collections.abc import Iterator

import pytest

from tests.cluster.nodes import Cluster, cluster, wait_for


@pytest.fixture(scope="session")
def started() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture
def nodes(started: Cluster) -> Cluster:
    wait_for(started.is_whole, "a whole cluster")
    node = started.primary()
    assert node is not None
    with started.connected(node) as opened:
        opened.execute("DROP SCHEMA IF EXISTS footnote CASCADE")
    return started
