"""Numbers of headings, clauses and list items in Word documents, which Word computes when it shows them."""

import time
from collections.abc import Sequence
from typing import Any

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml as element
from docx.oxml.ns import nsdecls

from rag.intake.chunking import chunk
from rag.parsing.formats import parse
from rag.parsing.office.lists.numbering import formatted
from tests.rag.parsing.conftest import PathOf, Read
from tests.rag.parsing.containers import saved

pytestmark = pytest.mark.medium

W = nsdecls("w")


def level(at: int, kind: str, text: str, *more: str, start: int | None = 1) -> str:
    begins = f'<w:start w:val="{start}"/>' if start is not None else ""
    return f'<w:lvl w:ilvl="{at}">{begins}<w:numFmt w:val="{kind}"/>{"".join(more)}<w:lvlText w:val="{text}"/></w:lvl>'


LEGAL = (
    level(0, "decimal", "%1.")
    + level(1, "decimal", "%1.%2")
    + level(2, "lowerLetter", "(%3)")
    + level(3, "lowerRoman", "(%4)")
)


def define(document: Document, name: int, levels: str, *lists: str) -> None:
    """Add an abstract list and lists made of it: id, or the whole element."""
    numbering = document.part.numbering_part.element
    numbering.insert(0, element(f'<w:abstractNum {W} w:abstractNumId="{name}">{levels}</w:abstractNum>'))
    for one in lists:
        inner = f'<w:abstractNumId w:val="{name}"/>'
        list_id, _, overrides = one.partition(" ")
        numbering.append(element(f'<w:num {W} w:numId="{list_id}">{inner}{overrides}</w:num>'))


def enlist(formatted: Any, list_id: object, at: int | None = None) -> None:
    """Put the element of a paragraph or style into a list, of which either may be left out."""
    said = f'<w:ilvl w:val="{at}"/>' if at is not None else ""
    said += f'<w:numId w:val="{list_id}"/>' if list_id is not None else ""
    formatted.get_or_add_pPr().append(element(f"<w:numPr {W}>{said}</w:numPr>"))


def place(document: Document, text: str, list_id: object, at: int | None = 0, style: str | None = None) -> None:
    enlist(document.add_paragraph(text, style)._p, list_id, at)


def lines(document: Document) -> list[str]:
    return [line for line in parse("c.docx", saved(document)).text.split("\n") if line]


def numbered(levels: str, places: Sequence[tuple[str, int]], *lists: str) -> list[str]:
    """The labels of paragraphs "x" in these lists and levels."""
    document = docx.Document()
    define(document, 90, levels, *(lists or ("90",)))
    for list_id, at in places:
        place(document, "x", list_id, at)
    return [line.removesuffix("x").strip() for line in lines(document)]


def test_clauses_are_counted_level_by_level() -> None:
    at = [0, 1, 1, 2, 2, 3, 3, 2, 1, 2, 0, 1, 2]
    assert numbered(LEGAL, [("90", one) for one in at]) == [
        "1.", "1.1", "1.2", "(a)", "(b)", "(i)", "(ii)", "(c)", "1.3", "(a)", "2.", "2.1", "(a)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("decimal", {1: "1", 10: "10"}),
        ("decimalZero", {1: "01", 12: "12", 100: "100"}),
        ("lowerLetter", {1: "a", 26: "z", 27: "aa", 53: "aaa", 10**8: "100000000"}),
        ("upperLetter", {2: "B", 28: "BB"}),
        ("lowerRoman", {4: "iv", 9: "ix", 1994: "mcmxciv", 0: "0", 4000: "4000"}),
        ("upperRoman", {14: "XIV", 40: "XL"}),
        ("ordinal", {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 22: "22nd", 112: "112th"}),
        ("none", {3: ""}),
        ("chineseCounting", {5: "5"}),
    ],
)
def test_formats_of_numbers(kind: str, expected: dict[int, str]) -> None:
    assert {value: formatted(value, kind) for value in expected} == expected


