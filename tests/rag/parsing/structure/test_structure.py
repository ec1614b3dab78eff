"""What belongs together is found together: each passage knows the lead-in of its list, the header and caption of its table."""

import json
import re
import textwrap
from collections.abc import Callable

import pytest

from rag.intake.chunking import Chunk, chunk
from rag.parsing.formats import parse
from rag.parsing.structure.builder import Item, TextBuilder
from rag.shared.types import ITEM, MARGIN, ParsedText
from tests.rag.parsing.containers import NAMES, add_table, open_document, saved

LEAD = "Before the bridge opens the inspectors check these things:"
ITEMS = [
    f"Point {number} of the inspection concerns bolt {number} and its washer, nut and paint." for number in range(20)
]
AFTER = "The bridge opens when all of that is done."
HEADER = ["Bridge", "Length", "Opened"]
ROWS = [[f"Bridge number {number}", f"{number * 7} metres", str(1900 + number)] for number in range(20)]


def passages(parsed: ParsedText, size: int = 300) -> list[Chunk]:
    made = chunk(parsed.text, parsed.sections, size=size, overlap=1, blocks=parsed.blocks, pages=parsed.pages)
    for passage in made:
        for start, end in passage.sentences:
            assert parsed.text[start:end] == parsed.text[start:end].strip() != ""
    return made


def known(parsed: ParsedText, passage: Chunk) -> str:
    """All that a passage is searched by."""
    return " ".join([*passage.section, passage.context, parsed.text[slice(*passage.span)]])


def without_mark(item: str) -> str:
    return " ".join(re.sub(r"^(?:- |\d+\. )", "", item).split())


def odt(body: str) -> tuple[str, bytes]:
    styles = '<style:style style:name="P7" style:family="paragraph" style:parent-style-name="Tabelle"/>'
    named = '<style:style style:name="Tabelle" style:family="paragraph" style:parent-style-name="Caption"/>'
    named = f"<office:document-styles {NAMES}><office:styles>{named}</office:styles></office:document-styles>"
    return "a.odt", open_document(
        f'<text:h text:outline-level="1">Bridges</text:h>{body}',
        styles=f"<office:automatic-styles>{styles}</office:automatic-styles>",
        **{"styles.xml": named},
    )


def rtf(body: str) -> tuple[str, bytes]:
    styles = r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\s3\sbasedon0 caption;}{\s4\sbasedon3 Table;}}"
    return "a.rtf", (r"{\rtf1\ansi" + styles + r"\pard\s1 Bridges\par" + body + "}").encode("ascii")


def html(body: str) -> tuple[str, bytes]:
    return "a.html", f"<!doctype html><html><body><main><h1>Bridges</h1>{body}</main></body></html>".encode()


def docx(fill: Callable[..., None]) -> tuple[str, bytes]:
    from docx import Document

    document = Document()
    document.add_heading("Bridges", 1)
    fill(document)
    return "a.docx", saved(document)


def list_in_html(wrap: str = "{}") -> tuple[str, bytes]:
    return html(f"<p>{LEAD}</p><ul>{''.join(f'<li>{wrap.format(item)}</li>' for item in ITEMS)}</ul><p>{AFTER}</p>")


def list_in_docx() -> tuple[str, bytes]:
    def fill(document: object) -> None:
        add = document.add_paragraph  # type: ignore[attr-defined]
        add(LEAD)
        for item in ITEMS:
            add(item, style="List Bullet")
        add(AFTER)

    return docx(fill)


def list_in_markdown(code: str = "") -> tuple[str, bytes]:
    return "a.md", "\n".join(["# Bridges", "", code, LEAD, *(f"- {item}" for item in ITEMS), "", AFTER]).encode()


def list_in_text(between: str = "\n", mark: str = "- ", wrap: int = 0) -> tuple[str, bytes]:
    items = [mark.format(number) + item for number, item in enumerate(ITEMS, 1)]
    lines = [textwrap.fill(item, wrap, subsequent_indent="  ") for item in items] if wrap else items
    return "a.txt", f"Bridges of the north.\n\nIt rains. {LEAD}\n{between.join(['', *lines])}\n\n{AFTER}\n".encode()


