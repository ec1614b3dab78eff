"""Milvus as a view of the passages, which proposes candidates for both lists where PostgreSQL's own indexes have grown too large.

PostgreSQL stays the truth, and nothing that was acknowledged depends on the view. Each process that answers questions keeps it up
to date from the log, one at a time. How far that went stands in PostgreSQL, so that each snapshot knows what the view may lack:
passages of documents that changed since are candidates too, and ids that the snapshot does not have are left out by whoever asked.
Where Milvus is away, empty or too far behind, PostgreSQL's indexes propose instead.
"""

import hashlib
import json
import logging
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
from grpc import RpcError
from pymilvus import DataType, Function, FunctionType, MilvusClient
from pymilvus.exceptions import MilvusException

from index.errors import StoreError, StoreUnreachable
from index.postgres.connection import LOCK_SPACE, VIEW_LOCK, Connection, Database, value_of
from index.postgres.errors import translated
from index.postgres.words import words_of
from index.types import Floats

logger = logging.getLogger(__name__)

_FAILURES = (MilvusException, RpcError, ValueError)  # the last of a channel that is closed meanwhile
_TIMEOUT_S = 2.0  # of a search
_LONG_TIMEOUT_S = 60.0  # of anything else
_AWAY_S = 10.0  # after a failure nobody asks for so long
_EVERY_S = 5.0
_SETTLED_S = 6.0  # Milvus promises that its "bounded" reads see what was written 5 seconds before
# What is gone stays for so long: a standby that is behind still has it, and not yet what came in its place.
_KEPT_S = 60.0
_LATE = 2_000  # changes that the view lacks, and passages of them, up to which it is asked
_NARROWED = 10_000  # documents that a scope may name
_TOGETHER = 500
_MOST_WORDS = 65_000  # characters, of the 65,535 bytes that a field may have


class _State(NamedTuple):
    """What a snapshot knows of the view: changes up to put are in it, and what those up to dropped took away is not.

    name: of the collection in Milvus, which begins with prefix in those of this store.
    """

    prefix: str
    name: str
    dim: int
    generation: int
    put: int
    dropped: int


