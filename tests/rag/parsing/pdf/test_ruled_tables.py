"""Tables with lines around their cells."""

import textwrap
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


def test_dots_after_each_label_part_the_rows_that_no_line_parts(read: Read) -> None:
    rows = [
        ["Duty", "Hours of work", "Cost"],
        [
            "Paint the bridge ............\n\nCount the tolls ............",
            "up to 79 hours of\nthe builder\n40 hours",
            "$6,715\n\n$3,400",
        ],
    ]
    parsed = read("a.pdf", pdf(lambda canvas: grid(canvas, rows, [150, 150, 100], n_bold=1)))
    assert rows_of(parsed) == [
        dict(zip(rows[0], row, strict=True))
        for row in (
            ("Paint the bridge", "up to 79 hours of the builder", "$6,715"),
            ("Count the tolls", "40 hours", "$3,400"),
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


def test_lines_above_and_below_a_table_and_under_its_names_tell_it(read: Read) -> None:
    """What stands above and below them, at the same edges, is none of it."""
    rows: list[list[tuple[float, str]]] = [
        [(210, "Landed"), (390, "Shipped")],
        [(72, "Quay"), (180, "Fish"), (240, "Salt"), (360, "Fish"), (420, "Salt")],
        [(72, "Arnes, north"), *((float(x), f"{x}1") for x in (180, 240, 360, 420))],
        [(72, "Norwell"), *((float(x), f"{x}2") for x in (180, 240, 360, 420))],
    ]

    def draw(canvas: Canvas) -> None:
        lines_at(canvas, 72, 730, ["Ships of  the year,  all quays"])
        canvas.setFont("Helvetica", SIZE)
        for number, row in enumerate(rows):
            for x, text in row:
                canvas.drawString(x, 700 - 14 * number, text)
        for y in (714, 682, 654):
            canvas.line(72, y, 460, y)
        canvas.line(180, 696, 270, 696)
        canvas.line(360, 696, 450, 696)
        lines_at(canvas, 72, 640, ["Source:  the harbour office"])

    parsed = read("a.pdf", pdf(draw))
    assert rows_of(parsed) == [
        {"Quay": quay, **{f"{kind} {ware}": f"{x}{n}" for kind, ware, x in (
            ("Landed", "Fish", 180), ("Landed", "Salt", 240), ("Shipped", "Fish", 360), ("Shipped", "Salt", 420)
        )}}
        for n, quay in ((1, "Arnes, north"), (2, "Norwell"))
    ]  # fmt: skip
    assert "Ships of the year, all quays" in parsed.text


def test_lines_above_and_below_the_values_alone_do_not_part_them_from_their_labels(read: Read) -> None:
    years = [str(year) for year in range(2011, 2017)]
    values = {f"Toll of quay {n}": [f"{year[2:]}{n}" for year in years] for n in range(1, 13)}

    def draw(canvas: Canvas) -> None:
        for number, (label, row) in enumerate([("", years), *values.items()]):
            y = TOP - 14 * number
            for column, text in enumerate(row):
                cell(canvas, 200 + 50 * column, y, text)
            cell(canvas, LEFT, y, label)
            if number in (5, 6, 12):
                canvas.line(200, y - 14, 500, y - 14)

    rows = rows_of(read("a.pdf", pdf(draw)))
    assert [[*row.values()] for row in rows] == [[label, *row] for label, row in values.items()]
    assert all([*row][1:] == years for row in rows)


def test_columns_of_text_between_lines_of_a_page_are_no_table(read: Read) -> None:
    texts = [prose(n, 12) for n in range(3)]

    def draw(canvas: Canvas) -> None:
        canvas.line(40, 760, 560, 760)
        canvas.line(40, 200, 560, 200)
        for column, text in enumerate(texts):
            lines_at(canvas, 45 + 178 * column, 740, textwrap.wrap(text, 34))

    parsed = read("a.pdf", pdf(draw))
    assert rows_of(parsed) == []
    assert all(text in parsed.text for text in texts)


def test_labels_left_of_the_lines_are_in_the_rows(read: Read) -> None:
    rows = [["Ships", "Tons"], *[[f"{n * 3}", f"{n * 311:,}"] for n in range(1, 6)]]

    def draw(canvas: Canvas) -> None:
        grid(canvas, rows, [100, 100])
        for number in range(6):
            canvas.drawRightString(LEFT - 6, TOP - 11 - 18 * number, f"Quay {number}" if number else "Quay")

    assert rows_of(read("a.pdf", pdf(draw)))[1] == {"Quay": "Quay 2", "Ships": "6", "Tons": "622"}


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


def test_a_label_of_two_lines_around_its_values_is_theirs(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", SIZE)
        for x, text in ((72, "Matter"), (250, "2009"), (320, "2010")):
            canvas.drawString(x, 700, text)
        for number, (first, second) in enumerate(
            (("Ships that landed", "Before noon"), ("Ships that sailed", "After dusk"))
        ):
            y = 680 - 40 * number
            canvas.drawString(72, y, first)
            canvas.drawString(72, y - 12, second)
            for x in (250, 320):
                canvas.drawString(x, y - 6, f"{x + number}")
            canvas.drawString(72, y - 26, "Tolls")
            for x in (250, 320):
                canvas.drawString(x, y - 26, f"{x - number}")

    assert [row["Matter"] for row in rows_of(read("a.pdf", pdf(draw)))] == [
        "Ships that landed Before noon", "Tolls", "Ships that sailed After dusk", "Tolls"
    ]  # fmt: skip


def test_a_line_of_hyphens_parts_the_names_from_the_rows(read: Read) -> None:
    lines = ["Proportion        1.0    1.1    1.2", "-" * 36]
    lines += [f"0.{n}5 .........   {n}80    {n}76    {n}92" for n in range(1, 6)]

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Courier", SIZE)
        for number, line in enumerate(lines):
            canvas.drawString(72, 700 - 12 * number, line)

    assert rows_of(read("a.pdf", pdf(draw)))[0] == {"Proportion": "0.15", "1.0": "180", "1.1": "176", "1.2": "192"}


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


def test_values_that_stand_on_the_lines_of_their_labels_are_rows_also_where_some_have_none(read: Read) -> None:
    head = ["Paid for", "Hours", "Rate", "Sum"]
    paid = [[f"Bell {n}", f"{n},50" if n < 3 else "", "2,00" if n > 6 else "", f"{n}0,00"] for n in range(1, 9)]
    rows = [head, ["\n".join(texts) for texts in zip(*paid, strict=True)]]
    said = rows_of(read("a.pdf", pdf(lambda canvas: grid(canvas, rows, [150, 100, 100, 100]))))
    assert said == [dict(zip(head, row, strict=True)) for row in paid]


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


def test_lines_under_names_alone_take_nothing_out_of_the_text_below_the_table(read: Read) -> None:
    text = textwrap.wrap(prose(1, 5), 95)

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", SIZE)
        y = TOP
        for part in range(2):
            canvas.drawString(LEFT + 220, y, "North")
            canvas.drawString(LEFT + 290, y, "South")
            canvas.line(LEFT + 200, y - 4, LEFT + 340, y - 4)
            for number, label in enumerate(("Ships", "Tons", "Crews", "Berths"), 1):
                y -= 15
                for x, said in ((0, label), (220, f"{part}{number}1"), (290, f"{part}{number}2")):
                    canvas.drawString(LEFT + x, y, said)
            y = lines_at(canvas, LEFT, y - 30, text) - 20
            canvas.setFont("Helvetica", SIZE)

    parsed = read("a.pdf", pdf(draw))
    assert parsed.text.count(" ".join(text)) == 2
    assert "Crews\t131\t132" in parsed.text
