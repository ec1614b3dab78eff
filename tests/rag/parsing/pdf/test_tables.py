import textwrap
from collections.abc import Sequence

import pytest
from reportlab.pdfgen.canvas import Canvas

from rag.shared.types import ROW, ParsedText
from tests.rag.parsing.conftest import Read, rows_of
from tests.rag.parsing.pdf.drawing import Cell, draw_rows, lines_at, pdf, prose


def test_a_table_without_lines_has_rows_with_the_names_of_their_columns(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 780, textwrap.wrap(prose(1, 5), 80)) - 12
        rows: list[list[Cell]] = [[(72, "Quay"), (-300, "Ships"), (-400, "Tons")]]
        rows += [[(72, f"Quay {n}"), (-300, f"{n * 311:,}"), (-400, f"{n * 7}.5")] for n in range(1, 6)]
        y = draw_rows(canvas, y, rows) - 12
        lines_at(canvas, 72, y, textwrap.wrap(prose(2, 5), 80))

    parsed = read("a.pdf", pdf(draw))
    assert rows_of(parsed) == [
        ("", {"Quay": f"Quay {n}", "Ships": f"{n * 311:,}", "Tons": f"{n * 7}.5"}) for n in range(1, 6)
    ]
    assert prose(1, 5) in parsed.text and prose(2, 5) in parsed.text


def test_the_signs_of_a_currency_that_stand_under_each_other_are_no_column(read: Read) -> None:
    rows: list[list[Cell]] = [[(-320, "2021"), (-420, "2022")]]
    for n, quay in enumerate(("North", "South", "West", "All"), 1):
        signs: list[Cell] = [(270, "$"), (370, "$")] if quay in ("North", "All") else []
        rows.append([(72, quay), *signs, (-320, f"{n * 311:,}"), (-420, f"{n * 1311:,}")])
    parsed = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows)))
    assert [row["2022"] for _, row in rows_of(parsed)] == ["$ 1,311", "2,622", "3,933", "$ 5,244"]


def test_a_sign_close_behind_a_value_stands_with_the_amount_of_the_next_column(read: Read) -> None:
    rows: list[list[Cell]] = [[(-320, "2021"), (-420, "2022")]]
    rows += [[(72, quay), (-320, f"{n * 11} %"), (327, "$"), (-420, f"{n}")] for n, quay in enumerate("ABCD", 1)]
    parsed = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows)))
    assert [(row["2021"], row["2022"]) for _, row in rows_of(parsed)][:2] == [("11 %", "$ 1"), ("22 %", "$ 2")]


def test_values_that_stand_close_to_each_other_are_no_column_of_text(read: Read) -> None:
    rows: list[list[Cell]] = [[(72, "Quay"), (200, "Ships"), (320, "Tons, share (and its bounds)")]]
    rows += [[(72, f"Quay {n}"), (200, f"{n * 31}"), (320, f"{n * 311} {n}0.5 ({n}0.1–{n}0.9)")] for n in range(1, 10)]
    parsed = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows)))
    assert [row["Quay"] for _, row in rows_of(parsed)] == [f"Quay {n}" for n in range(1, 10)]
    assert "Quay 3\t93\t933 30.5 (30.1–30.9)" in parsed.text


def test_a_name_over_several_columns_belongs_to_each_of_them(read: Read) -> None:
    rows: list[list[Cell]] = [
        [(190, "Landed"), (390, "Shipped")],
        [(72, "Quay"), (-200, "Fish"), (-240, "Salt"), (-400, "Fish"), (-440, "Salt")],
        *[[(72, f"Quay {n}"), *[(-float(x), f"{n}{x}") for x in (200, 240, 400, 440)]] for n in range(1, 5)],
    ]
    parsed = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows)))
    assert rows_of(parsed)[0][1] == {
        "Quay": "Quay 1", "Landed Fish": "1200", "Landed Salt": "1240", "Shipped Fish": "1400", "Shipped Salt": "1440"
    }  # fmt: skip


def test_rows_stand_under_their_group_and_lines_of_a_label_together(read: Read) -> None:
    rows: list[list[Cell]] = [
        [(72, "Ware"), (-300, "Price")],
        [(72, "Fruit")],
        [(80, "Pears from the"), (-300, "2.50")],
        [(80, "north of the island")],
        [(80, "Figs"), (-300, "9.00")],
        [(72, "Fish")],
        [(80, "Cod"), (-300, "7.25")],
        [(80, "Herring"), (-300, "3.10")],
    ]
    parsed = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows)))
    assert rows_of(parsed) == [
        ("", {"": "Fruit"}),
        ("Fruit", {"Ware": "Pears from the north of the island", "Price": "2.50"}),
        ("Fruit", {"Ware": "Figs", "Price": "9.00"}),
        ("", {"": "Fish"}),
        ("Fish", {"Ware": "Cod", "Price": "7.25"}),
        ("Fish", {"Ware": "Herring", "Price": "3.10"}),
    ]


