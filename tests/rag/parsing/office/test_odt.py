"""OpenDocument texts."""

import pytest

from rag.parsing.formats import parse
from rag.shared.errors import UnreadableContent
from tests.rag.parsing.conftest import PathOf, Read
from tests.rag.parsing.containers import NAMES, open_document, rewritten

BODY = (
    '<text:p text:style-name="P1">The bridge at Arnes</text:p><text:p>It was finished in <text:span>1784</text:span>.</text:p>'
    '<text:h text:outline-level="1">Damage</text:h><text:p>A flood took the second arch.</text:p>'
    '<text:h text:outline-level="2">Repairs</text:h><text:p>These were made:</text:p>'
    "<text:list><text:list-item><text:p>New railings</text:p><text:list><text:list-item>"
    "<text:p>of iron</text:p></text:list-item></text:list>"
    "</text:list-item><text:list-item><text:p>Two lamps</text:p></text:list-item></text:list>"
    '<text:h text:outline-level="1">Today</text:h><text:p>About 400 people cross it.</text:p>'
)
STYLES = (
    '<office:automatic-styles><style:style style:name="P1" style:parent-style-name="Title"/></office:automatic-styles>'
)
META = (
    f'<office:document-meta {NAMES} xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta>'
    "<dc:title>Old title</dc:title><dc:creator>Kari Vik</dc:creator>"
    "<dc:date>2023-04-05T10:00:00</dc:date><dc:language>en-GB</dc:language><meta:keyword>stone</meta:keyword><meta:keyword>arch</meta:keyword>"
    "</office:meta></office:document-meta>"
)


def odt(body: str = BODY, **more: str) -> bytes:
    return open_document(body, styles=STYLES, **{"meta.xml": META, **more})


@pytest.mark.parametrize("name", ["r.odt", "r.zip", "r"])
def test_headings_paragraphs_and_lists_are_read_in_order(name: str, read: Read, path_of: PathOf) -> None:
    parsed = read(name, odt())
    assert parsed.text == (
        "The bridge at Arnes\n\nIt was finished in 1784.\n\nDamage\n\nA flood took the second arch.\n\nRepairs\n\n"
        "These were made:\n"
        "New railings\nof iron\nTwo lamps\n\nToday\n\nAbout 400 people cross it."
    )
    assert path_of(parsed, "Two lamps") == ("The bridge at Arnes", "Damage", "Repairs")
    assert path_of(parsed, "About 400") == ("The bridge at Arnes", "Today")


def test_title_and_metadata_are_read() -> None:
    parsed = parse("r.odt", odt())
    assert parsed.title == "The bridge at Arnes"
    assert parsed.metadata == {
        "author": "Kari Vik",
        "date": "2023-04-05",
        "language": "en-GB",
        "keywords": ["stone", "arch"],
    }
    assert parse("r.odt", odt("<text:p>x</text:p>")).title == "Old title"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<text:p>a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d</text:p>', "a b c d"),
        ("<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:p>kept</text:p>", "kept"),
        (
            "<text:p>text<office:annotation><text:p>a comment</text:p></office:annotation> goes on</text:p>",
            "text goes on",
        ),
        (
            "<text:p>See<text:note><text:note-citation>1</text:note-citation>"
            "<text:note-body><text:p>A note.</text:p></text:note-body></text:note>.</text:p>",
            "See.\n\nA note.",
        ),
        (
            "<text:p><draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box></draw:frame>Before.</text:p>",
            "Before.\n\nIn a box.",
        ),
        (
            "<text:p>Before.<draw:rect><svg:title>Box</svg:title><text:p>In it.</text:p><text:p>Too.</text:p></draw:rect></text:p>",
            "Before.\n\nIn it.\n\nToo.",
        ),
        ("<text:table-of-content><text:p>Damage 3</text:p></text:table-of-content><text:p>kept</text:p>", "kept"),
        ("<text:section><text:p>inside</text:p></text:section>", "inside"),
        ('<text:p>x<text:s text:c="999999999"/>y</text:p>', "x y"),
        ("", ""),
    ],
)
def test_running_text_is_what_a_reader_sees(body: str, expected: str, read: Read) -> None:
    assert read("r.odt", odt(body)).text == expected


def test_a_table_has_its_header_as_context(read: Read) -> None:
    def row(*cells: str) -> str:
        return (
            "<table:table-row>"
            + "".join(f"<table:table-cell><text:p>{c}</text:p></table:table-cell>" for c in cells)
            + "</table:table-row>"
        )

    head = f"<table:table-header-rows>{row('Name', 'Metres')}</table:table-header-rows>"
    parsed = read(
        "r.odt", odt(f"<table:table>{head}{row('Arnes', '48')}{row('Vik', '112')}</table:table><text:p>After.</text:p>")
    )
    assert parsed.text == "Name\tMetres\nArnes\t48\nVik\t112\n\nAfter."
    assert [section.context for section in parsed.sections] == ["Name, Metres", ""]


