"""Documents in the page: uploads, the list, what strange texts do to it."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

pytestmark = [pytest.mark.model, pytest.mark.slow]

# Each would run, or leave an element behind, wherever it were taken for HTML.
HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script></textarea></title><a href="javascript:alert(3)">x</a>'


def write(folder: Path, name: str, content: str | bytes) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def add(client: httpx.Client, **fields: object) -> dict[str, Any]:
    reply = client.post("/v1/documents", json=fields)
    assert reply.status_code == 201
    return dict(reply.json()["documents"][0])


def show_documents(page: Any, collection: str) -> None:
    page.choose_collection(collection)
    page.find("#nav-documents").click()
    page.wait_for_text("#documents-status", collection)


def watch_uploads(page: Any) -> None:
    """Keep in ``window.seen`` the states of uploads, however short they stand there."""
    page.js(
        "window.seen = []; const list = document.querySelector('#upload-list');"
        "new MutationObserver(() => { for (const one of list.querySelectorAll('.state')) seen.push(one.textContent) })"
        ".observe(list, {childList: true, subtree: true})"
    )


def listed(page: Any) -> list[str]:
    return [str(title) for title in page.texts("#document-list .open")]


def test_files_go_in_one_by_one_and_a_bad_one_is_reported(page: Any, client: httpx.Client, tmp_path: Path) -> None:
    files = [
        write(tmp_path, "minutes.md", "# Minutes\n\nThe board met on Monday."),
        write(tmp_path, "photo.txt", b"\x89PNG\r\n\x1a\n" + bytes(500)),
        write(tmp_path, "plan.txt", "The plan is to paint the boats."),
        write(tmp_path / "other", "plan.txt", "Another plan of the same name."),
    ]
    show_documents(page, "uploads")
    watch_uploads(page)
    page.find("#files").send_keys("\n".join(files))
    assert page.wait_for_text("#upload-summary", "Done") == "Done: 2 added, 2 failed."
    assert any("indexing" in state for state in page.js("return window.seen"))
    states = dict(zip(page.texts("#upload-list .name"), page.texts("#upload-list .state"), strict=True))
    assert states["minutes.md"] == "Added" and states["photo.txt"].startswith("Failed: this is an image")
    assert page.texts("#upload-list .failed .state")[-1].endswith("same name and folder.")
    page.wait(lambda: sorted(listed(page)) == ["Minutes", "plan"])
    page.find("#clear-uploads").click()
    page.find("#files").send_keys(files[0])
    assert page.wait_for_text("#upload-summary", "Done") == "Done: 1 unchanged."
    stored = client.get("/v1/documents", params={"collection": "uploads"}).json()["documents"]
    assert sorted(document["source"] for document in stored) == ["minutes.md", "plan.txt"]


def test_files_can_be_dropped_anywhere(page: Any) -> None:
    page.choose_collection("dropped")
    page.js(
        "const data = new DataTransfer(); data.items.add(new File(['Dropped from the desk.'], 'dropped.txt'));"
        "for (const kind of ['dragenter', 'dragover', 'drop'])"
        "document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))"
    )
    assert page.wait_for_text("#upload-summary", "Done") == "Done: 1 added."
    page.wait(lambda: listed(page) == ["dropped"])
    assert not page.find("#drop-veil").is_displayed()


def test_a_folder_goes_in_with_its_folders_and_without_what_is_hidden(
    page: Any, client: httpx.Client, tmp_path: Path
) -> None:
    write(tmp_path / "notes" / "a", "readme.md", "The herons came in May.")
    write(tmp_path / "notes" / "b", "readme.md", "The terns came in June.")
    write(tmp_path / "notes" / ".git", "config", "Nothing for a reader.")
    with ZipFile(tmp_path / "notes" / "more.zip", "w") as archive:
        archive.writestr("gulls.txt", "The gulls stayed.")
        archive.writestr("noise.bin", bytes(range(256)))
    page.choose_collection("birds")
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(tmp_path / "notes")], "dragOperationsMask": 1}
        page.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 300, "data": data})
    assert page.wait_for_text("#upload-summary", "Done") == "Done: 3 added, 1 failed. 1 hidden file left out."
    assert page.text("#upload-list .failed .name") == "notes/more.zip"  # first, though it was sent last
    assert page.text("#upload-list .failed .state").startswith("1 added, 1 failed\nnotes/more.zip!/noise.bin: ")
    stored = client.get("/v1/documents", params={"collection": "birds"}).json()["documents"]
    assert [document["source"] for document in stored] == [
        "notes/a/readme.md",
        "notes/b/readme.md",
        "notes/more.zip!/gulls.txt",
    ]
    page.find("#folder").send_keys(str(tmp_path / "notes"))
    page.wait_for_text("#upload-summary", "Done: 3 unchanged, 1 failed. 1 hidden file left out.")


def test_when_the_service_is_gone_the_page_says_so_and_goes_on_once_it_is_back(page: Any, tmp_path: Path) -> None:
    def network(*, gone: bool) -> None:
        page.driver.execute_cdp_cmd("Network.enable", {})
        conditions = {"offline": gone, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    page.choose_collection("gone")
    network(gone=True)
    try:
        page.ask("Is anyone there?")
        assert page.text("#ask-error").startswith("The service cannot be reached.")
        page.find("#nav-documents").click()
        page.wait_for_text("#documents-error", "cannot be reached")
        page.find("#files").send_keys(write(tmp_path, "back.txt", "The pilot is back."))
        page.wait_for_text("#upload-summary", "Done: 1 failed.")
    finally:
        network(gone=False)
    page.find("#documents-error button").click()
    page.wait_for_text("#documents-status", "No documents in the collection gone yet.")
    assert page.text("#documents-error") == ""
    page.find("#retry-uploads").click()
    page.wait_for_text("#upload-summary", "Done: 1 added.")
    page.find("#nav-ask").click()
    page.find("#ask-error button").click()
    page.wait_for_text("#results", "The pilot is back.")


def test_a_busy_service_is_asked_again(page: Any, tmp_path: Path) -> None:
    show_documents(page, "busy")
    page.js(
        "const real = XMLHttpRequest.prototype.open; let first = true;"
        "XMLHttpRequest.prototype.open = function (method, url) { real.call(this, method, url);"
        "if (!first) return; first = false;"
        'Object.defineProperties(this, {status: {value: 503}, responseText: {value: \'{"detail": "busy"}\'}});'
        "this.getResponseHeader = (name) => name === 'Retry-After' ? '1' : null; }"
    )
    watch_uploads(page)
    page.find("#files").send_keys(write(tmp_path, "late.txt", "Late but there."))
    page.wait_for_text("#upload-summary", "Done: 1 unchanged.")  # the first try had gone in
    assert any("busy: waiting 1 second" in state for state in page.js("return window.seen"))


def test_the_list_is_filtered_and_deleted_from_after_a_question(page: Any, client: httpx.Client) -> None:
    for name in ("Apple harvest", "Pear harvest", "Storm warning"):
        add(
            client,
            title=name,
            source=name.lower(),
            text=f"About the {name}.",
            collection="farm",
            metadata={"kind": name[:4]},
        )
    show_documents(page, "farm")
    assert listed(page) == ["Apple harvest", "Pear harvest", "Storm warning"]
    page.find("#filter").send_keys("harvest kind=pear")
    page.wait(lambda: listed(page) == ["Pear harvest"])
    page.find("#document-list button").click()
    assert "Pear harvest" in page.text("#confirm-title")
    page.find("#confirm button[value=cancel]").click()
    page.wait(lambda: not page.find("#confirm").is_displayed())
    assert listed(page) == ["Pear harvest"]
    page.find("#document-list button").click()
    page.find("#confirm .danger").click()
    page.wait_for_text("#documents-status", "Deleted “Pear harvest”")
    page.find("#filter").clear()
    page.find("#filter").send_keys(" ")
    page.wait(lambda: listed(page) == ["Apple harvest", "Storm warning"])
    left = client.get("/v1/documents", params={"collection": "farm"}).json()["documents"]
    assert [document["title"] for document in left] == ["Apple harvest", "Storm warning"]


def test_a_long_list_comes_a_page_at_a_time_and_is_filtered_as_a_whole(page: Any, client: httpx.Client) -> None:
    for number in range(53):
        add(client, title=f"Note {number}", source=f"{number}", text="Short.", collection="many")
    show_documents(page, "many")
    page.wait(lambda: len(listed(page)) == 50)
    page.wait_for_text("#documents-status", "The first 50 of 53 documents in the collection many")
    page.find("#more").click()
    page.wait(lambda: len(listed(page)) == 53)
    assert not page.find("#more").is_displayed()
    page.driver.refresh()
    page.wait(lambda: len(listed(page)) == 50)
    page.find("#filter").send_keys("note 52")
    page.wait(lambda: listed(page) == ["Note 52"])
    page.find("#filter").clear()
    page.find("#all-collections").click()
    page.wait_for_text("#document-list", "collection many")


def test_a_document_opens_from_the_list_and_the_focus_comes_back(page: Any, client: httpx.Client) -> None:
    add(client, title="Only one", text="A single line.", collection="single")
    show_documents(page, "single")
    link = page.find("#document-list .open")
    link.click()
    page.wait_for_text("#reader-text", "A single line.")
    page.find("#close-reader").click()
    page.wait(lambda: page.driver.current_url.endswith("#documents"))
    page.wait(lambda: page.driver.switch_to.active_element == link)


def test_html_in_a_document_is_text_and_nothing_runs(page: Any, client: httpx.Client, tmp_path: Path) -> None:
    text = f"The hostile page says {HOSTILE} and the moth flew off."
    collection = "<b>bold</b>"
    document = add(
        client, title=HOSTILE, source=HOSTILE, text=text, collection=collection, metadata={"<i>k</i>": HOSTILE}
    )
    page.choose_collection(collection)
    page.ask("What does the hostile page say of the moth?")
    page.find(".passage button").click()
    page.wait(lambda: page.all(".why td"))
    assert page.texts("blockquote") == [text] and page.texts(".passage h3") == [HOSTILE]
    page.find(".passage a.open").click()
    page.wait_for_text("#reader-text", text)
    assert page.text("#reader-title") == HOSTILE
    page.find("#close-reader").click()
    page.find("#nav-documents").click()
    page.wait_for_text("#document-list", HOSTILE)
    name = HOSTILE.replace("/", "") + ".txt"
    page.find("#files").send_keys(write(tmp_path, name, HOSTILE))
    assert page.wait_for_text("#upload-summary", "Done") == "Done: 1 added."
    assert page.texts("#upload-list .name") == [name]
    page.find("#document-list button").click()
    page.wait(lambda: page.find("#confirm").is_displayed())
    assert HOSTILE in page.text("#confirm-title")
    assert (
        page.js(
            "return document.querySelectorAll('main script, main img, dialog script, '"
            "+ 'dialog img:not(#page-picture), [href^=javascript]').length"
        )
        == 0
    )
    assert page.log() == []  # an alert would have failed the calls above; the policy was never needed
    client.delete(f"/v1/documents/{document['id']}")


def test_the_policy_would_stop_what_slipped_through(page: Any) -> None:
    refused = page.js(
        "try { document.body.innerHTML = '<p>x'; return false } catch (error) { return error instanceof TypeError }"
    )
    assert refused
    page.js(
        "document.body.append(Object.assign(document.createElement('a'), {href: 'javascript:window.ran = 1', id: 'js'}))"
    )
    page.js("document.querySelector('#js').click()")
    assert page.js("return window.ran") is None
    assert any("Content Security Policy" in message for message in page.log())


def test_positions_beyond_the_basic_plane_mark_the_right_characters(page: Any, client: httpx.Client) -> None:
    text = "🚢🚢 The ferry 𒀭𒂗𒆤 sailed at noon 👩‍👩‍👧. The 𐌰𐌱𐌲 pilot drank 🍵 tea with the old harbour master. 🎉 Ends é́ here."
    document = add(client, title="Ferry 🚢", source="ferry", text=text, collection="scripts")
    page.choose_collection("scripts")
    page.ask("Who drank tea with the harbour master?")
    answer = client.post(
        "/v1/ask", json={"question": "Who drank tea with the harbour master?", "collection": "scripts"}
    ).json()
    spans = [(span["start_char_index"], span["end_char_index"]) for span in answer["passages"][0]["highlights"]]
    assert page.texts("blockquote mark") == [text[start:end] for start, end in spans]
    assert any("🍵 tea" in marked for marked in page.texts("blockquote mark"))
    for start, end in [
        (0, 1),
        (1, 2),
        (13, 16),
        (33, 38),
        (text.index("𐌰"), text.index("𐌲") + 1),
        (len(text) - 5, len(text)),
    ]:
        page.js("location.hash = arguments[0]", f"#doc={document['id']}&span={start}:{end}")
        page.wait_for_text("#reader-status", f"{start} to {end}")
        assert page.cited() == text[start:end]
        assert page.text("#reader-text") == text


def test_a_very_long_document_opens_around_the_span_and_shows_more_on_request(page: Any, client: httpx.Client) -> None:
    far = "\n" * 105_000
    text = f"# 𒀭 It begins\n{far}🦉 The owl sat on the ninth fence post.{far}# It ends\n\nLong since."
    sent = client.post("/v1/documents", files={"file": ("long.md", text.encode())}, data={"collection": "long"})
    start = text.index("The owl")
    page.open(f"#doc={sent.json()['documents'][0]['id']}&span={start}:{start + 36}")
    page.wait(lambda: page.all("#cited"))
    assert page.cited() == "The owl sat on the ninth fence post."
    assert len(page.text("#reader-text")) < 100_000
    for button, part in (("#earlier", "It begins"), ("#later", "It ends")):
        while page.find(button).is_displayed():
            before = page.text("#reader-status")
            page.js(
                "const it = document.querySelector(arguments[0]); it.click(); it.click()", button
            )  # as one who is impatient
            page.wait(lambda before=before: page.text("#reader-status") != before)
        assert part in page.text("#reader-text")
    assert page.text("#reader-text") == text
    page.driver.refresh()
    page.wait(lambda: page.all("#cited"))
    page.find("#outline summary").click()
    page.all("#outline button")[1].click()
    page.wait(lambda: page.texts("#reader-text h3") == ["# It ends"])
    assert page.is_in_view("#reader-text h3") and len(page.text("#reader-text")) < 100_000