def test_a_row_without_a_label_has_that_of_the_rows_above_it(read: Read) -> None:
    rows: list[list[Cell]] = [
        [(72, "Island"), (200, "Quay"), (-400, "Ships")],
        [(72, "Arnes"), (200, "North"), (-400, "311")],
        [(200, "South"), (-400, "27")],
        [(72, "Norwell"), (200, "West"), (-400, "19")],
        [(200, "East"), (-400, "8")],
    ]
    parsed = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows)))
    assert [group for group, _ in rows_of(parsed)] == ["", "Arnes", "", "Norwell"]


def test_a_label_in_the_middle_of_its_rows_is_of_all_of_them(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        draw_rows(canvas, 700, [[(72, "Island"), (200, "Quay"), (-400, "Ships")]])
        for number, island in enumerate(("Arnes", "Norwell")):
            y = 686 - 28 * number
            draw_rows(canvas, y, [[(200, f"North {number}"), (-400, "311")], [(200, f"South {number}"), (-400, "27")]])
            draw_rows(canvas, y - 7, [[(72, island)]])

    parsed = read("a.pdf", pdf(draw))
    assert {cells["Quay"]: group for group, cells in rows_of(parsed) if "Quay" in cells} == {
        "North 0": "Arnes", "South 0": "Arnes", "North 1": "Norwell", "South 1": "Norwell"
    }  # fmt: skip


def test_a_table_goes_on_over_pages_with_the_names_of_its_columns(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        draw_rows(
            canvas, 700, [[(72, "Quay"), (-300, "Ships")], *[[(72, f"Quay {n}"), (-300, f"{n}")] for n in range(9)]]
        )
        canvas.showPage()
        draw_rows(canvas, 700, [[(72, f"Quay {n}"), (-300, f"{n}")] for n in range(9, 18)])

    assert [cells["Ships"] for _, cells in rows_of(read("a.pdf", pdf(draw)))] == [str(n) for n in range(18)]


@pytest.mark.parametrize(
    ("caption", "above"),
    [("Table 3: Ships that landed in spring.", True), ("Table 3: Ships that landed in spring.", False),
     ("Figure 3. Ships that landed in spring.", False), ("Ships that landed in spring", True)],
)  # fmt: skip
def test_a_table_is_searched_with_its_caption(read: Read, caption: str, above: bool) -> None:
    def draw(canvas: Canvas) -> None:
        y = 700.0
        if above:
            y = lines_at(canvas, 72, y, [caption]) - 8
        y = draw_rows(
            canvas, y, [[(72, "Quay"), (-300, "Ships")], *[[(72, f"Quay {n}"), (-300, f"{n}")] for n in range(9)]]
        )
        if not above:
            lines_at(canvas, 72, y - 8, [caption])

    parsed = read("a.pdf", pdf(draw))
    [context] = [section.context for section in parsed.sections if "Quay" in section.context]
    assert caption in context


def test_digits_of_neighbouring_cells_without_a_blank_are_two_cells(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        draw_rows(canvas, 700, [[(72, "Quay"), (200, "A"), (240, "B"), (280, "C")]])
        for n in range(1, 6):
            draw_rows(canvas, 700 - 14 * n, [[(72, f"Quay {n}"), (200, "5"), (240, "6"), (280, "7")]])
        text = canvas.beginText(72, 616)
        text.setFont("Helvetica", 10)
        text.textOut("Quay 6")
        canvas.drawText(text)
        text = canvas.beginText(200, 616)
        text.setFont("Helvetica", 10)
        text.setCharSpace(40 - 5.56)
        text.textOut("567")
        canvas.drawText(text)

    assert rows_of(read("a.pdf", pdf(draw)))[-1][1] == {"Quay": "Quay 6", "A": "5", "B": "6", "C": "7"}


def test_what_is_no_table_stays_text(read: Read) -> None:
    """Items with hanging text, numbered lines of code, and a form of a paragraph beside another."""

    def draw(canvas: Canvas) -> None:
        items: list[list[Cell]] = [[(72, f"{n}."), (100, f"The ferry number {n} sails")] for n in range(1, 6)]
        y = draw_rows(canvas, 780, items) - 30
        code: list[list[Cell]] = [[(72, str(n)), (100 + 10 * (n % 3), f"call(ferry, {n})")] for n in range(1, 6)]
        draw_rows(canvas, y, code)

    assert rows_of(read("a.pdf", pdf(draw))) == []


def test_parts_of_sentences_beside_each_other_are_no_cells(read: Read) -> None:
    left, right = (
        textwrap.wrap("The tests cost between $2900 and $4500. " + prose(at, 9).lower(), 40)[:14] for at in (1, 2)
    )
    rows: list[list[Cell]] = [[(72, a), (320, b)] for a, b in zip(left, right, strict=True)]
    assert not rows_of(read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows))))


