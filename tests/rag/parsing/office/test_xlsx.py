"""Excel workbooks."""

import datetime
import re

import openpyxl
import pytest

from rag.parsing.formats import parse
from rag.shared.errors import ContentTooLarge, UnreadableContent
from tests.rag.parsing.conftest import PathOf, Read
from tests.rag.parsing.containers import rewritten, saved, unzipped, zipped

pytestmark = pytest.mark.medium

ROWS: list[tuple[object, ...]] = [
    ("Name", "Built", "Length"),
    ("Arnes", 1784, 48.5),
    ("Vik", 1901, 112),
    ("Dal", 1950, None),
]


def book(sheets: dict[str, list[tuple[object, ...]]]) -> openpyxl.Workbook:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return workbook


def test_a_row_is_a_passage_under_its_sheet_and_number(read: Read, path_of: PathOf) -> None:
    parsed = read("b.xlsx", saved(book({"Bridges": ROWS, "Ferries": [("Name", "Line"), ("Oscar", "North")]})))
    assert parsed.text == (
        "Name: Arnes\nBuilt: 1784\nLength: 48.5\n\nName: Vik\nBuilt: 1901\nLength: 112\n\n"
        "Name: Dal\nBuilt: 1950\n\nName: Oscar\nLine: North"
    )
    assert path_of(parsed, "Vik") == ("Bridges", "row 3")
    assert path_of(parsed, "Oscar") == ("Ferries", "row 2")


def test_the_strict_variant_of_the_format_is_read() -> None:
    """What "Strict Open XML Spreadsheet" writes: the same parts with other namespaces."""
    common = saved(book({"Bridges": ROWS}))
    strict = {
        name: re.sub(rb"http://schemas\.openxmlformats\.org/(\w+)/2006/", rb"http://purl.oclc.org/ooxml/\1/", part)
        for name, part in unzipped(common).items()
        if not name.startswith(("docProps", "[Content_Types]", "_rels"))
    }
    assert b"purl.oclc.org/ooxml/spreadsheetml/main" in strict["xl/worksheets/sheet1.xml"]
    assert parse("b.xlsx", zipped(unzipped(common) | strict)).text == parse("b.xlsx", common).text != ""


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (datetime.date(2023, 4, 5), "dd.mm.yyyy", "2023-04-05"),
        (datetime.datetime(2023, 4, 5, 13, 30), "yyyy-mm-dd hh:mm", "2023-04-05 13:30"),
        (0.25, "0%", "25%"),
        (0.12345, "0.00%", "12.35%"),
        (3.0, "General", "3"),
        (0.1, "General", "0.1"),
        (1234.5, '"$"#,##0.00', "$1234.50"),
        (1234.5, "#,##0.00\\ [$€-407]", "1234.50 €"),
        (-50, "_($* #,##0.00_);[Red]_($* (#,##0.00)", "-$50.00"),
        (12.5, '0.0" m³"', "12.5 m³"),
        (501, "00000", "00501"),
        (1234567, '0.0,"k"', "1234.6k"),
        (3.14159, "0.0#", "3.14"),
        (3.0, "0.##", "3"),
        (0.004, "0.00", "0.00"),
        (-0.004, "0.00", "0.00"),
        (0.5, "# ?/?", "0.5"),
        (1.2e-7, "0.00E+00", "1.2e-07"),
        (7, "[>5]0;General", "7"),
        (1.5, "0%", "150%"),
        (datetime.datetime(2024, 3, 1), "mmm yy", "2024-03"),
        (datetime.datetime(2024, 3, 1), "d. mmm", "2024-03-01"),
        (datetime.datetime(2024, 3, 1, 14, 5, 30), "yyyy-mm-dd hh:mm:ss", "2024-03-01 14:05:30"),
        (datetime.time(14, 5), "h:mm", "14:05"),
        (True, "General", "TRUE"),
        (10**15, "General", "1000000000000000"),
        ("  two\nlines ", "General", "two lines"),
    ],
)
def test_values_read_as_a_person_reads_them(value: object, number_format: str, shown: str) -> None:
    workbook = book({"A": [("Name", "Value"), ("x", value)]})
    workbook["A"]["B2"].number_format = number_format
    assert parse("b.xlsx", saved(workbook)).text == f"Name: x\nValue: {shown}"


def test_a_title_above_the_table_stands_by_itself_and_numbers_are_those_of_the_sheet(path_of: PathOf) -> None:
    rows: list[tuple[object, ...]] = [("Bridges of the north",), (), (), *ROWS]
    parsed = parse("b.xlsx", saved(book({"A": rows})))
    assert parsed.text.startswith("Bridges of the north\n\nName: Arnes")
    assert path_of(parsed, "Arnes") == ("A", "Bridges of the north", "row 5")


def test_each_table_of_a_sheet_has_its_own_names_and_title(read: Read, path_of: PathOf) -> None:
    day = datetime.date(2019, 5, 1)
    rows: list[tuple[object, ...]] = [
        ("Budget of the harbour",),
        (),
        ("Prepared by:", "Ida Moen", None, "Status:", "final"),
        (),
        ("Item", "Jan", "Feb"),
        ("Dredging", 12000, 13500),
        (),
        ("Cranes", 8000, 7000),
        (),
        ("Ferry lines",),
        ("Line", "Ship", "Since"),
        ("North", "Oscar", day),
        (),
        ("The ferry runs twice a week.",),
    ]
    parsed = read("b.xlsx", saved(book({"2024": rows})))
    assert parsed.text.split("\n\n") == [
        "Budget of the harbour",
        "Prepared by: Ida Moen\nStatus: final",
        "Item: Dredging\nJan: 12000\nFeb: 13500",
        "Item: Cranes\nJan: 8000\nFeb: 7000",
        "Ferry lines",
        "Line: North\nShip: Oscar\nSince: 2019-05-01",
        "The ferry runs twice a week.",
    ]
    assert path_of(parsed, "Oscar") == ("2024", "Ferry lines", "row 12")
    assert path_of(parsed, "twice a week") == ("2024", "row 14")


