"""How a stored text is shown: what each stretch of it is, told from passages alone, with every character in its place."""

import csv
import io
from collections.abc import Sequence
from itertools import pairwise

import pytest

from index.types import Passage, Span
from rag.parsing.formats import parse
from rag.viewing.structure import Block, blocks_of, outline_of
from rag.viewing.tables import Cell
from tests.rag.shared import test_units

MARKDOWN = """---
author: Ann
---
# The *harbour*

It was built in 1820. It has
two moles.

Depths
------

- At the quay:
  - 4 m at low water.
  - 6 m at high water.
- Outside 9 m.

| Mole | Length |
|------|-------:|
| East | 120 m  |
| West | 90 m   |

```sh
tide --now

tide --later
```

The end.
"""
HTML = """<h1>Ferries</h1><p>Three of them.</p><h2>Fares</h2>
<table><caption>In euros</caption><tr><th rowspan=2>Age</th><th colspan=2>Season</th></tr><tr><th>summer</th><th>winter</th></tr>
<tr><td>adult</td><td>12</td><td>8</td></tr><tr><td>child</td><td></td><td>4</td></tr></table>
<ul><li>Dogs <b>free</b>.</li><li>Bicycles 2.</li></ul><pre>if a &lt; b:\n\n    go()</pre><h2>Fares</h2><p>As of May.</p>"""
JSON = b'[{"name": "Anholt", "beds": 40}, {"name": "Hven", "pier": "east", "beds": 12}, {"fax": "none"}]'
MAIL = b"From: a@b.example\nTo: c@d.example\nSubject: Boats\nMessage-ID: <1@b>\n\nDear all,\n\n- one\n- two\n"
FILES = {"a.md": MARKDOWN.encode(), "a.html": HTML.encode(), "a.json": JSON, "a.eml": MAIL, "a.txt": b" \n\n x\n"}
LONG = "It lies in the bay and is known for this. " * 20
ROWS = [["Isle", "Beds"], ["Anholt", "40"], ["Hven", "12"], ["Fur", "7"]]


def stored(name: str, content: bytes, size: int = 700) -> tuple[str, list[Passage]]:
    """The text and the passages of a file as a store gives them."""
    parsed = parse(name, content)
    return parsed.text, test_units.stored(parsed, size, overlap=1)


def shown(name: str, content: bytes, size: int = 700) -> tuple[str, list[Block]]:
    text, passages = stored(name, content, size)
    blocks = blocks_of(text, 0, passages)
    assert_whole(text, 0, blocks)
    return text, blocks


def assert_whole(text: str, start: int, blocks: Sequence[Block]) -> None:
    """Every character but white space stands in one block, and in one cell of a table, in its order."""
    at = start
    for block in blocks:
        spans = [cell.span for row in block.rows for cell in row.cells] or [block.span]
        assert (spans[0].start, spans[-1].end) == block.span
        for span in spans:
            assert at <= span.start < span.end and not text[at - start : span.start - start].strip()
            at = span.end
        for row in block.rows:
            for cell in row.cells:
                assert cell.span.start <= cell.value.start <= cell.value.end <= cell.span.end
            assert all(one.column + one.n_columns <= other.column for one, other in pairwise(row.cells))
    assert not text[at - start :].strip()


def table(text: str, block: Block) -> list[list[tuple[int, str]]]:
    """The rows of a table: of each cell its column and its value."""
    return [[(cell.column, text[slice(*cell.value)]) for cell in row.cells] for row in block.rows]


def told(text: str, blocks: Sequence[Block]) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, text[slice(*block.span)]) for block in blocks]


def test_markdown_is_headings_paragraphs_items_tables_and_code() -> None:
    text, blocks = shown("a.md", MARKDOWN.encode())
    assert told(text, blocks) == [
        ("prose", 0, "---\nauthor: Ann\n---"),
        ("heading", 1, "# The *harbour*"),
        ("prose", 0, "It was built in 1820. It has\ntwo moles."),
        ("heading", 2, "Depths\n------"),
        ("item", 0, "- At the quay:"),
        ("item", 1, "- 4 m at low water."),
        ("item", 1, "- 6 m at high water."),
        ("item", 0, "- Outside 9 m."),
        ("table", 0, MARKDOWN[MARKDOWN.index("| Mole") : MARKDOWN.index("\n\n```")]),
        ("code", 0, "```sh\ntide --now\n\ntide --later\n```"),
        ("prose", 0, "The end."),
    ]
    assert [row.is_head for row in blocks[8].rows] == [True, True, False, False]
    assert table(text, blocks[8]) == [
        [(0, "Mole"), (1, "Length")],
        [(0, "")],
        [(0, "East"), (1, "120 m")],
        [(0, "West"), (1, "90 m")],
    ]


