"""Files of every kind with bytes changed, lost and doubled: each is read or refused in one line, and no parser ends or hangs."""

import io
import json
import random
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import docx
import openpyxl
import pptx
import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.intake.chunking import chunk
from rag.parsing.formats import parse
from rag.parsing.sandbox.pool import Limits, Sandbox
from rag.shared.errors import RagError
from tests.rag.parsing.containers import add_table, open_document, saved, unzipped, zipped

TEXT = "The crane at the north quay lifts forty tons. It was built by Ole Dahl in 1901. "
ROWS = [["Ship", "Tons", "Line"], ["Oscar", "1200", "North"], ["Ida", "90", "West"]]
_ODT = (
    f"<text:h text:outline-level='1'>Cranes</text:h><text:p>{TEXT}<text:s text:c='4'/></text:p>"
    "<table:table><table:table-row><table:table-cell "
    "table:number-rows-spanned='2'><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell>"
    "</table:table-row><table:table-row><table:covered-table-cell/><table:table-cell><text:p>c</text:p></table:table-cell>"
    "</table:table-row></table:table>"
)
_OPF = (
    '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest>'
    '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
)
_CONTAINER = '<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>'
_HTML = (
    f"<!doctype html><title>Cranes</title><main><h1>Cranes</h1><p>{TEXT}</p><ul><li>one<li>two</ul><table><tr><th colspan=2>Ship"
    "<th rowspan=2>Line<tr><th>a<th>b<tr><td>Oscar<td>1200<td>North</table><pre>x = 1</pre></main>"
)


def as_docx() -> bytes:
    document = docx.Document()
    document.add_heading("Cranes", 1)
    document.add_paragraph(TEXT)
    table = add_table(document, ROWS)
    table.cell(1, 0).merge(table.cell(2, 0))
    return saved(document)


def as_pptx() -> bytes:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text, slide.placeholders[1].text = "Cranes", TEXT
    slide.shapes.add_table(2, 2, 0, 0, 100, 100).table.cell(0, 0).text = "Ship"
    return saved(show)


def as_xlsx() -> bytes:
    workbook = openpyxl.Workbook()
    for row in ROWS:
        workbook.active.append([int(cell) if cell.isdecimal() else cell for cell in row])
    workbook.active.merge_cells("A2:A3")
    return saved(workbook)


def as_pdf() -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, invariant=1)
    for page in range(3):
        for line in range(6):
            canvas.drawString(72, 700 - 14 * line, f"{page} {TEXT}")
        canvas.bookmarkPage(str(page))
        canvas.addOutlineEntry(f"Part {page}", str(page))
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def as_eml() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ida <a@example.org>", "b@example.org", "Cranes"
    mail.set_content(TEXT)
    mail.add_alternative(_HTML, subtype="html")
    mail.add_attachment(as_docx(), maintype="application", subtype="octet-stream", filename="a.docx")
    return mail.as_bytes()


FILES: dict[str, Callable[[], bytes]] = {
    "a.docx": as_docx,
    "a.pptx": as_pptx,
    "a.xlsx": as_xlsx,
    "a.pdf": as_pdf,
    "a.eml": as_eml,
    "a.odt": lambda: open_document(_ODT),
    "a.epub": lambda: zipped({"META-INF/container.xml": _CONTAINER, "a.opf": _OPF, "a.xhtml": _HTML}),
    "a.zip": lambda: zipped({"a.html": _HTML, "b.txt": TEXT, "c.csv": "a,b\n1,2\n"}),
    "a.html": _HTML.encode,
    "a.rtf": lambda: (
        rb"{\rtf1\ansi{\fonttbl{\f0\fcharset204 A;}}\pard\outlinelevel0 Cranes\par\pard " + TEXT.encode() + rb"\u1052 x"
        rb"\trowd\clvmgf\cellx9\cellx20\pard\intbl a\cell b\cell\row\trowd\clvmrg\cellx9\cellx20\pard\intbl \cell c\cell\row\pard}"
    ),
    "a.csv": lambda: "\n".join(",".join(row) for row in ROWS).encode(),
    "a.json": lambda: json.dumps(
        {"title": "Cranes", "ships": [dict(zip(ROWS[0], row, strict=True)) for row in ROWS]}
    ).encode(),
    "a.ipynb": lambda: json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": ["x = 1"]}]}).encode(),
    "a.md": lambda: (
        f"---\ntitle: Cranes\n---\n# Cranes\n\n{TEXT}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx\n```\n".encode()
    ),
    "a.srt": lambda: f"1\n00:00:01,000 --> 00:00:04,000\n{TEXT}\n\n2\n00:00:05,000 --> 00:00:09,000\n{TEXT}\n".encode(),
}


def mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    way = rng.randrange(6)
    for _ in range(rng.choice([1, 1, 3, 20])):
        at = rng.randrange(max(len(changed), 1))
        if way == 0 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            del changed[at : at + rng.choice([1, 4, 50])]
        elif way == 2:
            changed[at:at] = rng.randbytes(rng.choice([1, 4, 50]))
        elif way == 3:
            changed[at : at + 20] = b"\xff" * 20
        elif way == 4:
            first = rng.randrange(max(len(changed), 1))
            changed[at:at] = changed[first : first + 200]
        else:
            return bytes(changed[:at])
    return bytes(changed)


def mutated_inside(content: bytes, rng: random.Random) -> bytes:
    """A container that is whole, with numbers and elements of one of its parts changed."""
    parts = {name: part.decode("latin-1") for name, part in unzipped(content).items()}
    name = rng.choice([name for name in parts if name.endswith(("ml", ".opf", ".rels"))])
    source = parts[name]
    for _ in range(rng.choice([1, 2, 5])):
        numbers = list(re.finditer(r'"\d+"', source))
        elements = list(re.finditer(r"<[^<>]{1,300}/>", source))
        if numbers and rng.random() < 0.5:
            found, put = rng.choice(numbers), rng.choice(['"0"', '"-1"', '"99999999999"', '"1e9"', '"x"', '""'])
        elif elements:
            found = rng.choice(elements)
            put = rng.choice(["", found[0] * 50])
        else:
            continue
        source = source[: found.start()] + put + source[found.end() :]
    return zipped({other: part.encode("latin-1") for other, part in (parts | {name: source}).items()})


@pytest.mark.parametrize("name", FILES)
def test_any_damage_is_an_error_of_our_own(name: str) -> None:
    content = FILES[name]()
    for at in range(6, len(content), len(content) // 20 + 1):
        for damage in (b"", bytes(40), b"\xff" * 30, b"{\\u-9}\\'"):
            try:
                parse(name, content[:at] + damage + (content[at + len(damage) :] if damage else b""))
            except RagError as error:
                assert "\n" not in str(error)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(seconds=30)) as made:
        yield made


@pytest.mark.parametrize("name", FILES)
def test_a_mutated_file_is_read_or_refused_in_one_line(name: str, sandbox: Sandbox, seed: int, long: bool) -> None:
    rng = random.Random(f"{name} {seed}")
    content = FILES[name]()
    for number in range(50 if long else 4):
        inside = content.startswith(b"PK") and number % 2
        made = mutated_inside(content, rng) if inside else mutated(content, rng)
        for part in sandbox.read(name, made, lambda path, sha256: True):
            if isinstance(part.text, RagError):
                said = str(part.text)
                assert "\n" not in said and "crashed" not in said and "takes more than" not in said, (number, said)
            elif part.text is not None:
                parsed = part.text
                chunk(parsed.text, parsed.sections, size=600, overlap=1, blocks=parsed.blocks, pages=parsed.pages)
