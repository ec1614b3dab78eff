"""Files made to hurt their reader: each is read or refused with a reason that says what it is, and the next one is read as ever.

The short forms take a few seconds; ``--long`` has the sizes at which a mistake would show as minutes or gigabytes.
"""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag.parsing.sandbox.pool import Limits, Sandbox
from rag.service import Service
from rag.shared.errors import ContentTooLarge, RagError
from tests.rag.parsing.containers import rewritten, saved, zipped
from tests.rag.parsing.pdf.drawing import of_objects as pdf

pytestmark = pytest.mark.medium

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org"
HELLO = b"BT /F1 12 Tf 50 700 Td (Hello there) Tj ET"
FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
CATALOG = "<< /Type /Catalog /Pages 2 0 R >>"
MAIL = b"From: a@b.c\r\nTo: d@e.f\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def docx(xml: str) -> bytes:
    relation = f'Id="r" Type="{OFFICE}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"'
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{OFFICE}/package/2006/content-types"/>',
            "_rels/.rels": f'<Relationships xmlns="{OFFICE}/package/2006/relationships"><Relationship {relation}/></Relationships>',
            "word/document.xml": xml,
        }
    )


def body(xml: str) -> str:
    return f"<w:document {W}><w:body>{xml}</w:body></w:document>"


def xlsx(rows: str) -> bytes:
    import openpyxl

    sheet = f'<worksheet xmlns="{OFFICE}/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'
    return rewritten(saved(openpyxl.Workbook()), "xl/worksheets/sheet1.xml", lambda _: sheet.encode())


def epub(manifest: str, spine: str) -> bytes:
    rootfile = '<rootfiles><rootfile full-path="a.opf"/></rootfiles>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": f'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">{rootfile}</container>',
            "a.opf": f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{manifest}</manifest><spine>{spine}</spine></package>',
            "c.xhtml": "<html><body><h1>Title</h1><p>Hello there</p></body></html>",
        }
    )


def stream(content: bytes, more: str = "") -> bytes:
    data = zlib.compress(content, 9)
    return b"<< /Length %d /Filter /FlateDecode %s >>\nstream\n%s\nendstream" % (len(data), more.encode(), data)


def pages(kids: str, count: int = 1) -> str:
    return f"<< /Type /Pages /Kids [{kids}] /Count {count} >>"


def nested_mail(depth: int) -> bytes:
    part = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n'
    return MAIL + b"".join(part % (n, n) for n in range(depth)) + b"Content-Type: text/plain\r\n\r\nHello there"


