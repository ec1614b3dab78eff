"""The page of a server that wants a key."""

from pathlib import Path
from typing import Any

import pytest

from api.admission.keys import add_key

pytestmark = pytest.mark.model

KEY = "s3cret-ключ"


@pytest.mark.slow
def test_the_page_asks_for_the_key_and_keeps_it_for_the_tab(page_with: Any) -> None:
    page, client = page_with(RAG_API_KEY=KEY)
    gate = {"text": "The gate opens at seven.", "title": "Gate"}
    assert client.post("/v1/documents", json=gate, headers=[(b"X-API-Key", KEY.encode())]).status_code == 201
    page.wait(lambda: page.find("#key").is_displayed())
    page.find("#key").send_keys("wrong\n")
    page.wait_for_text("#key-error", "not valid")
    page.wait(lambda: page.find("#key-dialog").is_displayed())
    page.find("#key").send_keys(KEY)
    page.find("#key-dialog .primary").click()
    page.wait(lambda: not page.find("#key-dialog").is_displayed())
    page.press("When does the gate open?\n")  # the cursor is back in the box
    page.wait(lambda: page.all(".passage"))
    page.find("#nav-documents").click()
    page.js(
        "const data = new DataTransfer(); data.items.add(new File(['It closes at nine.'], 'closing.txt'));"
        "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))"
    )
    assert page.wait_for_text("#upload-summary", "Done") == "Done: 1 added."
    page.driver.refresh()
    page.wait_for_text("#documents-status", "2 documents")
    assert page.js("return localStorage.getItem('footnote.key')") is None
    page.emulate(phone=True)
    assert page.js("return document.documentElement.scrollWidth") == 360
    page.find("#forget-key").click()
    page.wait(lambda: page.find("#key-dialog").is_displayed())
    page.find("#key-dialog button[value=cancel]").click()
    page.wait_for_text("#documents-error", "wants a key")


@pytest.mark.slow
def test_a_link_to_a_collection_that_the_key_does_not_open_says_so(page_with: Any, tmp_path: Path) -> None:
    _, secret = add_key(tmp_path / "keys.json", "reader", "read", ["minutes"])
    page, _ = page_with()
    page.js("sessionStorage.setItem('footnote.key', JSON.stringify(arguments[0]))", secret)
    page.driver.get(f"{page.url}/web/icon.svg")
    page.driver.get(f"{page.url}/#q=When+does+it+open%3F&in=letters")
    page.wait(lambda: "minutes" in page.texts("#collection option"))
    page.wait_for_text("#ask-error", "This key opens")
    assert page.find("#collection").get_attribute("value") == "letters"
