"""Rows and cells of Word's tables: which columns and rows each covers, and whether some are labels."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from rag.parsing.office.ooxml import is_on, value_of
from rag.parsing.shared.xml import attribute, child, local
from rag.parsing.structure.tables import Cell, is_value, n_covered

_LABELLED = 2  # cells of a row that is a label with what it says
_Merged = tuple[Cell, bool | None]  # a cell, and whether it begins to cover rows or goes on with the one above


def is_deleted(row: Element) -> bool:
    """Whether a row of a table was deleted."""
    return is_on(child(child(row, "trPr"), "del"))


def are_labelled(rows: Sequence[Sequence[Element]]) -> bool:
    """Whether rows are labels with what they say, as on cover sheets: the labels are shaded, in all rows, and they alone."""
    pairs = [[_shade(cell) for cell in cells] for cells in rows if len(cells) == _LABELLED]
    return len(pairs) > 1 and all(label and label == pairs[0][0] and said != label for label, said in pairs)


def _shade(cell: Element) -> str:
    fill = attribute(child(child(cell, "tcPr"), "shd"), "fill") or ""
    return "" if fill in ("auto", "FFFFFF") else fill


def begun_after(n_skipped: int, cells: list[_Merged]) -> list[_Merged]:
    """The cells of a row that begins after some columns: a label covers these too, before a value they are empty."""
    if not cells or is_value(cells[0][0].text):
        return [(Cell("", n_skipped), None), *cells]
    (first, begins), *others = cells
    return [(first._replace(across=first.across + n_skipped), begins), *others]


def as_cell(cell: Element, text: str) -> _Merged:
    """A cell with the columns that it covers, and whether it begins to cover rows or goes on with the one above."""
    format_ = child(cell, "tcPr")
    merge = child(format_, "vMerge")
    begins = None if merge is None else attribute(merge, "val") == "restart"
    return Cell(text, n_covered(value_of(format_, "gridSpan"))), begins


def children_named(element: Element, name: str) -> Iterator[Element]:
    """Children of this local name, also those inside content controls and tracked insertions."""
    for inner in element:
        tag = local(inner.tag)
        if tag == name:
            yield inner
        elif tag in ("sdt", "sdtContent", "ins", "customXml", "moveTo"):
            yield from children_named(inner, name)
