"""XLSX: each row a passage of its own under its sheet, its values with the names of their columns (openpyxl, row by row)."""

import datetime
import io
import re
import warnings
from collections.abc import Iterator, Sequence

from rag.parsing.archive import Archive
from rag.parsing.builder import TextBuilder, plain
from rag.parsing.csv import add_rows
from rag.parsing.office import properties
from rag.types import ParsedText

_PERCENT = re.compile(r"0(?:\.(0+))?%")


def parse_xlsx(content: bytes, name: str) -> ParsedText:
    """Rows of the visible sheets as records, under the path of sheet and "row 12". Formulas give their stored values."""
    import openpyxl

    archive = Archive(content)
    archive.check()
    title, metadata = properties(archive)
    builder = TextBuilder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about features of the file that have no text
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    sheet.reset_dimensions()  # what the file states of its size is not believed
                    add_rows(builder, _rows(sheet), (sheet.title,))
        finally:
            book.close()
    return builder.build(title=plain(title) or name, metadata=metadata)


def _rows(sheet: object) -> Iterator[tuple[int, Sequence[str]]]:
    """Rows with their number, cells as text."""
    for number, row in enumerate(sheet.iter_rows(), 1):  # type: ignore[attr-defined]
        if row:
            yield number, [_shown(cell.value, cell) for cell in row]


def _shown(value: object, cell: object) -> str:
    """A value as text: dates in ISO 8601, whole numbers without decimals, percentages as such."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (int, float)):
        if percent := _PERCENT.fullmatch(getattr(cell, "number_format", None) or ""):
            return f"{100 * value:.{len(percent[1] or '')}f}%"
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    return str(value)
