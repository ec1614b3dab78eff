"""What whoever looks after documents does in the page: judging answers, what was not answered, many documents at once."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from reportlab.lib.pdfencrypt import StandardEncryption

from eval.sets.quotes import read_jsonl
from tests.rag.parsing.pdf.drawing import pdf

pytestmark = [pytest.mark.model, pytest.mark.slow]


def add(client: httpx.Client, **fields: object) -> None:
    assert client.post("/v1/documents", json=fields).status_code == 201


def test_thumbs_write_what_evaluation_reads(page_with: Any, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    page, client = page_with(RAG_FEEDBACK=str(gold))
    add(client, title="Ferry", source="ferry", text="The ferry to Anholt leaves at nine.")
    add(client, title="Train", source="train", text="The train to Aarhus leaves at noon.")
    page.ask("When does the ferry to Anholt leave?")
    page.wait(lambda: page.all("#judge-right"))
    assert not page.find(".this-answers").is_displayed()
    page.find("#judge-right").click()
    page.wait_for_text(".judged [role=status]", "Kept: right.")
    page.ask("When does the train to Aarhus leave?")
    page.find("#judge-wrong").click()
    page.wait(lambda: page.find(".choice").is_displayed())
    page.all(".this-answers")[1].click()
    page.wait_for_text(".judged [role=status]", "Kept: passage 2 answers.")
    page.ask("What is the boiling point of tungsten?")
    page.find("#judge-right").click()
    page.wait_for_text(".judged [role=status]", "Kept")
    lines = read_jsonl(gold)
    assert [line.quotes for line in lines] == [
        ("The ferry to Anholt leaves at nine.",),
        ("The ferry to Anholt leaves at nine.",),
        (),
    ]


def test_questions_without_an_answer_are_listed_for_whoever_adds_what_is_missing(
    page_with: Any, tmp_path: Path
) -> None:
    page, client = page_with(RAG_UNANSWERED=str(tmp_path / "unanswered.jsonl"))
    add(client, title="Ferry", text="The ferry to Anholt leaves at nine.")
    page.ask("What is the boiling point of tungsten?")
    page.find("#nav-documents").click()
    page.wait(lambda: page.find("#unanswered").is_displayed())
    page.find("#unanswered summary").click()
    page.wait(lambda: page.texts("#unanswered li a") == ["What is the boiling point of tungsten?"])
    page.find("#forget-unanswered").click()
    page.wait_for_text("#unanswered li", "None.")


def test_where_nothing_is_kept_nothing_of_it_is_shown(page: Any, article: Any) -> None:
    page.ask("Why did Zelensky hesitate to sign the deal that Bessent pushed in Kyiv?")
    assert not page.all("#judge-right")
    page.find("#nav-documents").click()
    page.wait(lambda: page.all("#document-list .open"))
    assert not page.find("#unanswered").is_displayed()


def choose(page: Any, picker: str, value: str) -> None:
    page.js(
        "const one = document.querySelector(arguments[0]); one.value = arguments[1]; one.dispatchEvent(new Event('change'))",
        picker,
        value,
    )


def test_documents_are_ordered_and_filtered_and_deleted_together(page: Any, client: httpx.Client) -> None:
    for name, text in (
        ("b.md", "Much longer text about boats and bridges."),
        ("a.txt", "Short."),
        ("c.md", "Medium text."),
    ):
        body = {"title": name, "source": name, "text": text, "collection": "ordered"}
        metadata = {"language": "de" if name == "c.md" else "en"}
        assert client.post("/v1/documents", json=body | {"metadata": metadata}).status_code == 201
    page.choose_collection("ordered")
    page.find("#nav-documents").click()

    def titles() -> list[str]:
        return [str(title) for title in page.texts("#document-list .open")]

    page.wait(lambda: len(titles()) == 3)
    assert titles() == ["b.md", "a.txt", "c.md"]
    choose(page, "#order", "title")
    page.wait(lambda: titles() == ["a.txt", "b.md", "c.md"])
    choose(page, "#order", "size")
    page.wait(lambda: titles() == ["b.md", "c.md", "a.txt"])
    choose(page, "#of-kind", "md")
    page.wait(lambda: titles() == ["b.md", "c.md"])
    choose(page, "#of-language", "de")
    page.wait(lambda: titles() == ["c.md"])
    choose(page, "#of-language", "")
    choose(page, "#added-since", "2999-01-01")
    page.wait_for_text("#documents-status", "No document")
    choose(page, "#added-since", "")
    page.wait(lambda: len(titles()) == 2)
    assert not page.find("#selection").is_displayed()
    for box in page.all("#document-list input"):
        box.click()
    assert page.text("#n-selected") == "2 documents selected"
    page.find("#delete-selected").click()
    page.find("#confirm .danger").click()
    page.wait_for_text("#documents-status", "Deleted 2 documents.")
    assert not page.find("#selection").is_displayed()
    choose(page, "#of-kind", "")
    page.wait(lambda: titles() == ["a.txt"])


def test_a_protected_file_goes_in_at_another_try_with_its_password(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "secret.pdf"
    options = {"encrypt": StandardEncryption("open sesame", strength=128)}
    path.write_bytes(pdf(lambda canvas: canvas.drawString(72, 700, "The treasure lies under the oak."), **options))
    page.choose_collection("secrets")
    page.find("#nav-documents").click()
    page.find("#files").send_keys(str(path))
    page.wait_for_text("#upload-summary", "1 failed")
    assert "password" in page.text("#upload-list .state").lower()
    page.find("#file-password").send_keys("open sesame")
    page.find("#retry-uploads").click()
    page.wait_for_text("#upload-summary", "1 added")
    page.wait(lambda: page.texts("#document-list .open"))
