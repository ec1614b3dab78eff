"""A question, its answer, and the document behind it."""

from typing import Any

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.model

QUESTION = "Why did Zelensky hesitate to sign the deal that Bessent pushed in Kyiv?"
OFF_TOPIC = "what is the boiling point of tungsten?"


def stored_text(client: httpx.Client, document: dict[str, Any]) -> str:
    return str(client.get(f"/v1/documents/{document['id']}/text").json()["text"])


def span_of(address: str) -> tuple[int, int]:
    start, end = address.partition("&span=")[2].split(":")
    return int(start), int(end)


@pytest.mark.slow
def test_the_cursor_is_in_the_box_at_once(page: Any) -> None:
    assert page.active().startswith("textarea question")


def test_a_question_brings_sentences_and_then_passages(page: Any, article: Any, client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json={"question": QUESTION}).json()
    page.ask(QUESTION)
    assert " ".join(page.texts(".sentence")) == answer["answer"]["text"]
    assert page.texts("blockquote") == [passage["text"] for passage in answer["passages"]]
    percent = f"{round(answer['confidence'] * 100)}%" if answer["confidence"] <= 0.99 else ">99%"
    assert percent in page.text(".confidence") and "likely" in page.text(".confidence")
    assert ("not calibrated" in page.text(".confidence")) is not answer["calibrated"]
    assert answer["answer"]["text"] in page.text("#announce")
    assert page.js(
        "const a = document.querySelector('.answer'), p = document.querySelector('#passages');"
        "return !!(a.compareDocumentPosition(p) & Node.DOCUMENT_POSITION_FOLLOWING)"
    )


def test_a_row_of_a_table_is_shown_under_the_names_of_its_columns(page: Any, client: httpx.Client) -> None:
    table = "# Lamps sold\n\n| Town | Red lamps | Blue lamps |\n|---|---|---|\n| Alden | 118 | 2,204 |\n| Alder | 93 | 4,017 |\n"
    added = client.post("/v1/documents", files={"file": ("lamps.md", table.encode())}).json()["documents"]
    page.ask("How many blue lamps were sold in Alder?")
    assert page.texts(".cells dt") == ["Town", "Red lamps", "Blue lamps"]
    assert page.texts(".cells dd") == ["Alder", "93", "4,017"]
    client.delete(f"/v1/documents/{added[0]['id']}")


def test_all_but_the_likeliest_part_of_an_answer_are_quieter(page: Any, article: Any, client: httpx.Client) -> None:
    question = "why did Zelensky refuse to sign?"
    parts = client.post("/v1/ask", json={"question": question}).json()["answer"]["parts"]
    page.ask(question)
    assert len(parts) > 1
    assert page.texts(".sentence.beside") == [part["text"] for part in parts if not part["likeliest"]]


def test_highlights_are_the_sentences_of_the_answer(page: Any, article: Any, client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json={"question": QUESTION}).json()
    text = stored_text(client, article)
    page.ask(QUESTION)
    spans = [span for passage in answer["passages"] for span in passage["highlights"]]
    marked = "".join(page.texts("blockquote mark"))
    assert marked == "".join(text[span["start_char_index"] : span["end_char_index"]] for span in spans) != ""


@pytest.mark.slow
@pytest.mark.parametrize("link", [".cite", ".passage a.open"])
def test_a_citation_opens_the_document_with_the_cited_text_marked_in_view(
    page: Any, article: Any, client: httpx.Client, link: str
) -> None:
    page.ask(QUESTION)
    page.all(link)[-1].click()
    page.wait(lambda: page.all("#cited"))
    text = stored_text(client, article)
    start, end = span_of(page.driver.current_url)
    assert page.text("#reader-text") == text
    assert page.cited() == text[start:end]
    assert page.is_in_view("#cited")
    assert page.active().startswith("mark cited")
    assert page.text("#reader-title") == article["title"]


def test_a_shared_link_opens_the_same(page: Any, article: Any, client: httpx.Client) -> None:
    page.open(f"#doc={article['id']}&span=3000:3100")
    page.wait(lambda: page.all("#cited"))
    assert page.cited() == stored_text(client, article)[3000:3100]
    assert page.is_in_view("#cited")
    page.js("location.hash = arguments[0]", f"#doc={article['id']}&span=10:20")
    page.wait_for_text("#reader-status", "10 to 20")
    assert page.cited() == stored_text(client, article)[10:20]
    page.find("#close-reader").click()
    page.wait(lambda: "#" not in page.driver.current_url)
    page.driver.back()
    page.wait(lambda: page.all("#cited"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("#doc=nothing&span=0:5", "not in the store"),
        ("#doc={id}&span=5:999999", "points at"),
        ("#doc={id}&span=9:3", "points at"),
    ],
)
def test_a_link_that_no_longer_fits_says_so(page: Any, article: Any, place: str, message: str) -> None:
    page.open(place.format(id=article["id"]))
    page.wait_for_text("#reader-status", message)
    assert not page.all("#cited")


