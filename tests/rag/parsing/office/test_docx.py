"""Word documents."""

from datetime import datetime

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml as element
from docx.oxml.ns import nsdecls

from rag.parsing.formats import parse
from rag.shared.errors import RagError, UnsupportedFormat
from tests.rag.parsing.conftest import PathOf, Read
from tests.rag.parsing.containers import add_table, saved, unzipped, with_part, zipped

W = nsdecls("w")


def text_layer(content: bytes) -> str:
    """All text of the document part by another way: what stands between its w:t tags."""
    import re
    from html import unescape

    source = unzipped(content)["word/document.xml"].decode()
    return unescape("".join(re.findall(r"<w:t(?: [^>]*)?>([^<]*)</w:t>", source)))


def report() -> Document:
    document = docx.Document()
    document.core_properties.author = "Kari Vik"
    document.core_properties.title = "Template of the office"
    document.core_properties.modified = datetime(2023, 4, 5, 10)
    document.core_properties.keywords = "bridges; oak"
    document.add_heading("The bridge at Arnes", 0)
    document.add_paragraph("The stone bridge was finished in 1784.")
    document.add_heading("Damage", 1)
    paragraph = document.add_paragraph("A flood in ")
    paragraph.add_run("May 1927").bold = True
    paragraph.add_run(" took the second arch.")
    document.add_heading("Repairs", 2)
    document.add_paragraph("These were made:")
    document.add_paragraph("New railings", style="List Bullet")
    document.add_paragraph("Two lamps", style="List Number")
    document.add_heading("Today", 1)
    document.add_paragraph("About 400 people cross it every day.")
    return document


def test_headings_paragraphs_and_lists_are_read_in_order(read: Read, path_of: PathOf) -> None:
    content = saved(report())
    original = text_layer(content).replace("Two lamps", "1. Two lamps")  # the number is Word's, see test_numbering.py
    parsed = read("report.docx", content, original=original)
    assert parsed.text == (
        "The bridge at Arnes\n\nThe stone bridge was finished in 1784.\n\nDamage\n\nA flood in May 1927 took the second arch.\n\n"
        "Repairs\n\nThese were made:\nNew railings\n1. Two lamps\n\nToday\n\nAbout 400 people cross it every day."
    )
    assert path_of(parsed, "Two lamps") == ("The bridge at Arnes", "Damage", "Repairs")
    assert path_of(parsed, "About 400") == ("The bridge at Arnes", "Today")


def test_title_and_properties_are_read() -> None:
    parsed = parse("report.docx", saved(report()))
    assert parsed.title == "The bridge at Arnes"
    assert parsed.metadata["author"] == "Kari Vik"
    assert parsed.metadata["date"] == "2023-04-05"
    assert parsed.metadata["keywords"] == ["bridges", "oak"]


def test_a_short_bold_paragraph_above_text_is_a_heading(read: Read, path_of: PathOf) -> None:
    document = docx.Document()
    document.add_heading("Ferries", 1)

    def add(text: str, *, bold: bool = False, style: str | None = None) -> None:
        document.add_paragraph(style=style).add_run(text).bold = bold

    add("Minutes of the board", bold=True)
    add("12 May 2021", bold=True)
    add("Opening hours", bold=True)
    add("The quay is open from six to nine.")
    add("No smoking on deck.", bold=True)
    add("Fares", bold=True)
    add("A ticket costs forty crowns.")
    document.add_paragraph("Children")
    add("They travel free of charge.")
    document.styles["Quote"].font.bold = True
    add("Members", bold=None, style="Quote")  # type: ignore[arg-type]
    add("Those who pay each year.")
    document.add_heading("Lights", 1)
    add("Seen from far off.")
    parsed = read("minutes.docx", saved(document))
    assert path_of(parsed, "Minutes of") == path_of(parsed, "12 May") == ("Ferries",)
    assert path_of(parsed, "open from six") == path_of(parsed, "No smoking") == ("Ferries", "Opening hours")
    assert path_of(parsed, "A ticket") == path_of(parsed, "travel free") == ("Ferries", "Fares")
    assert path_of(parsed, "Those who") == ("Ferries", "Members")
    assert path_of(parsed, "Seen from") == ("Lights",)


