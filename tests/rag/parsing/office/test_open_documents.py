"""OpenDocument spreadsheets and presentations."""

from rag.parsing.formats import parse
from rag.shared.types import ParsedText
from tests.rag.parsing.containers import open_document
from tests.rag.parsing.office.test_odt import META


def opened(kind: str, body: str, suffix: str) -> ParsedText:
    return parse(f"ferry.{suffix}", open_document(body, kind, **{"meta.xml": META}))


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row{more}>{''.join(cells)}</table:table-row>"


def cell(text: str, more: str = "") -> str:
    return f"<table:table-cell{more}><text:p>{text}</text:p></table:table-cell>"


def test_rows_of_a_spreadsheet_have_the_names_of_their_columns_and_their_number() -> None:
    empty = '<table:table-cell table:number-columns-repeated="1000"/>'
    body = "".join(
        [
            '<table:table table:name="Times">',
            row(cell("harbour"), cell("leaves"), cell("days"), empty),
            row(cell("Arnes"), cell("9:00", ' table:number-columns-repeated="2"'), empty),
            row(cell("secret"), cell("1"), more=' table:visibility="collapse"'),
            row(cell("Osen"), cell("10:00"), cell("daily")),
            row(empty, more=' table:number-rows-repeated="1048570"'),
            "</table:table>",
        ]
    )
    parsed = opened("spreadsheet", body, "ods")
    assert [section.path for section in parsed.sections] == [("Times", "row 2"), ("Times", "row 4")]
    assert "harbour: Arnes\nleaves: 9:00\ndays: 9:00" in parsed.text and "secret" not in parsed.text
    assert (parsed.title, parsed.metadata["author"]) == ("Old title", "Kari Vik")


def test_slides_of_a_presentation_are_pages_under_their_titles() -> None:
    def frame(kind: str, *lines: str) -> str:
        text = "".join(f"<text:p>{line}</text:p>" for line in lines)
        return f'<draw:frame presentation:class="{kind}"><draw:text-box>{text}</draw:text-box></draw:frame>'

    notes = f"<presentation:notes>{frame('page', 'thumbnail')}{frame('notes', 'Say it slowly.')}</presentation:notes>"
    body = (
        f"<draw:page>{frame('outline', 'It leaves at nine.')}{frame('title', 'The ferry')}{notes}</draw:page>"
        f"<draw:page>{frame('subtitle', 'Nobody swims.')}{frame('footer', 'page of many')}</draw:page>"
    )
    parsed = opened("presentation", body, "odp")
    assert parsed.text == "The ferry\n\nIt leaves at nine.\n\nSay it slowly.\n\nNobody swims."
    assert [section.path for section in parsed.sections] == [("The ferry",), ("slide 2",)]
    assert [(page.number, parsed.text[page.start :].strip()[:6]) for page in parsed.pages] == [
        (1, "The fe"),
        (2, "Nobody"),
    ]
