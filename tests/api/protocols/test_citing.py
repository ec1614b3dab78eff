"""An answer as text for a person, and which of its words come from where."""

from api.protocols.citing import cited_sentences, columns_of, text_of

LEAD, ROW = "Lamps sold:", "Alder\t93\t4,017"
CELLS = [{"name": "Town", "text": "Alder"}, {"name": "", "text": "93"}, {"name": "Blue lamps", "text": "4,017"}]


def part(text: str, start: int) -> dict[str, object]:
    citation = {
        "document_id": "d1",
        "start_char_index": start,
        "end_char_index": start + len(text),
        "document_sha256": "0" * 64,
        "cited_text": text,
    }
    return {"text": text, "citation": citation, "passage": 0}


def test_a_row_has_the_names_of_its_columns_behind_it_and_is_cited_without_them() -> None:
    parts = [{**part(ROW, 40), "cells": CELLS}, {**part(ROW, 90), "group": "1890"}, part(LEAD, 120)]
    made = {"answer": {"text": f"{ROW} … {ROW} {LEAD}", "parts": parts}, "passages": []}
    text = text_of(made)
    assert text == f"{ROW} (Town: Alder; 93; Blue lamps: 4,017) … {ROW} (1890) {LEAD}"
    cited = cited_sentences(made)
    assert [text[sentence.start : sentence.end] for sentence in cited] == [ROW, ROW, LEAD]
    assert [sentence.start for sentence in cited] == [0, text.rindex(ROW), text.index(LEAD)]


def test_columns_are_named_once_a_table_where_the_text_lacks_their_names() -> None:
    rows = [{"head": ["Town", "", "Blue lamps"]}, {"head": ["Town", "", "Blue lamps"]}, {"head": ["", ""]}]
    assert columns_of({"text": ROW, "rows": rows}) == "Columns: Town | Blue lamps"
    assert columns_of({"text": f"Town, Blue lamps\n{ROW}", "rows": rows}) == ""
    assert columns_of({"text": ROW}) == ""