def test_html_has_the_columns_of_its_tables_under_names_over_several_of_them() -> None:
    text, blocks = shown("a.html", HTML.encode())
    assert [(block.kind, block.level) for block in blocks] == [
        ("heading", 1),
        ("prose", 0),
        ("heading", 2),
        ("table", 0),
        ("item", 0),
        ("item", 0),
        ("code", 0),
        ("heading", 2),
        ("prose", 0),
    ]
    assert text[slice(*blocks[6].span)] == "if a < b:\n\n    go()"
    assert table(text, blocks[3])[0] == [(0, "In euros")]
    assert table(text, blocks[3])[-2:] == [[(0, "adult"), (1, "12"), (2, "8")], [(0, "child"), (2, "4")]]
    season = next(cell for row in blocks[3].rows for cell in row.cells if text[slice(*cell.value)] == "Season")
    assert (season.column, season.n_columns) == (1, 2)


def test_rows_that_name_their_values_are_one_table_whatever_they_leave_out() -> None:
    text, blocks = shown("a.json", JSON)
    assert [block.kind for block in blocks] == ["table", "table"]
    assert table(text, blocks[0]) == [[(0, "Anholt"), (2, "40")], [(0, "Hven"), (1, "east"), (2, "12")]]
    assert {text[cell.span.start : cell.value.start] for cell in cells(blocks[0])} == {"name: ", "pier: ", "beds: "}
    assert table(text, blocks[1]) == [[(0, "none")]]


def cells(block: Block) -> list[Cell]:
    return [cell for row in block.rows for cell in row.cells]


@pytest.mark.parametrize("size", [40, 300, 700])
@pytest.mark.parametrize("kind", ["csv", "html"])
def test_a_row_too_long_for_one_piece_stays_a_row(kind: str, size: int) -> None:
    rows = [["Isle", "Told", "Beds"], ["Anholt", LONG, "40"], ["Hven", LONG, "12"]]
    out = io.StringIO()
    if kind == "csv":
        csv.writer(out).writerows(rows)
    else:
        lines = [f"<tr><{cell}>{f'<{cell}>'.join(row)}" for cell, row in zip(("th", "td", "td"), rows, strict=True)]
        out.write(f"<p>Isles:</p><table>{''.join(lines)}</table>")
    text, blocks = shown(f"a.{kind}", out.getvalue().encode(), size)
    [found] = [block for block in blocks if block.rows]
    assert [[value.strip() for _, value in row] for row in table(text, found)[-2:]] == [
        ["Anholt", LONG.strip(), "40"],
        ["Hven", LONG.strip(), "12"],
    ]


def test_tables_that_follow_each_other_stay_apart() -> None:
    one = "".join(f"<tr><td>{'<td>'.join(row)}</tr>" for row in ROWS)
    text, blocks = shown("a.html", f"<p>Beds.</p><table>{one}</table><table>{one}</table>".encode())
    tables = [table(text, block) for block in blocks if block.rows]
    assert tables == [[[*enumerate(row)] for row in ROWS]] * 2


def test_a_mail_has_its_head_apart_from_its_text() -> None:
    text, blocks = shown("a.eml", MAIL)
    assert told(text, blocks)[0] == ("mail-header", 0, text[: text.index("\n\n")])
    assert told(text, blocks)[1:] == [("prose", 0, "Dear all,"), ("item", 0, "- one"), ("item", 0, "- two")]


@pytest.mark.parametrize("size", [40, 700])
@pytest.mark.parametrize("name", FILES)
def test_every_stretch_of_a_text_is_shown_whole_and_in_order(name: str, size: int) -> None:
    text, passages = stored(name, FILES[name], size)
    for start in range(0, len(text), 7):
        for end in (start, start + 1, start + 31, len(text)):
            stretch = text[start:end]
            assert_whole(stretch, start, blocks_of(stretch, start, passages))


def test_lines_keep_their_indents_where_they_are_no_items() -> None:
    text, blocks = shown("a.txt", b"Sea\n\n  and\n    foam,\n\n1) tide\n   by night\n2) moon\n")
    assert [(kind, said) for kind, _, said in told(text, blocks)] == [
        ("prose", "Sea"),
        ("prose", "  and\n    foam,"),
        ("item", "1) tide\n   by night"),
        ("item", "2) moon"),
    ]


def test_a_text_without_passages_is_paragraphs() -> None:
    assert blocks_of("One.\n\nTwo.", 5, []) == [Block("prose", Span(5, 9)), Block("prose", Span(11, 15))]


def test_a_row_of_more_columns_than_a_screen_shows_is_text() -> None:
    row = "".join(f"<td>{number % 10}" for number in range(250))
    _, blocks = shown("a.html", f"<p>Many.</p><table><tr>{row}<tr>{row}</table>".encode())
    assert not any(block.rows for block in blocks)


def test_the_outline_has_headings_of_the_same_name_and_names_that_the_text_does_not_hold() -> None:
    _, passages = stored("a.html", HTML.encode())
    assert [(entry.title, entry.level) for entry in outline_of(passages)] == [
        ("Ferries", 1),
        ("Fares", 2),
        ("Fares", 2),
    ]
    text, passages = stored("a.json", b'{"isles": [{"name": "Anholt"}, {"name": "Hven"}], "piers": [{"name": "East"}]}')
    entries = outline_of(passages)
    assert [entry.title for entry in entries] == ["isles", "piers"]
    assert [text[entry.start :].split("\n")[0] for entry in entries] == ["name: Anholt", "name: East"]