def test_a_level_may_start_elsewhere_and_never_restart() -> None:
    levels = level(0, "upperRoman", "Part %1", start=3) + level(
        1, "decimal", "Article %2.", '<w:lvlRestart w:val="0"/>'
    )
    assert numbered(levels, [("90", at) for at in (0, 1, 1, 0, 1)]) == [
        "Part III", "Article 1", "Article 2", "Part IV", "Article 3",
    ]  # fmt: skip


def test_a_level_restarts_after_the_level_that_it_names() -> None:
    levels = (
        level(0, "decimal", "%1")
        + level(1, "decimal", "%1.%2")
        + level(2, "decimal", "[%3]", '<w:lvlRestart w:val="1"/>')
    )
    found = numbered(levels, [("90", at) for at in (0, 1, 2, 1, 2, 0, 1, 2)])
    assert found == ["1", "1.1", "[1]", "1.2", "[2]", "2", "2.1", "[1]"]


def test_lists_of_one_kind_go_on_unless_they_have_a_start_of_their_own() -> None:
    start = '92 <w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
    places = [("90", 0), ("91", 0), ("92", 0), ("92", 0), ("92", 1)]
    assert numbered(LEGAL, places, "90", "91", start) == ["1.", "2.", "1.", "2.", "2.1"]


def test_a_list_may_replace_a_level() -> None:
    own = f'90 <w:lvlOverride w:ilvl="0">{level(0, "upperLetter", "%1)")}</w:lvlOverride>'
    assert numbered(LEGAL, [("90", 0), ("90", 1)], own) == ["A)", "A.1"]


def test_in_legal_numbering_higher_levels_are_decimal() -> None:
    levels = level(0, "upperRoman", "Article %1.") + level(1, "decimalZero", "Section %1.%2", "<w:isLgl/>")
    assert numbered(levels, [("90", 0), ("90", 1)]) == ["Article I", "Section 1.01"]


def test_a_level_passed_over_counts_as_begun() -> None:
    assert numbered(LEGAL, [("90", 1), ("90", 1), ("90", 0)]) == ["1.1", "1.2", "2."]


def test_bullets_and_hidden_numbers_are_not_in_the_text() -> None:
    levels = (
        level(0, "bullet", "•") + level(1, "decimal", "%2.", "<w:rPr><w:vanish/></w:rPr>") + level(2, "none", "Note:")
    )
    assert numbered(levels, [("90", 0), ("90", 1), ("90", 2)]) == ["", "", "Note:"]


def test_the_numbers_of_styles_head_the_sections(path_of: PathOf) -> None:
    document = docx.Document()
    levels = "".join(
        level(at, "decimal", text, f'<w:pStyle w:val="Heading{at + 1}"/>') for at, text in ((0, "%1"), (1, "%1.%2"))
    )
    define(document, 90, levels, "90")
    for number in (1, 2):
        enlist(document.styles[f"Heading {number}"].element, 90)
    plain = document.styles.add_style("Unnumbered", 1)
    plain.base_style = document.styles["Heading 1"]
    enlist(plain.element, 0)
    document.add_paragraph("Preface", "Unnumbered")
    for text, number in (("Scope", 1), ("Price", 1), ("Planks", 2), ("Nails", 2)):
        document.add_heading(text, number)
        document.add_paragraph(f"On {text.lower()}.")
    parsed = parse("c.docx", saved(document))
    assert path_of(parsed, "On nails.") == ("2 Price", "2.2 Nails")
    assert path_of(parsed, "On scope.") == ("1 Scope",)
    assert parsed.text.startswith("Preface\n")


def test_a_style_may_name_the_list_by_way_of_another_style() -> None:
    document = docx.Document()
    define(document, 91, level(0, "upperLetter", "%1."), "91")
    document.styles.element.append(
        element(
            f'<w:style {W} w:type="numbering" w:styleId="Clauses"><w:name w:val="Clauses"/>'
            '<w:pPr><w:numPr><w:numId w:val="91"/></w:numPr></w:pPr></w:style>'
        )
    )
    define(document, 90, '<w:numStyleLink w:val="Clauses"/>', "90")
    place(document, "One", 90)
    place(document, "Two", 91)
    assert lines(document) == ["A. One", "B. Two"]