def test_a_citation_of_a_document_that_changed_leads_to_where_it_stands_now(page: Any, client: httpx.Client) -> None:
    citation = {
        "title": "Log",
        "source": "log",
        "collection": "changing",
        "text": "The lighthouse keeper counted forty ships at dusk.",
    }
    client.post("/v1/documents", json=citation)
    page.choose_collection("changing")
    page.ask("How many ships did the lighthouse keeper count?")
    client.post("/v1/documents", json=citation | {"text": "It was a calm evening. " + citation["text"]})
    page.find(".passage a.open").click()
    page.wait(lambda: page.all("#reader-status a"))
    page.find("#reader-status a").click()
    page.wait_for_text("#reader-status", "Marked")
    assert page.cited() == citation["text"]


def test_an_abstention_says_so_with_its_reason_and_the_nearest_passages(page: Any, article: Any) -> None:
    page.ask(OFF_TOPIC)
    assert "do not say" in page.text("#answer-title")
    assert "none is likely enough" in page.text(".answer")
    assert "Nearest" in page.text("#passages-title") and page.all(".passage")
    assert not page.all("mark") and "do not say" in page.text("#announce")


def test_an_empty_collection_leads_to_adding_documents(page: Any, article: Any, client: httpx.Client) -> None:
    page.choose_collection("empty")
    page.ask(QUESTION)
    assert "no documents in this collection" in page.text(".answer")
    page.find(".answer a").click()
    page.wait(lambda: page.find("#drop").is_displayed())
    client.post("/v1/documents", json={"text": "By now there is one.", "collection": "empty"})
    page.find("#nav-ask").click()
    page.wait_for_text("#results", "By now there is one.")  # asked again


def test_why_a_passage_is_here_is_told_on_request(page: Any, article: Any, client: httpx.Client) -> None:
    page.ask(QUESTION)
    button = page.find(".passage button")
    assert button.get_attribute("aria-expanded") == "false" and not page.all(".why td")
    button.click()
    page.wait(lambda: page.all(".why td"))
    explained = client.post("/v1/ask", json={"question": QUESTION, "explain": True}).json()["passages"][0]["explain"]
    assert len(page.all(".why tbody tr")) == len(explained)
    assert button.get_attribute("aria-expanded") == "true"
    assert page.find(".why").get_attribute("id") == button.get_attribute("aria-controls")


def test_an_older_answer_never_overwrites_a_newer_one(page: Any, article: Any) -> None:
    page.js(
        """const real = window.fetch; let first = true;
        window.fetch = async (...given) => {
          const late = first && given[0] === "v1/ask"; first = first && !late;
          // Holds the first answer back and does not heed the abort: the worst that a network can do.
          const reply = await real(given[0], {...given[1], signal: undefined});
          if (late) { await new Promise(r => setTimeout(r, 700)); window.lateOne = true; }
          return reply;
        };"""
    )
    box = page.find("#question")
    box.send_keys(OFF_TOPIC + "\n")
    box.clear()
    page.ask(QUESTION)
    newer = page.text("#results")
    page.wait(lambda: page.js("return window.lateOne"))
    page.js("return new Promise(r => setTimeout(r, 100))")
    assert page.text("#results") == newer and page.all(".sentence")


def test_an_error_of_the_service_is_shown_in_its_words(page: Any, article: Any) -> None:
    page.filter("year")
    page.ask(QUESTION)
    assert "key=value" in page.text("#ask-error")
    page.find("#where").clear()
    page.js(
        "window.fetch = async () => new Response(JSON.stringify({status: 503, detail: 'Too much is waiting.'}),"
        " {status: 503, headers: {'Retry-After': '2'}})"
    )
    page.ask(QUESTION)
    assert page.text("#ask-error") == "Too much is waiting. Try again in 2 seconds." + "Try again"  # a button


@pytest.mark.slow
def test_back_and_forward_go_from_question_to_question_and_a_link_asks_again(
    page: Any, article: Any, client: httpx.Client
) -> None:
    page.ask(QUESTION)
    page.find(".cite").click()
    page.wait(lambda: page.all("#cited"))
    page.find("#close-reader").click()
    page.wait(lambda: "#q=" in page.driver.current_url)
    first = page.text("#results .answer .sentences")
    page.ask(OFF_TOPIC)
    link = page.driver.current_url
    for _ in range(4):  # over the opened and closed document
        page.driver.back()
    page.wait(lambda: page.find("#question").get_attribute("value") == "")
    assert page.text("#results") == ""
    page.driver.forward()
    page.wait(lambda: page.all("#results .sentences"))
    assert page.text("#results .answer .sentences") == first
    assert page.find("#question").get_attribute("value") == QUESTION and page.driver.title.startswith(QUESTION)
    page.find("#nav-documents").click()
    page.wait(lambda: page.find("#documents-view").is_displayed())
    page.find("#nav-ask").click()
    assert page.text("#results .answer .sentences") == first
    client.post("/v1/documents", json={"text": "The tern left.", "collection": "linked", "metadata": {"year": 2025}})
    page.open("#q=When+did+the+tern+leave%3F&in=linked&where=year%3D2025")
    page.wait_for_text("#results", "The tern left.")
    page.open(link.partition("/")[2].rpartition("/")[2])
    page.wait_for_text("#results", "do not say")


