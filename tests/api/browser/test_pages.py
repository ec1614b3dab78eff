"""Pages of PDF files in the page: shown with what is cited, turned over, searched, saved."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from reportlab.pdfgen.canvas import Canvas
from selenium.webdriver.common.keys import Keys

from tests.rag.parsing.pdf.drawing import lines_at, pdf

pytestmark = [pytest.mark.model, pytest.mark.slow]

FACTS = ["The harbour was built in 1820.", "The lighthouse was lit in 1831.", "The ferry sank in 1907 off Anholt."]


def book(canvas: Canvas) -> None:
    for number, fact in enumerate(FACTS, 1):
        filler = [f"Line {line} of page {number} tells of tides and of weather." for line in range(12)]
        lines_at(canvas, 72, 700, [*filler, fact, *filler[:3]])
        canvas.showPage()


BOOK = pdf(book)
ISLES = (
    """<h1>Isles 🏝</h1><p>Two of them, &lt;b&gt;both&lt;/b&gt; small.</p><h2>Beds</h2><ul><li>Tents free.</li><li>Dogs 2.</li></ul>
<table><tr><th>Isle<th>Summer<th>Winter<tr><td>Anholt<td>40<td>8<tr><td>Hven<td><td>12</table>
<h2>Tides</h2><pre>tide  --now\n\ntide --later</pre>
<p>The end.</p>"""
    + "<p>So it is.</p>" * 60
)


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    sent = client.post("/v1/documents", files={"file": ("book.pdf", BOOK)}, data={"collection": "pages"})
    return dict(sent.json()["documents"][0])


def is_loaded(page: Any) -> bool:
    return bool(
        page.js("const one = document.querySelector('#page-picture'); return one.complete && one.naturalWidth > 100")
    )


def is_yellow(page: Any) -> bool:
    """Whether something on the picture is marked as cited."""
    return bool(
        page.js(
            "const one = document.querySelector('#page-picture'), canvas = document.createElement('canvas');"
            "canvas.width = one.naturalWidth; canvas.height = one.naturalHeight;"
            "const context = canvas.getContext('2d'); context.drawImage(one, 0, 0);"
            "const data = context.getImageData(0, 0, canvas.width, canvas.height).data;"
            "for (let at = 0; at < data.length; at += 4) if (data[at] - data[at + 2] > 60) return true;"
            "return false"
        )
    )


def show(page: Any, document: dict[str, Any], place: str = "") -> None:
    page.open(f"#doc={document['id']}{place}")
    page.wait_for_text("#reader-status", "Page ")
    page.wait(lambda: is_loaded(page))


def test_a_citation_opens_its_page_with_the_words_marked(page: Any, document: Any) -> None:
    page.choose_collection("pages")
    page.ask("When did the ferry sink?")
    page.find(".cite").click()
    page.wait_for_text("#reader-status", "Page 3 of 3, marked")
    page.wait(lambda: is_loaded(page))
    assert is_yellow(page) and page.active().startswith("div reader-pages")
    assert page.find("#page-picture").get_attribute("alt").startswith("Page 3 of 3, with the cited text marked")
    page.find("#as-text").click()
    assert page.find("#reader-scroll").is_displayed() and not page.find("#reader-pages").is_displayed()
    assert page.cited() == FACTS[2] and page.is_in_view("#cited")
    page.find("#as-pages").click()
    assert page.find("#reader-pages").is_displayed()


def test_pages_are_turned_by_buttons_keys_and_number(page: Any, document: Any) -> None:
    show(page, document)
    assert page.text("#reader-status") == "Page 1 of 3" and not page.find("#page-before").is_enabled()
    page.find("#page-after").click()
    page.wait_for_text("#reader-status", "Page 2 of 3")
    page.find("#reader-pages").send_keys(Keys.ARROW_RIGHT)
    page.wait_for_text("#reader-status", "Page 3 of 3")
    assert not page.find("#page-after").is_enabled() and not is_yellow(page)
    number = page.find("#page-number")
    number.send_keys(Keys.CONTROL + "a")
    number.send_keys("1" + Keys.ENTER)
    page.wait_for_text("#reader-status", "Page 1 of 3")
    number.send_keys(Keys.CONTROL + "a")
    number.send_keys("9" + Keys.TAB)
    page.wait_for_text("#reader-status", "pages 1 to 3")
    assert number.get_attribute("value") == "1"


def test_words_are_found_page_by_page(page: Any, document: Any) -> None:
    show(page, document)
    page.find("#reader-find").send_keys("WAS  lit" + Keys.ENTER)
    page.wait_for_text("#reader-status", "Page 2 of 3")
    assert page.text("#reader-status").endswith("“WAS  lit”: 1 here, 1 on 1 page")
    page.find("#reader-find").clear()
    page.find("#reader-find").send_keys("tides" + Keys.ENTER)
    page.wait_for_text("#reader-status", "on 3 pages")
    assert page.text("#reader-status").startswith("Page 2 of 3")
    page.find("#reader-find").send_keys(Keys.ENTER)
    page.wait_for_text("#reader-status", "Page 3 of 3")
    page.find("#reader-find").clear()
    page.find("#reader-find").send_keys("nowhere at all" + Keys.ENTER)
    page.wait_for_text("#reader-status", "not found")


def test_a_page_is_enlarged(page: Any, document: Any) -> None:
    show(page, document)
    width = page.js("return document.querySelector('#page-picture').naturalWidth")
    page.find("#page-large").click()
    page.wait(lambda: page.js("return document.querySelector('#page-picture').naturalWidth") > 1.5 * width)
    assert page.find("#page-large").get_attribute("aria-pressed") == "true"


def test_the_file_is_saved_as_it_was(page: Any, document: Any, tmp_path: Path) -> None:
    page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path), "eventsEnabled": False}
    )
    show(page, document)
    page.find("#save-original").click()
    page.wait(lambda: (tmp_path / "book.pdf").exists())
    assert (tmp_path / "book.pdf").read_bytes() == BOOK


def test_a_text_is_searched_where_it_stands(page: Any, article: Any) -> None:
    page.open(f"#doc={article['id']}")
    page.wait(lambda: page.find("#save-original").is_displayed())
    assert not page.find("#reader-views").is_displayed() and not page.find("#reader-pages").is_displayed()
    page.find("#reader-find").send_keys("munich" + Keys.ENTER)
    page.wait_for_text("#reader-status", "“munich”: 1 of ")
    place = page.js(
        "const [range] = CSS.highlights.get('found'); const box = range.getBoundingClientRect();"
        "return [range.toString(), box.top > 0 && box.bottom < innerHeight]"
    )
    assert place == ["Munich", True]
    page.find("#reader-find").clear()
    page.find("#reader-find").send_keys("war-torn" + Keys.ENTER)
    page.wait_for_text("#reader-status", "“war-torn”: 1 of ")
    page.find("#reader-find").clear()
    page.find("#reader-find").send_keys("zzz" + Keys.ENTER)
    page.wait_for_text("#reader-status", "not in the text")


def test_without_its_file_a_document_is_shown_as_text(page: Any, client: httpx.Client) -> None:
    sent = client.post("/v1/documents", json={"text": "Only a text.", "collection": "texts"}).json()["documents"][0]
    page.open(f"#doc={sent['id']}&span=0:4")
    page.wait(lambda: page.all("#cited"))
    page.wait_for_text("#reader-status", "Marked")
    assert not page.find("#save-original").is_displayed() and page.find("#reader-text").is_displayed()


def test_a_text_is_headings_lists_tables_and_code_with_what_is_cited_marked_in_them(
    page: Any, client: httpx.Client
) -> None:
    sent = client.post("/v1/documents", files={"file": ("isles.html", ISLES)}, data={"collection": "isles"})
    place = sent.json()["documents"][0]["id"]
    text = client.get(f"/v1/documents/{place}/text").json()["text"]
    start, end = text.index("Dogs"), text.index("--now") + 3
    page.open(f"#doc={place}&span={start}:{end}")
    page.wait(lambda: page.all("#cited"))
    assert page.text("#reader-text") == text
    assert page.cited() == text[start:end] and page.is_in_view("#cited")
    assert page.texts("#reader-text :is(h3, h4)") == ["Isles 🏝", "Beds", "Tides"]
    assert page.texts("#reader-text ul > li") == ["Tents free.", "Dogs 2."]
    assert page.texts("#reader-text thead th") == ["Isle", "Summer", "Winter"]
    rows = (
        "return [...document.querySelectorAll('#reader-text tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    assert page.js(rows) == [["Anholt", "40", "8"], ["Hven", "", "12"]]
    assert page.texts("#reader-text pre") == ["tide  --now\n\ntide --later"]
    assert page.texts("#reader-text p")[0] == "Two of them, <b>both</b> small."
    page.find("#reader-find").send_keys("40 8 hven" + Keys.ENTER)
    page.wait_for_text("#reader-status", "1 of 1 place")
    assert page.js("return [...CSS.highlights.get('found')][0].toString()").split() == ["40", "8", "Hven"]
    page.find("#outline summary").click()
    assert page.texts("#outline li") == ["Isles 🏝", "Beds", "Tides"]
    page.all("#outline button")[2].click()
    assert not page.find("#outline").get_attribute("open")
    below = page.js(
        "const [bar, heading] = ['#reader-scroll', 'h4:nth-of-type(2)'].map(one => document.querySelector(one));"
        "return heading.getBoundingClientRect().top - bar.getBoundingClientRect().top"
    )
    assert 0 <= below < 40