def test_an_encrypted_document_says_what_to_do() -> None:
    with pytest.raises(UnreadableContent, match="password"):
        parse("r.odt", odt(**{"META-INF/manifest.xml": "<manifest><encryption-data/></manifest>"}))


def test_entities_are_refused() -> None:
    declared, attack = b'<?xml version="1.0" encoding="UTF-8"?>', b'<!DOCTYPE a [<!ENTITY b "cc">]>'
    content = rewritten(odt(), "content.xml", lambda part: part.replace(declared, attack))
    with pytest.raises(UnreadableContent):
        parse("r.odt", content)


CHAPTERS = (
    f"<office:document-styles {NAMES}><office:styles><text:outline-style>"
    '<text:outline-level-style text:level="1" style:num-format="I" style:num-prefix="Part "/>'
    '<text:outline-level-style text:level="2" style:num-format="1" style:num-suffix="." text:start-value="4"/>'
    '<text:outline-level-style text:level="3" style:num-format=""/></text:outline-style></office:styles></office:document-styles>'
)


def test_the_numbers_of_headings_are_counted(path_of: PathOf) -> None:
    body = "".join(
        f'<text:h text:outline-level="{level}"{more}><text:number>9.9</text:number>{text}</text:h><text:p>On {text}.</text:p>'
        for level, text, more in (
            (1, "Foreword", ' text:is-list-header="true"'),
            (1, "Wood", ""),
            (2, "Oak", ""),
            (2, "Ash", ""),
            (3, "Bark", ""),
            (1, "Iron", ""),
            (2, "Nails", ' text:restart-numbering="true" text:start-value="7"'),
        )
    )
    parsed = parse("r.odt", odt(body, **{"styles.xml": CHAPTERS}))
    assert [path_of(parsed, f"On {text}.")[-1] for text in ("Foreword", "Oak", "Ash", "Bark", "Iron", "Nails")] == [
        "Foreword", "4. Oak", "5. Ash", "Bark", "Part II Iron", "7. Nails",
    ]  # fmt: skip


LISTS = (
    f'<office:document-styles {NAMES}><office:styles><text:list-style style:name="L">'
    '<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
    '<text:list-level-style-number text:level="2" style:num-format="1" text:display-levels="2"/>'
    '<text:list-level-style-number text:level="3" style:num-format="a" style:num-prefix="(" style:num-suffix=")"/>'
    '<text:list-level-style-bullet text:level="4"/></text:list-style></office:styles></office:document-styles>'
)


def items(*texts: str, inner: str = "", more: str = "") -> str:
    inside = "".join(f"<text:list-item><text:p>{text}</text:p>{inner}</text:list-item>" for text in texts)
    return f"<text:list {more}>{inside}</text:list>"


def test_list_items_have_their_numbers_and_the_whole_ones_as_context() -> None:
    deepest = items("dot", inner="")
    inner = items("duty:", inner=items("care", "<text:s/>", "thrift", inner=deepest))
    body = items("Law", "Order", inner=inner, more='text:style-name="L"')
    body += "<text:p>Between.</text:p>" + items("Peace", more='text:style-name="L" text:continue-numbering="true"')
    body += items("Anew", more='text:style-name="L"')
    parsed = parse("r.odt", odt(body, **{"styles.xml": LISTS}))
    duty = ["1.1 duty:", "(a) care", "dot", "dot", "(c) thrift", "dot"]
    again = ["2.1 duty:", *duty[1:]]
    expected = ["1. Law", *duty, "2. Order", *again, "", "Between.", "3. Peace", "1. Anew"]
    assert parsed.text.replace("Between.\n\n", "Between.\n").split("\n") == expected
    contexts = {parsed.text[block.start : block.end]: block.context for block in parsed.blocks}
    assert contexts["(c) thrift"] == "2. Order\n2.1 duty:\n2.1(c)" and contexts["1.1 duty:"] == "1. Law"


@pytest.mark.parametrize("level", ["0", "-1", "10", "99999999999999999999", "x"])
def test_a_level_that_there_is_not_numbers_nothing(level: str) -> None:
    broken = LISTS.replace('text:level="1"', f'text:level="{level}"')
    parsed = parse("r.odt", odt(items("One", "Two", more='text:style-name="L"'), **{"styles.xml": broken}))
    assert parsed.text == "One\nTwo"
