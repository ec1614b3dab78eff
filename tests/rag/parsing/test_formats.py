"""From bytes to the text that is stored."""

import pytest

from rag.parsing.formats import parse
from rag.shared.errors import UnreadableContent, UnsupportedFormat
from tests.rag.parsing.test_mutations import FILES

PROSE = "Ein schöner Tag für Zürich, sagte Müller. Später kamen Gäste aus Österreich und blieben über Nacht. " * 5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_that_can_be_told_are_read(encoding: str) -> None:
    assert parse("tag.txt", PROSE.encode(encoding)).text == PROSE


def test_cyrillic_in_an_old_encoding_is_read() -> None:
    text = (
        "Президент не готов подписать соглашение в нынешнем виде, сказал источник. Переговоры продолжаются в Киеве. "
        * 5
    )
    assert parse("новость.txt", text.encode("cp1251")).text == text


@pytest.mark.parametrize("encoding", ["cp1254", "iso8859-9"])
@pytest.mark.parametrize(
    "text", ["Köprü 1784 yılında yapıldı.", "Köprü 1784 yılında yapıldı. Şehir halkı geçiş için ücret ödemişti. " * 40]
)
def test_turkish_in_its_own_code_page_is_read(text: str, encoding: str) -> None:
    assert parse("köprü.txt", text.encode(encoding)).text == text


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_become_newlines(line_end: str) -> None:
    assert parse("a.txt", f"one{line_end}two{line_end}".encode()).text == "one\ntwo\n"


def test_an_empty_file_is_an_empty_text() -> None:
    parsed = parse("empty.txt", b"")
    assert (parsed.text, parsed.title) == ("", "empty")


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 4,
        b"text with a \x00 null",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 50,
        b"%PDF-1.7 ...",
        b"PK\x03\x04....",
        b"\x01\x02\x03\x04" * 9,
    ],
    ids=["all bytes", "null", "image", "pdf", "zip", "controls"],
)
def test_what_is_not_text_is_refused_whatever_its_name(content: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match="plain text, code"):
        parse("looks-like.txt", content)


def test_a_file_marked_with_an_encoding_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(UnreadableContent, match="utf-16"):
        parse("a.txt", b"\xff\xfea\x00b")


def test_markdown_headings_become_sections_and_the_first_the_title() -> None:
    source = (
        "intro\n\n# Guide to *tea*\n\nDrink it.\n\n## Brewing\n\nBoil water.\n\n"
        "```\n# not a heading\n```\n\nHarvest\n-------\n\nIn spring.\n"
    )
    parsed = parse("notes.md", source.encode())
    assert parsed.text == source
    assert parsed.title == "Guide to tea"
    assert [section.path for section in parsed.sections] == [
        (),
        ("Guide to tea",),
        ("Guide to tea", "Brewing"),
        ("Guide to tea", "Harvest"),
    ]
    assert "".join(source[section.start : section.end] for section in parsed.sections) == source
    headings = [source[section.start : section.heading_end] for section in parsed.sections]
    assert headings == ["", "# Guide to *tea*\n", "## Brewing\n", "Harvest\n-------\n"]


def test_markdown_without_headings_is_one_section_named_after_the_file() -> None:
    parsed = parse("plan.md", b"just text")
    assert (parsed.title, len(parsed.sections)) == ("plan", 1)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, "report.docx") for kind in ("pptx", "xlsx", "odt", "epub", "pdf", "rtf", "eml")),
        *((kind, f"report{end}") for kind in ("docx", "pptx", "xlsx", "epub", "html") for end in ("", ".txt", ".csv")),
    ],
)
def test_a_file_is_told_by_its_content_whatever_its_name(kind: str, name: str) -> None:
    content = FILES[f"a.{kind}"]()
    assert parse(name, content).text == parse(f"a.{kind}", content).text != ""
