"""Books."""

import pytest

from rag.parsing.formats import parse
from rag.shared.errors import UnreadableContent
from tests.rag.parsing.conftest import PathOf, Read
from tests.rag.parsing.containers import rewritten, unzipped, zipped

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="{}" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
CHAPTERS = {
    "one.xhtml": "<h1>The bridge</h1><p>It was finished in 1784.</p><h2>Builders</h2><p>Ole Dahl was one.</p>",
    "two.xhtml": "<h1>Damage</h1><p>A flood took the second arch.</p><ul><li>in May</li><li>in June</li></ul>",
    "three.xhtml": "<p>Text of a chapter without a heading.</p>",
}


def chapter(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>{body}</body></html>'
    )


def package(names: list[str], order: list[str], extra: str) -> str:
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names)
    )
    refs = "".join(f'<itemref idref="i{names.index(name)}"/>' for name in order)
    return (
        f'<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>Bridges of the North</dc:title><dc:creator>Kari Vik</dc:creator><dc:creator>Ole Dahl</dc:creator>"
        "<dc:language>en</dc:language>"
        "<dc:date>2019-05-01T00:00:00Z</dc:date><dc:subject>History</dc:subject>"
        "<dc:description>&lt;p&gt;Old stones.&lt;/p&gt;</dc:description></metadata>"
        f'<manifest>{items}{extra}</manifest><spine toc="ncx">{refs}<itemref idref="nav"/></spine></package>'
    )


def epub(
    folder: str = "OEBPS/", chapters: dict[str, str] = CHAPTERS, order: list[str] | None = None, rights: str = ""
) -> bytes:
    container = CONTAINER.format(folder + "content.opf")
    folder = folder.replace("%20", " ")
    nav = '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    book = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        folder + "content.opf": package(list(chapters), order or list(chapters), nav),
        folder + "nav.xhtml": chapter("<nav><ol><li>Contents of the book</li></ol></nav>"),
        **{folder + name.replace("%20", " "): chapter(body) for name, body in chapters.items()},
    }
    return zipped(book | {"META-INF/encryption.xml": rights} if rights else book)


@pytest.mark.parametrize("folder", ["", "OEBPS/", "a/b c/"])
def test_chapters_are_read_in_order_with_their_headings(folder: str, read: Read, path_of: PathOf) -> None:
    parsed = read("b.epub", epub(folder))
    assert parsed.text == (
        "The bridge\n\nIt was finished in 1784.\n\nBuilders\n\nOle Dahl was one.\n\nDamage\n\nA flood took the second arch.\n"
        "in May\nin June\n\n"
        "Text of a chapter without a heading."
    )
    assert path_of(parsed, "Ole Dahl") == ("The bridge", "Builders")
    assert path_of(parsed, "in June") == ("Damage",)
    assert path_of(parsed, "Text of a chapter") == ()


def test_the_spine_gives_the_order(read: Read) -> None:
    text = read("b.epub", epub(order=["three.xhtml", "two.xhtml", "one.xhtml"])).text
    assert text.index("without a heading") < text.index("Damage") < text.index("The bridge")


def test_metadata_are_those_of_the_package() -> None:
    assert parse("b.epub", epub()).metadata == {
        "author": "Kari Vik, Ole Dahl",
        "date": "2019-05-01",
        "language": "en",
        "description": "Old stones.",
        "keywords": ["History"],
    }


def test_names_with_escapes_are_found(read: Read) -> None:
    assert read("b.epub", epub(chapters={"chapter%20one.xhtml": "<p>Here it is.</p>"})).text == "Here it is."


RIGHTS = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><enc:EncryptedData xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
    '<enc:CipherData><enc:CipherReference URI="{}"/></enc:CipherData></enc:EncryptedData></encryption>'
)


def test_copy_protection_is_said() -> None:
    with pytest.raises(UnreadableContent, match="copy protection"):
        parse("b.epub", epub(rights=RIGHTS.format("OEBPS/one.xhtml")))


def test_hidden_fonts_are_no_copy_protection() -> None:
    assert "1784" in parse("b.epub", epub(rights=RIGHTS.format("OEBPS/font.otf"))).text


@pytest.mark.parametrize("folder", ["My%20book/", "My book/", ""])
def test_the_book_may_say_where_it_is_as_an_address_does(folder: str, read: Read) -> None:
    assert "A flood took the second arch." in read("b.epub", epub(folder)).text


def test_a_chapter_outside_the_book_is_not_read(read: Read) -> None:
    content = epub(chapters={"../../etc/passwd": "<p>secret</p>", "one.xhtml": "<p>open</p>"})
    assert "open" in read("b.epub", content).text


def test_entities_of_a_chapter_are_not_defined_by_it(read: Read) -> None:
    body = chapter("<p>open &lol; text</p>").replace("<!DOCTYPE html", '<!DOCTYPE html [<!ENTITY lol "lollol">] ')
    content = rewritten(epub(), "OEBPS/one.xhtml", lambda _: body.encode())
    assert "lollol" not in read("b.epub", content).text


@pytest.mark.parametrize("kind", ["nav", "ncx"])
def test_a_chapter_without_a_heading_stands_under_its_name_in_the_table_of_contents(kind: str, path_of: PathOf) -> None:
    ncx = (
        '<?xml version="1.0"?><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>The end</text>'
        '</navLabel><content src="three.xhtml#top"/></navPoint></navMap></ncx>'
    )
    nav = chapter(
        '<nav><ol><li><a href="one.xhtml">Other name</a></li><li><a href="three.xhtml#top">The end</a></li></ol></nav>'
    )
    item = b'<item id="ncx" href="a.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
    parts = unzipped(epub()) | {"OEBPS/a.ncx": ncx.encode()}
    if kind == "nav":
        parts["OEBPS/nav.xhtml"] = nav.encode()
    else:
        parts["OEBPS/content.opf"] = parts["OEBPS/content.opf"].replace(b"</manifest>", item)
    parsed = parse("a.epub", zipped(parts))
    assert path_of(parsed, "without a heading") == ("The end",)
    assert path_of(parsed, "finished in 1784") == ("The bridge",)
    assert path_of(parsed, "second arch") == ("Damage",)