def test_a_header_of_two_rows_names_each_column_by_both(read: Read) -> None:
    rows: list[tuple[object, ...]] = [
        ("Quay", "2024", None, "2023", None),
        (None, "Spring", "Autumn", "Spring", "Autumn"),
        ("North", 1, 2, 3, 4),
    ]
    text = "Quay: North\n2024 Spring: 1\n2024 Autumn: 2\n2023 Spring: 3\n2023 Autumn: 4"
    workbook = book({"A": rows})
    assert read("b.xlsx", saved(workbook)).text == text
    for cells in ("A1:A2", "B1:C1", "D1:E1"):
        workbook["A"].merge_cells(cells)
    assert read("b.xlsx", saved(workbook)).text == text


def test_bold_type_sets_a_header_apart_from_words_below_it(read: Read) -> None:
    workbook = book({"A": [*ROWS, (), ("Ship", "Line"), ("Oscar", "North")]})
    for cell in ("A6", "B6"):
        workbook["A"][cell].font = openpyxl.styles.Font(bold=True)
    assert read("b.xlsx", saved(workbook)).text.endswith("Ship: Oscar\nLine: North")
    workbook["A"]["A6"].font = openpyxl.styles.Font(bold=False)
    assert read("b.xlsx", saved(workbook)).text.endswith("Name: Ship\nBuilt: Line\n\nName: Oscar\nBuilt: North")


def test_a_table_that_does_not_begin_in_the_first_column_keeps_its_names() -> None:
    rows: list[tuple[object, ...]] = [(None, None, *row) for row in ROWS]
    assert parse("b.xlsx", saved(book({"A": rows}))).text.startswith("Name: Arnes\nBuilt: 1784")


def test_hidden_sheets_are_left_out() -> None:
    workbook = book({"A": ROWS, "B": [("secret", "thing"), ("x", "y")]})
    workbook["B"].sheet_state = "hidden"
    assert "x" not in parse("b.xlsx", saved(workbook)).text


def test_title_and_properties_are_read() -> None:
    workbook = book({"A": ROWS})
    workbook.properties.title = "All bridges"
    workbook.properties.creator = "Kari Vik"
    parsed = parse("b.xlsx", saved(workbook))
    assert (parsed.title, parsed.metadata["author"]) == ("All bridges", "Kari Vik")


def test_a_cell_at_the_far_end_of_the_sheet_costs_nothing() -> None:
    workbook = book({"A": ROWS})
    workbook["A"]["XFD60000"] = "far away"
    assert parse("b.xlsx", saved(workbook)).text.endswith("far away")


def test_a_row_that_claims_to_stand_beyond_the_sheet_costs_nothing() -> None:
    content = saved(book({"A": ROWS}))
    far = rewritten(content, "xl/worksheets/sheet1.xml", lambda sheet: sheet.replace(b'r="4"', b'r="99999999999"'))
    assert parse("b.xlsx", far).text.endswith("Name: Vik\nBuilt: 1901\nLength: 112")


def test_an_empty_workbook_is_an_empty_text() -> None:
    assert parse("b.xlsx", saved(book({"A": []}))).text == ""


def test_entities_are_refused() -> None:
    attack = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaa">]><sst>&a;</sst>'
    with pytest.raises(UnreadableContent, match="document type"):
        parse("b.xlsx", rewritten(saved(book({"A": ROWS})), "xl/workbook.xml", lambda _: attack))


def test_a_sheet_that_unpacks_without_end_is_refused() -> None:
    endless = rewritten(saved(book({"A": ROWS})), "xl/worksheets/sheet1.xml", lambda _: b"<a>" + bytes(130 << 20))
    with pytest.raises(ContentTooLarge):
        parse("b.xlsx", endless)


def test_a_cell_merged_over_rows_counts_in_each_of_them(read: Read) -> None:
    workbook = book(
        {
            "Shifts": [
                ("Quay", "Shift", "Warden"),
                ("North", "early", "Ida"),
                ("", "late", "Karl"),
                (),
                ("", "night", "Ole"),
            ]
        }
    )
    sheet = workbook["Shifts"]
    sheet.merge_cells("A2:A4")
    sheet.merge_cells("B3:C3")  # within one row
    parsed = read("s.xlsx", saved(workbook))
    assert parsed.text == (
        "Quay: North\nShift: early\nWarden: Ida\n\nQuay: North\nShift: late\n\nShift: night\nWarden: Ole"
    )


def test_a_merge_over_more_rows_than_a_table_has_fills_nothing(read: Read) -> None:
    workbook = book({"Bridges": ROWS})
    workbook["Bridges"].merge_cells("A2:A1400")
    assert read("s.xlsx", saved(workbook)).text.count("Arnes") == 1


def test_a_duration_is_shown_in_hours_as_the_sheet_shows_it(read: Read) -> None:
    rows: list[tuple[object, ...]] = [("Job", "Time"), ("Paint", datetime.timedelta(hours=30, minutes=5))]
    assert read("d.xlsx", saved(book({"Jobs": rows}))).text == "Job: Paint\nTime: 30:05:00"
