"""What kind of thing a question asks for, and which texts hold such a thing."""

import pytest

from rag.language.asked import Kind, kind_asked
from rag.language.held import holds, points_back
from rag.language.names import is_short_for_part, names_in


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was the bridge opened?", Kind.DATE),
        ("What is it called when water turns to steam?", Kind.OTHER),
        ("when the war ended", Kind.DATE),
        ("When does the fair begin, at what time?", Kind.TIME),
        ("What time frame does the war cover?", Kind.DATE),
        ("What is the time limit for appeals?", Kind.DURATION),
        ("What time zone is it in?", Kind.OTHER),
        ("What affects pressure most?", Kind.OTHER),
        ("What sales did the shop have?", Kind.NUMBER),
        ("What average speed is reached?", Kind.NUMBER),
        ("How many days' notice must the tenant give?", Kind.DURATION),
        ("How many tenants are there?", Kind.NUMBER),
        ("What did the red lamp cost?", Kind.NUMBER),
        ("What's the rate at night?", Kind.NUMBER),
        ("What tensile strength does the bolt have?", Kind.NUMBER),
        ("What is the name of the owner's son?", Kind.PERSON),
        ("What is the name of the village?", Kind.DEFINITION),
        ("What is the phone number of the office?", Kind.CODE),
        ("What is Ann's phone number?", Kind.CODE),
        ("What is the penalty for being late?", Kind.NUMBER),
        ("Comment s'appelle le bateau ?", Kind.DEFINITION),
        ("Wie heißt der Fluss?", Kind.DEFINITION),
        ("What is Ann Lee's e-mail address?", Kind.EMAIL),
        ("Who wrote the report?", Kind.PERSON),
        ("Which company insures the van?", Kind.ORGANISATION),
        ("In which city did they meet?", Kind.PLACE),
        ("Where did they meet?", Kind.PLACE),
        ("Wo liegt der See?", Kind.PLACE),
        ("Why did the pump fail?", Kind.REASON),
        ("How do I reset the router?", Kind.STEPS),
        ("Which flag turns colours off?", Kind.STEPS),
        ("Is the lease binding?", Kind.YES_NO),
        ("What is a lien?", Kind.DEFINITION),
        ("How does zinc compare with tin?", Kind.OTHER),
        ("Wann wurde die Brücke eröffnet?", Kind.DATE),
        ("Combien de jours faut-il attendre ?", Kind.DURATION),
        ("¿Quién firmó la carta?", Kind.PERSON),
        ("Wie hoch ist der Turm?", Kind.NUMBER),
        ("Wie ist der Turm gebaut?", Kind.OTHER),
        ("How old is Kim?", Kind.DURATION),
        ("Que pense-t-on de ce livre ?", Kind.OTHER),
        ("Hvornår blev broen åbnet?", Kind.DATE),
        ("Hvem skrev brevet?", Kind.PERSON),
        ("Hur många lampor såldes?", Kind.NUMBER),
        ("Hoe lang duurt de reis?", Kind.DURATION),
        ("Wie schreef de brief?", Kind.PERSON),
        ("Milloin silta avattiin?", Kind.DATE),
        ("Hány lámpa van?", Kind.NUMBER),
        ("Perché si è fermata la pompa?", Kind.REASON),
        ("Quem assinou a carta?", Kind.PERSON),
        ("Câte lămpi sunt?", Kind.NUMBER),
        ("De ce s-a oprit pompa?", Kind.REASON),
        ("Сколько ламп продано?", Kind.NUMBER),
        ("Кто подписал письмо?", Kind.PERSON),
        ("Köprü ne zaman açıldı?", Kind.DATE),
        ("Πόσες λάμπες υπάρχουν;", Kind.NUMBER),
        ("متى افتتح الجسر؟", Kind.DATE),
        ("பாலம் எப்போது திறக்கப்பட்டது?", Kind.DATE),
    ],
)
def test_the_kind_asked_for_is_told_by_the_question_s_words(question: str, kind: Kind) -> None:
    assert kind_asked(question) is kind


@pytest.mark.parametrize(
    ("question", "text", "held"),
    [
        ("How many lamps were sold in 2019?", "In 2019 lamps were sold.", False),
        ("How many lamps were sold in 2019?", "In 2019 twelve lamps were sold.", True),
        ("How many lamps were sold?", "See Table 3 and [12] of section 4.1.", False),
        ("How long does it last?", "It lasts thirty-day periods.", True),
        ("How long does it last?", "It lasts.", False),
        ("When was it opened?", "It was opened after the war.", False),
        ("When was it opened?", "It was opened in May 1931.", True),
        ("When must I pay?", "Pay within a week of the bill.", True),
        ("At what time does it begin?", "It begins on 3 May.", False),
        ("At what time does it begin?", "Doors: 9:30", True),
        ("Who opened Tower Bridge?", "Tower Bridge was opened.", False),
        ("Who opened Tower Bridge?", "Tower Bridge was opened by Ann Lee.", True),
        ("Which company insures the van?", "The van is insured.", False),
        ("What is Ann Lee's e-mail address?", "Write to Ann Lee at the office.", False),
        ("What is Ann Lee's e-mail address?", "ann.lee@example.org", True),
        ("How do I reset the router?", "Hold the key, or run `reset --all`.", True),
    ],
)
def test_a_text_holds_what_is_asked_for_beside_what_the_question_says_itself(
    question: str, text: str, held: bool
) -> None:
    assert holds(kind_asked(question), text, question) is held


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who is Ann Lee?", ["Ann", "Lee"]),
        ("Lamps of Acme in 2019", ["Acme", "2019"]),
        ("What does `lamp --red` do?", ["lamp --red"]),
        ("How fast is the ZX-81 with read_all?", ["ZX-81", "read_all"]),
        ("which lamps are there", []),
        ("When did it begin?", []),
        ('Who sang "blue moon"?', ["blue moon"]),
    ],
)
def test_names_numbers_code_and_quotations_are_told_from_other_words(question: str, names: list[str]) -> None:
    assert [question[slice(*span)] for span in names_in(question)] == names


def test_a_sentence_that_points_back_is_told() -> None:
    assert points_back("This can be changed.") and not points_back("Thistles can be cut.")


@pytest.mark.parametrize(
    ("name", "text", "stands"),
    [
        ("AAA", "The American Automobile Association reported it.", True),
        ("WHO", "the World Health Organization", True),
        ("MIT", "the Massachusetts Institute of Technology", True),
        ("AAA", "An apple a day is all.", False),
        ("AAA", "American cars", False),
        ("Ann", "Alma Nora Neale", False),
        ("US", "Under Secretary", False),
    ],
)
def test_an_abbreviation_stands_for_a_name_with_its_initials(name: str, text: str, stands: bool) -> None:
    assert is_short_for_part(name, text) is stands