def test_a_table_has_its_header_as_context(read: Read, path_of: PathOf) -> None:
    document = docx.Document()
    document.add_heading("Bridges", 1)
    document.add_paragraph("All of them:")
    add_table(document, (("Name", "Metres"), ("Arnes", "48"), ("Vik", "112")))
    document.add_paragraph("That is all.")
    content = saved(document)
    parsed = read("t.docx", content, original=text_layer(content))
    assert parsed.text == "Bridges\n\nAll of them:\n\nName\tMetres\nArnes\t48\nVik\t112\n\nThat is all."
    [section] = [section for section in parsed.sections if section.context]
    assert (section.context, section.path) == ("All of them. Name, Metres", ("Bridges",))
    assert path_of(parsed, "That is all") == ("Bridges",)


def test_a_table_that_lays_out_the_page_is_read_as_paragraphs() -> None:
    document = docx.Document()
    cells = document.add_table(rows=1, cols=2).rows[0].cells
    cells[0].text = "Long text on the left. " * 60
    cells[1].add_table(1, 1).rows[0].cells[0].text = "Inner text."
    parsed = parse("t.docx", saved(document))
    assert "Long text on the left." in parsed.text and parsed.text.endswith("Inner text.") and "\t" not in parsed.text


def body_with(xml: str) -> bytes:
    document = docx.Document()
    document.add_paragraph("Before.")
    document.element.body.insert(1, element(xml))
    return saved(document)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (
            f"<w:p {W}><w:r><w:t>One</w:t></w:r><w:ins><w:r><w:t xml:space='preserve'> new</w:t></w:r></w:ins></w:p>",
            "One new",
        ),
        (f"<w:p {W}><w:r><w:t>Kept</w:t></w:r><w:del><w:r><w:delText> gone</w:delText></w:r></w:del></w:p>", "Kept"),
        (f"<w:p {W}><w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r><w:r><w:t>open</w:t></w:r></w:p>", "open"),
        (f"<w:p {W}><w:hyperlink><w:r><w:t>a link</w:t></w:r></w:hyperlink></w:p>", "a link"),
        (f"<w:p {W}><w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>c</w:t></w:r></w:p>", "a b c"),
        (
            f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>",
            "in a control",
        ),
        (f"<w:p {W}><w:r><w:t>co</w:t><w:softHyphen/><w:t>operate</w:t></w:r></w:p>", "cooperate"),
        (
            f"<w:p {W}><w:r><w:instrText>PAGE</w:instrText></w:r><w:fldSimple><w:r><w:t>7</w:t></w:r></w:fldSimple></w:p>",
            "7",
        ),
        (f"<w:p {W}><w:pPr><w:outlineLvl w:val='1'/></w:pPr><w:r><w:t>By level</w:t></w:r></w:p>", "By level"),
        (
            f"<w:p {W}><w:r><w:ruby><w:rt><w:r><w:t>reading</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>word</w:t></w:r>"
            "</w:rubyBase></w:ruby></w:r></w:p>",
            "word",
        ),
    ],
)
def test_running_text_is_what_a_reader_sees(xml: str, expected: str, read: Read) -> None:
    assert read("x.docx", body_with(xml)).text == f"Before.\n\n{expected}"


def test_paragraphs_whose_parting_mark_was_deleted_are_one(read: Read) -> None:
    document = docx.Document()
    gone = "<w:pPr><w:rPr><w:del w:id='1'/></w:rPr></w:pPr>"
    for xml in (
        f"<w:p {W}>{gone}<w:r><w:t xml:space='preserve'>The bridge </w:t></w:r></w:p>",
        f"<w:p {W}>{gone}<w:del w:id='2'><w:r><w:delText>Nothing is left of this.</w:delText></w:r></w:del></w:p>",
        f"<w:p {W}><w:r><w:t>was rebuilt.</w:t></w:r></w:p>",
        f"<w:p {W}>{gone}<w:r><w:t>The last.</w:t></w:r></w:p>",
    ):
        document.element.body.insert(len(document.element.body) - 1, element(xml))
    assert read("x.docx", saved(document)).text == "The bridge was rebuilt.\n\nThe last."


