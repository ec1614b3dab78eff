"""Tables with lines around their cells: what names their columns."""

from collections.abc import Sequence

import pytest
from reportlab.pdfgen.canvas import Canvas

from tests.rag.parsing.conftest import Read
from tests.rag.parsing.pdf.drawing import LEFT, SIZE, TOP, cell, grid, lines_at, pdf, rows_of


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


def test_years_and_numbers_of_columns_name_them(read: Read) -> None:
    years = [["", "2005", "2010"], *[[f"Quay {n}", f"{n * 311:,}", f"{n * 27}"] for n in range(1, 5)]]
    parsed = read("a.pdf", pdf(lambda canvas: grid(canvas, years, [100, 100, 100])))
    assert rows_of(parsed)[0] == {"": "Quay 1", "2005": "311", "2010": "27"}
    counted = [
        ["Year ahead", "1", "2", "3"],
        *[[f"Quay {n}", *(f"{n * x / 10}" for x in (3, 7, 9))] for n in range(1, 5)],
    ]
    parsed = read("a.pdf", pdf(lambda canvas: grid(canvas, counted, [100, 60, 60, 60])))
    assert rows_of(parsed)[0] == {"Year ahead": "Quay 1", "1": "0.3", "2": "0.7", "3": "0.9"}


def test_a_line_of_hyphens_parts_the_names_from_the_rows(read: Read) -> None:
    lines = ["Proportion        1.0    1.1    1.2", "-" * 36]
    lines += [f"0.{n}5 .........   {n}80    {n}76    {n}92" for n in range(1, 6)]
    parsed = read("a.pdf", pdf(lambda canvas: lines_at(canvas, 72, 700, lines, pitch=12, font="Courier")))
    assert rows_of(parsed)[0] == {"Proportion": "0.15", "1.0": "180", "1.1": "176", "1.2": "192"}


def test_a_table_with_lines_goes_on_over_pages_with_the_names_of_its_columns(read: Read) -> None:
    rows = [[f"Quay {n}", f"in spring of {1700 + n}", str(n)] for n in range(12)]

    def draw(canvas: Canvas) -> None:
        grid(canvas, [["Quay", "Built", "Ships"], *rows[:6]], [150, 150, 100], n_bold=1)
        canvas.showPage()
        grid(canvas, rows[6:], [150, 150, 100])

    assert [row["Ships"] for row in rows_of(read("a.pdf", pdf(draw)))] == [cells[2] for cells in rows]


@pytest.mark.parametrize("number", ["No.", "No"])
def test_what_stands_above_the_numbers_of_rows_of_words_names_their_columns(read: Read, number: str) -> None:
    duties = ["Paint the bridge", "Count the tolls", "Report the ships", "Light the lamps"]
    rows = [[number, "Duty"], *([str(n), duty] for n, duty in enumerate(duties, 1)), ["note", "At all hours"]]
    told = rows_of(read("a.pdf", pdf(lambda canvas: grid(canvas, rows, [60, 200]))))
    assert [row["Duty"] for row in told] == [*duties, "At all hours"]


def banded(canvas: Canvas, head: Sequence[Sequence[str]], body: Sequence[Sequence[str]]) -> None:
    """Draw lines of names and rows, with lines across above, between and below them."""
    y = TOP
    for band in ([head[0]], [*head[1:], *body]):
        canvas.line(LEFT, y, 420, y)
        for row in band:
            for column, text in enumerate(row):
                cell(canvas, LEFT + 90 * column, y, text)
            y -= 14
        y -= 4
    canvas.line(LEFT, y, 420, y)


def test_names_go_on_below_the_line_under_the_first_of_them(read: Read) -> None:
    head = [
        ["", "Standard", "", "Night"],
        ["", "Unit rate", "Charge", "Unit rate"],
        ["Region", "p/kWh", "p/day", "p/kWh"],
    ]
    body = [[f"Region {n}", f"{20 + n}.10", f"5{n}.20", f"1{n}.30"] for n in range(6)]
    rows = rows_of(read("a.pdf", pdf(lambda canvas: banded(canvas, head, body))))
    assert len(rows) == 6 and rows[3]["Night Unit rate p/kWh"] == "13.30" and "Region 3" in rows[3].values()


