"""Documents in, out, changed and listed."""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from index.backend import Place, Store
from index.errors import DimensionMismatch, DocumentNotFound, StoreMismatch
from index.stores import create_store, open_store
from index.types import JsonScalar, Scope, Span
from tests.conftest import Made, Make

pytestmark = pytest.mark.medium


def test_a_document_comes_back_as_it_was_given(empty_store: Store, make_document: Make, stored_nul: str) -> None:
    text = "Größe: 3 µm. \U0001f600 is one character.\nA line\0with NUL."
    metadata = {"year": 2020, "tags": ["a", "b"], "draft": False, "note": None}
    document, passages = make_document(text, key="k", title="Über", source="dir/f.txt", metadata=metadata)
    change = empty_store.add(document, passages)
    text = text.replace("\0", stored_nul)
    with empty_store.read() as reader:
        assert reader.document(change.document.id) == change.document
        assert change.document.metadata == metadata and change.document.title == "Über"
        assert change.document.n_characters == len(text) and change.document.n_passages == len(passages) == 2
        assert change.document.text_sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert reader.text(change.document.id) == text
        assert reader.text(change.document.id, Span(13, 14)) == "\U0001f600"
        for stored, passage in zip(reader.passages([1, 2]), passages, strict=True):
            assert stored.text == text[passage.span.start : passage.span.end]
            assert (stored.span, stored.sentences) == (passage.span, passage.sentences)
            assert (stored.section, stored.page, stored.document_id) == (
                passage.section,
                passage.page,
                change.document.id,
            )
        assert reader.documents_of([2, 9]) == {2: change.document}


def test_the_same_again_is_skipped_and_changes_nothing(empty_store: Store, make_document: Make) -> None:
    first = empty_store.add(*make_document("A cat.", key="k"))
    again = empty_store.add(*make_document("A cat.", key="k"))
    assert (first.outcome, again.outcome, again.document) == ("added", "skipped", first.document)
    with empty_store.read() as reader:
        assert reader.generation == 1


@pytest.mark.parametrize(
    "change", [{"title": "New"}, {"source": "new.txt"}, {"metadata": {"a": 1}}, {"text": "A dog."}]
)
def test_any_difference_replaces_the_document(
    empty_store: Store, make_document: Make, change: dict[str, object]
) -> None:
    before = empty_store.add(*make_document("A cat.", key="k")).document
    updated = empty_store.add(*make_document(**{"text": "A cat.", "key": "k", **change}))
    assert updated.outcome == "updated" and updated.document.id == before.id
    with empty_store.read() as reader:
        assert reader.counts() == (1, 1)
        assert reader.passages([1]) == [] and reader.passages([2])[0].document_id == before.id
        expected = [2] if change.get("text") is None else []
        assert reader.matching(["cat"], 5, Scope())[1].tolist() == expected


def test_unchanged_knows_content_and_metadata(empty_store: Store, make_document: Make) -> None:
    document, passages = make_document("A cat.", key="k", metadata={"a": 1, "b": ["x"]})
    stored = empty_store.add(document, passages).document
    assert empty_store.unchanged("default", "k", document.content_sha256) == stored
    assert empty_store.unchanged("default", "k", "0" * 64) is None
    assert empty_store.unchanged("other", "k", document.content_sha256) is None


def test_an_id_depends_on_collection_and_key_alone(empty_store: Store, make_document: Make) -> None:
    first = empty_store.add(*make_document("A cat.", key="k")).document
    empty_store.delete(first.id)
    again = empty_store.add(*make_document("A dog.", key="k")).document
    other = empty_store.add(*make_document("A dog.", key="k", collection="other")).document
    assert first.id == again.id == hashlib.sha256(b"default\0k").hexdigest()[:16] != other.id
    with empty_store.read() as reader:
        assert [p.id for p in reader.passages([1, 2, 3])] == [2, 3]  # passage ids are never used again


def test_a_deleted_document_is_found_by_nothing(
    empty_store: Store, make_document: Make, fake_embed: Callable[..., np.ndarray]
) -> None:
    gone = empty_store.add(*make_document("A cat. On a mat. It sat.", key="1", source="s")).document
    kept = empty_store.add(*make_document("A cat too.", key="2")).document
    receipt = empty_store.delete(gone.id)
    assert (receipt.passages, receipt.vectors, receipt.lexical, receipt.remaining) == (2, 2, 2, 0)
    with empty_store.read() as reader:
        assert [d.id for d in reader.documents()] == [kept.id]
        assert reader.matching(["cat"], 5, Scope())[1].tolist() == [3]
        assert reader.nearest(fake_embed("q"), 5, Scope())[1].tolist() == [3]
        assert reader.find("s") == [] and reader.find(gone.id) == []
        words = ["a", "cat", "too", "sat", "dog"]
        assert reader.statistics("default", words).df == {"a": 1, "cat": 1, "too": 1}
        for use in (reader.document, reader.text):
            with pytest.raises(DocumentNotFound, match=gone.id):
                use(gone.id)
    with pytest.raises(DocumentNotFound):
        empty_store.delete(gone.id)


