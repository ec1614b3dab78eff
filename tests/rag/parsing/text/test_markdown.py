"""Front matter and code in Markdown; headings are tested beside the other texts."""

import pytest

from rag.parsing.formats import parse
from tests.rag.parsing.conftest import PathOf

BODY = "\n# The bridge\n\nIt is old.\n\n```\n# no heading\n\nx = 1\n```\n\nThe end.\n"
YAML = """---
title: "Bridges: a survey"
author: [Kari Vik, Ole Dahl]
date: 2023-04-05
tags:
  - stone
  - arch
draft: true
weight: 3
nested: {a: 1}
lang: en
---
"""
TOML = """+++
title = "Bridges: a survey"
author = ["Kari Vik", "Ole Dahl"]
date = 2023-04-05
tags = ["stone", "arch"]
draft = true
weight = 3
lang = "en"
+++
"""


@pytest.mark.parametrize("front", [YAML, TOML], ids=["YAML", "TOML"])
def test_front_matter_becomes_metadata_and_the_text_stays_the_source(front: str, path_of: PathOf) -> None:
    parsed = parse("b.md", (front + BODY).encode())
    assert parsed.text == front + BODY
    assert parsed.title == "Bridges: a survey"
    assert parsed.metadata == {
        "author": ["Kari Vik", "Ole Dahl"],
        "date": "2023-04-05",
        "language": "en",
        "keywords": ["stone", "arch"],
        "draft": True,
        "weight": 3,
    }
    assert parsed.sections[0].start == len(front)
    assert path_of(parsed, "The end.") == ("The bridge",)


def test_code_is_one_block() -> None:
    parsed = parse("b.md", BODY.encode())
    assert [parsed.text[block.start : block.end] for block in parsed.blocks] == [
        "It is old.",
        "```\n# no heading\n\nx = 1\n```",
        "The end.",
    ]
    assert [block.whole for block in parsed.blocks] == [False, True, False]


def test_a_list_of_code_blocks_in_a_list_item_covers_the_text() -> None:
    source = "# A\n\n- first\n\n  ```\n  code\n  ```\n- second\n\n    indented\n\n# B\n\n    x\n"
    parsed = parse("b.md", source.encode())
    inside = "".join(source[block.start : block.end] for block in parsed.blocks)
    headings = "".join(source[section.start : section.heading_end] for section in parsed.sections)
    assert sorted("".join((inside + headings).split())) == sorted("".join(source.split()))


@pytest.mark.parametrize(
    "source",
    [
        "---\njust a rule above\n---\n\ntext",
        "---\na: [unclosed\n---\ntext",
        "---\na: &x [1, 2]\nb: [*x, *x]\n---\ntext",
        "---\n!!python/object/apply:os.system ['true']\n---\ntext",
        "--- not front matter\n",
        "---\n" + "[" * 5000 + "\n---\ntext",
        "+++\nbroken =\n+++\ntext",
        "---\n---\ntext",
    ],
)
def test_what_is_no_front_matter_or_a_hostile_one_stays_text(source: str) -> None:
    parsed = parse("b.md", source.encode())
    assert parsed.text == source and parsed.metadata == {} and parsed.sections[0].start == 0


@pytest.mark.slow
def test_many_lists_tables_and_code_blocks_cover_the_text_in_linear_time() -> None:
    piece = "Do this:\n\n- one\n- two\n\n  ```\n  x = 1\n  ```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nText.\n\n"
    source = "# T\n\n" + piece * 2000
    parsed = parse("a.md", source.encode())
    position = parsed.sections[0].heading_end
    for block in parsed.blocks:
        assert not parsed.text[position : block.start].strip()
        position = block.end
    assert position == len(parsed.text.rstrip())
    assert [block.context for block in parsed.blocks[:6]] == ["", "Do this:", "Do this:", "", "a, b", ""]
