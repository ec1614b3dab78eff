"""Tables as text."""

import csv
import io

import pytest

from rag.intake.chunking import chunk
from rag.parsing.formats import parse
from rag.shared.errors import ContentTooLarge
from rag.shared.types import ParsedText
from tests.rag.parsing.conftest import PathOf, Read, rows_of

ROWS = [
    ("Name", "Built", "Length (m)", "Remark"),
    ("Arnes", "1784", "48", "Rebuilt, after the flood"),
    ("Vik", "1901", "112", ""),
    ("Sør-Elv", "1933", "75", 'Called "the long one"'),
    ("Dal", "1950", "12", "Wood"),
    ("Nes", "1967", "31", "Concrete"),
]


def table(delimiter: str = ",", line_end: str = "\r\n", rows: object = ROWS) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=line_end).writerows(rows)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("name", ["bridges.csv", "bridges.tsv", "bridges.txt", "bridges"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_row_is_a_passage_with_its_column_names(
    name: str, delimiter: str, line_end: str, read: Read, path_of: PathOf
) -> None:
    parsed = read(name, table(delimiter, line_end).encode())
    passages = [parsed.text[slice(*p.span)] for p in chunk(parsed.text, parsed.sections, size=600, overlap=1)]
    assert passages[0] == "Name: Arnes\nBuilt: 1784\nLength (m): 48\nRemark: Rebuilt, after the flood"
    assert passages[1] == "Name: Vik\nBuilt: 1901\nLength (m): 112"
    assert len(passages) == 5 and parsed.title == "bridges"
    assert path_of(parsed, "the long one") == ("row 4",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_are_told(encoding: str) -> None:
    assert "Name: Sør-Elv" in parse("b.csv", table(rows=ROWS * 3).encode(encoding)).text


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "cells",
    [
        "Käse;Köln;Würste",
        "Lefèvre;André;Besançon",
        "El niño;mañana;¿Cuándo?",
        "Møte;på øya;æra",
        "às três;amanhã;não há",
    ],
)
def test_a_few_accents_of_a_western_language_are_enough(encoding: str, cells: str) -> None:
    source = f"First;Second;Third\n{cells}\nplain;words;here\n"
    assert cells.replace(";", "") in parse("b.csv", source.encode(encoding)).text.replace("\n", "").replace(
        "First: ", ""
    ).replace("Second: ", "").replace("Third: ", "")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Dnes je v Praze hezky a lidé chodí ven."),
        ("cp1250", "Zażółć gęślą jaźń. W Krakowie dziś pada śnieg i jest zimno, a ludzie są w domu."),
        ("cp1251", "Мост построен в 1784 году. Лодки стоят у причала весь день."),
        ("cp1253", "Η γέφυρα χτίστηκε το 1784 και στέκει ακόμα."),
        ("shift_jis", "港は一九〇一年に開かれた。クレーンは四十トンを持ち上げる。"),
    ],
)
def test_letters_of_other_code_pages_are_not_taken_for_accents(encoding: str, text: str) -> None:
    assert parse("a.txt", text.encode(encoding)).text == text


def test_lines_above_and_between_tables_keep_to_themselves(read: Read, path_of: PathOf) -> None:
    source = "Statement;\n\nAccount:;NO 12\n\nBooked;Payee;Amount\n2024-01-02;Works;-120,50\n\n2024-01-03;Rent;-900\n"
    parsed = read("b.csv", source.encode())
    assert parsed.text == (
        "Statement\n\nAccount: NO 12\n\nBooked: 2024-01-02\nPayee: Works\nAmount: -120,50\n\n"
        "Booked: 2024-01-03\nPayee: Rent\nAmount: -900"
    )
    assert path_of(parsed, "Works") == ("row 6",)


def test_words_below_a_blank_line_are_no_names_of_columns(read: Read) -> None:
    parsed = read("b.csv", b"Name,City\nIda,Arnes\n\nOle,Vik\nKari,Arnes\n")
    assert parsed.text == "Name: Ida\nCity: Arnes\n\nName: Ole\nCity: Vik\n\nName: Kari\nCity: Arnes"


def test_the_line_that_names_the_separator_is_no_row() -> None:
    assert parse("b.csv", ("sep=;\n" + table(";")).encode()).text.startswith("Name: Arnes")


def test_a_field_may_hold_lines_and_the_separator() -> None:
    parsed = parse("b.csv", b'Name,Remark\n"Vik, north","first\nsecond"\nDal,third\n')
    assert parsed.text == "Name: Vik, north\nRemark: first second\n\nName: Dal\nRemark: third"


