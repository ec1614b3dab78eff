from index.types import Passage, Span
from rag.intake.chunking import chunk
from rag.parsing.formats import parse
from rag.shared.types import CODE, ITEM, PROSE, ROW, ParsedText, TableRow, Unit
from rag.shared.units import pack, units_of


def stored(parsed: ParsedText, size: int = 600, overlap: int = 0) -> list[Passage]:
    """The passages of a text as the store gives them back."""
    return [
        Passage(
            number, "d", number, made.span, parsed.text[slice(*made.span)], made.section, made.page, made.sentences,
            pack(made.units),
        )
        for number, made in enumerate(
            chunk(parsed.text, parsed.sections, size=size, overlap=overlap, blocks=parsed.blocks, pages=parsed.pages)
        )
    ]  # fmt: skip


def rows(parsed: ParsedText, size: int = 600) -> list[tuple[str, dict[str, str]]]:
    """Context of each table row, and the text of its cells by the names of their columns."""
    return [
        (unit.context, {name: parsed.text[slice(*cell)] for name, cell in zip(*unit.row, strict=True)})
        for passage in stored(parsed, size)
        for unit in units_of(passage)
        if unit.row is not None
    ]


def test_units_come_back_from_the_store_as_they_were_packed() -> None:
    units = (
        Unit(Span(3, 9)),
        Unit(Span(10, 20), ROW, "Fruit", TableRow(("Ware", ""), (Span(10, 14), Span(15, 15)))),
        Unit(Span(21, 30), CODE, "Run:"),
    )
    passage = Passage(1, "d", 0, Span(0, 30), "x" * 30, (), None, tuple(unit.span for unit in units), pack(units))
    assert units_of(passage) == units


def test_a_passage_of_prose_has_no_layout() -> None:
    assert [passage.layout for passage in stored(parse("a.txt", b"The ferry sails at noon. It is red."))] == [""]


def test_a_row_of_a_page_s_table_has_its_head_its_cells_and_its_group() -> None:
    source = (
        b"<!doctype html><table><tr><th>Ware<th>Price</tr><tr><td colspan=2>Fruit</tr><tr><td>Pear<td>2.50</tr>"
        b"<tr><td><td>9.00</tr></table>"
    )
    assert rows(parse("a.html", source)) == [
        ("", {"": "Fruit"}),
        ("Fruit", {"Ware": "Pear", "Price": "2.50"}),
        ("Fruit", {"Ware": "", "Price": "9.00"}),
    ]


def test_a_row_of_markdown_has_the_cells_between_its_bars() -> None:
    source = b"Sold here:\n\n| Ware | Price |\n|---|---|\n| `a \\| b` | 2.50 |\n| fig |\n"
    assert rows(parse("a.md", source)) == [
        ("Ware, Price", {"Ware": "`a \\| b`", "Price": "2.50"}),
        ("Ware, Price", {"Ware": "fig", "Price": ""}),
    ]


def test_a_record_of_a_sheet_is_a_row_of_the_values_that_it_has() -> None:
    assert rows(parse("a.csv", b"name,price,n\npear,2,3\nfig,,9\n")) == [
        ("", {"name": "pear", "price": "2", "n": "3"}),
        ("", {"name": "fig", "n": "9"}),
    ]


def test_a_part_of_a_row_that_is_too_long_for_a_passage_has_what_it_holds_of_the_cells() -> None:
    source = f"<!doctype html><table><tr><th>Ware<th>Price</tr><tr><td>{'pear ' * 20}<td>2.50</tr></table>"
    parts = rows(parse("a.html", source.encode()), size=60)
    assert " ".join(cells["Ware"] for _, cells in parts) == " ".join(["pear"] * 20)
    assert [cells["Price"] for _, cells in parts] == ["", "2.50"]


def test_items_and_code_have_their_kind_and_the_lead_in_above_them() -> None:
    parsed = parse(
        "a.md", b"To upgrade all tools:\n\n```\ntool upgrade\n```\n\nIt needs:\n\n* a key\n* a lock\n\nNo more.\n"
    )
    units = [
        (unit.kind, unit.context, parsed.text[slice(*unit.span)])
        for passage in stored(parsed)
        for unit in units_of(passage)
    ]
    assert units == [
        (PROSE, "", "To upgrade all tools:"),
        (CODE, "To upgrade all tools:", "```\ntool upgrade\n```"),
        (PROSE, "", "It needs:"),
        (ITEM, "It needs:", "* a key"),
        (ITEM, "It needs:", "* a lock"),
        (PROSE, "", "No more."),
    ]
