"""Merged cells and headers of several rows, alike in each format that has tables inside a text."""

from collections.abc import Sequence

import pytest

from rag.intake.chunking import chunk
from rag.parsing.formats import parse
from rag.parsing.structure.tables import Cell, is_header, lay_out
from tests.rag.parsing.conftest import Read
from tests.rag.parsing.containers import open_document, saved

Place = tuple[str, int, int]  # text, columns and rows covered
File = tuple[str, bytes]
# A header of two rows, a quay that stands for two rows, a row over all columns.
ROWS: list[list[Place]] = [
    [("Quay", 1, 2), ("Ships in 2024", 2, 1), ("Warden", 1, 2)],
    [("Spring", 1, 1), ("Autumn", 1, 1)],
    [("North", 1, 2), ("311", 1, 1), ("295", 1, 1), ("Ida Moen", 1, 1)],
    [("187", 1, 1), ("203", 1, 1), ("Karl Lie", 1, 1)],
    [("Closed in winter", 4, 1)],
    [("West", 1, 1), ("64", 2, 1), ("Ole Vik", 1, 1)],
]
TEXT = (
    "Quay\tShips in 2024\t\tWarden\n\tSpring\tAutumn".replace("\n\t", "\n")
    + "\nNorth\t311\t295\tIda Moen\nNorth\t187\t203\tKarl Lie\nClosed in winter\nWest\t64\t\tOle Vik"
)
NAMES = "Quay, Ships in 2024 Spring, Ships in 2024 Autumn, Warden"


def html(rows: Sequence[Sequence[Place]], n_head: int, *, tags: str = "th td") -> File:
    head, data = tags.split()
    lines = []
    for number, row in enumerate(rows):
        tag = head if number < n_head else data
        lines.append(
            "<tr>"
            + "".join(f"<{tag} colspan={across} rowspan='{down}'>{text}</{tag}>" for text, across, down in row)
            + "</tr>"
        )
    return "t.html", f"<!doctype html><main><table>{''.join(lines)}</table></main>".encode()


def html_with_head(rows: Sequence[Sequence[Place]]) -> File:
    name, content = html(rows, 2, tags="td td")
    parts = content.replace(b"<table>", b"<table><thead>").split(b"<tr>")
    return name, b"<tr>".join(parts[:3]) + b"</thead><tbody><tr>" + b"<tr>".join(parts[3:])


def _squares(rows: Sequence[Sequence[Place]]) -> list[list[tuple[str, int, int, int]]]:
    """Each row's cells with the column they begin in; what goes on from above with the number of rows 0."""
    taken: dict[tuple[int, int], bool] = {}
    found: list[list[tuple[str, int, int, int]]] = []
    for number, row in enumerate(rows):
        line = []
        column = 0
        cells = list(row)
        while cells or (number, column) in taken:
            if (number, column) in taken:
                line.append(("", 1, 0, column))
                column += 1
                continue
            text, across, down = cells.pop(0)
            line.append((text, across, down, column))
            taken.update(
                {(number + below, column + right): True for below in range(1, down) for right in range(across)}
            )
            column += across
        found.append(line)
    return found


def docx(rows: Sequence[Sequence[Place]], n_head: int) -> File:
    from docx import Document
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    document = Document()
    squares = _squares(rows)
    table = document.add_table(len(rows), 4)
    for number, row in enumerate(rows):
        cells = iter(row)
        for text, across, down, column in squares[number]:
            if down:
                next(cells)
                table.cell(number, column).merge(table.cell(number + down - 1, column + across - 1)).text = text
        if number < n_head:
            table.rows[number]._tr.get_or_add_trPr().append(mark := OxmlElement("w:tblHeader"))
            mark.set(qn("w:val"), "true")
    return "t.docx", saved(document)


def odt(rows: Sequence[Sequence[Place]]) -> File:
    lines = []
    for row in _squares(rows):
        line = ""
        for text, across, down, _ in row:
            spans = f'table:number-columns-spanned="{across}" table:number-rows-spanned="{down}"'
            cell = f"<table:table-cell {spans}><text:p>{text}</text:p></table:table-cell>"
            line += cell if down else "<table:covered-table-cell/>"
            line += "<table:covered-table-cell/>" * (across - 1)
        lines.append(f"<table:table-row>{line}</table:table-row>")
    return "t.odt", open_document(f"<table:table>{''.join(lines)}</table:table>")


def pptx(rows: Sequence[Sequence[Place]]) -> File:
    from pptx import Presentation
    from pptx.util import Cm

    show = Presentation()
    slide = show.slides.add_slide(show.slide_layouts[6])
    table = slide.shapes.add_table(len(rows), 4, Cm(1), Cm(1), Cm(20), Cm(10)).table
    for number, row in enumerate(_squares(rows)):
        for text, across, down, column in row:
            if down:
                table.cell(number, column).text = text
                if (across, down) != (1, 1):
                    table.cell(number, column).merge(table.cell(number + down - 1, column + across - 1))
    return "t.pptx", saved(show)


