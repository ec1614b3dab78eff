"""Tables with lines around their cells: what their rows are."""

import textwrap

import pytest
from reportlab.pdfgen.canvas import Canvas

from tests.rag.parsing.conftest import Read
from tests.rag.parsing.pdf.drawing import LEFT, SIZE, TOP, cell, draw_rows, grid, lines_at, pdf, prose, rows_of


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
        names = [(72, "Age"), (150, "Men"), (200, "Women"), (260, "Girls"), (310, "Boys")]
        draw_rows(canvas, 700, [names, *[[(x, f"{x}{n}") for x, _ in names] for n in range(6)]])
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
        draw_rows(canvas, 700, rows)
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


def test_a_label_of_two_lines_around_its_values_is_theirs(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        draw_rows(canvas, 700, [[(72, "Matter"), (250, "2009"), (320, "2010")]])
        for number, (first, second) in enumerate(
            (("Ships that landed", "Before noon"), ("Ships that sailed", "After dusk"))
        ):
            y = 680 - 40 * number
            draw_rows(canvas, y, [[(72, first)], [(72, second)]], pitch=12)
            draw_rows(canvas, y - 6, [[(x, f"{x + number}") for x in (250, 320)]])
            draw_rows(canvas, y - 26, [[(72, "Tolls"), *((x, f"{x - number}") for x in (250, 320))]])

    assert [row["Matter"] for row in rows_of(read("a.pdf", pdf(draw)))] == [
        "Ships that landed Before noon", "Tolls", "Ships that sailed After dusk", "Tolls"
    ]  # fmt: skip


def test_values_that_stand_on_the_lines_of_their_labels_are_rows_also_where_some_have_none(read: Read) -> None:
    head = ["Paid for", "Hours", "Rate", "Sum"]
    paid = [[f"Bell {n}", f"{n},50" if n < 3 else "", "2,00" if n > 6 else "", f"{n}0,00"] for n in range(1, 9)]
    rows = [head, ["\n".join(texts) for texts in zip(*paid, strict=True)]]
    said = rows_of(read("a.pdf", pdf(lambda canvas: grid(canvas, rows, [150, 100, 100, 100]))))
    assert said == [dict(zip(head, row, strict=True)) for row in paid]


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
