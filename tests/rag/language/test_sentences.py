"""Where sentences end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language import sentences as module
from rag.language.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Retired Lt. Gen. Keith Kellogg met Dr. J. K. Rowling, i.e. the author, at 5 p.m. in St. Louis.",
        "The U.S. Treasury said growth was 3.5 percent, up from 2.1 percent.",
        "See Fig. 3 and Eq. 12 in Smith et al. 2019 for details.",
        "Mr. Smith vs. Mrs. Jones was No. 4 on the list.",
        "He asked whether version 2.0.1 of example.com was safe.",
    ],
)
def test_abbreviations_initials_and_decimals_do_not_end_a_sentence(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One came. Two left! Did three stay? Yes.", ["One came.", "Two left!", "Did three stay?", "Yes."]),
        ('He said: "It works." She left.', ['He said: "It works."', "She left."]),
        ('"Really?" he said. Then silence.', ['"Really?" he said.', "Then silence."]),
        ("It broke (again.) We fixed it.", ["It broke (again.)", "We fixed it."]),
        ('Only unilateral commitments.". Trump renewed it.', ['Only unilateral commitments.".', "Trump renewed it."]),
        ("They moved to the U.S. The law changed.", ["They moved to the U.S.", "The law changed."]),
        ("It was sold by Acme Inc. The price was low.", ["It was sold by Acme Inc.", "The price was low."]),
        ("Wait… What happened? Nothing.", ["Wait…", "What happened?", "Nothing."]),
        (
            "It is rare.[1][23] Few know it.[note 2] Is it?[a] Yes.",
            ["It is rare.[1][23]", "Few know it.[note 2]", "Is it?[a]", "Yes."],
        ),
        (
            "It is rare.¹² Few know it.[citation needed] Yes.",
            ["It is rare.¹²", "Few know it.[citation needed]", "Yes."],
        ),
        ("As told by Smith et al.[4] it is rare.", ["As told by Smith et al.[4] it is rare."]),
        ("It is read as a list.[0] and a map.", ["It is read as a list.[0] and a map."]),
        ("彼は来た。彼女は去った。終わり", ["彼は来た。", "彼女は去った。", "終わり"]),
        ("वह आया। वह गया।", ["वह आया।", "वह गया।"]),
        ("Он пришёл. Она ушла.", ["Он пришёл.", "Она ушла."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_blank_lines_headings_and_list_items_stand_alone() -> None:
    text = "Results\n\nThe trial ended early.\n- first item\n- second item\n1. third item\nLast line"
    assert sentences(text) == [
        "Results",
        "The trial ended early.",
        "- first item",
        "- second item",
        "1. third item",
        "Last line",
    ]


@pytest.mark.parametrize("mark", "•●○■□◆➢✓–")
def test_each_item_of_a_list_is_a_sentence_whatever_its_mark(mark: str) -> None:
    items = [f"{mark} {'nets and ropes ' * 5}for the boats", f"{mark} {'tar and oakum ' * 5}for the hull"]
    assert sentences("\n".join(items)) == items


@pytest.mark.parametrize("number", ["7.", "7.3.", "12.10.1.", "(a)", "a.", "iv.", "- **7.", "* [7."])
def test_the_number_of_a_clause_is_no_sentence_of_its_own(number: str) -> None:
    assert sentences(f"{number} The seller pays. The buyer does not.") == [
        f"{number} The seller pays.",
        "The buyer does not.",
    ]


def test_hard_wrapped_lines_are_joined() -> None:
    text = (
        "The committee met on Tuesday to consider the proposal that had been\n"
        "submitted by the delegation in the spring and which nobody had read\n"
        "before. It was rejected.\n"
    )
    assert sentences(text) == [text[: text.index(" It was")], "It was rejected."]


def test_a_link_or_code_that_did_not_fit_its_line_ends_no_sentence() -> None:
    item = "- `plain.txt`: The format that most tools read, and\n  [all versions](https://example.com/a/long/address/of/versions.html)."
    text = f"{item}\n- The committee met on Tuesday and considered the list that was before it as\n  `list show --all` prints it.\n"
    assert sentences(text) == [item, text[len(item) + 1 : -1]]


def test_a_short_line_goes_on_in_a_link_that_fills_the_next() -> None:
    link = "[the page about everything that lists have](https://example.com/lists/everything.html)"
    assert sentences(f"For more, see\n{link}.") == [f"For more, see\n{link}."]
    assert sentences(f"{link}\n{link}") == [link, link]
    assert sentences("Ann Lee\n12 Mill Lane\n9000 Aarhus") == ["Ann Lee", "12 Mill Lane", "9000 Aarhus"]


def test_long_unwrapped_lines_are_paragraphs() -> None:
    text = "A " + "long " * 60 + "line without end\nAnother line"
    assert sentences(text) == text.split("\n")


@pytest.mark.parametrize("text", ["", "   \n\t\n ", "\n\n\n"])
def test_nothing_comes_of_white_space(text: str) -> None:
    assert sentences(text) == []


@given(text=st.text(alphabet="aB .!”。\n[1]", max_size=60), width=st.integers(1, 9))
def test_looking_for_ends_stretch_by_stretch_changes_nothing(text: str, width: int) -> None:
    whole = split_sentences(text)
    with pytest.MonkeyPatch.context() as within:
        within.setattr(module, "_STRETCH", width)
        assert split_sentences(text) == whole


@pytest.mark.parametrize("text", ["no end", "...", "?!", "a.b.c.d", "\u200b", "🙂. 🙂!"])
def test_every_visible_character_is_in_a_sentence(text: str) -> None:
    assert "".join(sentences(text)).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("de", ["Am 3. Oktober kam Dr. Weiß, z.B. mit Hrn. Groß.", "Die Nr. 5 der Abb. 2 zeigt es.", "Es war 1990."]),
        ("de", ["Er sagte: „Das geht.“", "Danach ging er.", "Ludwig XIV. Nachfolger war jung."]),
        ("fr", ["M. Dupont et Mme. Martin (cf. p. 12) sont là.", "Elle arrive à 10 h."]),
        ("es", ["El Sr. García vive en la av. Mayor.", "¿Quién es?", "La Dra. Ruiz lo sabe."]),
        ("ru", ["В 1990 г. Москва росла, т.е. менялась.", "Она живёт на ул. Ленина."]),
    ],
)
def test_abbreviations_of_the_language_end_no_sentence(language: str, sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [text[start:end] for start, end in split_sentences(text, language=language)] == sentences
