"""What belongs together is found together: each passage knows the lead-in of its list, the header and caption of its table."""

import io
import json
from collections.abc import Callable

import pytest

from rag.chunking import Chunk, chunk
from rag.parsing.formats import parse
from rag.types import ParsedText

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


def html(body: str) -> tuple[str, bytes]:
    return "a.html", f"<!doctype html><html><body><main><h1>Bridges</h1>{body}</main></body></html>".encode()


def docx(fill: Callable[..., None]) -> tuple[str, bytes]:
    from docx import Document

    document = Document()
    document.add_heading("Bridges", 1)
    fill(document)
    file = io.BytesIO()
    document.save(file)
    return "a.docx", file.getvalue()


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


@pytest.mark.parametrize(
    "file",
    [
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
        assert passage.section == ("Bridges",)
    [last] = [one for one in made if AFTER in parsed.text[slice(*one.span)]]
    assert last is made[-1]
    for item in ITEMS:
        assert any(item in [parsed.text[slice(*sentence)].lstrip("- ") for sentence in one.sentences] for one in made)


def test_a_list_without_a_lead_in_takes_none_from_above() -> None:
    body = f"<p>{LEAD}</p><p>It rains.</p><ul>{''.join(f'<li>{item}</li>' for item in ITEMS)}</ul>"
    parsed = parse(*html(body))
    assert [one.context for one in passages(parsed)][1:] == [""] * (len(passages(parsed)) - 1)


def table_in_html() -> tuple[str, bytes]:
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    head = "".join(f"<th>{cell}</th>" for cell in HEADER)
    table = f"<table><tr>{head}</tr>{rows}</table>"
    return html(f"<p>Text.</p><figure>{table}<figcaption>Table 2. Spans of the north</figcaption></figure>")


def table_in_docx() -> tuple[str, bytes]:
    def fill(document: object) -> None:
        document.add_paragraph("Table 2. Spans of the north", style="Caption")  # type: ignore[attr-defined]
        table = document.add_table(rows=0, cols=3)  # type: ignore[attr-defined]
        for row in (HEADER, *ROWS):
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text

    return docx(fill)


def table_in_markdown() -> tuple[str, bytes]:
    lines = [HEADER, ["---"] * 3, *ROWS]
    return "a.md", ("# Bridges\n\nText.\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in lines)).encode()


@pytest.mark.parametrize(
    ("file", "caption"),
    [
        pytest.param(table_in_html(), "Spans of the north", id="html"),
        pytest.param(table_in_docx(), "Spans of the north", id="docx"),
        pytest.param(table_in_markdown(), "", id="markdown"),
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
