"""Tables with lines around their cells."""

from collections.abc import Callable, Sequence

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.shared.types import ROW, ParsedText
from tests.rag.parsing.pdf.drawing import lines_at, pdf, prose

Read = Callable[[str, bytes], ParsedText]
TOP, LEFT, SIZE = 700.0, 72.0, 10.0


def cell(canvas: Canvas, column: float, y: float, text: str, *, bold: bool = False) -> None:
    """Draw the lines of a cell from its top on."""
    canvas.setFont("Helvetica-Bold" if bold else "Helvetica", SIZE)
    for number, line in enumerate(text.split("\n")):
        canvas.drawString(column + 4, y - 11 - 12 * number, line)


def grid(canvas: Canvas, rows: Sequence[Sequence[str]], widths: Sequence[float], *, n_bold: int = 0) -> float:
    """Draw a table with all of its lines; where it ends."""
    y = TOP
    right = LEFT + sum(widths)
    canvas.line(LEFT, y, right, y)
    for number, row in enumerate(rows):
        height = 6 + 12 * max(text.count("\n") + 1 for text in row)
        x = LEFT
        for text, width in zip(row, widths, strict=True):
            cell(canvas, x, y, text, bold=number < n_bold)
            canvas.line(x, y, x, y - height)
            x += width
        canvas.line(right, y, right, y - height)
        y -= height
        canvas.line(LEFT, y, right, y)
    return y


def rows_of(parsed: ParsedText) -> list[dict[str, str]]:
    return [
        {name: parsed.text[slice(*span)] for name, span in zip(*block.row, strict=True)}
        for block in parsed.blocks
        if block.kind == ROW and block.row is not None
    ]


def test_lines_of_a_cell_are_one_text(read: Read) -> None:
    rows = [
        ["Duty", "Who does it", "By when"],
        ["Report the\nships that\nlanded", "the keeper of\nthe north quay", "the last day\nof a month"],
        ["Paint", "the builder", "in spring"],
        ["Count the\ntolls", "the clerk", "every even-\ning at six"],
    ]
    parsed = read("a.pdf", pdf(lambda canvas: grid(canvas, rows, [120, 150, 150], n_bold=1)))
    assert rows_of(parsed) == [
        dict(zip(rows[0], row, strict=True))
        for row in (
            ("Report the ships that landed", "the keeper of the north quay", "the last day of a month"),
            ("Paint", "the builder", "in spring"),
            ("Count the tolls", "the clerk", "every evening at six"),
        )
    ]


