"""JSON and JSON Lines."""

import json

import pytest

from rag.parsing.formats import parse
from rag.shared.errors import UnreadableContent
from tests.rag.parsing.conftest import PathOf, Read

RECORDS = [
    {"name": "Arnes", "built": 1784, "open": True, "tags": ["stone", "arch"], "place": {"river": "Vorma", "km": 12.50}},
    {"name": "Sør-Elv", "built": None, "history": "Built in a hurry.\nClosed twice."},
]
TEXT = (
    "name: Arnes\nbuilt: 1784\nopen: true\ntags: stone, arch\nplace.river: Vorma\nplace.km: 12.5\n\n"
    "name: Sør-Elv\nhistory: Built in a hurry. Closed twice."
)


@pytest.mark.parametrize("name", ["bridges.json", "bridges.txt", "bridges"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_each_record_of_a_list_is_a_passage(
    name: str, indent: int | None, ascii_only: bool, read: Read, path_of: PathOf
) -> None:
    parsed = read(name, json.dumps(RECORDS, indent=indent, ensure_ascii=ascii_only).encode())
    assert parsed.text == TEXT
    assert [section.path for section in parsed.sections] == [("record 1",), ("record 2",)]


@pytest.mark.parametrize("name", ["bridges.jsonl", "bridges.txt"])
def test_each_line_of_json_lines_is_a_passage(name: str, read: Read, path_of: PathOf) -> None:
    parsed = read(name, "\n\n".join(json.dumps(record) for record in RECORDS).encode())
    assert parsed.text == TEXT
    assert path_of(parsed, "Sør-Elv") == ("line 3",)


@pytest.mark.parametrize(
    ("between", "paths"),
    [
        ("\n", [("line 1",), ("line 2",)]),
        ("", [("line 1",), ("line 1, value 2",)]),
        (" ", [("line 1",), ("line 1, value 2",)]),
        ("\n\x1e", [("line 1",), ("line 2",)]),
    ],
)
def test_values_one_after_the_other_are_a_passage_each(between: str, paths: list[tuple[str]], read: Read) -> None:
    parsed = read("bridges.json", between.join(json.dumps(record) for record in RECORDS).encode())
    assert parsed.text == TEXT
    assert [section.path for section in parsed.sections] == paths


def test_values_over_several_lines_are_named_by_the_line_in_which_they_begin(read: Read, path_of: PathOf) -> None:
    parsed = read("bridges.json", "\n".join(json.dumps(record, indent=2) for record in RECORDS).encode())
    assert parsed.text == TEXT
    assert path_of(parsed, "Sør-Elv") == ("line 14",)


def test_records_of_several_lists_are_passages_of_their_own(read: Read) -> None:
    parsed = read("bridges.json", "\n".join(json.dumps([record]) for record in RECORDS).encode())
    assert parsed.text == TEXT
    assert [section.path for section in parsed.sections] == [("line 1", "record 1"), ("line 2", "record 1")]


def test_records_inside_an_object_are_passages_of_their_own(read: Read, path_of: PathOf) -> None:
    parsed = read("b.json", json.dumps({"source": "survey", "bridges": RECORDS}).encode())
    assert parsed.text == "source: survey\n\n" + TEXT
    assert path_of(parsed, "Arnes") == ("bridges", "record 1")


def test_numbers_stay_as_they_are_written() -> None:
    assert (
        parse("n.json", b'{"a": 1.50, "b": 1e400, "c": 12345678901234567890123}').text
        == "a: 1.50\nb: 1e400\nc: 12345678901234567890123"
    )


@pytest.mark.parametrize(
    "text", ["[see the notes]\n", "{ a set } of things", "[1] Smith 2019\n[2] Vik 2020\n", "{{template}}\n"]
)
def test_text_in_brackets_stays_text(text: str) -> None:
    assert parse("a.txt", text.encode()).text == text


def test_a_broken_file_is_refused_with_the_place() -> None:
    with pytest.raises(UnreadableContent, match="line 2, column 3"):
        parse("a.json", b"{\n  a: 1}")
    with pytest.raises(UnreadableContent, match="line 4"):
        parse("a.jsonl", b'{"a": 1}\n{"a": 2}\n{"a": 3}\n{"a": \n')
    with pytest.raises(UnreadableContent, match="line 2"):
        parse("a.jsonl", b'{"a": 1}\n{"a": \n{"a": 3}\n{"a": 4}\n')


@pytest.mark.parametrize(
    "text",
    ['{"a": 1} and more', '{"a": 1}\n{"b": 2', '{"a": 1}, {"b": 2}', '{"a": 1}}', "[1] Smith 2019", "2019-01-01"],
)
def test_what_follows_a_value_is_refused_where_it_is_no_value(text: str) -> None:
    with pytest.raises(UnreadableContent, match="not JSON: .* in line"):
        parse("a.json", text.encode())


@pytest.mark.parametrize(
    "source", ["[" * 100_000, '{"a":' * 100_000, "[" * 500 + "1" + "]" * 500, '[{"a":' * 300 + "1" + "}]" * 300]
)
def test_values_nested_without_end_are_refused(source: str) -> None:
    with pytest.raises(UnreadableContent):
        parse("a.json", source.encode())


@pytest.mark.parametrize("source", ["{}", "[]", "null", '""', "[{}]"])
def test_nothing_comes_of_empty_values(source: str) -> None:
    assert parse("a.json", source.encode()).text == ""


def test_an_object_says_its_title_and_metadata_as_a_document_does() -> None:
    article = {
        "title": "The flood  of 1927",
        "author": "A. Vik",
        "published": "2021-04-15T08:00:00Z",
        "body": "It rained.",
    }
    parsed = parse("a17.json", json.dumps(article).encode())
    assert parsed.title == "The flood of 1927" and parsed.metadata == {"author": "A. Vik", "date": "2021-04-15"}
    assert "title: The flood of 1927\nauthor: A. Vik" in parsed.text
    for other in ([article], {"title": ["x"], "body": "It rained."}):
        assert parse("a17.json", json.dumps(other).encode()).title == "a17"
