"""Web pages: what they say, without their furniture."""

import re

import pytest

from rag.parsing.formats import parse
from rag.shared.errors import ContentTooLarge
from tests.rag.parsing.conftest import PathOf, Read

ARTICLE = """<h1>The bridge at Arnes</h1>
<p>The stone bridge was finished in <b>1784</b> after eleven years of work. Its builder was <a href="/o">Ole Dahl</a>.</p>
<h2>Damage</h2><p>A flood in May 1927 took the second arch&nbsp;&mdash; it was rebuilt in oak.</p>
<h3>Repairs</h3><ul><li>New railings, 1951</li><li>Two lamps, 1960<ul><li>One of them was stolen</li></ul></li></ul>
<h2>Today</h2><p>About 400 people cross it every day.</p>"""
FACTS = ["finished in 1784 after eleven years", "took the second arch — it was rebuilt", "About 400 people cross it"]
MENU = '<ul><li><a href="/a">Home page</a></li><li><a href="/b">All bridges</a></li><li><a href="/c">Contact us</a></li></ul>'
NOISE = ["Home page", "Accept all cookies", "Copyright 2024", "trackVisitor"]


def page(body: str, head: str = "<title>The bridge at Arnes - Bridges of the North</title>") -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head>{head}<script>trackVisitor()</script></head><body>{body}</body></html>'
    )


PAGES = {
    "semantic": page(f"<header>{MENU}</header><nav>{MENU}</nav><main>{ARTICLE}</main><footer>Copyright 2024</footer>"),
    "article": page(
        f"<div class=top>{MENU}</div><article>{ARTICLE}</article><div>Copyright 2024 by us</div>".replace(
            "<div>Copy", '<div id="footer">Copy'
        )
    ),
    "role": page(
        f'<div role="navigation">{MENU}</div><div role="main">{ARTICLE}</div><div role="contentinfo">Copyright 2024</div>'
    ),
    "old divs": page(
        f'<div id="menu">{MENU}</div><div id="content">{ARTICLE}</div><div class="site-footer footer">Copyright 2024</div>'
    ),
    "unnamed menu": page(f"<div>{MENU}</div><div>{ARTICLE}</div>"),
    "layout table": page(f"<table><tr><td>{MENU}</td><td>{ARTICLE}</td></tr></table>"),
    "cookie box": page(f'<div class="cookie-banner">Accept all cookies <button>Yes</button></div>{ARTICLE}'),
    "hidden": page(f'<div hidden>Accept all cookies</div><div style="display: none">Home page</div>{ARTICLE}'),
    "section": page(f"<div class=wrap><section>{ARTICLE}</section><aside>{MENU}</aside></div>"),
    "unclosed": page(f"<nav>{MENU}</nav>" + ARTICLE.replace("</p>", "").replace("</li>", "")),
    "upper case": page(f"<NAV>{MENU}</NAV><MAIN>{ARTICLE}</MAIN>".replace("<p>", "<P>").replace("</p>", "</P>")),
    "xhtml": '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x.dtd">\n'
    + page(f"<div class='nav'>{MENU}</div>{ARTICLE}").removeprefix("<!DOCTYPE html>"),
}


