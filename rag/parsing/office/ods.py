"""ODS: each row of an OpenDocument spreadsheet a passage of its own under its sheet, its values with the names of their columns."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from rag.parsing.data.rows import SheetRow, add_rows
from rag.parsing.office.odt import open_document
from rag.parsing.shared.xml import attribute, local, whole_number
from rag.parsing.structure.builder import plain
from rag.shared.types import ParsedText

MIMETYPES = (
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.spreadsheet-template",
)
_MAX_COLUMNS = 1024
_MAX_REPEATED = 1000  # rows alike: more of them are empty ones down to a sheet's end, or hostile
_GROUPS = ("table-row-group", "table-header-rows", "table-rows")


def parse_ods(content: bytes, name: str) -> ParsedText:
    """Rows of the sheets as records, under the path of sheet and "row 12". Values are as they are shown."""
    document = open_document(content, "spreadsheet")
    builder = document.reader.builder
    for sheet in document.part:
        if local(sheet.tag) == "table":
            add_rows(builder, _rows(sheet), (attribute(sheet, "name") or "",))
    return builder.build(title=document.title or name, metadata=document.metadata)


def _rows(sheet: Element) -> Iterator[SheetRow]:
    number = 0
    for row in _row_elements(sheet):
        cells = _cells(row)
        n_alike = _count(row, "number-rows-repeated")
        # Hidden rows count, as a spreadsheet program counts them, and are not read.
        if any(cells) and attribute(row, "visibility") in (None, "visible"):
            for offset in range(min(n_alike, _MAX_REPEATED)):
                yield SheetRow(number + offset + 1, cells)
        number += n_alike


def _row_elements(parent: Element) -> Iterator[Element]:
    for element in parent:
        if local(element.tag) == "table-row":
            yield element
        elif local(element.tag) in _GROUPS:
            yield from _row_elements(element)


def _cells(row: Element) -> list[str]:
    cells: list[str] = []
    for cell in row:
        if local(cell.tag) in ("table-cell", "covered-table-cell"):
            # Notes of a cell stand in an element of their own beside its paragraphs.
            text = plain(" ".join("".join(p.itertext()) for p in cell if local(p.tag) == "p"))
            cells += [text] * min(_count(cell, "number-columns-repeated"), _MAX_COLUMNS - len(cells))
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _count(element: Element, name: str) -> int:
    return max(whole_number(element, name) or 1, 1)
