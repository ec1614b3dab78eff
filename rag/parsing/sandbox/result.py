"""A parsed text as JSON, which cannot carry code, and back again: what comes out of a worker is not trusted."""

from collections.abc import Iterable
from typing import Any

from index.types import JsonScalar, Span
from rag.shared.types import KINDS, Block, PageBreak, ParsedText, Section, TableRow

_MAX_PAGE = 2**31
_NO_NUMBERS = (float("inf"), float("-inf"))


def to_json(parsed: ParsedText) -> dict[str, Any]:
    """A parsed text as ``from_json`` reads it."""
    contexts: dict[str, int] = {}
    heads: dict[tuple[str, ...], int] = {}
    blocks = [
        (
            *block[:3],
            # A context is that of many blocks, a head of many rows: named by its number, not repeated.
            contexts.setdefault(block.context, len(contexts)),
            block.kind,
            (heads.setdefault(block.row.head, len(heads)), block.row.cells) if block.row else None,
        )
        for block in parsed.blocks
    ]
    return {
        "text": parsed.text,
        "title": parsed.title,
        "sections": parsed.sections,
        "blocks": blocks,
        "contexts": list(contexts),
        "heads": list(heads),
        "pages": parsed.pages,
        "metadata": dict(parsed.metadata),
    }


def from_json(answer: dict[str, Any]) -> ParsedText:
    """The parsed text, its positions and values checked.

    Raises ValueError, LookupError, TypeError or AttributeError for what is none.
    """
    text = str(answer["text"])
    contexts = [str(context) for context in answer["contexts"]]
    heads = [tuple(map(str, head)) for head in answer["heads"]]
    parsed = ParsedText(
        text,
        str(answer["title"]),
        tuple(
            Section(int(start), int(heading_end), int(end), tuple(map(str, path)), str(context))
            for start, heading_end, end, path, context in answer["sections"]
        ),
        tuple(
            Block(int(start), int(end), bool(whole), contexts[int(context)], str(kind), _row(row, heads))
            for start, end, whole, context, kind, row in answer["blocks"]
        ),
        tuple(PageBreak(int(start), int(number), str(label)) for start, number, label in answer["pages"]),
        _metadata(answer["metadata"]),
    )
    _require_characters(
        [text, parsed.title, *contexts, *(cell for head in heads for cell in head)],
        *(section.path for section in parsed.sections),
        [section.context for section in parsed.sections],
        [page.label for page in parsed.pages],
    )
    position = 0
    for section in parsed.sections:
        if not position <= section.start <= section.heading_end <= section.end <= len(text):
            raise ValueError("sections out of order")
        position = section.end
    position = 0
    for block in parsed.blocks:
        if not position <= block.start < block.end <= len(text):
            raise ValueError("blocks out of order")
        if block.kind not in KINDS or block.row is not None and not _lies_within(block.row, block):
            raise ValueError("a block of another kind, or cells outside their row")
        position = block.end
    starts = [page.start for page in parsed.pages]
    if starts != sorted(starts) or starts and not 0 <= starts[0] <= starts[-1] <= len(text):
        raise ValueError("pages out of order")
    if not all(0 <= page.number <= _MAX_PAGE for page in parsed.pages):
        raise ValueError("a page that no file has")
    return parsed


def _metadata(value: dict[Any, Any]) -> dict[str, JsonScalar | list[JsonScalar]]:
    """Metadata of strings, numbers, truth values and lists of them."""
    for name, entry in value.items():
        for part in entry if isinstance(entry, list) else [entry]:
            if part is not None and not isinstance(part, str | int | float) or part in _NO_NUMBERS or part != part:
                raise ValueError("metadata of another kind")
            _require_characters([str(part), name])
    return value


def _require_characters(*texts: Iterable[str]) -> None:
    """Raises UnicodeEncodeError, which is a ValueError, for half a character."""
    for each in texts:
        "".join(each).encode()


def _row(row: Any, heads: list[tuple[str, ...]]) -> TableRow | None:
    if row is None:
        return None
    head, cells = row
    return TableRow(heads[int(head)], tuple(Span(int(start), int(end)) for start, end in cells))


def _lies_within(row: TableRow, block: Block) -> bool:
    return len(row.head) == len(row.cells) and all(block.start <= start <= end <= block.end for start, end in row.cells)