def test_a_table_stands_between_the_text_above_and_below_it(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        lines_at(canvas, LEFT, TOP + 40, [prose(1, 1)])
        end = grid(canvas, [["Quay", "Ships"], ["North\nquay", "311"], ["South", "27"]], [150, 150])
        lines_at(canvas, LEFT, end - 30, [prose(2, 1)])

    text = read("a.pdf", pdf(draw)).text
    assert text.index(prose(1, 1)) < text.index("North quay\t311") < text.index(prose(2, 1))


def test_a_name_over_columns_and_a_label_over_rows_belong_to_each_of_them(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        x = [72.0, 150.0, 230.0, 310.0, 390.0]
        y = [700.0 - 20 * at for at in range(7)]
        for column, row, text in (
            (0, 0, "Island"), (1, 0, "Quay"), (2, 0, "Landed"), (2, 1, "Fish"), (3, 1, "Salt"),
            (0, 2, "Arnes"), (0, 4, "Norwell"),
            *((1, row, f"Quay {row}") for row in range(2, 6)), *((c, r, f"{c}{r}") for c in (2, 3) for r in range(2, 6)),
        ):  # fmt: skip
            cell(canvas, x[column], y[row], text)
        for at in (0, 2, 4, 6):
            canvas.line(x[0], y[at], x[4], y[at])
        canvas.line(x[2], y[1], x[4], y[1])
        for at in (3, 5):
            canvas.line(x[1], y[at], x[4], y[at])
        for at in (0, 1, 2, 4):
            canvas.line(x[at], y[0], x[at], y[6])
        canvas.line(x[3], y[1], x[3], y[6])

    assert rows_of(read("a.pdf", pdf(draw))) == [
        {"Island": island, "Quay": f"Quay {row}", "Landed Fish": f"2{row}", "Landed Salt": f"3{row}"}
        for row, island in zip(range(2, 6), ("Arnes", "Arnes", "Norwell", "Norwell"), strict=True)
    ]


def test_labels_beside_what_is_filled_in_name_no_columns(read: Read) -> None:
    rows = [["Name", "Ada Marsh"], ["Born", "4 May 1871"], ["Ship", "Otter"], ["Berth", "17"]]
    parsed = read("a.pdf", pdf(lambda canvas: grid(canvas, rows, [120, 200])))
    assert rows_of(parsed)[0] == {"": "Ada Marsh"}
    assert [parsed.text[block.start : block.end] for block in parsed.blocks] == ["\t".join(row) for row in rows]


def test_rows_without_lines_between_them_are_rows(read: Read) -> None:
    labels, ships = [f"Quay {n}" for n in range(6)], [f"{n * 311:,}" for n in range(6)]
    rows = [["Quay", "Ships"], ["\n".join(labels), "\n".join(ships)]]
    parsed = read("a.pdf", pdf(lambda canvas: grid(canvas, rows, [120, 150])))
    assert rows_of(parsed) == [{"Quay": quay, "Ships": n} for quay, n in zip(labels, ships, strict=True)]


def test_rows_end_where_a_blank_band_goes_through_all_cells(read: Read) -> None:
    rows = [
        ["Source", "What it is", "Such as"],
        [
            "Major\n\n\nArea\n ",
            "more than ten\ntons a year\n\nless than ten\ntons a year",
            "steel works\n\n\ndry cleaners\n ",
        ],
    ]
    parsed = read("a.pdf", pdf(lambda canvas: grid(canvas, rows, [120, 150, 150], n_bold=1)))
    assert [row["Such as"] for row in rows_of(parsed)] == ["steel works", "dry cleaners"]


def test_columns_of_which_only_some_are_parted_by_lines_are_told_by_their_gaps(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", SIZE)
        names = [(72, "Age"), (150, "Men"), (200, "Women"), (260, "Girls"), (310, "Boys")]
        for number, row in enumerate([names, *[[(x, f"{x}{n}") for x, _ in names] for n in range(6)]]):
            for x, text in row:
                canvas.drawString(x, 700 - 14 * number, text)
        for y in (712, 696, 612):
            canvas.line(68, y, 350, y)
        for x in (68, 140, 250, 350):
            canvas.line(x, 712, x, 612)

    assert rows_of(read("a.pdf", pdf(draw)))[2] == {
        "Age": "722", "Men": "1502", "Women": "2002", "Girls": "2602", "Boys": "3102"
    }  # fmt: skip


@pytest.mark.parametrize("rotation", [0, 90])
def test_lines_are_where_they_are_shown_on_a_turned_page(read: Read, rotation: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(rotation)
        grid(canvas, [["Quay", "Keeper"], ["North\nquay", "Ada"], ["South", "Ben\nMarsh"]], [150, 150], n_bold=1)

    assert rows_of(read("a.pdf", pdf(draw))) == [
        {"Quay": "North quay", "Keeper": "Ada"}, {"Quay": "South", "Keeper": "Ben Marsh"}
    ]  # fmt: skip


def test_a_frame_around_text_and_the_lines_of_a_chart_are_no_table(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.rect(60, 600, 400, 60)
        lines_at(canvas, 72, 640, ["The ferry of Arnes sails at noon from the north quay,", "and comes back at six."])
        for at in range(6):
            canvas.line(72, 500 - 20 * at, 300, 500 - 20 * at)
            canvas.line(72 + 40 * at, 500, 72 + 40 * at, 400)
            canvas.drawString(50, 500 - 20 * at, str(at))

    parsed = read("a.pdf", pdf(draw))
    assert rows_of(parsed) == []
    assert "sails at noon from the north quay, and comes back at six." in parsed.text


def test_a_page_with_very_many_lines_is_read_without_them(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        path = canvas.beginPath()
        for at in range(30_000):
            path.moveTo(72, 100 + at / 100)
            path.lineTo(300, 100 + at / 100)
        canvas.drawPath(path)
        lines_at(canvas, 72, 700, [prose(1, 1)])

    assert prose(1, 1) in read("a.pdf", pdf(draw)).text