def test_several_are_deleted_all_or_none(empty_store: Store, make_document: Make) -> None:
    ids = [empty_store.add(*make_document(f"Text {n}.")).document.id for n in range(4)]
    with pytest.raises(DocumentNotFound):
        empty_store.delete_many([ids[0], "0" * 16])
    with empty_store.read() as reader:
        assert reader.counts() == (4, 4)
    assert [r.document_id for r in empty_store.delete_many([ids[2], ids[0], ids[2]])] == [ids[2], ids[0]]
    with empty_store.read() as reader:
        assert [d.id for d in reader.documents()] == [ids[1], ids[3]]


def test_documents_are_listed_page_by_page_in_the_order_of_their_first_coming(
    empty_store: Store, make_document: Make
) -> None:
    for number in range(7):
        collection = "even" if number % 2 == 0 else "odd"
        empty_store.add(*make_document(f"Text {number}.", key=str(number), collection=collection))
    empty_store.add(*make_document("Changed.", key="0", collection="even"))
    with empty_store.read() as reader:
        first = reader.documents(limit=3)
        rest = reader.documents(after=first[-1].id)
        assert [d.key for d in first + rest] == list("0123456")
        assert [d.key for d in reader.documents(collection="odd", after=first[0].id, limit=2)] == ["1", "3"]
        assert (reader.collections(), reader.counts(), reader.counts("even")) == (["even", "odd"], (7, 7), (4, 4))
        with pytest.raises(DocumentNotFound):
            reader.documents(after="nothing")
        assert reader.documents(newest_first=True) == [*first, *rest][::-1]
        assert reader.documents(newest_first=True, after=rest[0].id) == first[::-1]


def test_a_document_is_found_by_id_its_beginning_or_source(empty_store: Store, make_document: Make) -> None:
    first = empty_store.add(*make_document("One.", source="a.txt")).document
    second = empty_store.add(*make_document("Two.", source="a.txt", collection="other")).document
    with empty_store.read() as reader:
        assert reader.find(first.id) == reader.find(first.id[:4]) == reader.find(first.id[:8].upper()) == [first]
        assert reader.find("a.txt") == [first, second]
        assert reader.find("a.txt", collection="other") == [second]
        assert reader.find(first.id[:3]) == reader.find("****") == reader.find("") == []


def test_statistics_count_bodies_exactly_through_changes(empty_store: Store, make_document: Make) -> None:
    empty_store.add(*make_document("A cat. A cat. One dog.", key="1", title="Dog"))
    empty_store.add(*make_document("A cat cat.", key="2", title="Fish"))
    empty_store.add(*make_document("Ten cats.", key="3", collection="other"))
    with empty_store.read() as reader:
        statistics = reader.statistics("default", ["cat", "dog", "fish"])
    assert (statistics.n_passages, statistics.mean_length, statistics.df) == (3, 3.0, {"cat": 2, "dog": 1})
    empty_store.add(*make_document("A fish.", key="1"))
    with empty_store.read() as reader:
        assert reader.statistics("default", ["a", "cat", "dog", "fish"]).df == {"a": 2, "cat": 1, "fish": 1}


def test_a_document_without_passages_is_a_document(empty_store: Store, make_document: Make) -> None:
    document = empty_store.add(*make_document("", key="empty")).document
    with empty_store.read() as reader:
        assert (reader.text(document.id), reader.counts()) == ("", (1, 0))
    assert empty_store.verify() == []
    assert empty_store.delete(document.id).passages == 0


def replaced(made: Made, changes: dict[str, Any]) -> Made:
    return made[0], [dataclasses.replace(made[1][0], **changes), *made[1][1:]]


BAD: dict[str, dict[str, Any]] = {
    "span beyond the text": {"span": Span(0, 99)},
    "empty span": {"span": Span(3, 3)},
    "sentence outside the span": {"sentences": (Span(0, 6), Span(7, 20))},
    "sentences out of order": {"sentences": (Span(7, 13), Span(0, 6))},
    "sentences overlap": {"sentences": (Span(0, 8), Span(7, 13))},
    "vector not finite": {"vector": np.full(16, np.inf, dtype=np.float32)},
    "vector not of length 1": {"vector": np.ones(16, dtype=np.float32)},
    "context not Unicode": {"context": "\ud800"},
}


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD)
def test_what_does_not_fit_together_is_refused_whole(empty_store: Store, make_document: Make, bad: str) -> None:
    made = make_document("A cat. A dog. A cow.")
    with pytest.raises(ValueError):
        empty_store.add(*replaced(made, BAD[bad]))
    with empty_store.read() as reader:
        assert reader.generation == 0


