"""How an answer's places stand in a terminal. No model is loaded."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from index.types import Span
from rag.cli.questions.printing import print_answer
from rag.shared.types import (
    Answer,
    AnswerPart,
    AnswerText,
    Citation,
    DocumentRef,
    IndexState,
    NamedCell,
    Occurrence,
    RankedPassage,
    Timings,
)


def answer_from(
    source: str,
    *,
    page: int | None = None,
    section: tuple[str, ...] = (),
    span: tuple[int, int] = (2271, 2293),
    also_in: tuple[Occurrence, ...] = (),
) -> Answer:
    """An abstention with one passage at that place."""
    text = "The ferry leaves at 9."
    citation = Citation("d1", "Ferry", text, Span(*span), "0" * 64)
    passage = RankedPassage(
        1, 0.5, text, DocumentRef("d1", "Ferry", source, {}), section, page, citation, (), also_in, None
    )
    state = IndexState(1, "f")
    return Answer("when?", False, 0.2, True, "low_confidence", None, (passage,), state, Timings(0, 0, 0))


def printed(answer: Answer, columns: int, *, terminal: bool = False) -> list[str]:
    file = io.StringIO()
    out = Console(
        file=file,
        width=columns,
        force_terminal=terminal,
        color_system="truecolor" if terminal else None,
        legacy_windows=False,
    )
    print_answer(answer, out)
    return file.getvalue().splitlines()


def test_a_row_of_a_table_is_followed_by_its_cells_with_their_names() -> None:
    answer = answer_from("ferries.pdf")
    (passage,) = answer.passages
    cells = (NamedCell("Ferry", "Berg"), NamedCell("", "9:00"))
    part = AnswerPart("Berg\t9:00\t3", passage.citation, 0, cells=cells, group="In 1890")
    text = AnswerText((part.text,), (0,), (part,))
    lines = printed(replace(answer, answered=True, abstain_reason=None, answer=text), 80)
    assert lines[1] == "    In 1890 · Ferry: Berg · 9:00"


@pytest.mark.parametrize(
    ("likeliest", "bold"), [(True, ["It leaves at 9."]), (False, ["It is old.", "It leaves at 9."])]
)
def test_the_likeliest_part_alone_is_bold_where_one_is(likeliest: bool, bold: list[str]) -> None:
    answer = answer_from("ferries.pdf")
    citation = answer.passages[0].citation
    parts = (AnswerPart("It is old.", citation, 0), AnswerPart("It leaves at 9.", citation, 0, likeliest=likeliest))
    text = AnswerText(tuple(part.text for part in parts), (0,), parts)
    line = printed(replace(answer, answered=True, abstain_reason=None, answer=text), 80, terminal=True)[0]
    assert [part.text for part in parts if f"\x1b[1m{part.text}" in line] == bold


def test_a_place_names_the_page_or_the_row() -> None:
    assert printed(answer_from("sample_contract.pdf", page=3), 80)[3] == "[1] sample_contract.pdf, page 3 (2271-2293)"
    rows = answer_from("prices.xlsx", section=("Sheet1", "row 12"))
    assert printed(rows, 80)[3] == "[1] prices.xlsx, row 12 (2271-2293)  Sheet1"
    plain = answer_from("notes.md", section=("Part", "Row of houses"))
    assert printed(plain, 80)[3] == "[1] notes.md (2271-2293)  Part > Row of houses"


@pytest.mark.parametrize("columns", range(30, 100))
def test_no_width_breaks_a_place_in_the_middle(columns: int) -> None:
    copy = Occurrence("d2", "Copy", "archive of the harbour/annual report 2014 copy.pdf", Span(1234567, 1234589))
    answer = answer_from(
        "archive of the harbour/annual report of the year 2014.pdf", page=117, section=("Timetable",), also_in=(copy,)
    )
    lines = printed(answer, columns, terminal=True)
    text = "\n".join(lines)
    for place in ("page 117 (2271-2293)", "(1234567-1234589)"):
        [line] = [line for line in lines if place in line]
        assert place in line and place in text


def test_a_file_that_is_there_is_a_link_and_one_that_is_not_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.txt").write_text("The ferry leaves at 9.")
    shown = "\n".join(printed(answer_from("a b.txt"), 80, terminal=True))
    assert f"{(tmp_path / 'a b.txt').as_uri()}\x1b\\" in shown and "\x1b]8;" in shown
    assert "https://example.org/x" in "\n".join(printed(answer_from("https://example.org/x"), 80, terminal=True))
    for gone in ("gone.txt", "a.zip!/b.txt", "x" * 5000):
        assert "\x1b]8;" not in "\n".join(printed(answer_from(gone), 80, terminal=True))
    assert "\x1b]8;" not in "\n".join(printed(answer_from("a b.txt"), 80))


def test_what_a_name_would_have_a_terminal_do_is_shown_and_not_done() -> None:
    lines = printed(answer_from("evil\x1b]8;;http://x\x07name.txt"), 80, terminal=True)
    assert "\\x1b]8;;http://x\\x07name.txt" in "".join(lines)
