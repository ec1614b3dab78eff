"""Jupyter notebooks."""

import json

import pytest

from rag.parsing.formats import parse
from rag.shared.errors import UnreadableContent
from tests.rag.parsing.conftest import Read

CELLS = [
    {"cell_type": "markdown", "source": ["# Bridges\n", "\n", "How many ships pass below them."], "metadata": {}},
    {
        "cell_type": "code",
        "source": "ships = load()\n\nships.mean()",
        "outputs": [{"data": {"image/png": "iVBORw0KGgo"}, "output_type": "display_data"}],
        "execution_count": 1,
    },
    {"cell_type": "markdown", "source": ["## Winter\n", "Fewer of them."]},
    {"cell_type": "raw", "source": []},
    "no cell",
]


def notebook(cells: object) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.mark.parametrize("name", ["a.ipynb", "a.json"])
def test_cells_are_read_as_text_and_code(name: str, read: Read) -> None:
    parsed = read(name, notebook(CELLS))
    assert parsed.title == "Bridges"
    assert parsed.text == (
        "# Bridges\n\nHow many ships pass below them.\n\n```\nships = load()\n\nships.mean()\n```\n\n## Winter\nFewer of them."
    )
    assert [section.path for section in parsed.sections] == [("Bridges",), ("Bridges", "Winter")]
    assert any("load()\n\nships" in parsed.text[block.start : block.end] for block in parsed.blocks if block.whole)


def test_a_record_that_has_cells_is_no_notebook() -> None:
    assert parse("a.json", b'{"cells": 4, "nbformat": "none"}').text == "cells: 4\nnbformat: none"


def test_a_notebook_that_is_cut_off_is_refused() -> None:
    with pytest.raises(UnreadableContent, match="not JSON"):
        parse("a.ipynb", notebook(CELLS)[:-40])
