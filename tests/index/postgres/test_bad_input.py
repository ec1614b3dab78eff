"""What a database can do to a store: each its message or its retry, and nothing acknowledged is lost."""

import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from index.backend import without_password
from index.errors import (
    NoPlace,
    StoreDamaged,
    StoreLocked,
    StoreMissing,
    StoreTooNew,
    StoreUnreachable,
    StoreUnwritable,
)
from index.postgres import connection, schema, words
from index.postgres.store import PostgresStore
from index.stores import open_store, repair
from index.types import Scope
from tests.conftest import Make, database_server

pytestmark = pytest.mark.slow


@contextmanager
def admin(address: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(address, autocommit=True) as opened:
        yield opened


def create(address: str, **changed: Any) -> PostgresStore:
    return PostgresStore.create(address, **{"dim": 16, "fingerprint": "fake", "settings": {}, **changed})


def has_index(store: PostgresStore) -> bool:
    """Whether words are answered by an index of them."""
    with store.reading() as (opened, _):
        return words.has_all_words(opened)


def test_a_database_without_a_store_says_how_to_make_one(address: str) -> None:
    with pytest.raises(StoreMissing, match="rag add"):
        open_store(address)


@pytest.mark.parametrize("where", ["127.0.0.1:1/db", "127.0.0.1:port/db"])
def test_a_server_that_is_not_there_is_told_without_the_password(where: str) -> None:
    with pytest.raises(StoreUnreachable) as told:
        open_store(f"postgresql://user:secret@{where}?password=hidden")
    assert "user@" in str(told.value) and "secret" not in str(told.value) and "hidden" not in str(told.value)


def test_a_server_that_goes_as_soon_as_one_is_connected_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def leave() -> None:
            with server.accept()[0] as accepted:
                accepted.recv(4096)
                accepted.sendall(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")  # let in, and ready for a statement
                accepted.recv(4096)

        threading.Thread(target=leave).start()
        with pytest.raises(StoreUnreachable, match="check the address"):
            open_store(f"postgresql://me@127.0.0.1:{server.getsockname()[1]}/db?sslmode=disable&gssencmode=disable")


def test_an_address_is_said_without_its_password() -> None:
    assert without_password("postgresql://a:b@h,g:1/d?x=1&password=c") == "postgresql://a@h,g:1/d?x=1"
    assert without_password("postgresql://h/d") == "postgresql://h/d"


def test_tables_of_another_program_are_left_alone(address: str) -> None:
    with admin(address) as opened:
        opened.execute("CREATE SCHEMA footnote; CREATE TABLE footnote.meta (a integer)")
    for use in (open_store, create):
        with pytest.raises(NoPlace, match="another program"):
            use(address)
    with admin(address) as opened:
        assert opened.execute("SELECT count(*) FROM footnote.meta").fetchone() == (0,)


@pytest.fixture
def limited(address: str) -> Iterator[str]:
    """The address of the same database for a user who is no superuser and owns nothing."""
    name, parts = f"footnote_{uuid.uuid4().hex[:8]}", urlsplit(address)
    with admin(address) as opened:
        opened.execute(f"CREATE ROLE {name} LOGIN")
    yield urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}"))
    with admin(address) as opened:
        opened.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_user_without_rights_is_told_so(address: str, limited: str) -> None:
    with admin(address) as opened:
        opened.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_textsearch")
    with pytest.raises(StoreUnwritable, match="owner"):
        create(limited)
    create(address).close()
    with pytest.raises(StoreUnwritable, match="owner"):
        open_store(limited)


def test_the_databases_owner_makes_a_store_once_a_superuser_has_made_the_extensions(address: str, limited: str) -> None:
    with admin(address) as opened:
        opened.execute(f"ALTER DATABASE {urlsplit(address).path[1:]} OWNER TO {urlsplit(limited).username}")
        with pytest.raises(StoreUnwritable, match="superuser run CREATE EXTENSION vector"):
            create(limited)
        opened.execute("CREATE EXTENSION vector")
        with create(limited) as store:
            assert not has_index(store) and not store.verify()
        opened.execute("DROP SCHEMA footnote CASCADE; CREATE EXTENSION pg_textsearch")
    with create(limited) as store:
        assert has_index(store) and not store.verify()


def test_a_server_without_the_extension_is_told_so(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_VECTOR", (99,))
    with pytest.raises(StoreUnwritable, match=r"pgvector 0\.8.*0.8 or newer"):
        create(address)
    with pytest.raises(StoreMissing):
        open_store(address)


def kill_a_process(address: str) -> None:
    """Which the server takes for a fault of its memory: it ends all others, lets nobody in meanwhile, and starts again."""
    with admin(address) as killed, admin(address) as ended:
        os.kill(killed.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            ended.execute("SELECT pg_sleep(600)")
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)


def restart(address: str) -> None:
    """As whoever looks after the server does it."""
    with admin(address) as opened:
        ((data,),) = opened.execute("SHOW data_directory").fetchall()
    programs = Path(Path(data, "postmaster.opts").read_text().split()[0]).parent
    user = "nobody" if os.geteuid() == 0 else None
    command = [programs / "pg_ctl", "restart", "-m", "fast", "-w", "-D", data]
    subprocess.run(command, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL)


def finds(store: PostgresStore, *words: str) -> bool:
    """Whether each of the words is of one passage, and the store verifies."""
    with store.read() as reader:
        return all(len(reader.matching([word], 5, Scope())[1]) == 1 for word in words) and store.verify() == []


@pytest.mark.parametrize("start_again", [kill_a_process, restart])
def test_words_are_found_when_the_server_was_started_again(
    make_document: Make, monkeypatch: pytest.MonkeyPatch, start_again: Callable[[str], None]
) -> None:
    monkeypatch.setattr("index.postgres.store.SCAN_WORDS", -1)
    with database_server() as address, create(address) as store:
        store.add(*make_document("A cat sat. On a mat."))
        assert has_index(store) and finds(store, "cat")
        for word, other in (("dog", "hen"), ("cow", "pig")):
            start_again(address)
            assert finds(store, "cat") and not has_index(store)
            with PostgresStore.open(address) as later:
                assert finds(later, "cat")
                later.add(*make_document(f"A {word} ran."))
                store.add(*make_document(f"A {other} ran."))
                assert finds(later, "cat", word, other) and finds(store, "cat", word, other)
        assert [finding.kind for finding in repair(store, [])] == ["words-index"] and repair(store, []) == []
        store.add(*make_document("A fox ran."))
        assert has_index(store) and finds(store, "cat", "dog", "hen", "cow", "pig", "fox")


def test_an_index_that_lacks_a_passage_is_made_anew(store: PostgresStore, address: str, make_document: Make) -> None:
    ready = "UPDATE pg_index SET indisready = %s WHERE indexrelid = 'footnote.passages_vector'::regclass"
    with admin(address) as opened:
        store.add(*make_document("A cat sat.", key="1"))
        opened.execute(ready, (False,))
        store.add(*make_document("A dog ran.", key="2"))
        opened.execute(ready, (True,))
    findings = store.verify()
    assert [finding.kind for finding in findings] == ["vectors-index"] and repair(store, findings) == findings
    assert store.verify() == []


def test_a_newer_format_and_a_lost_part_are_refused(store: PostgresStore, address: str) -> None:
    with admin(address) as opened:
        opened.execute("UPDATE footnote.meta SET value = '99' WHERE key = 'format'")
        with pytest.raises(StoreTooNew, match="upgrade"):
            open_store(address)
        opened.execute("UPDATE footnote.meta SET value = 'x' WHERE key = 'format'")
        with pytest.raises(StoreDamaged, match="backup"):
            open_store(address)
        opened.execute("DROP TABLE footnote.payload")
    with pytest.raises(StoreDamaged, match="rag restore"), store.read() as reader:
        reader.candidates([1])


def test_nul_becomes_a_mark_that_moves_no_position(store: PostgresStore, make_document: Make) -> None:
    made = make_document("A\0cat. On\0a mat.", key="a\0b", title="T\0", source="s\0", metadata={"k\0": ["v\0", 1]})
    document = store.add(*made).document
    assert (
        store.add(*made).outcome == "skipped"
        and store.unchanged("default", "a\0b", document.content_sha256) == document
    )
    with store.read() as reader:
        assert reader.text(document.id) == "A\ufffdcat. On\ufffda mat." and document.key == "a\ufffdb"
        assert reader.find("s\0") == reader.find("s\ufffd") == [document]
        assert document.metadata == {"k\ufffd": ["v\ufffd", 1]}
        assert len(reader.nearest(made[1][0].vector, 5, Scope(where={"k\0": ["v\0"]}))[1]) == 1
    assert store.verify() == []


def test_a_cancelled_statement_changes_nothing_and_is_told(
    store: PostgresStore, address: str, make_document: Make
) -> None:
    with admin(address) as other, other.transaction():
        other.execute("LOCK TABLE footnote.documents")
        cancel = threading.Thread(target=cancel_writers, args=(address,))
        cancel.start()
        with pytest.raises(StoreLocked, match="cancelled"):
            store.add(*make_document("A cat."))
        cancel.join()
    assert store.add(*make_document("A cat.")).outcome == "added" and store.verify() == []


def cancel_writers(address: str) -> None:
    query = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with admin(address) as opened:
        while not opened.execute(query).fetchall():
            time.sleep(0.05)


def test_a_pool_that_runs_dry_is_told_and_recovers(
    address: str, monkeypatch: pytest.MonkeyPatch, make_document: Make
) -> None:
    monkeypatch.setattr(connection, "_CONNECTIONS", 1)
    with create(address) as store:
        store.lock_timeout_s = 0.5
        with store.read(), pytest.raises(StoreUnreachable, match="all 1 connections"):
            store.add(*make_document("A cat."))
        assert store.add(*make_document("A cat.")).outcome == "added"


def test_a_full_disk_is_told_as_such() -> None:
    from index.errors import StoreFull
    from index.postgres.errors import store_error

    told = store_error(psycopg.errors.DiskFull("could not extend file: No space left on device"), "there")
    assert isinstance(told, StoreFull) and "No space left" in str(told)


@pytest.mark.parametrize("committed", [False, True])
def test_a_server_that_goes_away_in_commit_is_asked_what_became_of_it(
    store: PostgresStore, make_document: Make, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    kept = store.add(*make_document("Kept.", key="kept")).document
    lost: list[bool] = []
    plain = psycopg.Transaction._commit_gen

    def losing(transaction: psycopg.Transaction) -> Iterator[Any]:
        if not lost and threading.current_thread() is threading.main_thread():
            lost.append(True)
            if committed:
                yield from plain(transaction)
            transaction.connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        yield from plain(transaction)

    monkeypatch.setattr(psycopg.Transaction, "_commit_gen", losing)
    change = store.add(*make_document("A cat.", key="new"))
    assert (change.outcome, len(lost)) == ("added", 1)
    lost.clear()
    receipt = store.delete(kept.id)
    assert (receipt.passages, receipt.remaining, len(lost)) == (1, 0, 1)
    with store.read() as reader:
        assert [document.key for document in reader.documents()] == ["new"] and reader.generation == 3
    assert store.verify() == []


def test_connections_that_the_server_ended_are_replaced(
    store: PostgresStore, address: str, make_document: Make
) -> None:
    store.add(*make_document("A cat.", key="1"))
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with admin(address) as opened:
        opened.execute(end)
        with store.read() as reader:
            assert reader.counts() == (1, 1)
        opened.execute(end)
        assert store.add(*make_document("A dog.", key="2")).outcome == "added"
    assert store.verify() == []