def test_the_note_of_a_table_cell_follows_the_table(read: Read) -> None:
    document = docx.Document()
    table = add_table(document, (("Name", "Metres"), ("Arnes", "48")))
    table.cell(1, 1).paragraphs[0]._p.append(element(f'<w:r {W}><w:footnoteReference w:id="3"/></w:r>'))
    notes = f'<w:footnotes {W}><w:footnote w:id="3"><w:p><w:r><w:t>Without ramps.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    content = with_part(saved(document), "word/_rels/document.xml.rels", "footnotes", "word/footnotes.xml", notes)
    assert read("x.docx", content).text == "Name\tMetres\nArnes\t48\n\nWithout ramps."


def test_a_text_box_is_read_once() -> None:
    box = "<w:txbxContent><w:p><w:r><w:t>Boxed.</w:t></w:r></w:p></w:txbxContent>"
    xml = (
        f'<w:p {W} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:r><w:t>Text.</w:t><mc:AlternateContent>'
        f'<mc:Choice Requires="wps"><w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>'
        "</mc:AlternateContent></w:r></w:p>"
    )
    assert parse("x.docx", body_with(xml)).text == "Before.\n\nText.\n\nBoxed."


def test_headers_and_footers_are_left_out() -> None:
    document = report()
    document.sections[0].header.paragraphs[0].text = "Confidential"
    document.sections[0].footer.paragraphs[0].text = "Page 1"
    text = parse("x.docx", saved(document)).text
    assert "Confidential" not in text and "Page 1" not in text


@pytest.mark.slow
def test_other_containers_are_named() -> None:
    with pytest.raises(UnsupportedFormat, match="archive of files"):
        parse("x.zip", zipped({"photo.jpg": b"x"}))


@pytest.mark.parametrize(("stream", "message"), [("EncryptedPackage", "password"), ("WordDocument", "save it as DOCX")])
def test_old_and_encrypted_office_files_say_what_to_do(stream: str, message: str) -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + stream.encode("utf-16-le") + bytes(100)
    with pytest.raises(RagError, match=message):
        parse("x.docx", content)


@pytest.mark.parametrize("first", ["Losses", "7"])
def test_a_row_that_begins_after_some_columns_has_its_values_where_they_stand(first: str) -> None:
    document = docx.Document()
    rows = (("Quay", "", "1905", "1906"), ("North", "old", "12", "14"), ("South", "new", "31", "33"))
    row = add_table(document, (*rows, ("gone", first, "5", "6"))).rows[-1]
    row._tr.remove(row._tr.tc_lst[0])
    row._tr.get_or_add_trPr().append(element(f'<w:gridBefore {W} w:val="1"/>'))
    parsed = parse("t.docx", saved(document))
    last = parsed.blocks[-1].row
    assert last is not None
    said = [parsed.text[slice(*span)] for span in last.cells]
    assert said == [first, "", "5", "6"] if first == "Losses" else ["", "7", "5", "6"]


@pytest.mark.parametrize("in_all", [True, False])
def test_labels_that_alone_are_shaded_name_no_columns(in_all: bool) -> None:
    document = docx.Document()
    table = add_table(document, (("Term", "of five years"), ("Courts", "those of Arnes"), ("Law", "of Norwell")))
    for number, row in enumerate(table.rows):
        if in_all or not number:
            row.cells[0]._tc.get_or_add_tcPr().append(element(f'<w:shd {W} w:val="clear" w:fill="D9D9D9"/>'))
    parsed = parse("t.docx", saved(document))
    rows = [block.row.head for block in parsed.blocks if block.row is not None]
    assert rows == ([("", "")] * 3 if in_all else [("Term", "of five years")] * 2)