def shown(source: str) -> str:
    """The text layer by another way: the source without tags."""
    import html

    return html.unescape(re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", source, flags=re.S | re.I))


@pytest.mark.parametrize("kind", PAGES)
def test_the_main_content_is_kept_and_the_furniture_is_not(kind: str, read: Read, path_of: PathOf) -> None:
    parsed = read("page.html", PAGES[kind].encode(), original=shown(PAGES[kind]))
    assert [fact for fact in FACTS if fact not in parsed.text] == []
    assert [noise for noise in NOISE if noise in parsed.text] == []
    assert parsed.title == "The bridge at Arnes"
    assert path_of(parsed, "A flood in May") == ("The bridge at Arnes", "Damage")
    assert path_of(parsed, "New railings") == ("The bridge at Arnes", "Damage", "Repairs")
    assert path_of(parsed, "400 people") == ("The bridge at Arnes", "Today")
    assert "New railings, 1951\nTwo lamps, 1960\nOne of them was stolen" in parsed.text


@pytest.mark.parametrize("inside", ["section", "div"])
@pytest.mark.parametrize("title", ["Pagination", "Related", "Social sharing", "Menu"])
def test_a_chapter_that_is_called_like_furniture_is_content(inside: str, title: str) -> None:
    name = title.lower().replace(" ", "-")
    heading = f'<span id="old"></span><h2>{title}<a href="#{name}">¶</a></h2>'
    chapter = f'<{inside} id="{name}">{heading}<p>Pages have 20 ships.</p></{inside}>'
    footer = '<div id="footer"><p>All rights reserved by the board.</p></div>'
    text = parse("a.html", page(f"{ARTICLE}{chapter}{footer}").encode()).text
    assert "Pages have 20 ships." in text and "All rights reserved" not in text


def test_what_was_struck_out_by_an_editor_is_left_out() -> None:
    source = page("<p>The fee is <del>100</del> <ins>120</ins> crowns for <ruby>船<rt>ふね</rt></ruby>.</p>")
    assert parse("a.html", source.encode()).text == "The fee is 120 crowns for 船."


def test_text_that_speaks_of_html_stays_text() -> None:
    source = "In HTML, <html> opens the page and <p> a paragraph.\n"
    assert parse("notes.txt", source.encode()).text == source


def test_a_table_of_data_keeps_its_rows_and_its_header_as_context(read: Read) -> None:
    source = page(
        "<h1>Bridges</h1><p>All of them:</p><table><caption>Spans</caption><thead><tr><th>Name<th>Metres</thead>"
        "<tr><td>Arnes<td>48<tr><td>Vik<td>112</table><p>That is all.</p>"
    )
    parsed = read("t.html", source.encode(), original=shown(source))
    assert parsed.text == "Bridges\n\nAll of them:\n\nSpans\nName\tMetres\nArnes\t48\nVik\t112\n\nThat is all."
    [table] = [section for section in parsed.sections if section.context]
    assert (table.path, table.context) == (("Bridges",), "Spans. Name, Metres")
    assert [parsed.text[block.start : block.end] for block in parsed.blocks if block.whole] == ["Arnes\t48", "Vik\t112"]


def test_code_is_one_block_with_its_lines() -> None:
    parsed = parse(
        "c.html", page("<main><p>Run:</p><pre><code>if x:\n    <b>go</b>()\n</code></pre><p>Done.</p></main>").encode()
    )
    assert [parsed.text[b.start : b.end] for b in parsed.blocks if b.whole] == ["if x:\n    go()"]


def test_metadata_of_the_head_is_read() -> None:
    head = (
        '<title>Old title</title><meta property="og:title" content="A day at sea"><meta name=author content="Kari Vik">'
        '<meta property="article:published_time" content="2023-04-05T10:00:00+02:00"><link rel=canonical href="https://a.example/sea">'
        '<meta name=description content="Wind and waves.">'
    )
    parsed = parse("x.html", page("<p>It was windy.</p>", head).encode())
    assert parsed.title == "A day at sea"
    assert parsed.metadata == {
        "author": "Kari Vik",
        "date": "2023-04-05",
        "language": "en",
        "url": "https://a.example/sea",
        "description": "Wind and waves.",
    }


@pytest.mark.parametrize(
    ("encoding", "declaration"),
    [
        ("utf-8", ""),
        ("cp1251", "<meta charset=windows-1251>"),
        ("iso-8859-5", '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-5">'),
        ("utf-16", ""),
        ("utf-8", "<meta charset=iso-8859-1>"),
    ],
)
def test_the_declared_encoding_is_used(encoding: str, declaration: str) -> None:
    source = page("<p>Мост построен в 1784 году.</p>", declaration)
    assert parse("x.html", source.encode(encoding)).text == "Мост построен в 1784 году."


def test_a_page_of_links_keeps_them() -> None:
    links = "".join(f"<li><a href=/{n}>Chapter {n} of the handbook</a></li>" for n in range(30))
    assert "Chapter 29 of the handbook" in parse("index.html", page(f"<h1>Handbook</h1><ul>{links}</ul>").encode()).text


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        "<!doctype html>" + "<div>" * 9_000 + "deep",
        "<!doctype html>" + "<b><i>" * 5_000 + "deep",
        "<!doctype html><p>deep" + "</div>" * 10_000,
        "<!doctype html>" + "<table><tr><td>" * 1_000 + "deep",
        "<!doctype html><p " + "a=b " * 100_000 + ">deep",
        "<!doctype html>deep<!-- never closed" + " x" * 100_000,
        "<!doctype html><p>deep &#xD800;&#0; &notanentity; &#99999999;",
        "<!doctype html><pre>\n deep</pre><svg><p>x</svg>",
    ],
    ids=["nested", "formatting", "closing", "tables", "attributes", "comment", "entities", "svg"],
)
def test_pages_that_a_browser_would_show_are_read_however_odd(source: str, read: Read) -> None:
    assert "deep" in read("x.html", source.encode()).text


def test_an_empty_page_is_an_empty_text() -> None:
    assert parse("e.html", b"<!doctype html>").text == ""


def test_a_page_nested_without_end_is_refused() -> None:
    with pytest.raises(ContentTooLarge, match="levels deep"):
        parse("x.html", b"<!doctype html>" + b"<div>" * 1_000_000)


def test_a_term_stands_with_what_it_means(read: Read) -> None:
    body = "<p>Words of the toll house are told here, as they were used on the river in the days of the ferry.</p><dl>"
    body += "<dt>Ferry</dt><dd><p>A boat that <b>crosses</b> the river.</p><p>It has a bell.</p></dd>"
    body += "<dt>Toll</dt><dt>Fee:</dt><dd>What is paid.</dd><dt>Quay</dt></dl><p>The end.</p>"
    text = read("a.html", page(f"<main><h1>Words</h1>{body}</main>").encode()).text
    lines = [line for line in text.split("\n") if line]
    assert lines[2:] == [
        "Ferry: A boat that crosses the river.", "It has a bell.", "Toll, Fee: What is paid.", "Quay", "The end."
    ]  # fmt: skip


def test_items_below_an_item_have_it_as_context() -> None:
    body = (
        "<ul><li>Heron trail<ul><li>5 km</li><li>Dogs allowed</li></ul><p>Closed in March.</p></li>"
        "<li>Otter trail<ul><li>9 km</li></ul></li></ul><p>Bring water:</p><ul><li>a litre</li></ul>"
    )
    parsed = parse("t.html", page(f"<main><h1>Trails</h1>{body}</main>").encode())
    texts = {parsed.text[block.start : block.end]: block.context for block in parsed.blocks}
    assert texts == {
        "Heron trail": "",
        "5 km": "Heron trail",
        "Dogs allowed": "Heron trail",
        "Closed in March.": "Heron trail",
        "Otter trail": "",
        "9 km": "Otter trail",
        "Bring water:": "",
        "a litre": "Bring water:",
    }