@pytest.mark.parametrize("n_above", [1, 3])
@pytest.mark.parametrize(
    ("label", "values"),
    [
        (
            "Boat",
            ["31.7 gal (120 L)", "12,270 lb (5 565 kg)", "9 ft 10 in (3.0 m)", "1.3 mph (2.1 kph)", "203 in3 (3 cc)"],
        ),
        ("Boat:", ["Otter", "Heron", "Oak", "Salt", "Parish"]),
    ],
)
def test_what_a_thing_measures_or_is_names_no_column(
    read: Read, label: str, values: Sequence[str], n_above: int
) -> None:
    rows: list[list[Cell]] = [[(72, f"{n}. {label}"), (250, value)] for n, value in enumerate(values)]

    def draw(canvas: Canvas) -> None:
        for y in (715, 709 - 14 * n_above, 637):
            canvas.line(72, y, 400, y)
        draw_rows(canvas, 700, rows)

    assert [text for _, text in lines_of_rows(read("a.pdf", pdf(draw)))] == [
        f"{n}. {label}\t{value}" for n, value in enumerate(values)
    ]


def lines_of_rows(parsed: ParsedText) -> list[tuple[str, str]]:
    return [(block.context, parsed.text[block.start : block.end]) for block in parsed.blocks if block.kind == ROW]


def bill(canvas: Canvas) -> None:
    """A bill between lines across: the head of the letter, the names, what was sold, and the sum of it."""
    for y in (790, 684, 664, 632, 600):
        canvas.line(72, y, 500, y)
    rows: list[list[Cell]] = [[(72, "Arnes Quay")], [(72, "4 River Lane")], [(72, "Arnes")]]
    rows += [[(72, "Bill of:"), (250, "Due on:"), (400, "Sign:")], [(72, "3 May"), (250, "9 June"), (400, "Otter")]]
    draw_rows(canvas, 775, rows)
    draw_rows(canvas, 670, [[(72, "Goods"), (250, "Barrels"), (400, "Price")]])
    draw_rows(canvas, 652, [[(72, "--- By water ---")], [(72, "Salt"), (250, "3"), (-430, "$ 42.00")]])
    draw_rows(canvas, 620, [[(72, "Tar"), (250, "1"), (-430, "$ 20.00")], [(-430, "In all $ 62.00")]])


def test_the_head_of_a_letter_is_no_part_of_the_table_below_it(read: Read) -> None:
    parsed = read("a.pdf", pdf(bill))
    goods = [row for _, row in rows_of(parsed) if "Goods" in row]
    assert [(row["Goods"], row["Barrels"], row["Price"]) for row in goods if row["Goods"]] == [
        ("Salt", "3", "$ 42.00"), ("Tar", "1", "$ 20.00")
    ]  # fmt: skip
    assert ("--- By water ---", "Salt\t3\t$ 42.00") in lines_of_rows(parsed)
    assert "In all $ 62.00" in [text for _, text in lines_of_rows(parsed)]


def test_a_row_of_nothing_but_values_below_the_names_of_all_columns_is_a_row(read: Read) -> None:
    rows: list[list[Cell]] = [[(72, "Rope"), (200, "Length"), (300, "Number"), (400, "Strength")]]
    rows += [[(72, f"rope {n}"), (200, f"{n * 4} kb"), (300, f"{n}.0M"), (400, f"{n}.8x")] for n in range(1, 5)]
    parsed = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows)))
    assert rows_of(parsed)[0] == ("", {"Rope": "rope 1", "Length": "4 kb", "Number": "1.0M", "Strength": "1.8x"})


def test_names_between_rows_are_those_of_the_rows_below_them(read: Read) -> None:
    rows: list[list[Cell]] = [[(200, "1905"), (300, "1906"), (400, "Change")]]
    rows += [[(72, f"Quay {n}"), (200, f"{n * 31}"), (300, f"{n * 32}"), (400, f"{n}%")] for n in range(1, 6)]
    rows += [[(72, "Ships and their masters")], [(200, "1905"), (300, "1906"), (400, "Change")]]
    rows += [[(72, f"Ship {n}"), (200, f"{n * 41}"), (300, f"{n * 42}"), (400, f"{n}%")] for n in range(1, 4)]
    rows += [[(72, "MASTERS"), (200, "YEARS"), (300, "SHIPS"), (400, "LOSSES")]]
    rows += [[(72, f"Master {n}"), (200, f"{n * 7}"), (300, f"{n * 2}"), (400, f"{n * 3}")] for n in range(1, 4)]
    said = rows_of(read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 760, rows))))
    assert [list(row.values())[0] for _, row in said] == [
        *[f"Quay {n}" for n in range(1, 6)], *[f"Ship {n}" for n in range(1, 4)], *[f"Master {n}" for n in range(1, 4)]
    ]  # fmt: skip
    assert said[5][1] == {"": "Ship 1", "1905": "41", "1906": "42", "Change": "1%"}
    assert said[-1][1] == {"MASTERS": "Master 3", "YEARS": "21", "SHIPS": "6", "LOSSES": "9"}


