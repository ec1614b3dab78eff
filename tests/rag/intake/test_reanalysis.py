"""Documents of a version that told no languages: after ``rag reindex`` they are found as if they had been added now."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from index.local.store import Store
from rag.cli.main import build
from rag.intake.reindex import reanalyze
from rag.service import Service
from rag.shared.types import Incoming, Query
from tests.rag.language.test_languages import matching

pytestmark = pytest.mark.medium

GERMAN = (
    "Die Häuser am Hafen wurden im vergangenen Jahr saniert. Der Rat der Stadt hat beschlossen, dass die Arbeiten an den Schulen "
    "im Frühjahr beginnen. Die Kosten werden auf zwei Millionen geschätzt."
)
FRENCH = (
    "Les conseillers municipaux ont approuvé la rénovation des écoles. Le budget de la ville est de deux millions et les travaux "
    "commencent au printemps, selon le maire de la commune."
)
ENGLISH = "The houses at the harbour were renovated last year. The council of the town decided that the work begins in spring."
TEXTS = {"de": GERMAN, "fr": FRENCH, "en": ENGLISH}


@pytest.fixture
def old(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A store as a version of the program left it that told no languages: templates' languages, all stemmed as English."""
    with monkeypatch.context() as before:
        before.setattr("rag.intake.prepare.with_language", lambda text, stated, given: ({**stated, **given}, "en"))
        service.intake.add_documents(
            [Incoming(name, name, text, source=name, metadata={"language": "en-US"}) for name, text in TEXTS.items()]
        )
    return service


def kept(service: Service) -> list[Any]:
    """All that must stay: documents but for their language, passages, vectors and word signs bit for bit."""
    said = []
    with service.store.read() as reader:
        for document in reader.documents():
            passages = reader.passages_of(document.id)
            ids = [passage.id for passage in passages]
            vectors, words = reader.candidates(ids), reader.word_signs(ids)
            said += [
                replace(document, metadata={}, language=""),
                reader.text(document.id),
                reader.contexts_of(document.id),
                [replace(passage, id=0) for passage in passages],
                [array.tobytes() for array in (vectors.vectors, vectors.sentence_vectors, words.signs)],
                [array.tolist() for array in (words.word_counts, words.sentence_counts)],
            ]
    return said


def test_words_are_found_in_forms_of_their_own_language_and_all_else_stays(old: Service) -> None:
    assert matching(old, "Haus") == [] and matching(old, "municipal") == []
    before = kept(old)
    cited = [passage.citation for passage in old.ask(Query("Häuser")).passages]
    assert reanalyze(old.store) == 2
    assert matching(old, "Haus") == ["de"] and matching(old, "municipal") == ["fr"]
    assert matching(old, "renovated house")[0] == "en"
    assert kept(old) == before
    assert {check.status for check in old.check_citations(cited)} == {"valid"}
    assert {one.source: one.metadata["language"] for one in old.documents()} == {"de": "de", "fr": "fr", "en": "en-US"}
    assert [one.source for one in old.documents() if one.language != "en"] == ["de", "fr"]
    assert old.store.verify() == []
    generation = old.generation
    assert reanalyze(old.store) == 0 and old.generation == generation


def test_it_is_as_if_they_had_been_added_now(old: Service) -> None:
    reanalyze(old.store)
    with old.store.read() as reader:
        terms = [reader.candidates([one.id for one in reader.passages_of(d.id)]).terms for d in reader.documents()]
    old.delete_collection("default")
    old.intake.add_documents([Incoming(name, name, text, source=name) for name, text in TEXTS.items()])
    with old.store.read() as reader:
        anew = [reader.candidates([one.id for one in reader.passages_of(d.id)]).terms for d in reader.documents()]
    assert all(np.array_equal(*pair) for pair in zip(terms, anew, strict=True))


def test_what_whoever_added_it_said_of_the_language_stays(service: Service) -> None:
    service.intake.add_documents(
        [
            Incoming("english", "", GERMAN, metadata={"language": "en"}),
            Incoming("dutch", "", GERMAN, metadata={"language": "nl-NL"}),
        ]
    )
    assert reanalyze(service.store) == 0
    assert [one.language for one in service.documents()] == ["en", "nl"]


def test_a_document_that_changes_or_goes_meanwhile_is_left_alone(old: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    write_anew: Callable[..., bool] = Store.write_anew
    german, french, _ = old.documents()

    def interfere(store: Store, document: Any, *rest: Any) -> bool:
        if document.id == german.id:
            old.intake.add_documents([Incoming("de", "de", FRENCH, source="de")])
        else:
            old.store.delete(french.id)
        return write_anew(store, document, *rest)

    monkeypatch.setattr(Store, "write_anew", interfere)
    assert reanalyze(old.store) == 0
    assert [(one.source, one.language) for one in old.documents()] == [("de", "fr"), ("en", "en")]
    assert old.text(german.id) == FRENCH and old.store.verify() == []


@pytest.mark.slow
@pytest.mark.model
def test_rag_reindex_does_it_without_embedding(old: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAG_MODEL", raising=False)
    monkeypatch.setattr("rag.intake.reindex.load_embedder", None)
    ended = CliRunner().invoke(build(), ["reindex", "--store", str(old.place), "--json"])
    assert ended.exit_code == 0, ended.output
    done = json.loads(ended.stdout)
    assert (done["changed"], done["embedded"], done["reanalyzed"]) == (False, 0, 2)
    assert matching(old, "Haus") == ["de"]  # in the process that has it open
    again = CliRunner().invoke(build(), ["reindex", "--store", str(old.place)])
    assert again.output.startswith("nothing to do: ")
