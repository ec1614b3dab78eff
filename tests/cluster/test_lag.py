"""A standby that is behind: whoever asks for a change waits for it or is sent to another node, and never gets an older answer."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from index.errors import StoreBehind
from rag.service import Service
from rag.shared.config import Config
from rag.shared.types import Query
from tests.cluster.nodes import NODES, Cluster, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def paint(service: Service, colour: str) -> int:
    """Say in the document which colour the bridge has; gives the number of the change."""
    text = f"The bridge over the river was painted {colour}."
    service.intake.add_text(title=None, text=text, source="bridge", metadata={})
    with service.store.read() as reader:
        return reader.generation


def colour(service: Service, min_generation: int | None = None) -> str:
    answer = service.ask(Query("Which colour has the bridge over the river?", min_generation=min_generation))
    return answer.passages[0].text.split()[-1].rstrip(".")


def standby(nodes: Cluster, *, synchronous: bool) -> int:
    primary = nodes.primary()
    found = [node for node in NODES if node != primary and nodes.is_synchronous(node) is synchronous]
    return found[0]


@contextmanager
def paused(nodes: Cluster, node: int) -> Iterator[None]:
    """Within the block a standby applies nothing, whatever it receives. Its Patroni, which would end that, sleeps."""
    patroni = nodes.patroni[node]
    assert patroni is not None
    patroni.send_signal(signal.SIGSTOP)
    try:
        with nodes.connected(node) as opened:
            opened.execute("SELECT pg_wal_replay_pause()")
            state = "SELECT pg_get_wal_replay_pause_state()"
            wait_for(lambda: opened.execute(state).fetchone() == ("paused",), "the pause")
        yield
    finally:
        patroni.send_signal(signal.SIGCONT)


def test_a_standby_that_is_behind_answers_only_who_asks_for_no_change(nodes: Cluster) -> None:
    behind = standby(nodes, synchronous=False)
    others = [node for node in NODES if node != behind]
    with ExitStack() as stack:
        writer = stack.enter_context(Service.open_or_create(nodes.address, Config.from_environment()))
        before = paint(writer, "red")
        alone, several = (
            stack.enter_context(Service.open(nodes.address_of(asked) + "?target_session_attrs=prefer-standby"))
            for asked in ([behind], [behind, *others])
        )
        wait_for(lambda: alone.store.reached(before), "the document at the standby")
        with paused(nodes, behind):
            after = paint(writer, "blue")
            assert after > before
            assert (colour(alone), colour(several)) == ("red", "red")
            with pytest.raises(StoreBehind):
                colour(alone, after)
            assert colour(several, after) == "blue"
            assert colour(several) == "blue", "it was older than an answer before"
        wait_for(lambda: alone.store.reached(after), "the change at the standby")
        assert colour(alone, after) == colour(alone) == "blue"


def test_a_standby_whose_replay_is_paused_is_promoted_with_all_that_it_received(nodes: Cluster, long: bool) -> None:
    if not long:
        pytest.skip("waits until the primary's lease has ended: --long")
    with ExitStack() as stack:
        writer = stack.enter_context(Service.open_or_create(nodes.address, Config.from_environment()))
        writer.store.lock_timeout_s = 90.0  # type: ignore[attr-defined]
        paint(writer, "red")
        promoted = standby(nodes, synchronous=True)
        killed = nodes.primary()
        assert killed is not None
        changes: list[int] = []
        change = threading.Thread(target=lambda: changes.append(paint(writer, "green")))
        with paused(nodes, promoted):
            change.start()
            change.join(3)
            assert change.is_alive(), "it was acknowledged before the synchronous standby had applied it"
            nodes.kill(killed)
        wait_for(lambda: nodes.primary() == promoted, "its promotion")
        change.join(60)
        service = stack.enter_context(Service.open(nodes.address_of([promoted])))
        assert changes and colour(service, changes[0]) == "green"
        with service.store.read() as reader:
            assert reader.counts() == (1, 1)
        assert service.store.verify() == []
        nodes.start_node(killed)
        wait_for(nodes.is_whole, "the node to come back")
