"""The units of a passage in the form in which the store keeps them: what kind each sentence is, the cells of each table row.

A passage of plain prose has no such text. Else it is JSON: ``texts`` and ``heads`` are named by their numbers in ``units``, each of
which is its place among the sentences, its kind, its context, its head and the edges of its cells, counted from its start.
"""

import json
from collections.abc import Sequence
from functools import lru_cache

from index.types import Passage, Span
from rag.shared.types import TableRow, Unit

_NO_HEAD = -1


def pack(units: Sequence[Unit]) -> str:
    """What is known of units beside where they stand; "" for nothing."""
    texts: dict[str, int] = {}
    heads: dict[tuple[str, ...], int] = {}
    packed = []
    for number, (span, kind, context, row) in enumerate(units):
        if (kind, context, row) == Unit(span)[1:]:
            continue
        head, edges = _NO_HEAD, []
        if row is not None:
            head = heads.setdefault(row.head, len(heads))
            edges = [edge - span.start for cell in row.cells for edge in cell]
        kind_at, context_at = (texts.setdefault(text, len(texts)) for text in (kind, context))
        packed.append((number, kind_at, context_at, head, edges))
    if not packed:
        return ""
    return json.dumps(
        {"texts": [*texts], "heads": [*heads], "units": packed}, ensure_ascii=False, separators=(",", ":")
    )


@lru_cache(maxsize=64)  # for the choice of an answer, and again for what is shown of it
def units_of(passage: Passage) -> tuple[Unit, ...]:
    """The units of a stored passage, one for each of its sentences, in their order; positions are those of the document."""
    units = [Unit(span) for span in passage.sentences]
    if passage.layout:
        layout = json.loads(passage.layout)
        texts, heads = layout["texts"], [tuple(head) for head in layout["heads"]]
        for number, kind, context, head, edges in layout["units"]:
            span = units[number].span
            row = None
            if head != _NO_HEAD:
                places = [span.start + edge for edge in edges]
                row = TableRow(heads[head], tuple(map(Span, places[::2], places[1::2])))
            units[number] = Unit(span, texts[kind], texts[context], row)
    return tuple(units)
