"""Questions that follow on each other, one document asked alone, quotations to take elsewhere, answers that a model writes."""

from collections.abc import Iterator
from threading import Semaphore
from typing import Any

import httpx
import pytest

from tests.language_model_stub import PIECE, Stub, offered, sentences_reply, serve

pytestmark = [pytest.mark.model, pytest.mark.slow]

FERRIES = {
    "Anholt": "The ferry to Anholt takes two hours and forty minutes.",
    "Laeso": "The ferry to Laeso takes one hour and thirty minutes.",
}


def add_ferries(client: httpx.Client, collection: str) -> dict[str, str]:
    """Their ids by title."""
    ids = {}
    for title, text in FERRIES.items():
        metadata = {"author": "Ida {Berg} & Co", "date": "2024-05-01"}
        body = {"title": title, "text": text, "source": title.lower(), "collection": collection, "metadata": metadata}
        ids[title] = client.post("/v1/documents", json=body).json()["documents"][0]["id"]
    return ids


def copied(page: Any, kind: str, within: str) -> str:
    """What is on the clipboard after this entry of a copy menu."""
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    page.find(f"{within} .copy summary").click()
    next(button for button in page.all(f"{within} .copy button") if button.text == kind).click()
    page.wait_for_text(f"{within} .copy [role=status]", f"{kind} copied")
    page.find(f"{within} .copy summary").click()
    return str(page.js("return navigator.clipboard.readText()"))


def test_a_follow_up_is_asked_with_what_came_before_which_stays_on_show(page: Any, client: httpx.Client) -> None:
    add_ferries(client, "ferries")
    page.choose_collection("ferries")
    page.ask("How long does the ferry to Anholt take?")
    first = page.text(".answer .sentences")
    assert not page.find("#turns").is_displayed()
    page.find("#question").send_keys("And to Laeso?\n")  # in the place of the first
    page.wait_for_text(".answer .sentences", "one hour and thirty")
    assert page.texts("#turns .asked") == ["How long does the ferry to Anholt take?"]
    assert "forty minutes" in first and "forty minutes" in page.text("#turns")
    assert "ferry to Laeso" in page.text("#results .hint")  # as it was searched for
    page.js("document.querySelector('#turns .cite').click()")  # the bar may be above it
    page.wait(lambda: page.all("#cited"))
    assert page.cited() == FERRIES["Anholt"]
    page.find("#close-reader").click()


def test_a_long_answer_is_cut_between_characters_for_a_follow_up(page: Any) -> None:
    sent = page.driver.execute_async_script(
        "const [done] = arguments; import('/web/asking/conversation.js').then((conversation) => {"
        "  const answer = { text: 'x'.repeat(1999) + '\\u{1F600}'.repeat(9), citations: [], parts: [] };"
        "  conversation.add({ question: 'q', answered: true, answer, passages: [] });"
        "  const sent = conversation.history(); conversation.put([]); done(sent[0].answer.slice(1999));"
        "})"
    )
    assert sent == "\N{GRINNING FACE}"


def test_back_goes_through_a_conversation_and_a_link_to_a_follow_up_stands_alone(
    page: Any, client: httpx.Client
) -> None:
    add_ferries(client, "ferries")
    page.choose_collection("ferries")
    page.ask("How long does the ferry to Anholt take?")
    page.ask("And to Laeso?")
    page.wait(lambda: "Laeso" in page.driver.current_url and "ferry" in page.driver.current_url)
    link = page.driver.current_url
    page.driver.back()
    page.wait_for_text(".answer .sentences", "forty minutes")
    assert not page.find("#turns").is_displayed()
    page.driver.forward()
    page.wait_for_text(".answer .sentences", "one hour")
    assert page.find("#question").get_attribute("value") == "And to Laeso?"
    assert page.texts("#turns .asked") == ["How long does the ferry to Anholt take?"]
    page.driver.refresh()
    page.wait_for_text(".answer .sentences", "one hour")
    assert page.texts("#turns .asked") == ["How long does the ferry to Anholt take?"]
    page.open(link.partition("/")[2].rpartition("/")[2])
    page.wait_for_text(".answer .sentences", "one hour")
    assert not page.find("#turns").is_displayed()


def test_a_new_conversation_begins_with_nothing(page: Any, client: httpx.Client) -> None:
    add_ferries(client, "ferries")
    page.choose_collection("ferries")
    assert not page.find("#new-conversation").is_displayed()
    page.ask("How long does the ferry to Anholt take?")
    page.ask("And to Laeso?")
    page.find("#new-conversation").click()
    assert page.text("#turns") == "" == page.text("#results") and page.find("#question").get_attribute("value") == ""
    assert page.active().startswith("textarea question") and "#" not in page.driver.current_url
    page.js("window.sent = []; const real = fetch; window.fetch = (...one) => { sent.push(one); return real(...one) }")
    page.ask("How long does the ferry to Laeso take?")
    assert "history" not in page.js("return sent[0][1].body")


def test_one_document_is_asked_alone_until_all_are_asked_again(page: Any, client: httpx.Client) -> None:
    ids = add_ferries(client, "ferries")
    page.choose_collection("ferries")
    page.ask("How long does the ferry to Anholt take?")
    assert len(page.all(".passage")) == 2
    page.find(".passage [aria-label^='Ask only']").click()
    assert "Anholt" in page.text("#only") and page.active().startswith("textarea question")
    page.ask("How long does a ferry take?")
    assert page.texts(".passage h3") == ["Anholt"] and ids["Anholt"] in page.driver.current_url
    link = page.driver.current_url.partition("/")[2].rpartition("/")[2]
    page.find("#not-only").click()
    page.ask("How long do ferries take?")
    assert len(page.all(".passage")) == 2
    page.open(link)
    page.wait(lambda: page.texts(".passage h3") == ["Anholt"])