def rtf(rows: Sequence[Sequence[Place]], *, marked: bool = False) -> File:
    """marked: whether a cell over several columns stands in each of them, marked, and not once with its edge moved."""
    lines = []
    squares = _squares(rows)
    for number, row in enumerate(squares):
        definition = texts = ""
        for text, across, down, column in row:
            below = number + 1 < len(rows) and any(one[3] == column and not one[2] for one in squares[number + 1])
            flag = r"\clvmgf" if down > 1 else "" if down or not text == "" else r"\clvmrg"
            assert below or down < 2
            for right in range(across if marked else 1):
                end = column + (right + 1 if marked else across)
                merge = "" if not marked or across == 1 else r"\clmrg" if right else r"\clmgf"
                definition += rf"{flag}{merge}\cellx{2000 * end + 7 * (number % 2)} "
                texts += ("" if right else text) + r"\cell "
        lines.append(rf"\trowd {definition}\pard\intbl {texts}\row ")
    return "t.rtf", (r"{\rtf1\ansi " + "".join(lines) + r"\pard}").encode()


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(html(ROWS, 2), id="html"),
        pytest.param(html(ROWS, 0), id="html-without-header-cells"),
        pytest.param(html_with_head(ROWS), id="html-thead"),
        pytest.param(docx(ROWS, 2), id="docx"),
        pytest.param(docx(ROWS, 0), id="docx-unmarked"),
        pytest.param(odt(ROWS), id="odt"),
        pytest.param(pptx(ROWS), id="pptx"),
        pytest.param(rtf(ROWS), id="rtf"),
        pytest.param(rtf(ROWS, marked=True), id="rtf-marked"),
    ],
)
def test_a_merged_cell_counts_in_each_row_and_a_header_of_two_rows_names_each_column(file: File, read: Read) -> None:
    parsed = read(*file)
    assert parsed.text == TEXT
    [section] = parsed.sections
    assert section.context == NAMES
    assert parsed.text[: section.heading_end] == "Quay\tShips in 2024\t\tWarden\nSpring\tAutumn"
    [west] = [block for block in parsed.blocks if parsed.text[block.start : block.end].startswith("West")]
    assert west.context == "Closed in winter"


def test_names_over_several_columns_go_on_to_the_row_that_has_one_for_each() -> None:
    above = [[Cell(""), Cell("Landed", 4)], [Cell(""), Cell("Spring", 2), Cell("Autumn", 2)]]
    head = [*above, [*map(Cell, ("Quay", "a", "b", "a", "b"))]]
    table = lay_out([*head, [*map(Cell, ("Arnes", "1", "2", "3", "4"))]])
    assert table.names == ["Quay", "Landed Spring a", "Landed Spring b", "Landed Autumn a", "Landed Autumn b"]
    assert [row.cells for row in table.rows] == [["Arnes", "1", "2", "3", "4"]]


def test_a_row_over_all_columns_is_context_of_the_rows_below_it_until_the_next() -> None:
    rows: list[list[Place]] = [[("Ware", 1, 1), ("Price", 1, 1)]]
    for group in ("Fruit", "Fish"):
        rows += [[(group, 2, 1)], *([(f"Kind {number} of it", 1, 1), (f"{number}.50", 1, 1)] for number in range(30))]
    parsed = parse(*html(rows, 1))
    made = chunk(parsed.text, parsed.sections, size=200, overlap=0, blocks=parsed.blocks)
    for passage in made:
        text = parsed.text[slice(*passage.span)]
        said = text + passage.context
        assert ("Fruit" in said, "Fish" in said) != (False, False) and "Ware" in said and "Price" in said
    assert sum("Fish" in one.context for one in made) >= 2 and sum("Fruit" in one.context for one in made) >= 2


def test_a_header_row_over_all_columns_tells_what_the_table_is_about() -> None:
    for file in (
        html([[("Ships by quay", 2, 1)], [("Quay", 1, 1), ("Ships", 1, 1)], [("North", 1, 1), ("311", 1, 1)]], 2),
        docx([[("Ships by quay", 4, 1)], [(name, 1, 1) for name in "ABCD"], [(name, 1, 1) for name in "1234"]], 0),
    ):
        context = parse(*file).sections[0].context
        assert context in ("Ships by quay. Quay, Ships", "Ships by quay. A, B, C, D")


def test_the_first_group_of_rows_is_no_part_of_the_header() -> None:
    rows: list[list[Place]] = [[("Ware", 1, 1), ("Price", 1, 1)], [("Fruit", 2, 1)], [("Pear", 1, 1), ("2.50", 1, 1)]]
    parsed = parse(*html(rows, 2))
    assert (parsed.sections[0].context, [block.context for block in parsed.blocks]) == ("Ware, Price", ["", "Fruit"])


def test_an_empty_corner_does_not_keep_a_row_of_header_cells_from_naming_the_columns() -> None:
    rows = b"<tr><td></td><th>Ships</th><th>Tons</th></tr><tr><th>North</th><td>311</td><td>9</td></tr>"
    source = b"<!doctype html><table>" + rows + b"</table>"
    assert parse("t.html", source).sections[0].context == "Ships, Tons"


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (["Region", "2022", "2023", "2024"], True),
        (["", "2023", "2024"], True),
        (["Item", "2024-01", "2024-02", "2024-03", "Sum"], True),
        (["Keeper", "What " + "do you think of the toll at the north quay " * 4, "Why"], True),
        (["Arnes", "1784", "1927"], False),
        (["Arnes", "1784", "48.5"], False),
        (["2022", "2023", "2024"], False),
        (["Arnes", "2024-05-01", "2024-03-01", "2024-04-01"], False),
    ],
)
def test_years_days_and_long_questions_in_a_row_name_columns(row: list[str], names: bool) -> None:
    assert is_header(row) is names


@pytest.mark.slow
def test_cells_that_claim_to_cover_everything_cost_little() -> None:
    table = lay_out([[Cell("x", 1000, 65534)] * 20] * 100, 0)
    assert sum(len(row.cells) for row in table.rows) < 500_000
    row = "<tr>" + "<td colspan=1000 rowspan=65534>x</td>" * 100 + "</tr>"
    source = f"<!doctype html><table>{row}{'<tr><td>y</td></tr>' * 500}"
    assert parse("t.html", source.encode()).text.count("y") == 500