def list_in_mail() -> tuple[str, bytes]:
    head = b"From: a@example.org\nTo: b@example.org\nSubject: Bridges\nDate: Tue, 1 Jul 2025 10:00:00 +0200\n\n"
    return "a.eml", head + list_in_text()[1]


def list_in_odt() -> tuple[str, bytes]:
    items = "".join(f"<text:list-item><text:p>{item}</text:p></text:list-item>" for item in ITEMS)
    return odt(f"<text:p>{LEAD}</text:p><text:list>{items}</text:list><text:p>{AFTER}</text:p>")


def list_in_rtf() -> tuple[str, bytes]:
    items = "".join(rf"\pard\ls1{{\listtext\'b7\tab}}{item}\par" for item in ITEMS)
    return rtf(rf"\pard {LEAD}\par{items}\pard {AFTER}\par")


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(list_in_text(), id="text"),
        pytest.param(list_in_text("\n\n", "{}. "), id="text-numbered-apart"),
        pytest.param(list_in_mail(), id="mail"),
        pytest.param(list_in_odt(), id="odt"),
        pytest.param(list_in_rtf(), id="rtf"),
        pytest.param(list_in_html(), id="html"),
        pytest.param(list_in_html("<p>{}</p>"), id="html-paragraphs"),
        pytest.param(list_in_docx(), id="docx"),
        pytest.param(list_in_markdown(), id="markdown"),
        pytest.param(list_in_markdown("```\nx = 1\n```\n"), id="markdown-code"),
    ],
)
def test_each_item_of_a_long_list_is_found_by_its_lead_in(file: tuple[str, bytes]) -> None:
    parsed = parse(*file)
    made = passages(parsed)
    holding = [one for one in made if any(item in parsed.text[slice(*one.span)] for item in ITEMS)]
    assert len(holding) >= 5
    for passage in holding:
        assert known(parsed, passage).count(LEAD) == 1  # in the text or beside it, not both
        assert passage.section == (() if file[0] in ("a.txt", "a.eml") else ("Bridges",))
    [last] = [one for one in made if AFTER in parsed.text[slice(*one.span)]]
    assert last is made[-1]
    for item in ITEMS:
        assert any(item in [without_mark(parsed.text[slice(*sentence)]) for sentence in one.sentences] for one in made)


def test_the_wrapped_lines_of_an_item_stay_in_the_list() -> None:
    parsed = parse(*list_in_text(wrap=60))
    made = passages(parsed)
    of_list = [one for one in made if "Point" in parsed.text[slice(*one.span)]]
    assert len(of_list) >= 5 and all(known(parsed, one).count(LEAD) == 1 for one in of_list)
    items = [" ".join(parsed.text[slice(*sentence)].split()) for one in made for sentence in one.sentences]
    assert all(f"- {item}" in items for item in ITEMS)


@pytest.mark.parametrize(
    "text",
    [
        f"{LEAD}\n\nIt rains.\n\n- A point.\n- Another.",
        f"{ITEMS[0]}\n- A point.\n- Another.",
        f"- {LEAD}\n- A point.",
        f"{LEAD}\nNo list follows.\n\n    def x() -> None:",
    ],
)
def test_plain_text_without_a_list_that_is_announced_is_left_as_it_is(text: str) -> None:
    parsed = parse("a.txt", text.encode())
    assert (parsed.text, parsed.blocks) == (text, ())


def test_a_list_in_plain_text_ends_where_prose_goes_on() -> None:
    text = "Bring these:\n - a rope\n\n   of hemp,\n\n - a lamp.\n\nWe meet at noon.\n\nAnd these:\n\n1) bread\n2) cheese\n"
    blocks = parse("a.txt", text.encode()).blocks
    assert [(text[one.start : one.end], one.context) for one in blocks] == [
        ("Bring these:", ""),
        (" - a rope\n\n   of hemp,\n\n - a lamp.", "Bring these:"),
        ("We meet at noon.\n\nAnd these:", ""),
        ("1) bread\n2) cheese", "And these:"),
    ]


def test_a_list_without_a_lead_in_takes_none_from_above() -> None:
    body = f"<p>{LEAD}</p><p>It rains.</p><ul>{''.join(f'<li>{item}</li>' for item in ITEMS)}</ul>"
    parsed = parse(*html(body))
    assert [one.context for one in passages(parsed)][1:] == [""] * (len(passages(parsed)) - 1)


