"""Rich text files, as Word, LibreOffice, TextEdit and WordPad write them."""

import pytest

from rag.parsing.formats import parse
from rag.shared.errors import ContentTooLarge, UnreadableContent
from tests.rag.parsing.conftest import PathOf, Read

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman\fcharset0 Times New Roman;}{\f1\fnil\fcharset204 Arial Cyr;}}"
    r"{\colortbl;\red0\green0\blue0;}{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\*\cs10 Default;}{\s2 heading 2;}}"
    r"{\*\generator Word;}{\info{\title Bridges}{\author Kari Vik}{\creatim\yr2023\mo4\dy5\hr10}{\keywords stone, arch}}"
    r"{\header Confidential\par}"
)
BODY = (
    "\\pard\\s1 The bridge\\par\n\\pard\\plain It was finished in {\\b 1784}.\\par\n\\pard\\s2 Damage\\par\n"
    "\\pard A flood took the\n second arch.\\par {\\pict\\wmetafile8 0102030405}\n"
    "\\pard\\ls1{\\listtext\\'b7\\tab}New railings\\par{\\listtext\\'b7\\tab}Two lamps\\par"
    "\\pard\\s1 Today\\par\\pard About 400 people.\\par"
)


def rtf(body: str, head: str = HEAD) -> bytes:
    return (head + body + "}").encode("ascii")


@pytest.mark.parametrize("name", ["r.rtf", "r.doc", "r"])
def test_headings_paragraphs_and_lists_are_read_in_order(name: str, read: Read, path_of: PathOf) -> None:
    parsed = read(name, rtf(BODY))
    assert parsed.text == (
        "The bridge\n\nIt was finished in 1784.\n\nDamage\n\nA flood took the second arch.\n"
        "New railings\nTwo lamps\n\nToday\n\nAbout 400 people."
    )
    assert path_of(parsed, "Two lamps") == ("The bridge", "Damage")
    assert path_of(parsed, "About 400") == ("Today",)


def test_the_info_group_is_metadata() -> None:
    parsed = parse("r.rtf", rtf(BODY))
    assert parsed.title == "Bridges"
    assert parsed.metadata == {"author": "Kari Vik", "date": "2023-04-05", "keywords": ["stone", "arch"]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"Br\'fccke \'93x\'94\par", "Brücke “x”"),
        (r"{\f1\'cc\'ee\'f1\'f2}\f0  x\par", "Мост x"),
        (r"Br\u252\'3fcke\par", "Brücke"),
        (r"Br\u252?cke\par", "Brücke"),
        (r"{\uc0 Br\u252cke}\par", "Brücke"),
        (r"{\uc2\u9731\'a1\'a2 x}\par", "☃ x"),
        (r"\u-10179?\u-8694? x\par", "😊 x"),
        (r"a\~b\_c\-d\emdash e\lquote f\rquote\par", "a b‑cd—e‘f’"),
        (r"\{braces\} and \\ slash\par", r"{braces} and \ slash"),
        (r"seen{\v hidden}{\deleted gone}\par", "seen"),
        (r"See {\field{\*\fldinst{HYPERLINK x}}{\fldrslt the page}}\par", "See the page"),
        (r"Text{\footnote A note.} goes on.\par Next.\par", "Text goes on.\n\nA note.\n\nNext."),
        (r"a{\*\unknown secret}b\par", "ab"),
        (r"a{\fs24\i0\*\cs7\cf0 shown}b\par", "ashownb"),
        (r"a\unknownword1 b\par", "ab"),
        (r"one\par two", "one\n\ntwo"),
        (r"x{\pict\bin3 }}}}y\par", "xy"),
        ("", ""),
    ],
)
def test_running_text_is_what_a_reader_sees(body: str, expected: str, read: Read) -> None:
    assert read("r.rtf", rtf(body)).text == expected


def test_a_table_is_read_by_rows_with_its_header_as_context(read: Read) -> None:
    def row(*cells: str) -> str:
        return r"\trowd\cellx100\cellx200 " + "".join(rf"\pard\intbl {cell}\cell " for cell in cells) + r"\row "

    parsed = read(
        "r.rtf",
        rtf(r"Before.\par " + row("Name", "Metres") + row("Arnes", "48") + row("Vik", "112") + r"\pard After.\par"),
    )
    assert parsed.text == "Before.\n\nName\tMetres\nArnes\t48\nVik\t112\n\nAfter."
    assert [section.context for section in parsed.sections] == ["", "Name, Metres", ""]


@pytest.mark.parametrize("codepage", [1250, 1251, 1253, 932, 65001])
def test_the_code_page_is_used(codepage: int) -> None:
    text = {1250: "Łódź", 1251: "Мост", 1253: "Γέφυρα", 932: "橋の日", 65001: "Łódź橋"}[codepage]
    encoded = "".join(f"\\'{byte:02x}" for byte in text.encode("utf-8" if codepage == 65001 else f"cp{codepage}"))
    assert parse("r.rtf", rtf(encoded + r"\par", rf"{{\rtf1\ansi\ansicpg{codepage} ")).text == text


def test_groups_nested_without_end_are_refused() -> None:
    with pytest.raises(ContentTooLarge):
        parse("r.rtf", b"{\\rtf1 " + b"{" * 100_000)


def test_a_file_cut_off_is_refused() -> None:
    with pytest.raises(UnreadableContent, match="cut off"):
        parse("r.rtf", rtf(BODY)[:-200])


def test_the_text_of_a_shape_follows_its_paragraph() -> None:
    shape = rb"{\shp{\*\shpinst{\sp{\sn shapeType}{\sv 202}}{\shptxt\pard Boxed.\par}}}"
    assert (
        parse("a.rtf", rb"{\rtf1 Text" + shape + rb" goes on.\par End.\par}").text == "Text goes on.\n\nBoxed.\n\nEnd."
    )


def test_the_numbers_that_the_file_holds_stand_before_their_paragraphs() -> None:
    source = (
        "{\\rtf1\\ansi{\\listtext\\pard\\plain 7.\\tab}Liability\\par{\\pntext\\f0 7.3\\tab}The seller pays.\\par"
        "{\\listtext Article 4.\\tab}Scope\\par{\\listtext (b)\\tab}ice;\\par"
        "{\\listtext\\'b7\\tab}dot\\par{\\listtext o\\tab}ring\\par}"
    )
    lines = [line for line in parse("x.rtf", source.encode()).text.split("\n") if line]
    assert lines == ["7. Liability", "7.3 The seller pays.", "Article 4 Scope", "(b) ice;", "dot", "ring"]


def test_items_have_the_short_items_above_them_as_context() -> None:
    clauses = (
        (r"\ls1\ilvl0", "1.", "Notice"),
        (r"\ls1\ilvl1", "1.1", "Tenant"),
        (r"\ilvl2\ls1", "(a)", "Three months."),
        (r"\ls1", "2.", "Rent"),
        (r"\ls2", r"\'b7", "in spring"),
    )
    body = "".join(rf"\pard{place}{{\listtext {label}\tab}}{text}\par" for place, label, text in clauses)
    parsed = parse("lease.rtf", rtf(body))
    assert [block.context for block in parsed.blocks] == ["", "1. Notice", "1. Notice\n1.1 Tenant", "", "2. Rent"]
