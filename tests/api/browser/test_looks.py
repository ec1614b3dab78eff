"""Light and dark, wide and narrow, the states in between, and what axe-core says of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rag.parsing.pdf.drawing import pdf

pytestmark = pytest.mark.model

QUESTION = "Why did Zelensky hesitate to sign the deal that Bessent pushed in Kyiv?"
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


def brightness(page: Any) -> float:
    """Of the page's ground, 0 black to 1 white."""
    color = page.js(
        "const context = document.createElement('canvas').getContext('2d');"
        "context.fillStyle = getComputedStyle(document.documentElement).backgroundColor; context.fillRect(0, 0, 1, 1);"
        "return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3)"
    )
    return float(sum(color)) / 765


@pytest.mark.slow
def test_the_page_is_dark_where_the_system_is(page: Any) -> None:
    assert brightness(page) > 0.9
    page.emulate(dark=True)
    assert brightness(page) < 0.2
    assert page.find("#theme").get_attribute("aria-pressed") == "true"


def test_the_chosen_theme_is_remembered(page: Any) -> None:
    page.find("#theme").click()
    assert brightness(page) < 0.2
    page.driver.refresh()
    assert brightness(page) < 0.2 and page.find("#theme").get_attribute("aria-pressed") == "true"
    page.find("#theme").click()
    page.emulate(dark=True)
    page.driver.refresh()
    assert brightness(page) > 0.9


# Each state is reached from a fresh page with the question box in it.


def start(page: Any) -> None:
    pass


def options(page: Any) -> None:
    page.find(".options summary").click()


def answer(page: Any) -> None:
    page.ask(QUESTION)
    page.find(".passage button").click()
    page.wait(lambda: page.all(".why td"))


def conversation(page: Any) -> None:
    page.ask(QUESTION)
    page.ask("Who met the Ukrainian leader in Munich?")
    page.find(".passage [aria-label^='Ask only']").click()
    page.find(".answer .copy summary").click()
    page.find(".passage .copy summary").click()


def abstention(page: Any) -> None:
    page.ask("what is the boiling point of tungsten?")


def error(page: Any) -> None:
    options(page)
    page.find("#where").send_keys("year")
    page.ask(QUESTION)


def document(page: Any) -> None:
    page.ask(QUESTION)
    page.find(".cite").click()
    page.wait(lambda: page.all("#cited"))


def structure(page: Any) -> None:
    """A text with headings, items, code and a table, its outline open, and what is cited from cell to cell."""
    text = b"# Isles\n\n- Anholt\n- Hven\n\n| Isle | Beds |\n|------|------|\n| Anholt | 40 |\n\n## Tides\n\n```\ntide --now\n```\n"
    sent = httpx.post(
        f"{page.url}/v1/documents", files={"file": ("isles.md", text)}, data={"collection": "looks"}, trust_env=False
    )
    start = text.index(b"Anholt |")
    page.js("location.hash = arguments[0]", f"#doc={sent.json()['documents'][0]['id']}&span={start}:{start + 11}")
    page.wait(lambda: page.all("#cited"))
    page.find("#outline summary").click()


def pages(page: Any) -> None:
    """A document of which there are pictures, found in."""
    sent = httpx.post(
        f"{page.url}/v1/documents",
        files={
            "file": ("harbour.pdf", pdf(lambda canvas: canvas.drawString(72, 700, "The harbour was built in 1820.")))
        },
        data={"collection": "looks"},
        timeout=300,
        trust_env=False,
    )
    page.js("location.hash = arguments[0]", f"#doc={sent.json()['documents'][0]['id']}&span=0:30")
    page.wait_for_text("#reader-status", "Page 1 of 1, marked")
    page.find("#reader-find").send_keys("harbour\n")
    page.wait_for_text("#reader-status", "1 here")


def missing_document(page: Any) -> None:
    page.js("location.hash = '#doc=nothing'")
    page.wait_for_text("#reader-status", "not in the store")


def documents(page: Any) -> None:
    page.choose_collection("a collection with a rather long name, and-a-word-that-cannot-be-broken-anywhere")
    page.js(
        "const data = new DataTransfer();"
        "data.items.add(new File(['The heron came back.'], 'heron' + '-and-more'.repeat(12) + '.txt'));"
        "data.items.add(new File([new Uint8Array(9)], 'broken.bin'));"
        "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))"
    )
    page.wait_for_text("#upload-summary", "Done")
    page.wait(lambda: page.all("#document-list li"))


def confirmation(page: Any) -> None:
    documents(page)
    page.find("#document-list button").click()


