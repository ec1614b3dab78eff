"""CSV and TSV: each row a passage of its own, its values with the names of their columns."""

import csv
import io
from collections import Counter
from itertools import islice, starmap

from rag.parsing.data.rows import SheetRow, add_rows
from rag.parsing.shared.encoding import decode
from rag.parsing.structure.builder import TextBuilder
from rag.parsing.structure.tables import is_header, is_value
from rag.shared.errors import ContentTooLarge, UnreadableContent
from rag.shared.types import ParsedText

NAMES = (".csv", ".tsv", ".tab")
_DELIMITERS = "\t,;|"
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 200
_MAX_FIELD = 4 * 2**20
# Texts that are not called tables must look like one throughout.
_ROWS_SURE = 5
_CELL_SURE = 40
_SHARE_SURE = 0.98
_SHARE_NAMED = 0.3


def parse_csv(content: bytes, name: str) -> ParsedText:
    """Rows as records, under the path "row 12" as a spreadsheet program counts them.  Raises UnreadableContent for a broken one."""
    text = decode(content)
    delimiter = find_delimiter(text, named=True) or "\t"
    first_line, _, rest = text.partition("\n")
    if first_line.lower().startswith("sep=") and len(first_line.strip()) == 5:
        text = rest
    csv.field_size_limit(_MAX_FIELD)
    builder = TextBuilder()
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        add_rows(builder, starmap(SheetRow, enumerate(rows, 1)), ())
    except csv.Error as error:
        if "field limit" in str(error):
            raise ContentTooLarge(
                f"a field of more than {_MAX_FIELD >> 20} MiB near line {rows.line_num}: a quotation mark may be missing there"
            ) from error
        raise UnreadableContent(f"the table cannot be read ({error}): save it again as CSV") from error
    return builder.build(title=name, metadata={})


def find_delimiter(text: str, *, named: bool) -> str | None:
    """What separates the columns, if the text is a table. named: whether the file is called one, so that less is asked of it."""
    sample = text[:_SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    if sample[:4].lower() == "sep=" and sample[5:6] == "\n":
        return sample[4]
    fitting: list[tuple[float, int, str]] = []
    for delimiter in _DELIMITERS:
        if delimiter not in sample:
            continue
        try:
            rows = [*filter(None, islice(csv.reader(io.StringIO(sample), delimiter=delimiter), _SAMPLE_ROWS))]
        except csv.Error:
            continue
        counts = Counter(len(row) for row in rows)
        columns, agreeing = counts.most_common(1)[0] if counts else (0, 0)
        if columns < 2:
            continue
        share = agreeing / len(rows)
        if named and share >= _SHARE_NAMED or not named and _is_surely_table(rows, columns, share, sample):
            fitting.append((share, columns, delimiter))
    return max(fitting)[2] if fitting else None


def _is_surely_table(rows: list[list[str]], columns: int, share: float, sample: str) -> bool:
    cells = [cell for row in rows for cell in row]
    return (
        len(rows) >= _ROWS_SURE
        and share >= _SHARE_SURE
        and columns >= 3
        and "\n\n" not in sample.rstrip("\n")
        and is_header(rows[0])
        and any(
            sum(is_value(row[at]) for row in rows[1:] if len(row) > at) >= 0.8 * (len(rows) - 1)
            for at in range(columns)
        )
        and sum(len(cell) <= _CELL_SURE for cell in cells) >= 0.9 * len(cells)
    )