def test_a_paragraph_takes_what_it_does_not_say_from_its_style() -> None:
    document = docx.Document()
    define(document, 90, LEGAL, "90")
    properties = document.styles["List Number"].element.get_or_add_pPr()
    for old in properties.findall("{*}numPr"):
        properties.remove(old)
    enlist(document.styles["List Number"].element, 90)
    document.add_paragraph("One", "List Number")
    place(document, "Below", None, 1, "List Number")
    place(document, "Out", 0, None, "List Number")
    document.add_paragraph("Two", "List Number")
    assert lines(document) == ["1. One", "1.1 Below", "Out", "2. Two"]


def test_empty_paragraphs_count_and_deleted_and_hidden_ones_do_not() -> None:
    document = docx.Document()
    define(document, 90, LEGAL, "90")
    place(document, "One", 90)
    place(document, "", 90)
    for mark in ('<w:del w:id="1"/>', "<w:vanish/>"):
        document.element.body.insert(
            len(document.element.body) - 1,
            element(
                f'<w:p {W}><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="90"/></w:numPr><w:rPr>{mark}</w:rPr></w:pPr>'
                "<w:del w:id='2'><w:r><w:delText>Gone</w:delText></w:r></w:del></w:p>"
            ),
        )
    place(document, "Three", 90)
    assert lines(document) == ["1. One", "3. Three"]


@pytest.mark.parametrize("long", [False, True], ids=["table", "layout"])
def test_numbers_in_a_table_are_counted_once(long: bool) -> None:
    document = docx.Document()
    define(document, 90, LEGAL, "90")
    place(document, "Before", 90)
    table = document.add_table(rows=0, cols=2)
    for said in ("Oak planks", "Nails"):
        cells = table.add_row().cells
        cells[1].text = said * (200 if long else 1)
        cells[0].text = said
        enlist(cells[0].paragraphs[0]._p, 90, 0)
    place(document, "After", 90)
    text = "\n".join(lines(document))
    assert "1. Before" in text and "2. Oak planks" in text and "3. Nails" in text and "4. After" in text


def test_a_text_box_is_counted_for_itself() -> None:
    document = docx.Document()
    define(document, 90, LEGAL, "90")
    place(document, "One", 90)
    properties = '<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="90"/></w:numPr></w:pPr>'
    box = f"<w:txbxContent><w:p>{properties}<w:r><w:t>Boxed</w:t></w:r></w:p></w:txbxContent>"
    document.element.body.insert(1, element(f"<w:p {W}><w:r><w:t>Text</w:t><w:pict>{box}</w:pict></w:r></w:p>"))
    place(document, "Two", 90)
    assert lines(document) == ["1. One", "Text", "1. Boxed", "2. Two"]


def test_what_is_below_a_clause_is_searched_with_the_clauses_above_and_its_whole_number(read: Read) -> None:
    document = docx.Document()
    define(document, 90, LEGAL, "90")
    define(document, 91, level(0, "bullet", "•") + level(1, "bullet", "-"), "91")
    for text, at in (
        ("Liability", 0),
        ("The seller is not liable for:", 1),
        ("ice;", 2),
        ("delay by:", 2),
        ("strikes", 3),
        ("Term", 1),
    ):
        place(document, text, 90, at)
    document.add_paragraph("It is two years. Before that it ends where:")
    place(document, "the mill is sold;", 90, 2)
    place(document, "Notice", 90, 1)
    document.add_paragraph("The house has:")
    for text, at in (("Kitchen", 0), ("Two guests at most", 1), ("Garden", 0)):
        place(document, text, 91, at)
    parsed = read("c.docx", saved(document))
    contexts = {parsed.text[block.start : block.end]: block.context for block in parsed.blocks}
    assert contexts == {
        "1. Liability": "",
        "1.1 The seller is not liable for:": "1. Liability",
        "(a) ice;": "1. Liability\n1.1 The seller is not liable for:\n1.1(a)",
        "(b) delay by:": "1. Liability\n1.1 The seller is not liable for:\n1.1(b)",
        "(i) strikes": "1. Liability\n1.1 The seller is not liable for:\n(b) delay by:\n1.1(b)(i)",
        "1.2 Term": "1. Liability",
        "It is two years. Before that it ends where:": "",
        "(a) the mill is sold;": "1. Liability\n1.2 Term\nBefore that it ends where:\n1.2(a)",
        "1.3 Notice": "1. Liability",
        "The house has:": "",
        "Kitchen": "The house has:",
        "Two guests at most": "The house has:\nKitchen",
        "Garden": "The house has:",
    }
    [passage] = chunk(parsed.text, parsed.sections, size=900, overlap=1, blocks=parsed.blocks)
    assert len(passage.sentences) == 14
    pieces = chunk(parsed.text, parsed.sections, size=20, overlap=0, blocks=parsed.blocks)
    searched = {parsed.text[slice(*piece.span)]: piece.context for piece in pieces}
    assert searched["(a) ice;"] == "1. Liability. 1.1 The seller is not liable for:. 1.1(a)"