def test_a_document_that_is_read_can_be_asked_alone(page: Any, client: httpx.Client) -> None:
    ids = add_ferries(client, "ferries")
    page.open(f"#doc={ids['Laeso']}")
    page.wait_for_text("#reader-title", "Laeso")
    page.find("#ask-this").click()
    page.wait(lambda: not page.find("#reader").is_displayed())
    assert "Laeso" in page.text("#only") and page.find("#collection").get_attribute("value") == "ferries"
    page.press("How long does a ferry take?\n")
    page.wait(lambda: page.texts(".passage h3") == ["Laeso"])


def test_a_passage_is_copied_as_quote_markdown_citation_and_bibtex(page: Any, client: httpx.Client) -> None:
    ids = add_ferries(client, "ferries")
    page.choose_collection("ferries")
    page.ask("How long does the ferry to Anholt take?")
    text, link = FERRIES["Anholt"], f"{page.url}/#doc={ids['Anholt']}&span=0:{len(FERRIES['Anholt'])}"
    assert copied(page, "Quote", ".passage") == f"“{text}” (Anholt, 2024)"
    assert copied(page, "Markdown", ".passage") == f"> {text}\n>\n> — [Anholt]({link})"
    assert copied(page, "Citation", ".passage") == f"Ida {{Berg}} & Co (2024). Anholt. anholt. {link}"
    bibtex = copied(page, "BibTeX", ".passage")
    assert bibtex.startswith("@misc{Co2024-") and bibtex.count("{") - bibtex.count("\\{") == bibtex.count(
        "}"
    ) - bibtex.count("\\}")
    assert "author = {Ida \\{Berg\\} \\& Co}" in bibtex and f"url = {{{link}}}" in bibtex and "year = {2024}" in bibtex
    assert copied(page, "Quote", ".answer") == f"“{text}” (Anholt, 2024)"


def test_where_the_clipboard_is_closed_the_text_is_there_to_copy(page: Any, article: Any) -> None:
    page.ask("Why did Zelensky hesitate to sign the deal that Bessent pushed in Kyiv?")
    page.js("navigator.clipboard.writeText = async () => { throw new DOMException('no', 'NotAllowedError') }")
    page.find(".passage .copy summary").click()
    page.find(".passage .copy button").click()
    page.wait(lambda: page.find(".passage .copy textarea").is_displayed())
    assert page.find(".passage .copy textarea").get_attribute("value").startswith("“")


@pytest.fixture
def stub() -> Iterator[Stub]:
    def reply(body: dict[str, Any]) -> str:
        number, text = next((number, text) for number, text in offered(body).items() if "Anholt" in text)
        return sentences_reply((text, [number]), ("The ferry to Anholt takes nine hours.", [number]))

    with serve(reply) as stub:
        yield stub


def test_a_model_s_sentences_come_one_by_one_each_with_its_support(page_with: Any, stub: Stub) -> None:
    page, client = page_with(RAG_LLM_URL=stub.url)
    add_ferries(client, "default")
    page.wait(lambda: page.find("#generate").is_displayed())
    page.find("#generate").click()
    pieces = Semaphore(0)  # that may be sent
    stub.before_piece = pieces.acquire
    page.find("#question").send_keys("How long does the ferry to Anholt take?\n")
    page.wait(
        lambda: page.all(".answer .writing") and page.all(".passage") and stub.requests
    )  # the passages are there first
    pieces.release(1 + stub.reply(stub.requests[-1]).index("}") // PIECE)  # the first sentence
    page.wait(lambda: page.all(".answer[aria-busy] .sentence"))
    pieces.release(1000)
    page.wait(lambda: page.all(".answer .written"))
    assert page.texts(".answer .sentence") == [FERRIES["Anholt"], FERRIES["Anholt"]]  # the second in the extract
    assert page.text(".answer .support").endswith("%")
    assert "Written by stub-model" in page.text(".written") and "1 sentence was left out" in page.text(".written")
    page.find(".answer .cite").click()
    page.wait(lambda: page.all("#cited"))
    assert page.cited() == FERRIES["Anholt"]
    page.find("#close-reader").click()
    page.wait(lambda: "#q=" in page.driver.current_url)
    page.driver.refresh()
    page.wait(lambda: page.all(".answer .written"))  # asked again in the same way, which is remembered
    assert page.find("#generate").is_selected()


def test_a_model_that_breaks_off_leaves_the_quoted_answer_with_a_note(page_with: Any, stub: Stub) -> None:
    page, client = page_with(RAG_LLM_URL=stub.url)
    add_ferries(client, "default")
    page.wait(lambda: page.find("#generate").is_displayed())
    page.find("#generate").click()
    stub.status, stub.formats = 500, ()
    page.ask("How long does the ferry to Anholt take?")
    page.wait_for_text("#results .hint", "quoted, not written")
    assert page.texts(".answer .sentence") == [FERRIES["Anholt"]]


def test_without_a_model_nothing_of_it_is_shown(page: Any) -> None:
    page.wait(lambda: page.find("#collection").get_attribute("value"))
    assert not page.find("#generate").is_displayed()