def test_a_row_with_an_amount_of_money_names_no_columns(read: Read) -> None:
    body = [[f"Lamp {n}", str(n), f"{n}0.00", f"$ {n}1.50"] for n in range(6)]
    rows = rows_of(read("a.pdf", pdf(lambda canvas: banded(canvas, body[:1], body[1:]))))
    assert len(rows) == 6 and not any(name for row in rows for name in row)


def test_names_above_the_lines_of_a_table_are_of_the_columns_below_them(read: Read) -> None:
    rows = [
        ["Quay", "Ships", "Tons", "Ships", "Tons"],
        *([f"Quay {n}", *(f"{n}{at}1" for at in range(4))] for n in range(4)),
    ]

    def draw(canvas: Canvas) -> None:
        grid(canvas, rows, [100, 60, 60, 60, 60], n_bold=1)
        canvas.drawCentredString(LEFT + 160, TOP + 4, "1784")
        canvas.drawCentredString(LEFT + 280, TOP + 4, "1785")

    parsed = read("a.pdf", pdf(draw))
    names = ["Quay", "1784 Ships", "1784 Tons", "1785 Ships", "1785 Tons"]
    assert rows_of(parsed) == [dict(zip(names, row, strict=True)) for row in rows[1:]]
    assert parsed.text.startswith("1784\t1785\nQuay")


def test_names_that_share_columns_evenly_name_those_below_them(read: Read) -> None:
    """No line parts the days, which stand over an amount and a share each, and the amounts are in thousands."""
    widths = [110.0, 70.0, 40.0, 70.0, 40.0]
    rows = [
        ["Loan", "$000's", "%", "$000's", "%"],
        ["Ships", "4,151", "25.0", "4,090", "27.5"],
        ["Mills", "361", "2.2", "331", "2.1"],
    ]

    def draw(canvas: Canvas) -> None:
        low = TOP - 18 * 4
        for y in (TOP, TOP - 18):
            canvas.line(LEFT + 110 * (y < TOP), y, LEFT + 330, y)
        for at in range(2, 5):
            canvas.line(LEFT, TOP - 18 * at, LEFT + 330, TOP - 18 * at)
        for x, top in ((0, TOP), (110, TOP), (330, TOP), (180, TOP - 18), (220, TOP - 18), (290, TOP - 18)):
            canvas.line(LEFT + x, top, LEFT + x, low)
        for middle, day in ((LEFT + 165, "12/31/2009"), (LEFT + 275, "6/30/2011")):
            canvas.setFont("Helvetica", SIZE)
            canvas.drawCentredString(middle, TOP - 13, day)
        for at, row in enumerate(rows):
            left = LEFT
            for text, width in zip(row, widths, strict=True):
                cell(canvas, left, TOP - 18 * (at + 1) - 1, text)
                left += width

    parsed = read("a.pdf", pdf(draw))
    assert rows_of(parsed)[0] == {
        "Loan": "Ships", "12/31/2009 $000's": "4,151", "12/31/2009 %": "25.0", "6/30/2011 $000's": "4,090", "6/30/2011 %": "27.5"
    }  # fmt: skip


def test_what_stands_beside_the_name_of_the_labels_names_columns(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        for at in range(5):
            canvas.line(LEFT + 120 * (at == 1), TOP - 18 * at, LEFT + 330, TOP - 18 * at)
        for x, top in ((0, TOP), (120, TOP), (330, TOP), (190, TOP - 18), (260, TOP - 18)):
            canvas.line(LEFT + x, top, LEFT + x, TOP - 72)
        cell(canvas, LEFT, TOP - 9, "Illness")
        cell(canvas, LEFT + 120, TOP, "How often was the doctor called?")
        for at, row in enumerate(
            (["", "No", "Once", "Often"], ["Cold", "228", "163", "99"], ["Cough", "421", "49", "16"])
        ):
            for x, text in zip((0, 120, 190, 260), row, strict=True):
                cell(canvas, LEFT + x, TOP - 18 * (at + 1), text)

    asked = "How often was the doctor called?"
    parsed = read("a.pdf", pdf(draw))
    assert rows_of(parsed) == [
        {"Illness": "Cold", f"{asked} No": "228", f"{asked} Once": "163", f"{asked} Often": "99"},
        {"Illness": "Cough", f"{asked} No": "421", f"{asked} Once": "49", f"{asked} Often": "16"},
    ]
