"""Words of a question that name something, and what is short for what."""

import pytest

from rag.language.names import is_short_for_part, names_in


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who is Ann Lee?", ["Ann", "Lee"]),
        ("Lamps of Acme in 2019", ["Acme", "2019"]),
        ("What does `lamp --red` do?", ["lamp --red"]),
        ("How fast is the ZX-81 with read_all?", ["ZX-81", "read_all"]),
        ("which lamps are there", []),
        ("When did it begin?", []),
        ("Is a beer OK with Aspirol?", ["Aspirol"]),
        ("Welches Datum trägt der Brief von Lampen Meier?", ["Brief", "Lampen", "Meier"]),
        ('Who sang "blue moon"?', ["blue moon"]),
    ],
)
def test_names_numbers_code_and_quotations_are_told_from_other_words(question: str, names: list[str]) -> None:
    assert [question[slice(*span)] for span in names_in(question)] == names


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