@pytest.mark.parametrize("field", ["text", "title", "key", "collection", "source"])
def test_text_that_is_not_unicode_is_refused(empty_store: Store, make_document: Make, field: str) -> None:
    document, _ = make_document("A cat.")
    with pytest.raises(ValueError, match="surrogate"):
        empty_store.add(dataclasses.replace(document, **cast(Any, {field: "x\ud800"})), [])


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": {"b": 1}}, {1: "a"}, {"a": "\ud800"}])
def test_metadata_of_other_kinds_are_refused(empty_store: Store, make_document: Make, metadata: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        empty_store.add(*make_document("A cat.", metadata=metadata))


@pytest.mark.parametrize(
    "signs",
    [
        (np.zeros((1, 2), np.uint8),),  # for two sentences
        (np.zeros((1, 3), np.uint8), np.zeros((1, 3), np.uint8)),
        (np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64)),
    ],
)
def test_word_signs_of_another_form_are_refused(
    empty_store: Store, make_document: Make, signs: tuple[Any, ...]
) -> None:
    with pytest.raises(DimensionMismatch, match="word signs"):
        empty_store.add(*replaced(make_document("A cat. A dog."), {"word_signs": signs}))


def test_vectors_of_another_length_are_refused(empty_store: Store, make_document: Make) -> None:
    with pytest.raises(DimensionMismatch, match=r"\(8,\).*\(16,\)"):
        empty_store.add(*make_document("A cat.", dim=8))


def test_a_store_remembers_what_it_was_made_with(place: Place) -> None:
    settings: dict[str, JsonScalar] = {"model": "m", "size": 600, "ratio": 0.5, "on": True, "none": None}
    with create_store(place, dim=4, fingerprint="f", settings=settings) as made:
        identity = made.id
    with open_store(place) as store:
        assert (store.dim, store.fingerprint, store.settings, store.id) == (4, "f", settings, identity)
        assert store.rebuilt == ()


def test_creating_again_opens_an_equal_store_and_refuses_another(place: Place, make_document: Make) -> None:
    with create_store(place, dim=16, fingerprint="f", settings={"a": 1}) as store:
        store.add(*make_document("A cat."))
    with create_store(place, dim=16, fingerprint="f", settings={"a": 1}) as store, store.read() as reader:
        assert reader.counts() == (1, 1)
    others: list[dict[str, Any]] = [{"dim": 8}, {"fingerprint": "g"}, {"settings": {}}]
    for changed in others:
        with pytest.raises(StoreMismatch, match=r"another model .*choose another (directory|database)"):
            create_store(place, **{"dim": 16, "fingerprint": "f", "settings": {"a": 1}, **changed})


def test_a_closed_store_says_so(place: Place) -> None:
    store = create_store(place, dim=4, fingerprint="f", settings={})
    store.close()
    with pytest.raises(ValueError, match="closed"), store.read():
        pass


def test_a_note_is_kept_replaced_and_removed_and_outlives_the_process(empty_store: Store, place: Place) -> None:
    def note() -> str | None:
        with open_store(place) as again, again.read() as reader:
            return reader.note("colour")

    assert note() is None
    empty_store.set_note("colour", "blue\n\U0001f600")
    assert note() == "blue\n\U0001f600"
    empty_store.set_note("colour", "red")
    assert note() == "red" and empty_store.verify() == []
    empty_store.set_note("colour", None)
    assert note() is None


def test_a_note_hides_nothing_that_the_store_says_of_itself(empty_store: Store, place: Place) -> None:
    empty_store.set_note("dim", "7")
    with open_store(place) as again, again.read() as reader:
        assert again.dim == empty_store.dim and reader.note("dim") == "7"


def test_the_passages_of_a_document_come_in_order(empty_store: Store, make_document: Make) -> None:
    empty_store.add(*make_document("One. Two. Three. Four. Five.", key="a"))
    other = empty_store.add(*make_document("Six. Seven. Eight.", key="b")).document
    with empty_store.read() as reader:
        assert [passage.text for passage in reader.passages_of(other.id)] == ["Six. Seven.", "Eight."]
        assert reader.passages_of("none") == []


def test_the_names_of_metadata_are_told_by_collection(empty_store: Store, make_document: Make) -> None:
    empty_store.add(*make_document("One.", metadata={"year": 2020, "author": "A"}))
    empty_store.add(*make_document("Two.", collection="other", metadata={"place": "Bergen"}))
    with empty_store.read() as reader:
        assert reader.fields("default", 9) == ["author", "year"] and reader.fields("default", 1) == ["author"]
        assert reader.has_field("other", "place") and not reader.has_field("default", "place")


def test_a_store_has_its_changes_and_no_later_ones(empty_store: Store, place: Place, make_document: Make) -> None:
    with open_store(place) as other:
        assert other.reached(0) and not other.reached(1)
        empty_store.add(*make_document("The board met on Monday."))
        with empty_store.read() as reader:
            generation = reader.generation
        assert generation > 0
        assert other.reached(generation) and not other.reached(generation + 1)
        with other.read() as reader:
            assert reader.generation >= generation