def test_without_column_names_values_stand_alone() -> None:
    parsed = parse("b.csv", b"Arnes,1784,48\nVik,1901,112\n")
    assert parsed.text == "Arnes\n1784\n48\n\nVik\n1901\n112"


def test_rows_of_other_lengths_lose_nothing() -> None:
    parsed = parse("b.csv", b"Name,Built\nArnes,1784\nVik\nDal,1950,extra\n")
    assert parsed.text == "Name: Arnes\nBuilt: 1784\n\nName: Vik\n\nName: Dal\nBuilt: 1950\nextra"


def test_one_column_is_a_table_too() -> None:
    assert parse("b.csv", b"Arnes\nVik\n").text == "Arnes\n\nVik"


def test_a_long_row_is_cut_at_its_fields(read: Read) -> None:
    prose = "The bridge was closed for a year. " * 40
    parsed = read("b.csv", f'Name,History,Year\nArnes,"{prose}",1784\n'.encode())
    assert [parsed.text[b.start : b.end][:12] for b in parsed.blocks] == ["Name: Arnes", "History: The", "Year: 1784"]


@pytest.mark.parametrize(
    "text",
    [
        "One, two, three, they counted.\nThen, at last, came four.\n",
        "Dear Kari,\n\nthank you, as ever, for the notes.\n",
        "2024-01-01 10:00:00 INFO started, ok\n2024-01-01 10:00:01 INFO ended, ok\n",
        "a, b, c\n",
        "Roses, red, and\nviolets, blue, and\nsugar, sweet, and\nso, dear, are\nyou, too, he said\n" * 3,
    ],
)
def test_prose_with_commas_stays_text(text: str) -> None:
    assert parse("letter.txt", text.encode()).text == text


def test_an_empty_table_keeps_its_column_names() -> None:
    assert parse("b.csv", b"Name,Built\n").text == "Name, Built"
    assert parse("b.csv", b"").text == ""


def test_a_field_without_end_is_refused() -> None:
    with pytest.raises(ContentTooLarge, match="field of more than 4 MiB"):
        parse("b.csv", b'Name,Built\nArnes,"' + b"x" * (5 << 20))


def named_rows(parsed: ParsedText) -> list[tuple[str, dict[str, str]]]:
    return [(context, row) for context, row in rows_of(parsed) if any(row)]


def test_unit_and_period_above_the_names_belong_to_each_row_below_a_gap(read: Read) -> None:
    lines = [
        "Toll,,",
        "",
        *["In thousand crowns,,Spring 1784", ",Ships,Carts", ",,", "Arnes,311,27", "Vik,19,8", ",,"] * 2,
    ]
    lines[8] = "In thousand crowns,,Spring 1785"
    spring = [{"": "Arnes", "Ships": "311", "Carts": "27"}, {"": "Vik", "Ships": "19", "Carts": "8"}]
    assert named_rows(read("t.csv", "\n".join(lines).encode())) == [
        (f"In thousand crowns. Spring {year}", row) for year in (1784, 1785) for row in spring
    ]


def test_periods_over_several_columns_name_each_of_them(read: Read) -> None:
    lines = [
        "In crowns,Spring 1784,,Spring 1785,",
        ",Ships,Carts,Ships,Carts",
        ",,,,",
        "Arnes,311,—,19,—",
        "Vik,27,—,8,5",
    ]
    [(about, first), _] = named_rows(read("t.csv", "\n".join(lines).encode()))
    assert about == "In crowns"
    assert first == {
        "": "Arnes", "Spring 1784 Ships": "311", "Spring 1784 Carts": "—", "Spring 1785 Ships": "19", "Spring 1785 Carts": "—"
    }  # fmt: skip


def test_a_row_of_one_cell_names_the_group_of_the_rows_below_it(read: Read) -> None:
    lines = ["Ware,Price,Stock", "Fruit,,", "Pear,2.50,3", "Fig,9.00,4", "Fish,,", "Cod,7.25,1"]
    assert [(group, row["Ware"]) for group, row in named_rows(read("t.csv", "\n".join(lines).encode()))] == [
        ("Fruit", "Pear"),
        ("Fruit", "Fig"),
        ("Fish", "Cod"),
    ]


@pytest.mark.parametrize("note", [("see", "the", "other sheet", "", ""), ("see", "the", "", "", "other sheet")])
def test_notes_above_the_names_are_none(read: Read, note: tuple[str, ...]) -> None:
    rows = [
        note,
        ("Name", "Wood", "Built", "Length", "Spans"),
        *[(f"Bridge {n}", "oak", "1784", str(n), "3") for n in range(5)],
    ]
    assert "Name: Bridge 3\nWood: oak\nBuilt: 1784\nLength: 3" in read("a.csv", table(rows=rows).encode()).text