def test_what_stands_at_the_edge_of_a_page_leaves_a_list_its_lead_in() -> None:
    builder = TextBuilder()
    builder.add_block("Bring:")
    for text, level in (("- rope", 0), ("- lamps:", 0), ("- red", 1)):
        builder.add_block(text, item=Item("", level), kind=ITEM, listed=True)
        builder.add_block("The society", kind=MARGIN)
    builder.add_block("It rains.")
    builder.add_block("- wood", item=Item("", 1), kind=ITEM, listed=True)
    parsed = builder.build(title="", metadata={})
    contexts = [block.context for block in parsed.blocks if block.kind == ITEM]
    assert contexts == ["Bring:", "Bring:", "Bring:\n- lamps:", ""]


def table_in_html() -> tuple[str, bytes]:
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    head = "".join(f"<th>{cell}</th>" for cell in HEADER)
    table = f"<table><tr>{head}</tr>{rows}</table>"
    return html(f"<p>Text.</p><figure>{table}<figcaption>Table 2. Spans of the north</figcaption></figure>")


def table_in_docx() -> tuple[str, bytes]:
    def fill(document: object) -> None:
        document.add_paragraph("Table 2. Spans of the north", style="Caption")  # type: ignore[attr-defined]
        add_table(document, (HEADER, *ROWS))

    return docx(fill)


def table_in_markdown() -> tuple[str, bytes]:
    lines = [HEADER, ["---"] * 3, *ROWS]
    return "a.md", ("# Bridges\n\nText.\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in lines)).encode()


def table_in_odt(style: str, between: str = "", caption: str = "Table 2. Spans of the north") -> tuple[str, bytes]:
    rows = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in (HEADER, *ROWS)
    )
    return odt(f'<text:p text:style-name="{style}">{caption}</text:p>{between}<table:table>{rows}</table:table>')


def table_in_rtf(style: int, between: str = "") -> tuple[str, bytes]:
    rows = "".join(rf"\pard\intbl {row[0]}\cell {row[1]}\cell {row[2]}\cell\row" for row in (HEADER, *ROWS))
    return rtf(rf"\pard Text.\par\pard\s{style} Table 2. Spans of the north\par{between}{rows}\pard\plain {AFTER}\par")


@pytest.mark.parametrize(
    ("file", "caption"),
    [
        pytest.param(table_in_html(), "Spans of the north", id="html"),
        pytest.param(table_in_docx(), "Spans of the north", id="docx"),
        pytest.param(table_in_markdown(), "", id="markdown"),
        pytest.param(table_in_odt("Table"), "Spans of the north", id="odt"),
        pytest.param(table_in_odt("P7", "<text:p/>"), "Spans of the north", id="odt-derived-style"),
        pytest.param(table_in_rtf(3), "Spans of the north", id="rtf"),
        pytest.param(table_in_rtf(4, r"\pard\par"), "Spans of the north", id="rtf-derived-style"),
    ],
)
def test_each_row_of_a_long_table_is_found_by_header_and_caption(file: tuple[str, bytes], caption: str) -> None:
    parsed = parse(*file)
    made = [one for one in passages(parsed) if "metres" in parsed.text[slice(*one.span)]]
    assert len(made) >= 3
    for passage in made:
        assert all(name in known(parsed, passage) for name in HEADER) and caption in known(parsed, passage)
    for row in ROWS:  # a row is never cut
        assert any(
            all(cell in parsed.text[slice(*sentence)] for cell in row) for one in made for sentence in one.sentences
        )


def test_a_caption_that_belongs_to_no_table_stays_a_paragraph() -> None:
    def fill(document: object) -> None:
        document.add_paragraph("Figure 1. The old harbour", style="Caption")  # type: ignore[attr-defined]
        document.add_paragraph("It was built in 1843.")  # type: ignore[attr-defined]

    assert parse(*docx(fill)).text == "Bridges\n\nFigure 1. The old harbour\n\nIt was built in 1843."