CHAPTER = '<item id="a" href="c.xhtml" media-type="application/xhtml+xml"/>'
XHTML = 'media-type="application/xhtml+xml"'
FORM = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>"
# Name of the file, what makes it, larger in the long form; what comes of it, or the reason of its refusal.
CASES: dict[str, tuple[Callable[[int], bytes], str]] = {
    "cycle.pdf": (lambda n: pdf(CATALOG, pages("2 0 R 3 0 R", 2), PAGE, stream(HELLO), FONT), "Hello there"),
    "count.pdf": (
        lambda n: pdf(CATALOG, pages("3 0 R", 2**31 - 1), PAGE, stream(HELLO), FONT),
        "Hello there",
    ),
    "bomb.pdf": (lambda n: pdf(CATALOG, pages("3 0 R"), PAGE, stream(HELLO + b" " * 10**7 * n), FONT), "Hello there"),
    "deep.pdf": (lambda n: pdf(CATALOG[:-2] + "/X " + "[" * 100_000 + "]" * 100_000 + " >>", pages("", 0)), "damaged"),
    "outline.pdf": (
        lambda n: pdf(
            *(CATALOG[:-2] + "/Outlines 6 0 R >>", pages("3 0 R"), PAGE, stream(HELLO), FONT),
            *("<< /First 7 0 R >>", "<< /Title (a) /Next 7 0 R /First 7 0 R /Parent 6 0 R >>"),
        ),
        "Hello there",
    ),
    "cut.pdf": (lambda n: pdf(CATALOG, pages("3 0 R"), PAGE)[:150], "damaged or cut off"),
    "far.pdf": (
        lambda n: pdf(
            CATALOG, pages("3 0 R"), PAGE.replace("600", "1e30"), stream(HELLO.replace(b"50", b"1e29")), FONT
        ),
        "none of its 1 pages has text|Hello",
    ),
    "entities.docx": (
        lambda n: docx(f'<!DOCTYPE x [<!ENTITY a "a"><!ENTITY b "{"&a;" * 1000}">]>' + body("<w:p>&b;</w:p>")),
        "document type",
    ),
    "outside.docx": (lambda n: docx(f'<!DOCTYPE x SYSTEM "file:///etc/passwd">{body("")}'), "document type"),
    "deep.docx": (lambda n: docx(body("<w:sdt><w:sdtContent>" * 50_000)), "levels deep|cannot be read"),
    "paragraphs.docx": (
        lambda n: docx(body("<w:p/>" * 20_000 * n + "<w:p><w:r><w:t>Hello there</w:t></w:r></w:p>")),
        "Hello there",
    ),
    "rows.xlsx": (
        lambda n: xlsx(
            "".join(f'<row r="{row}"/>' for row in range(1, 5000 * n))
            + '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>Hello there</t></is></c></row>'
        ),
        "Hello there",
    ),
    "div.html": (lambda n: b"<html><body>" + b"<div>" * 100_000 + b"Hello there", "10000 levels deep"),
    "open.html": (lambda n: b"<html><body>" + b"<b><p>" * 3000 * n + b"Hello there", "Hello there"),
    "table.html": (lambda n: b"<html><body>" + b"<table><tr><td>" * 30_000 + b"Hello there", "10000 levels deep"),
    "cycle.epub": (lambda n: epub(CHAPTER, '<itemref idref="a"/>' * 300 * n), "Hello there"),
    "self.epub": (
        lambda n: epub(
            f'<item id="a" href="a.opf" {XHTML}/>{CHAPTER.replace("a", "b", 2)}', '<itemref idref="a"/>' * 9
        ),
        "",
    ),
    "groups.rtf": (lambda n: b"{\\rtf1 " + b"{" * 1_000_000, "500 levels deep"),
    "flat.rtf": (lambda n: b"{\\rtf1 " + b"{\\b Hello there}" * 20_000 * n + b"}", "Hello there"),
    "binary.rtf": (lambda n: b"{\\rtf1 Hello there{\\pict\\bin999999999 x}}", "cut off"),
    "field.csv": (lambda n: b"a,b\n1," + b"x" * 50_000_000 + b"\n", "field of more than 4 MiB near line 2"),
    "quote.csv": (lambda n: b'a,b\n1,"' + b"x y\n" * 2_000_000, "a quotation mark may be missing"),
    "columns.csv": (
        lambda n: (
            b",".join(b"c%d" % one for one in range(20_000 * n)) + b"\n" + b",".join(b"7" for _ in range(20_000 * n))
        ),
        "c19999: 7",
    ),
    "deep.json": (lambda n: b"[" * 100_000 + b"]" * 100_000, "200 levels deep"),
    "keys.json": (lambda n: b"{" + b",".join(b'"k%d":{"a":1}' % one for one in range(10_000 * n)) + b"}", "k9999.a: 1"),
    "number.json": (lambda n: b'{"a": ' + b"9" * 100_000 * n + b"}", "99999"),
    "quotes.md": (lambda n: b">" * 100_000 + b" Hello there", "Hello there"),
    "brackets.md": (lambda n: b"[" * 20_000 * n + b" Hello there", "Hello there"),
    "table.md": (lambda n: b"|" + b"a|" * 9000 * n + b"\n|" + b"-|" * 9000 * n + b"\n" + b"|b" * 9000 * n, "b"),
    "deep.eml": (lambda n: nested_mail(500), "nests too deep|Hello there"),
    "parts.eml": (
        lambda n: (
            MAIL
            + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
            + b"--b\r\nContent-Type: text/plain\r\n\r\nHello there\r\n" * 2000 * n
        ),
        "more than 1000 parts",
    ),
}
LONG: dict[str, tuple[Callable[[int], bytes], str]] = {
    "bomb.docx": (lambda n: docx(body("<w:p/>" + " " * 140 * 2**20)), "unpacks to more than"),
    "form.pdf": (
        lambda n: pdf(
            *(CATALOG, pages("3 0 R"), PAGE.replace("/Font << /F1", "/XObject << /X"), stream(b"/X Do")),
            stream(b"/X Do /X Do", FORM),
        ),
        "crashed|takes more than|no text|has text",
    ),
    "attributes.html": (
        lambda n: b"<html><body><p " + b"".join(b"a%d=1 " % one for one in range(200_000)) + b">Hello there",
        "takes more than|Hello there",
    ),
    "wide.xlsx": (
        lambda n: xlsx("".join(f'<row r="{r}"><c r="XFD{r}"/></row>' for r in range(1, 60_000))),
        "takes more than",
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(seconds=30, memory_mib=1024), workers=1) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, *LONG])
def test_a_hostile_file_is_read_or_refused_for_a_reason(name: str, sandbox: Sandbox, long: bool) -> None:
    if name in LONG and not long:
        pytest.skip("takes until the limits: --long")
    make, expected = {**CASES, **LONG}[name]
    try:
        outcome = sandbox.parse(name, make(20 if long else 1)).text
    except RagError as error:
        outcome = str(error)
        assert len(outcome) < 300 and "\n" not in outcome and "Traceback" not in outcome
    assert any(part in outcome for part in expected.split("|")), outcome[:300]
    assert sandbox.parse("fine.html", b"<!doctype html><p>All is well here.").text == "All is well here."


def test_a_folder_of_hostile_files_holds_up_none_of_the_others(service: Service, tmp_path: Path) -> None:
    refused = ("cut.pdf", "entities.docx", "div.html", "groups.rtf", "quote.csv", "deep.json", "binary.rtf")
    for name in refused:
        (tmp_path / name).write_bytes(CASES[name][0](1))
    for name in ("a.txt", "z.txt"):
        (tmp_path / name).write_text(f"The bridge of {name} is open.")
    report = service.intake.add_paths([tmp_path])
    assert sorted(Path(failure.path).name for failure in report.failed) == sorted(refused)
    assert report.added == 2 and service.store.verify() == []


def test_a_text_of_too_many_lines_or_characters_is_refused_before_it_is_taken_apart() -> None:
    with Sandbox() as sandbox:
        with pytest.raises(ContentTooLarge, match="lines of text"):
            sandbox.parse("lines.txt", b"a\n" * 2_000_001)
        with pytest.raises(ContentTooLarge, match="characters of text"):
            sandbox.parse("long.txt", b"a" * 50_000_001)