def test_what_stands_below_labels_is_what_they_say(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        y = lines_at(canvas, 72, 780, ["Receipt of the ferry", "Paid by: Ada Arnes"])
        y = draw_rows(canvas, y - 12, [[(72, "Booking"), (300, "Paid in")], [(72, "IBZY2087"), (300, "Cash")]])
        lines_at(canvas, 72, y - 12, ["All payments are made in favour of the parish."])

    assert "Booking: IBZY2087\n\nPaid in: Cash\n\n" in read("a.pdf", pdf(draw)).text


def test_a_cell_of_many_lines_and_the_text_below_a_table_leave_it_whole(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        rows: list[list[Cell]] = [
            [(72, "Date"), (150, "Ship"), (250, "Ship"), (350, "Owner"), (470, "Tons")],
            [(250, "port"), (350, "of it"), (470, "(net)")],
            [(72, "19-Sep-13"), (150, "Otter"), (250, "Arnes"), (350, "International"), (470, "20")],
        ]
        rows += [[(350, text)] for text in ("Mining and", "Ferries of", "the North", "Company")]
        rows += [
            [(72, f"{n}-Aug-13"), (150, f"Ship {n}"), (250, "Arnes"), (350, "A. Dahl"), (470, f"{n}0")]
            for n in (2, 3, 4)
        ]
        y = draw_rows(canvas, 760, rows, pitch=12)
        below = "The rules of that year made the trade of ships more open"
        draw_rows(canvas, y, [[(72, below), (360, f"and the {what} grew.")] for what in ("port", "trade")], pitch=12)

    said = rows_of(read("a.pdf", pdf(draw)))
    assert [row["Date"] for _, row in said] == ["19-Sep-13", "2-Aug-13", "3-Aug-13", "4-Aug-13"]
    assert said[0][1]["Owner of it"] == "International Mining and Ferries of the North Company"
    assert list(said[0][1]) == ["Date", "Ship", "Ship port", "Owner of it", "Tons (net)"]


def test_ranges_that_go_on_below_name_columns_that_nearly_touch(read: Read) -> None:
    columns = (230, 275, 320, 365, 410)
    names = (
        ("Less than", "$1,000"),
        ("$1,000–", "1,999"),
        ("$2,000–", "3,999"),
        ("$4,000–", "7,999"),
        ("$8,000", "or more"),
    )

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 10)
        for x, (above, below) in zip(columns, names, strict=True):
            canvas.drawCentredString(x, 700, above)
            canvas.drawCentredString(x, 686, below)
        canvas.drawString(72, 686, "Debtors")
        for at in range(1, 7):
            canvas.drawString(72, 686 - 14 * at, f"Guild {at}")
            for x in columns:
                canvas.drawCentredString(x, 686 - 14 * at, f"{at}{x % 9}.{x % 7}")

    parsed = read("a.pdf", pdf(draw))
    assert list(rows_of(parsed)[0][1]) == ["Debtors", *(" ".join(each) for each in names)]
    assert len(rows_of(parsed)) == 6


def test_labels_of_a_form_stand_with_what_they_say_though_some_say_nothing(read: Read) -> None:
    labels = [
        *("Make of the vessel:", "Year of manufacture:", "Certificate of the hull:", "Type of the last inspection:"),
        *("Time since last inspection:", "Owner in the register:", "Master of the vessel:"),
    ]
    said = ["Otter", "", "Normal", "Yearly", "", "Ann Lee", "Bo Ek"]
    right = ["Register:", "Category:", "Built at home:", "Serial number:", "Berths:", "Weight:", "Rated power:"]
    rows: list[list[Cell]] = [
        [(60, label), *([(215, value)] if value else []), (330, other), (450, f"B{number}")]
        for number, (label, value, other) in enumerate(zip(labels, said, right, strict=True))
    ]
    text = read("a.pdf", pdf(lambda canvas: draw_rows(canvas, 700, rows))).text
    assert "Owner in the register:\tAnn Lee\tWeight:\tB5" in text
    assert "Make of the vessel:\tOtter\tRegister:\tB0" in text
