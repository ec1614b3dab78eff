"""Word documents: what stands in them and is none of their text."""

import docx
import pytest
from docx.oxml import parse_xml as element
from docx.oxml.ns import nsdecls

from tests.rag.parsing.conftest import Read
from tests.rag.parsing.containers import saved, with_part

W = nsdecls("w")
STYLED = "<w:rPr><w:rStyle w:val='PlaceholderText'/></w:rPr>"
PROMPT = "Click or tap here to enter text."


def control(text: str, format_: str = "", prompt: str = "") -> str:
    """A paragraph with a control that is marked as not filled in. prompt: the name of the one that it has."""
    about = f"<w:placeholder><w:docPart w:val='{prompt}'/></w:placeholder>" if prompt else ""
    return (
        f"<w:p {W}><w:r><w:t xml:space='preserve'>Builder: </w:t></w:r><w:sdt><w:sdtPr>{about}<w:showingPlcHdr/></w:sdtPr>"
        f"<w:sdtContent><w:r>{format_}<w:t>{text}</w:t></w:r></w:sdtContent></w:sdt></w:p>"
    )


def document_with(*parts: str, prompts: dict[str, str] | None = None) -> bytes:
    document = docx.Document()
    for part in parts:
        document.element.body.insert(len(document.element.body) - 1, element(part))
    content = saved(document)
    if prompts is None:
        return content
    known = "".join(
        f"<w:docPart><w:docPartPr><w:name w:val='{name}'/></w:docPartPr><w:docPartBody><w:p><w:r>{STYLED}<w:t>{text}</w:t></w:r>"
        "</w:p></w:docPartBody></w:docPart>"
        for name, text in prompts.items()
    )
    glossary = f"<w:glossaryDocument {W}><w:docParts>{known}</w:docParts></w:glossaryDocument>"
    relations, place = "word/_rels/document.xml.rels", "word/glossary/document.xml"
    return with_part(content, relations, "glossaryDocument", place, glossary)


@pytest.mark.parametrize(
    ("text", "format_", "prompts", "shown"),
    [
        (PROMPT, STYLED, {"P": PROMPT}, ""),
        (PROMPT, STYLED, None, ""),
        (PROMPT, "", None, ""),
        ("Click here to enter text.", "", None, ""),
        ("[Name of the builder]", "", None, ""),
        ("Baumeister", STYLED, None, ""),
        ("Name of the builder", "", {"P": "Name of the builder"}, ""),
        ("Ola Vik", "", None, " Ola Vik"),
        ("Type 2 works", "", None, " Type 2 works"),
        ("Ola Vik", "", {"P": PROMPT}, " Ola Vik"),
        ("Ola Vik", STYLED, {"P": PROMPT}, " Ola Vik"),
        ("Enter the bridge from the north.", "", {"P": PROMPT}, " Enter the bridge from the north."),
    ],
)
def test_a_control_that_was_filled_in_is_read_whatever_its_mark_says(
    text: str, format_: str, prompts: dict[str, str] | None, shown: str, read: Read
) -> None:
    content = document_with(control(text, format_, "P"), prompts=prompts)
    assert read("a.docx", content).text == f"Builder:{shown}"


def test_a_cell_with_a_prompt_is_empty_and_keeps_its_column(read: Read) -> None:
    def row(first: str, *others: str) -> str:
        cells = [f"<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>" for text in others]
        about = "<w:sdtPr><w:showingPlcHdr/></w:sdtPr>"
        cells[0] = f"<w:sdt>{about}<w:sdtContent>{cells[0]}</w:sdtContent></w:sdt>"
        return f"<w:tr><w:tc><w:p><w:r><w:t>{first}</w:t></w:r></w:p></w:tc>{''.join(cells)}</w:tr>"

    rows = row("Bridge", "Built", "Metres") + row("Arnes", "[Year]", "48") + row("Elv", "1802", "31")
    content = document_with(f"<w:tbl {W}>{rows}</w:tbl>")
    assert read("a.docx", content).text == "Bridge\tBuilt\tMetres\nArnes\t\t48\nElv\t1802\t31"


def test_a_control_around_a_table_of_contents_is_read_but_for_that(read: Read) -> None:
    contents = (
        "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val='Table of Contents'/></w:docPartObj></w:sdtPr>"
        "<w:sdtContent><w:p><w:r><w:t>Damage 3</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    text = "<w:p><w:r><w:t>The bridge is old.</w:t></w:r></w:p>"
    outer = f"<w:sdt {W}><w:sdtContent>{contents}{text}</w:sdtContent></w:sdt>"
    assert read("a.docx", document_with(outer)).text == "The bridge is old."


def field(instruction: str, *lines: str, style: str = "Heading1", ends: bool = True) -> list[str]:
    """Paragraphs that a field shows, each with the number of its page in a field of its own."""

    def sign(kind: str) -> str:
        return f"<w:r><w:fldChar w:fldCharType='{kind}'/></w:r>"

    def code(text: str) -> str:
        return f"<w:r><w:instrText>{text[:3]}</w:instrText><w:instrText>{text[3:]}</w:instrText></w:r>"

    number = f"{sign('begin')}{code(' PAGEREF a ')}{sign('separate')}<w:r><w:t>3</w:t></w:r>{sign('end')}"
    shown = [f"<w:r><w:t>{line}</w:t><w:tab/></w:r>{number}" for line in lines]
    shown[0] = f"{sign('begin')}{code(instruction)}{sign('separate')}{shown[0]}"
    about = f"<w:pPr><w:pStyle w:val='{style}'/></w:pPr>"
    return [
        *(f"<w:p {W}>{about}{line}</w:p>" for line in shown),
        f"<w:p {W}>{sign('end') if ends else ''}</w:p>",
    ]


HEADING = f"<w:p {W}><w:pPr><w:pStyle w:val='Heading1'/></w:pPr><w:r><w:t>Damage</w:t></w:r></w:p>"
TEXT = f"<w:p {W}><w:r><w:t>A flood took the arch.</w:t></w:r></w:p>"


def test_lines_of_a_table_of_contents_that_look_like_headings_are_left_out(read: Read) -> None:
    parsed = read("a.docx", document_with(*field(' TOC \\o "1-3" ', "Damage", "Repairs"), HEADING, TEXT))
    assert parsed.text == "Damage\n\nA flood took the arch."
    assert [section.path for section in parsed.sections] == [("Damage",)]


def test_a_table_of_contents_in_one_paragraph_is_left_out(read: Read) -> None:
    shown = "<w:r><w:t>Damage</w:t><w:tab/><w:t>3</w:t><w:br/></w:r>"
    contents = (
        f"<w:p {W}><w:pPr><w:pStyle w:val='Heading1'/></w:pPr><w:fldSimple w:instr=' TOC '>{shown}</w:fldSimple></w:p>"
    )
    assert read("a.docx", document_with(contents, TEXT)).text == "A flood took the arch."


def test_other_fields_and_one_without_an_end_stay_in_the_text(read: Read) -> None:
    other = read("a.docx", document_with(*field(" REF a ", "Repairs", style="Normal"), HEADING, TEXT))
    assert other.text == "Repairs 3\n\nDamage\n\nA flood took the arch."
    endless = read("a.docx", document_with(*field(" TOC ", "Repairs", ends=False), HEADING, TEXT))
    assert endless.text.endswith("Damage\n\nA flood took the arch.")
