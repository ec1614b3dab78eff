"""Jupyter notebooks: their cells in order, text as Markdown and code as blocks of code. What the code printed is left out."""

import json

from rag.parsing.text.markdown import parse_markdown
from rag.shared.types import ParsedText

_FENCE = "```"


def is_notebook(text: str) -> bool:
    """Whether a text is a notebook: a JSON object of cells that says which format of notebooks it has."""
    return '"nbformat"' in text and '"cells"' in text and _cells(text) is not None


def parse_notebook(text: str, name: str) -> ParsedText:
    """The cells as one Markdown text."""
    parts = []
    for cell in _cells(text) or ():
        if not isinstance(cell, dict):
            continue
        source = cell.get("source")
        written = "".join(map(str, source)) if isinstance(source, list) else source if isinstance(source, str) else ""
        if not written.strip():
            continue
        if cell.get("cell_type") == "code":
            fence = _FENCE
            while fence in written:
                fence += "`"
            written = f"{fence}\n{written.rstrip()}\n{fence}"
        parts.append(written.strip("\n"))
    return parse_markdown("\n\n".join(parts), name)


def _cells(text: str) -> list[object] | None:
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) and "nbformat" in notebook else None
    return cells if isinstance(cells, list) else None