def test_a_figure_keeps_its_caption_from_the_table_below() -> None:
    box = (
        '<text:p><draw:frame xmlns:draw="urn:d"><draw:text-box><text:p text:style-name="Illustration"><draw:frame><draw:image/>'
        "</draw:frame>Figure 1. The old harbour</text:p></draw:text-box></draw:frame></text:p>"
    )
    files = (
        table_in_odt("Standard", box, "Text."),
        table_in_odt("Caption", caption="Figure 1. The old harbour"),
        (rewritten := table_in_rtf(3))[:1]
        + (rewritten[1].replace(b"Table 2. Spans of the north", b"Figure 1. The old harbour"),),
    )
    for file in files:
        parsed = parse(*file)
        found = [one for one in passages(parsed) if "old harbour" in known(parsed, one)]
        assert len(found) == 1 and "metres" not in parsed.text[slice(*found[0].span)]


def test_code_stays_whole_and_knows_what_it_is_for() -> None:
    code = "\n".join(f"step_{number} = tighten(bolt={number}, torque=40)" for number in range(6))
    for file in (
        html(f"<p>Text.</p><p>Tighten the bolts like this:</p><pre>{code}</pre>"),
        ("a.md", f"# Bridges\n\nText.\n\nTighten the bolts like this:\n\n```\n{code}\n```\n".encode()),
    ):
        parsed = parse(*file)
        [passage] = [one for one in passages(parsed, size=250) if "step_5" in parsed.text[slice(*one.span)]]
        assert code in parsed.text[slice(*passage.span)]
        assert known(parsed, passage).count("Tighten the bolts like this:") == 1


def test_a_heading_is_in_the_first_passage_and_beside_all_of_its_section() -> None:
    body = "".join(f"<h2>Part {part}</h2><p>{' '.join(ITEMS[:6])}</p>" for part in range(3))
    parsed = parse(*html(body))
    for part in range(3):
        own = [one for one in passages(parsed) if one.section == ("Bridges", f"Part {part}")]
        assert len(own) >= 2
        assert parsed.text[own[0].span.start :].startswith(f"Part {part}\n\nPoint 0")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_each_passage_of_a_long_record_is_found_by_its_short_fields(name: str) -> None:
    long = " ".join(ITEMS)
    records = [{"title": f"Report {number}", "body": long, "year": number + 1990} for number in range(3)]
    written = {
        "a.jsonl": "\n".join(map(json.dumps, records)),
        "a.json": json.dumps({"reports": records}),
        "a.csv": "\n".join(["title,body,year", *(f'{one["title"]},"{one["body"]}",{one["year"]}' for one in records)]),
    }
    parsed = parse(name, written[name].encode())
    made = [one for one in passages(parsed) if "Point" in parsed.text[slice(*one.span)]]
    assert len(made) >= 15
    for number in range(3):
        own = [one for one in made if f"title: Report {number}" in known(parsed, one)]
        assert len(own) == len(made) / 3 and all(f"year: {number + 1990}" in known(parsed, one) for one in own)


def test_the_line_above_a_table_stands_in_one_passage_with_it() -> None:
    rows = "".join(
        f"<tr><td>{a}</td><td>{b}</td></tr>" for a, b in [("Bridge", "Toll"), ("Otter", "4"), ("Heron", "7")]
    )
    parsed = parse("a.html", f"<h1>Arnes</h1><p>All is told.</p><p>Tolls of 1784</p><table>{rows}</table>".encode())
    said = [parsed.text[slice(*passage.span)] for passage in passages(parsed)]
    assert said[-1] == "Tolls of 1784\nBridge\tToll\nOtter\t4\nHeron\t7"
    [told] = [unit for unit in passages(parsed)[-1].units if unit.row is None]
    assert parsed.text[slice(*told.span)] == "Tolls of 1784"


def test_text_between_the_rows_of_a_table_is_no_row() -> None:
    rows = "<tr><td>Bridge</td><td>Toll</td></tr><tr><td colspan=2>North</td></tr><tr><td>Otter</td><td>4</td></tr>"
    rows += "".join(f"<tr><td colspan=2>{text}</td></tr>" for text in ("Paid by all.", "But not by the keeper."))
    parsed = parse("a.html", f"<h1>Arnes</h1><table>{rows}</table>".encode())
    assert [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks] == [
        ("row", "North"), ("row", "Otter\t4"), ("prose", "Paid by all."), ("prose", "But not by the keeper.")
    ]  # fmt: skip
