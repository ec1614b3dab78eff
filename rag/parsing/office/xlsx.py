"""XLSX: each row a passage of its own under its sheet, its values with the names of their columns (openpyxl, row by row).

A cell that is merged over several rows counts in each of them that has values of its own, as whoever looks at the sheet reads it.
"""

import datetime
import io
import re
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from rag.parsing.archives.container import Archive
from rag.parsing.data.rows import SheetRow, add_rows
from rag.parsing.office import number_format
from rag.parsing.office.ooxml import main_part, properties, related_part, relations
from rag.parsing.shared.xml import below, parse_xml
from rag.parsing.structure.builder import TextBuilder, plain
from rag.shared.types import ParsedText

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^<>]*?\bref=[\"']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})")
# Names of the strict variant of the format, which openpyxl does not know, and what they are called in the common one.
_STRICT, _COMMON = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/"), rb"http://schemas.openxmlformats.org/\1/2006/"
# Higher ones, and more of them, are layout or hostile.
_BOLD_ROWS = 20
_MAX_ROWS = 1_048_576  # that a sheet can have: the rows before one that claims to stand further down would be made up
_MAX_MERGED, _MAX_MERGED_ROWS = 10_000, 1000


def parse_xlsx(content: bytes, name: str) -> ParsedText:
    """Rows of the visible sheets as records, under the path of sheet and "row 12". Formulas give their stored values."""
    import openpyxl

    content = _common(content)
    archive = Archive(content)
    archive.check()
    title, metadata = properties(archive)
    parts = _parts(archive)
    builder = TextBuilder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about features of the file that have no text
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        try:
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    sheet.reset_dimensions()  # what the file states of its size is not believed
                    add_rows(builder, _rows(sheet, _merged(content, parts.get(sheet.title, ""))), (sheet.title,))
        finally:
            book.close()
    return builder.build(title=plain(title) or name, metadata=metadata)


def _common(content: bytes) -> bytes:
    """The workbook in the common variant of the format."""
    archive = Archive(content)
    if not _STRICT.search(archive.read(main_part(archive))):
        return content
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as container:
        for name in archive.names:
            container.writestr(name, _STRICT.sub(_COMMON, archive.read(name)))
    return written.getvalue()


def _parts(archive: Archive) -> dict[str, str]:
    """The part of the container that each sheet is in, by its name."""
    part = main_part(archive)
    related = relations(archive, part)
    sheets = below(parse_xml(archive.read(part)), "sheet")
    return {sheet.get("name", ""): related_part(sheet, related) for sheet in sheets}


def _merged(content: bytes, part: str) -> dict[int, list[tuple[int, int]]]:
    """Of the cells that are merged over several rows, by their first row, column (from 0) and last row."""
    from openpyxl.utils import range_boundaries

    archive = Archive(content)  # with bounds of its own, as the sheet was unpacked before
    merged: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if part in archive:
        for reference in islice(_MERGED.finditer(archive.read(part)), _MAX_MERGED):
            column, first, _, last = range_boundaries(reference[1].decode())
            if 0 < last - first < _MAX_MERGED_ROWS:
                merged[first].append((column - 1, last))
    return merged


def _rows(sheet: object, merged: dict[int, list[tuple[int, int]]]) -> Iterator[SheetRow]:
    """Rows with their number, cells as text."""
    lasting: dict[int, tuple[int, str]] = {}  # by column, the last row and the value of a merged cell
    since_gap = 0
    for number, row in enumerate(sheet.iter_rows(max_row=_MAX_ROWS), 1):  # type: ignore[attr-defined]
        cells = [_shown(cell.value, cell) for cell in row]
        if any(cells):
            for column, (last, value) in list(lasting.items()):
                if last < number:
                    del lasting[column]
                else:
                    cells += [""] * (column + 1 - len(cells))
                    cells[column] = cells[column] or value
        for column, last in merged.get(number, ()):
            if column < len(cells) and cells[column]:
                lasting[column] = last, cells[column]
        if cells:
            since_gap = since_gap + 1 if any(cells) else 0
            # Asked only where column names may stand: it takes as long as the rest of the row.
            bold = since_gap <= _BOLD_ROWS and all(cell.value is None or cell.font.b for cell in row)
            yield SheetRow(number, cells, bold)


def _shown(value: object, cell: object) -> str:
    """A value as text: dates in ISO 8601, durations in hours, numbers with their unit, percentages as such."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.timedelta):
        seconds = round(value.total_seconds())
        sign, hours = "-" if seconds < 0 else "", abs(seconds) // 3600
        return f"{sign}{hours}:{abs(seconds) // 60 % 60:02}:{abs(seconds) % 60:02}"
    if isinstance(value, datetime.time):
        return value.isoformat("seconds" if value.second else "minutes")
    shape = getattr(cell, "number_format", None) or ""
    if isinstance(value, datetime.date):
        return number_format.date(value, shape)
    return number_format.number(value, shape) if isinstance(value, (int, float)) else str(value)
