"""Languages: told where the text tells them, stemmed as such, found by words in other forms."""

from pathlib import Path

import pytest

from index.types import Scope
from rag.language.languages import detect_language, language_note, question_language, with_language
from rag.retrieval.question import analyze_question
from rag.service import Service
from rag.shared.types import Incoming, Query

pytestmark = pytest.mark.medium

GERMAN = (
    "Die Stadtverwaltung hat gestern beschlossen, die Häuser am alten Hafen zu sanieren. Der Beginn der Arbeiten ist für den "
    "3. Oktober vorgesehen, und die Kosten werden auf zwölf Millionen Euro geschätzt."
)
FRENCH = (
    "Le conseil municipal a décidé hier de rénover les maisons du vieux port. Le début des travaux est prévu pour le mois "
    "d'octobre et les coûts sont estimés à douze millions d'euros."
)
SPANISH = (
    "El ayuntamiento decidió ayer renovar las casas del puerto viejo. Las administraciones esperan que el comienzo de las "
    "obras sea en octubre y que los costes no pasen de doce millones de euros."
)
RUSSIAN = (
    "Городской совет вчера решил отремонтировать дома в старой гавани. Начало работ запланировано на октябрь, а расходы "
    "оцениваются в двенадцать миллионов евро."
)
TURKISH = (
    "Belediye meclisi dün eski limandaki evleri yenilemeye karar verdi. Çalışmaların ekim ayında başlaması planlanıyor ve "
    "maliyetin on iki milyon avro olacağı tahmin ediliyor."
)
JAPANESE = "市議会は昨日、旧港の住宅を改修することを決定した。工事は十月に始まる予定で、費用は千二百万ユーロと見積もられている。"
ENGLISH = (
    "The city council decided yesterday to renovate the houses at the old harbour. The work is to begin in October, and the "
    "costs are estimated at twelve million euros."
)
CODE = '''
def _close(self, end: int) -> None:
    """End the open section."""
    if end > self._opened:
        path = tuple(heading for _, heading in self._path)
        self._sections.append(Section(self._opened, max(self._heading_end, self._opened), end, path))
    self._opened = self._heading_end = end
'''
LOG = "\n".join(
    f"2026-01-{day:02} 03:14:15 INFO libnl-{day} eth0 rx=77{day} tx=12 /usr/lib/x86/ga{day}" for day in range(1, 29)
)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        *(("de", GERMAN), ("fr", FRENCH), ("es", SPANISH), ("ru", RUSSIAN), ("tr", TURKISH), ("ja", JAPANESE)),
        *(("en", ENGLISH), (None, CODE), (None, LOG), (None, "Kyiv 12 April"), (None, "")),
        (None, (GERMAN * 20 + ENGLISH * 20)),
    ],
)
def test_a_language_is_told_of_prose_alone(language: str | None, text: str) -> None:
    assert detect_language(text) == language


def test_what_the_text_says_counts_before_what_a_template_left_and_after_what_was_given() -> None:
    assert with_language(GERMAN, {"language": "en-US", "pages": 2}, {}) == ({"language": "de", "pages": 2}, "de")
    assert with_language(GERMAN, {}, {"language": "nl"}) == ({"language": "nl"}, "nl")
    assert with_language("Kurz.", {"language": "de-AT"}, {}) == ({"language": "de"}, "de")
    assert with_language("12 34", {"language": "Deutsch"}, {}) == ({"language": "Deutsch"}, "en")
    assert with_language(JAPANESE, {}, {}) == ({"language": "ja"}, "en")


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("de", "Wann beginnt die Sanierung?"),
        ("fr", "Quand commencent les travaux ?"),
        ("en", "When does the work begin?"),
    ],
)
def test_a_question_is_read_in_one_of_the_languages_of_the_documents(language: str, question: str) -> None:
    assert question_language(question, ("de", "fr")) == language
    assert question_language(question, ()) == "en"


def test_a_note_names_the_languages_that_an_english_model_does_not_know() -> None:
    assert language_note({"en": 3}, "m") is None
    note = language_note({"en": 3, "fr": 1, "de": 2}, "m")
    assert note is not None and note.startswith("3 documents are not in English (de: 2, fr: 1); the model m")


def matching(service: Service, question: str) -> list[str]:
    """Sources of the documents that BM25 finds for a question, best first."""
    with service.store.read() as reader:
        terms = analyze_question(reader, question, (), "default").terms
        ids = reader.matching(terms, 10, Scope())[1]
        documents = reader.documents_of(ids)
        return [documents[int(one)].source or "" for one in ids]


def test_words_are_found_in_other_forms_of_their_own_language(service: Service) -> None:
    texts = {"de": GERMAN, "fr": FRENCH, "es": SPANISH, "ru": RUSSIAN, "en": ENGLISH}
    report = service.intake.add_documents([Incoming(name, "", text, source=name) for name, text in texts.items()])
    assert report.languages == dict.fromkeys(texts, 1)
    assert len(report.notes) == 1 and "4 documents are not in English" in report.notes[0]
    for language, question in {
        "de": "Haus",  # the text has Häuser, which English stems to hauser
        "fr": "conseils municipaux",
        "es": "administración",
        "ru": "гаванью",
        "en": "renovated house",
    }.items():
        assert matching(service, question)[:1] == [language], question
    assert [
        one.document.source for one in service.ask(Query("Wie hoch sind die Kosten für das Haus?", k=1)).passages
    ] == ["de"]
    assert [one.source for one in service.documents() if one.metadata == {"language": "ru"}] == ["ru"]
    found = service.ask(Query("house", where={"language": ["fr", "es"]})).passages
    assert {one.document.source for one in found} == {"fr", "es"}
    assert service.store.verify() == []


def test_a_word_in_another_form_is_not_taken_for_a_slip(service: Service) -> None:
    service.intake.add_documents([Incoming("de", "", GERMAN)])
    assert service.ask(Query("Wo stehen die Haus am Hafens?")).corrected_question is None


def test_documents_that_were_stemmed_as_english_are_found_beside_those_that_are_not(service: Service) -> None:
    service.intake.add_documents([Incoming("old", "", GERMAN, source="old", metadata={"language": "en"})])
    assert matching(service, "Häuser") == ["old"] and matching(service, "Haus") == []
    service.intake.add_documents(
        [Incoming("new", "", "Der Rat will die Schulen und nicht die Brücken erneuern.", source="new")]
    )
    assert matching(service, "Schule") == ["new"] and matching(service, "Häuser") == ["old"]


def test_a_file_that_was_stemmed_as_english_is_taken_in_again(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "german.txt").write_text(GERMAN, encoding="utf-8")
    (tmp_path / "english.txt").write_text(ENGLISH, encoding="utf-8")
    with monkeypatch.context() as before:  # as a version of the program that told no languages
        before.setattr("rag.intake.prepare.with_language", lambda text, stated, given: ({**stated, **given}, "en"))
        assert service.intake.add_paths([tmp_path]).added == 2
    again = service.intake.add_paths([tmp_path])
    assert (again.updated, again.skipped) == (1, 1) and [Path(one).name for one in matching(service, "Haus")] == [
        "german.txt"
    ]
    again = service.intake.add_paths([tmp_path])
    assert (again.updated, again.skipped) == (0, 2)