@pytest.mark.parametrize(
    "damage",
    [
        '<w:lvl w:ilvl="0"><w:numFmt/><w:lvlText/></w:lvl>',
        '<w:lvl w:ilvl="-1"/><w:lvl w:ilvl="9"/><w:lvl/><w:lvl w:ilvl="x"><w:lvlText w:val="%1"/></w:lvl>',
        level(0, "decimal", "%9%8%7"),
        level(0, "decimal", "%1" * 100_000),
        '<w:numStyleLink w:val="Nowhere"/>',
    ],
)
def test_damaged_definitions_number_nothing(damage: str) -> None:
    assert numbered(damage, [("90", 0), ("90", 12), ("77", 0)]) == ["", "", ""]


def test_a_list_without_a_definition_numbers_nothing() -> None:
    document = docx.Document()
    document.part.numbering_part.element.append(
        element(f'<w:num {W} w:numId="90"><w:abstractNumId w:val="555"/></w:num>')
    )
    document.part.numbering_part.element.append(element(f'<w:num {W} w:numId="91"/>'))
    for list_id in ("90", "91", "", "x" * 1000):
        place(document, "x", list_id)
    assert lines(document) == ["x"] * 4


@pytest.mark.parametrize("start", ["9" * 5000, "-7", "1e9", "٣"])
def test_a_start_that_is_no_number_is_none(start: str) -> None:
    levels = level(0, "decimal", "%1.").replace('w:val="1"', f'w:val="{start}"', 1)
    assert numbered(levels, [("90", 0), ("90", 0)]) == ["0.", "1."]


def test_styles_and_lists_that_lead_to_themselves_come_to_an_end() -> None:
    document = docx.Document()
    define(document, 90, '<w:numStyleLink w:val="Loop"/>', "90")
    document.styles.element.append(
        element(
            f'<w:style {W} w:type="paragraph" w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Pool"/>'
            '<w:pPr><w:numPr><w:numId w:val="90"/></w:numPr></w:pPr></w:style>'
        )
    )
    document.styles.element.append(
        element(
            f'<w:style {W} w:type="paragraph" w:styleId="Pool"><w:name w:val="Pool"/><w:basedOn w:val="Loop"/></w:style>'
        )
    )
    document.add_paragraph("x", "Loop")
    document.add_paragraph("x", "Pool")
    assert lines(document) == ["x", "x"]


def test_many_lists_below_each_other_are_read_in_bounded_time() -> None:
    document = docx.Document()
    body = document.element.body
    define(document, 90, LEGAL, *map(str, range(100, 3100)))
    for number in range(100, 3100):
        properties = f'<w:pPr><w:numPr><w:ilvl w:val="{number % 9}"/><w:numId w:val="{number}"/></w:numPr></w:pPr>'
        body.insert(len(body) - 1, element(f"<w:p {W}>{properties}<w:r><w:t>Of the list:</w:t></w:r></w:p>"))
    content = saved(document)
    before = time.thread_time()
    parse("c.docx", content)
    assert time.thread_time() - before < 10