def key(page: Any) -> None:
    page.js(
        "document.querySelector('#key-error').hidden = false; document.querySelector('#key-error').textContent = 'No.';"
        "document.querySelector('#key-dialog').showModal()"
    )


def naming(page: Any) -> None:
    page.js("document.querySelector('#name-dialog').showModal()")


STATES = (
    start,
    options,
    answer,
    conversation,
    abstention,
    error,
    structure,
    pages,
    missing_document,
    documents,
    confirmation,
    key,
    naming,
)
every_state = pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)


@pytest.mark.slow
@every_state
def test_a_phone_shows_everything_without_scrolling_sideways(
    page: Any, article: Any, state: Callable[[Any], None]
) -> None:
    page.emulate(phone=True)
    state(page)
    stand_still(page)
    too_wide = page.js(
        "return [document.documentElement, ...document.querySelectorAll('body *')]"
        ".filter(e => e.checkVisibility() && !e.closest('.sr, .skip, svg, option') && e.getBoundingClientRect().right > 361)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert too_wide == [] and page.js("return document.documentElement.scrollWidth") <= 360


@pytest.mark.slow
@every_state
def test_axe_finds_nothing(page: Any, article: Any, state: Callable[[Any], None]) -> None:
    if not AXE.exists():
        pytest.skip("no axe-core here: `npm ci --prefix tests/api/browser` brings it")
    state(page)
    stand_still(page)
    page.js(AXE.read_text(encoding="utf-8"))
    assert violations(page, {}) == []
    page.emulate(dark=True)  # changes nothing but the colours
    assert violations(page, {"runOnly": ["color-contrast", "link-in-text-block"]}) == []


def stand_still(page: Any) -> None:
    page.js(
        "document.getAnimations().forEach(animation => animation.effect.getTiming().iterations === 1 && animation.finish())"
    )


def violations(page: Any, options: dict[str, Any]) -> list[tuple[str, list[str]]]:
    results = page.js("return axe.run(arguments[0])", {"resultTypes": ["violations"], **options})
    return [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in results["violations"]]


def test_a_newcomer_is_led_to_adding_documents(page: Any) -> None:
    page.js("window.fetch = async () => new Response(JSON.stringify({collections: [], limited: false}))")
    page.js("return import('./web/documents/list.js').then(documents => documents.learnCollections())")
    assert "no documents yet" in page.text("#start")


def test_the_start_tells_how_many_documents_there_are_to_ask(page: Any) -> None:
    page.js(
        "const some = ['a', 'b'].map(name => ({name, documents: 600, passages: 9}));"
        "window.fetch = async () => new Response(JSON.stringify({collections: some, limited: false}))"
    )
    page.js("return import('./web/documents/list.js').then(documents => documents.learnCollections())")
    assert "your 1,200 documents in 2 collections" in page.text("#start")


def test_a_long_title_takes_two_lines_and_is_told_in_full_by_its_tooltip(page: Any, client: httpx.Client) -> None:
    title = "A report on herons and everything that they were seen to do " * 15
    text = "The heron came back to the pond in spring."
    client.post("/v1/documents", json={"title": title, "text": text, "source": "x/" * 400, "collection": "titles"})
    page.choose_collection("titles")
    page.ask("When did the heron come back?")
    link = page.find(".passage a.open")
    assert link.get_attribute("title") == title and link.text.startswith("A report on herons")
    lines = (
        "const one = document.querySelector(arguments[0]);"
        "return one.clientHeight / parseFloat(getComputedStyle(one).lineHeight)"
    )
    assert page.js(lines, ".passage h3") < 2.5 and page.js(lines, ".passage .about") < 2.5
    page.find("#nav-documents").click()
    page.wait(lambda: page.all("#document-list .open"))
    assert page.js(lines, "#document-list .open") < 2.5


def test_the_pictures_are_taken(page: Any, article: Any, client: httpx.Client, request: pytest.FixtureRequest) -> None:
    """`pytest tests/api/browser -k pictures --screenshots docs` makes those of the README."""
    folder = request.config.getoption("--screenshots", default=None)
    if folder is None:
        pytest.skip("only with --screenshots DIR")
    page.ask("Why did Zelensky refuse to sign?")
    page.js("document.activeElement.blur()")
    stand_still(page)
    page.driver.save_screenshot(str(Path(folder) / "page-light.png"))
    page.emulate(phone=True, dark=True)
    page.open()
    document(page)
    stand_still(page)
    page.driver.save_screenshot(str(Path(folder) / "page-phone-dark.png"))