class MilvusView:
    """Candidates from Milvus, by the seam ``nearest``, ``matching``, ``put`` and ``drop``."""

    def __init__(self, address: str, database: Database) -> None:
        """address: ``http(s)://[user:password@]host:port``.  Connects when first asked.  Raises StoreUnreachable."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StoreUnreachable("milvus= in the database's address must be like http://milvus.example:19530")
        self.place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._token = parts.netloc.rpartition("@")[0]
        self._database = database
        self._client: MilvusClient | None = None
        self._lock = Lock()
        self._follower: Thread | None = None
        self._stop = Event()
        self._away_until = self._next_round = 0.0
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # each failure is told here, once

    def nearest(
        self, connection: Connection, collection: str, documents: Sequence[int] | None, vector: Floats, n: int
    ) -> list[int] | None:
        """Ids that may be among the n nearest of a collection or of some of its documents; None: ask PostgreSQL."""
        return self._proposed(connection, collection, documents, "vector", vector.astype(np.float32), n)

    def matching(
        self, connection: Connection, collection: str, documents: Sequence[int] | None, words: str, n: int
    ) -> list[int] | None:
        """As ``nearest``, for words as ``words_of`` writes them."""
        return self._proposed(connection, collection, documents, "words", words, n)

    def put(self, name: str, passages: Sequence[tuple[int, int, str, str, bytes, bytes]]) -> None:
        """Passages as (id, number and id of the document, collection, vector float16 packed, terms uint32 packed)."""
        rows = [
            {
                "id": passage,
                "document": number,
                "document_id": document_id,
                "collection": _hashed(collection),
                "vector": np.frombuffer(vector, dtype="<f2").astype(np.float32),
                "hashes": words_of(terms)[:_MOST_WORDS],
            }
            for passage, number, document_id, collection, vector, terms in passages
        ]
        self._connected().upsert(name, rows, timeout=_LONG_TIMEOUT_S)

    def drop(self, name: str, document_id: str, live: Sequence[int]) -> None:
        """What the view has of a document, but for these passages."""
        kept = f" and id not in {list(live)}" if live else ""
        self._connected().delete(name, filter=f'document_id == "{document_id}"{kept}', timeout=_LONG_TIMEOUT_S)

    def follow(self) -> bool:
        """Bring the view up to date with the store; False where another process is at it.  Raises StoreError, MilvusException."""
        with translated(self._database.place), self._database.connected() as connection:
            if not value_of(connection, "SELECT pg_try_advisory_lock(%s, %s)", (LOCK_SPACE, VIEW_LOCK)):
                return False
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                state = _read_state(connection)
                state = self._begun(state)
                dropped = self._put_changes(connection, state)
                whole = dropped < state.generation or self._counted(connection, state.name)
            if state.generation > state.put:
                self._stop.wait(_SETTLED_S)
            written = {"name": state.name, "put": state.generation, "dropped": dropped}
            if not whole:
                logger.warning("Milvus at %s has lost passages or has too many: it is filled again", self.place)
                written = {}
            connection.execute(
                "INSERT INTO meta VALUES ('view', %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (json.dumps(written),),
            )
            return True

    def close(self) -> None:
        """End what goes on in the background: the next process begins there again."""
        self._stop.set()
        if self._follower is not None:
            self._follower.join()
        if self._client is not None:
            self._client.close()

    def _proposed(
        self,
        connection: Connection,
        collection: str,
        documents: Sequence[int] | None,
        field: str,
        asked: object,
        n: int,
    ) -> list[int] | None:
        now = time.monotonic()
        state = _read_state(connection)
        if state.dropped < state.generation and now >= self._next_round:
            self._follow_later()
        if now < self._away_until or not state.put or state.generation - state.put > _LATE:
            return None
        late: list[int] = []
        if state.generation > state.put:
            rows = connection.execute(
                "SELECT p.id FROM passages p JOIN documents d ON d.number = p.document WHERE d.id IN"
                " (SELECT document_id FROM log WHERE sequence > %s) LIMIT %s",
                (state.put, _LATE + 1),
            ).fetchall()
            late = [row[0] for row in rows]
        if len(late) > _LATE or len(documents or ()) > _NARROWED:
            return None
        within = f"collection == {_hashed(collection)}" if documents is None else f"document in {list(documents)}"
        try:
            (hits,) = self._connected().search(
                state.name,
                [asked],
                filter=within,
                limit=n,
                anns_field=field,
                search_params={"metric_type": "BM25" if field == "words" else "IP"},
                consistency_level="Bounded",
                timeout=_TIMEOUT_S,
            )
        except _FAILURES as error:
            self._told(error)
            return None
        return [*{*(hit["id"] for hit in hits), *late}]

    def _begun(self, state: _State) -> _State:
        """The state with a collection that is there: a new one, of a new name, where it was lost or never filled."""
        own = [name for name in self._connected().list_collections() if name.startswith(state.prefix)]
        if state.put and state.name in own:
            return state
        for name in own:
            self._connected().drop_collection(name, timeout=_LONG_TIMEOUT_S)
        begun = state._replace(name=f"{state.prefix}_{secrets.token_hex(4)}", put=0, dropped=0)
        self._create(begun.name, begun.dim)
        return begun

    def _put_changes(self, connection: Connection, state: _State) -> int:
        """Put what changed since, and drop what is gone for long enough; the change up to which that is done."""
        changed = "" if not state.put else " WHERE d.id IN (SELECT document_id FROM log WHERE sequence > %(put)s)"
        with connection.cursor(name="passages", binary=True) as cursor:
            cursor.itersize = _TOGETHER
            cursor.execute(
                "SELECT p.id, d.number, d.id, d.collection, e.vector, e.terms FROM passages p JOIN documents d"
                f" ON d.number = p.document JOIN payload e ON e.passage = p.id{changed}",
                {"put": state.put},
            )
            while (rows := cursor.fetchmany(_TOGETHER)) and not self._stop.is_set():
                self.put(state.name, rows)
        if self._stop.is_set():
            raise StoreError("the store was closed before the view was up to date")
        if not state.put:
            return state.generation
        before = (datetime.now(UTC) - timedelta(seconds=_KEPT_S)).isoformat(timespec="seconds")
        query = "SELECT coalesce(max(sequence), 0) FROM log WHERE at <= %s"
        until: int = max(state.dropped, value_of(connection, query, (before,)))
        query = (
            "SELECT l.document_id, (SELECT array_agg(p.id) FROM documents d JOIN passages p ON p.document = d.number"
            " WHERE d.id = l.document_id) FROM log l WHERE l.sequence > %s GROUP BY l.document_id HAVING max(l.sequence) <= %s"
        )
        for document_id, live in connection.execute(query, (state.dropped, until)).fetchall():
            self.drop(state.name, document_id, live or [])
        return until

    def _counted(self, connection: Connection, name: str) -> bool:
        """Whether the view has as many passages as the store."""
        n_passages = value_of(connection, "SELECT coalesce(sum(n_passages), 0) FROM collections")
        counted = self._connected().query(
            name, output_fields=["count(*)"], consistency_level="Strong", timeout=_LONG_TIMEOUT_S
        )
        return bool(n_passages == counted[0]["count(*)"])

    def _create(self, name: str, dim: int) -> None:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("document", DataType.INT64)
        schema.add_field("document_id", DataType.VARCHAR, max_length=64)
        schema.add_field("collection", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        analyzer = {"tokenizer": "whitespace"}
        schema.add_field("hashes", DataType.VARCHAR, max_length=65_535, enable_analyzer=True, analyzer_params=analyzer)
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(Function("bm25", FunctionType.BM25, ["hashes"], ["words"]))
        indexes = MilvusClient.prepare_index_params()
        indexes.add_index("vector", "AUTOINDEX", metric_type="IP")
        indexes.add_index("words", "SPARSE_INVERTED_INDEX", metric_type="BM25", params={"bm25_k1": 1.2, "bm25_b": 0.75})
        self._connected().create_collection(name, schema=schema, index_params=indexes, timeout=_LONG_TIMEOUT_S)

    def _connected(self) -> MilvusClient:
        with self._lock:
            if self._client is None:
                self._client = MilvusClient(self.place, token=self._token, timeout=_TIMEOUT_S)
            return self._client

    def _follow_later(self) -> None:
        with self._lock:
            if self._follower is not None and self._follower.is_alive():
                return
            self._next_round = time.monotonic() + _EVERY_S
            self._follower = Thread(target=self._follow_quietly, name="milvus", daemon=True)
            self._follower.start()

    def _follow_quietly(self) -> None:
        try:
            self.follow()
        except _FAILURES as error:
            self._told(error)
        except StoreError as error:
            logger.warning("%s", error)

    def _told(self, error: Exception) -> None:
        self._away_until = time.monotonic() + _AWAY_S
        logger.warning(
            "Milvus at %s does not answer, PostgreSQL does: %s", self.place, getattr(error, "message", error)
        )


def _read_state(connection: Connection) -> _State:
    rows = connection.execute(
        "SELECT key, value FROM meta WHERE key IN ('instance', 'dim', 'view')"
        " UNION ALL SELECT 'generation', coalesce(max(sequence), 0)::text FROM log"
    ).fetchall()
    meta: dict[str, str] = dict(rows)
    prefix = "footnote_" + meta["instance"].replace("-", "")
    view = json.loads(meta.get("view", "{}"))
    name, put, dropped = view.get("name", ""), view.get("put", 0), view.get("dropped", 0)
    return _State(prefix, name, int(meta["dim"]), int(meta["generation"]), put, dropped)


def _hashed(collection: str) -> int:
    """A number for a name: Milvus filters by it, and PostgreSQL looks at the name itself."""
    return int.from_bytes(hashlib.sha256(collection.encode()).digest()[:8], "big", signed=True)