def test_a_question_beyond_the_limit_is_told_and_not_cut(page: Any) -> None:
    page.js("document.querySelector('#question').value = arguments[0]", "🚢" * 2000 + "x")
    page.find("#ask button").click()
    page.wait_for_text("#ask-error", "2,001 characters; at most 2,000")
    assert page.js("return [...document.querySelector('#question').value].length") == 2001


def test_a_question_that_takes_long_can_be_stopped(page: Any) -> None:
    page.js(
        "window.fetch = (path, {signal}) => new Promise((_, reject) =>"
        "signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError'))))"
    )
    page.find("#question").send_keys("Is it slow?\n")
    page.wait(lambda: page.find("#searching").is_displayed())
    page.find("#stop-asking").click()
    page.wait(lambda: not page.find("#searching").is_displayed())
    assert page.find("#results").get_attribute("aria-busy") == "false" and page.text("#ask-error") == ""
    assert page.active().startswith("textarea question")


def test_a_filter_limits_the_documents_that_are_asked(page: Any, client: httpx.Client) -> None:
    for year in (2024, 2025):
        client.post(
            "/v1/documents",
            json={
                "title": f"Report {year}",
                "source": f"report-{year}",
                "collection": "reports",
                "metadata": {"year": year},
                "text": f"In {year} the bridge over the river was repaired by the northern team.",
            },
        )
    page.choose_collection("reports")
    page.filter("year=2025")
    page.ask("Who repaired the bridge?")
    assert page.texts(".passage h3") == ["Report 2025"]


def test_recent_questions_can_be_asked_again_and_cleared(page: Any, article: Any) -> None:
    page.ask(QUESTION)
    page.ask(OFF_TOPIC)
    assert page.texts("#recent li") == [OFF_TOPIC, QUESTION]
    page.driver.refresh()
    page.wait(lambda: page.all("#recent li"))
    page.all("#recent li button")[1].click()
    page.wait(lambda: page.all(".sentence"))
    assert page.find("#question").get_attribute("value") == QUESTION
    page.find("#clear-recent").click()
    assert not page.find("#recent").is_displayed()


def test_the_page_works_without_storage(page: Any, article: Any) -> None:
    source = (
        "for (const name of ['localStorage', 'sessionStorage'])"
        "Object.defineProperty(window, name, {get() { throw new Error('off') }})"
    )
    script = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    try:
        page.driver.refresh()
        page.ask(QUESTION)
        page.find("#theme").click()
        assert page.all(".sentence") and page.find("#theme").get_attribute("aria-pressed") == "true"
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_the_keyboard_is_enough(page: Any, article: Any) -> None:
    page.press(QUESTION, Keys.ENTER)
    page.wait(lambda: page.all(".passage"))
    page.press(Keys.ARROW_DOWN)
    first = page.focused_link()
    page.press(Keys.ARROW_DOWN)
    second = page.focused_link()
    assert [first, second] == [link.get_attribute("href") for link in page.all(".passage a.open")[:2]]
    page.press(Keys.ENTER)
    page.wait(lambda: page.all("#cited"))
    assert page.driver.current_url == second
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.find("#reader").is_displayed() and "#q=" in page.driver.current_url)
    assert page.focused_link() == second
    page.press(Keys.ARROW_UP)
    page.press(Keys.ARROW_UP)
    assert page.active().startswith("textarea question")
    page.press(Keys.TAB)
    page.press("/")
    assert page.active().startswith("textarea question")
    assert page.find("#question").get_attribute("value") == QUESTION


def test_the_views_are_reached_and_left_by_keyboard(page: Any, article: Any) -> None:
    page.find(".skip").send_keys(Keys.ENTER)
    assert page.active().startswith("main main")
    page.find("#nav-documents").send_keys(Keys.ENTER)
    page.wait(lambda: page.all("#document-list .open"))
    assert page.active().startswith("h1") and page.driver.title == "Documents · Footnote"
    page.find("#document-list .open").send_keys(Keys.ENTER)
    page.wait(lambda: page.driver.title == f"{article['title']} · Footnote")
    assert page.active().startswith("div reader-scroll")
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.driver.title == "Documents · Footnote")
    page.press("/")
    page.wait(lambda: page.active().startswith("textarea question"))
    assert page.find("#question").get_attribute("value") == ""


def test_a_filter_that_no_document_fits_is_told_as_the_reason(page: Any, article: Any) -> None:
    page.filter("year=1066")
    page.ask(QUESTION)
    assert "No document fits the filter." in page.text(".answer") and not page.all(".passage")


@pytest.mark.parametrize("written", ["date>=2025-01-01", "year=2020..2024"])
def test_a_range_is_told_to_be_no_filter_of_the_page(page: Any, article: Any, written: str) -> None:
    page.filter(written)
    page.ask(QUESTION)
    assert "ranges are for" in page.text("#ask-error") and not page.all(".passage")


def test_dots_in_a_value_are_no_range(page: Any, article: Any) -> None:
    page.filter("name=wait..")
    page.ask(QUESTION)
    assert "No document fits the filter." in page.text(".answer")
