"""Words of a question that no passage has, read as the passages write them."""

from collections.abc import Mapping, Sequence

import pytest

from index.local.views.lexical import analyze
from rag.model.embedding import word_spans
from rag.retrieval.spelling import respell

PASSAGES = (
    "President Volodymyr Zelensky and Keith Kellogg met in Kyiv.",
    "Zelensky spoke of 17 elements and the color of defense equipment.",
    "Three organizers of Munich's center criticised Vladimir Putin.",
    "Zelenskyy will sign, said one of them.",
    "Les rapports des voisins parlent des champs.",
)
ENGLISH = frozenset(
    "who is in the met what are seventeen elements colour of defence west sign president cat said and munich".split()
)


def frequencies(terms: Sequence[str]) -> Mapping[str, int]:
    stored = [set(analyze(passage)) for passage in PASSAGES]
    counts = {term: sum(term in passage for passage in stored) for term in terms}
    return {term: n for term, n in counts.items() if n}


def read(question: str) -> str:
    return respell(question, word_spans(question), frequencies, is_english)


@pytest.mark.parametrize(
    ("asked", "as_read"),
    [
        ("Who is Zelenski?", "Who is Zelenski?"),  # its stem is that of Zelensky
        ("Who is Selenskyj?", "Who is Zelensky?"),
        ("Who is Wolodymyr?", "Who is Volodymyr?"),
        ("Who is in Kiev?", "Who is in Kyiv?"),
        ("Who is Kelog?", "Who is Kellogg?"),
        ("What is the colour?", "What is the color?"),
        ("What does the cat?", "What does the cat?"),  # a function word: "des" is in a passage, in another language
        ("What are seventeen elements?", "What are 17 elements?"),
        ("What is 3?", "What is three?"),
        ("Who is the presidnet?", "Who is the president?"),
        ("who met in munihc?", "who met in munich?"),
    ],
)
def test_a_word_that_no_passage_has_is_read_as_the_passages_write_it(asked: str, as_read: str) -> None:
    assert read(asked) == as_read


@pytest.mark.parametrize(
    "question",
    [
        "Who is Zelenskyy?",  # rarer than the other form, but there
        "the west met a cat",  # words of the language, not slips
        "Who is Kxllxgg Brzmpt?",
        "Who met in Munihc and Kyvi?",  # names are not mistyped: there may be such names
        "Who is `presidnet`?",
        'Who said "presidnet"?',
        "Who is presidnet_id?",
        "Où est le presidnet de la France ?",  # French is in no passage: no word of it is a slip
        "What is 18?",
        "Who met the POTIN?",  # an abbreviation, and no other transcription of Putin
        "Что это?",
        "誰ですか",
        "ab cde",
        "",
    ],
)
def test_other_questions_stay_as_they_are(question: str) -> None:
    assert read(question) == question


def test_of_several_forms_the_one_in_most_passages_is_taken() -> None:
    counts = {"zelenski": 4, "zelenska": 3}
    read_as = respell(
        "zelenskx", word_spans("zelenskx"), lambda terms: {t: counts[t] for t in terms if t in counts}, is_english
    )
    assert analyze(read_as) == ["zelenski"]


def test_a_slip_is_not_read_as_a_word_that_is_none() -> None:
    counts = {"harborr": 2}  # of damaged text: no word that the model knows, and in two passages only
    asked = "where is the harborz"
    read_as = respell(asked, word_spans(asked), lambda terms: {t: counts[t] for t in terms if t in counts}, is_english)
    assert read_as == asked


def test_a_question_of_nothing_but_slips_is_read_up_to_a_limit() -> None:
    question = " ".join(["presidnet"] * 40)
    assert read(question).split().count("president") == 20


@pytest.mark.parametrize(
    ("question", "counts"),
    [
        ("When did owls breed?", {"owl": 1, "bread": 5}),  # a form of it has that stem in German
        ("How fast is it on the Octane test?", {"oct": 1}),  # so is "octene"
        ("Wann wird der Müll abgeholt?", {"want": 3, "word": 4, "mull": 1}),
        ("Wo soll ich mein Fahrrad abstellen?", {"sole": 3, "main": 4, "fahrrad": 1}),
    ],
)
def test_no_word_is_read_as_one_of_another_language(question: str, counts: Mapping[str, int]) -> None:
    def frequencies(terms: Sequence[str]) -> Mapping[str, int]:
        return {term: counts[term] for term in terms if term in counts}

    assert (
        respell(question, word_spans(question), frequencies, {"breed", "owls", "when"}.__contains__, ["de"]) == question
    )


def is_english(word: str) -> bool:
    return word in ENGLISH
