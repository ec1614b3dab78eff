"""Rows of tables as a person reads them."""

from rag.answer.rows import named_cells


def test_each_cell_with_text_has_the_name_of_its_column() -> None:
    assert named_cells(["Town", "", "Red lamps", "Blue lamps"], ["Alder", "north", "", "4,017"]) == (
        ("Town", "Alder"),
        ("", "north"),
        ("Blue lamps", "4,017"),
    )


def test_a_row_without_names_has_no_named_cells() -> None:
    assert named_cells(["", ""], ["Alder", "93"]) == ()


def test_a_caption_over_most_columns_is_no_part_of_their_names() -> None:
    caption = "Lamps sold in the year 1890"
    head = ["Town", f"{caption} Red", f"{caption} Blue", f"{caption} Green glass", "Total"]
    assert [cell.name for cell in named_cells(head, "abcde")] == ["Town", "Red", "Blue", "Green glass", "Total"]


def test_a_name_over_some_columns_stays_with_each() -> None:
    head = ["Town", "Year 1890 Red", "Year 1890 Blue", "Year 1890 Green"]
    assert [cell.name for cell in named_cells(head, "abcd")] == head
