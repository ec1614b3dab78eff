"""Each planted fault is found under its name; healthy stores are silent."""

import pytest

from index.local.checkpoint.manifest import read_manifest
from index.local.store import Store
from index.local.upkeep.repair import repair
from tests.conftest import Make
from tests.index.tampering import change_rows

pytestmark = pytest.mark.medium


FAULTS = {
    "text": "UPDATE texts SET text = replace(text, 'mat', 'hat') WHERE document = 1",
    "text emptied": ("text", "UPDATE texts SET text = '' WHERE document = 3"),
    "text-length": "UPDATE documents SET n_characters = n_characters + 1 WHERE number = 1",
    "text-missing": "DELETE FROM texts WHERE document = 1",
    "document-id": "UPDATE documents SET key = 'other' WHERE number = 1",
    "metadata": "UPDATE documents SET metadata = '{' WHERE number = 1",
    "filters": "DELETE FROM metadata WHERE document = 1",
    "filter added": ("filters", "INSERT INTO metadata VALUES (2, 'a', 'x')"),
    "passage-order": "UPDATE passages SET ordinal = 7 WHERE id = 1",
    "passage missing": ("passage-order", "DELETE FROM passages WHERE id = 2; DELETE FROM embeddings WHERE passage = 2"),
    "passage-text": "UPDATE passages SET text = text || '!' WHERE id = 1",
    "passage moved": ("sentences", 'UPDATE passages SET "end" = "end" - 1 WHERE id = 2'),
    "section": "UPDATE passages SET section = '{}' WHERE id = 1",
    "section cut": ("section", "UPDATE passages SET section = '[' WHERE id = 1"),
    "sentences": "UPDATE passages SET sentences = x'0900000001000000' WHERE id = 1",
    "sentences cut": ("sentences", "UPDATE passages SET sentences = x'09' WHERE id = 1"),
    "embedding": "DELETE FROM embeddings WHERE passage = 2",
    "vector": "UPDATE embeddings SET vector = zeroblob(32) WHERE passage = 1",
    "vector cut": ("vector", "UPDATE embeddings SET vector = zeroblob(30) WHERE passage = 1"),
    "vector not finite": (
        "vector",
        "UPDATE embeddings SET vector = CAST(x'007e' || zeroblob(30) AS BLOB) WHERE passage = 1",
    ),
    "sentence-vectors": "UPDATE embeddings SET sentence_vectors = x'' WHERE passage = 1",
    "word-signs": "UPDATE embeddings SET word_signs = x'' WHERE passage = 1",
    "word counts": ("word-signs", "UPDATE embeddings SET word_counts = x'' WHERE passage = 1"),
    "terms": "UPDATE embeddings SET terms = zeroblob(length(terms)) WHERE passage = 1",
    "term counts": ("terms", "UPDATE embeddings SET term_counts = zeroblob(length(term_counts)) WHERE passage = 1"),
    "term-frequency": "UPDATE terms SET df = df + 1 WHERE term = 'cat'",
    "term missing": ("term-frequency", "DELETE FROM terms WHERE term = 'cat'"),
    "term": "UPDATE terms SET term = 'dog' WHERE term = 'cat'",
    "counters": "UPDATE collections SET n_terms = n_terms + 1",
    "collection missing": ("counters", "DELETE FROM collections"),
    "log-gap": "DELETE FROM log WHERE sequence = 2",
    "log": "UPDATE log SET last_passage = last_passage + 5 WHERE sequence = 2",
    "numbers": "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'passages'",
    "numbers gone": ("numbers", "DELETE FROM sqlite_sequence"),
    "schema": "DROP INDEX metadata_value",
    "trigger": ("schema", "CREATE TRIGGER mine AFTER INSERT ON documents BEGIN DELETE FROM texts; END"),
    "orphan": "DELETE FROM documents WHERE number = 2",
    "view-vector": "UPDATE embeddings SET vector = (SELECT vector FROM embeddings WHERE passage = 3) WHERE passage = 1",
}
# What is right follows from the rest of the store.
MENDABLE = {
    "text-length", "filters", "filter added", "passage-text", "terms", "term counts", "term-frequency", "term missing", "term",
    "counters", "collection missing", "log-gap", "log", "numbers", "numbers gone", "schema", "orphan", "view-vector",
}  # fmt: skip


@pytest.fixture
def store(empty_store: Store, make_document: Make) -> Store:
    """Three documents, of which the views know one from the log only."""
    empty_store.add(*make_document("A cat sat. On a mat. It is old.", key="1", metadata={"a": ["x", None], "n": 1}))
    empty_store.add(*make_document("A dog ran. Far. Away.", key="2"))
    empty_store.checkpoint()
    empty_store.add(*make_document("A bird sang.", key="3", collection="other"))
    return empty_store


def test_a_healthy_store_is_silent_whatever_was_done_to_it(store: Store, make_document: Make) -> None:
    assert store.verify() == []
    store.add(*make_document("A cat stood.", key="1"))
    store.add(*make_document("", key="4"))
    assert store.verify() == []
    with store.read() as reader:
        ids = [document.id for document in reader.documents()]
    store.delete(ids[1])
    assert store.verify() == []
    store.checkpoint()
    steps: list[tuple[int, int]] = []
    assert store.verify(lambda done, total: steps.append((done, total))) == []
    assert steps[-1] == (2, 2)
    with Store.open(store.path) as again:
        assert again.verify() == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_rows_is_found(store: Store, fault: str) -> None:
    planted = FAULTS[fault]
    kind, statement = (fault, planted) if isinstance(planted, str) else planted
    assert change_rows(store.path, f"PRAGMA foreign_keys = OFF; {statement}") >= 1 or fault in ("schema", "trigger")
    findings = store.verify()
    assert kind in {finding.kind for finding in findings}
    assert all(finding.where and finding.detail and finding.remedy for finding in findings)
    assert all(finding.mendable == ("rag repair" in finding.remedy) for finding in findings)
    mended = repair(store, findings)
    assert mended or fault not in MENDABLE
    left = store.verify()
    assert (left == []) == (fault in MENDABLE), left
    if kind != "vector":  # without it the view that holds it cannot be built
        assert mended == [finding for finding in findings if finding.mendable]
        assert not any(finding.mendable for finding in left)
    with Store.open(store.path) as again:
        assert again.rebuilt == () and again.verify() == left


def test_damaged_files_of_the_checkpoint_are_found_while_the_store_is_open(store: Store) -> None:
    manifest = read_manifest(store.path)
    for name in manifest.files:
        path = store.path / manifest.checkpoint / name
        content = path.read_bytes()
        path.write_bytes(content + b"x")
        assert [finding.kind for finding in store.verify()] == ["view-file"]
        path.unlink()
        assert [finding.where for finding in store.verify()] == [f"{manifest.checkpoint}/{name}"]
        path.write_bytes(content)
    (store.path / "manifest.json").write_text("{}")
    findings = store.verify()
    assert [finding.kind for finding in findings] == ["manifest"]
    assert repair(store, findings) == findings and store.verify() == []


def test_who_has_the_store_open_sees_what_was_repaired_at_once(store: Store) -> None:
    with store.read() as reader:
        right = reader.statistics("default", ["cat"])
        generation = reader.generation
    assert right.df["cat"] > 0
    with store._database.writing() as connection:
        connection.execute("UPDATE terms SET df = df + 7; UPDATE collections SET n_terms = n_terms + 7")
    with Store.open(store.path) as other:
        with other.read() as reader:
            assert reader.statistics("default", ["cat"]) != right
        with Store.open(store.path) as mender:
            repair(mender, mender.verify())
        for opened in (store, other):
            with opened.read() as reader:
                assert reader.statistics("default", ["cat"]) == right
                assert reader.generation > generation  # so that nobody's answer of before is taken for one of now
        assert other.verify() == []


def test_leftovers_of_interrupted_work_are_found_and_removed(store: Store) -> None:
    for name in ("restoring", "views/000001-deadbeef"):
        (store.path / name).mkdir()
        (store.path / name / "store.db").write_bytes(b"half")
    (store.path / "manifest.json.new").write_text("half")
    findings = store.verify()
    assert {finding.kind for finding in findings} == {"leftover"} and len(findings) == 3
    assert repair(store, findings) == findings and store.verify() == []
    assert len(list((store.path / "views").iterdir())) == 1


def test_a_healthy_store_is_left_as_it_is(store: Store) -> None:
    with store.read() as reader:
        generation = reader.generation
    assert repair(store, store.verify()) == []
    with store.read() as reader:
        assert reader.generation == generation


def test_terms_of_the_lexical_view_that_are_not_the_stored_ones_are_found(store: Store) -> None:
    """A view whose files are as they were written, from rows that were wrong then."""
    change_rows(
        store.path,
        "CREATE TABLE aside AS SELECT terms FROM embeddings WHERE passage = 1;"
        "UPDATE embeddings SET terms = zeroblob(length(terms)) WHERE passage = 1",
    )
    store.mend(lambda connection: None, True)  # rebuilds the views
    change_rows(
        store.path, "UPDATE embeddings SET terms = (SELECT terms FROM aside) WHERE passage = 1; DROP TABLE aside"
    )
    findings = store.verify()
    assert {finding.kind for finding in findings} == {"view-term"}
    repair(store, findings)
    assert store.verify() == []


@pytest.mark.parametrize("kind", ["vectors-view", "lexical-view"])
def test_a_view_that_lost_a_passage_is_found(store: Store, kind: str) -> None:
    """A passage that left the rows without a word in the log: neither view could know."""
    change_rows(store.path, "PRAGMA foreign_keys = ON; DELETE FROM passages WHERE id = 1")
    assert kind in {finding.kind for finding in store.verify()}


def test_many_findings_of_one_kind_are_cut(empty_store: Store, make_document: Make) -> None:
    empty_store.add(*make_document("Word. " * 300, sentences_per_passage=1, key="1"))
    change_rows(empty_store.path, "UPDATE passages SET text = 'x'")
    assert len(empty_store.verify()) == 100
