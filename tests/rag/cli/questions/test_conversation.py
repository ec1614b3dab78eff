"""A conversation in a terminal, and questions that are piped in."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from rag.cli.questions import conversation
from rag.cli.questions.conversation import converse
from rag.shared.errors import BadInput
from rag.shared.types import Answer, AnswerText, IndexState, Timings, Turn
from tests.rag.cli.conftest import InTerminal, plain
from tests.rag.conftest import QUESTION

Rag = Callable[..., Any]


def answer_of(text: str | None) -> Answer:
    body = AnswerText((text,), ()) if text is not None else None
    return Answer("q", text is not None, 0.9, True, None, body, (), IndexState(1, "f"), Timings(0, 0, 0))


def conversed(lines: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[Turn]]]:
    """Each question that these lines ask, with the turns before it."""
    typed: Iterator[str] = iter(lines)

    def next_line(prompt: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    asked: list[tuple[str, list[Turn]]] = []

    def answer_to(question: str, turns: Sequence[Turn]) -> Answer:
        if question == "bad":
            raise BadInput("no such question")
        asked.append((question, list(turns)))
        return answer_of(None if question == "unknown" else f"to {question}")

    monkeypatch.setattr("builtins.input", next_line)
    converse(answer_to, lambda asked, answer: None, "2 documents.")
    return asked


def test_a_question_comes_with_the_turns_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = conversed([" a ", "", "unknown", "b", ":new", "c"], monkeypatch)
    first, second = Turn("a", "to a"), Turn("unknown", "")
    assert asked == [("a", []), ("unknown", [first]), ("b", [first, second]), ("c", [])]


def test_help_is_shown_and_a_question_that_cannot_be_asked_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conversed([":help", "bad", "a", ":quit", "never"], monkeypatch) == [("a", [])]
    shown = capsys.readouterr()
    assert conversation._HELP in shown.out and shown.err == "rag: no such question\n"


@pytest.mark.model
def test_a_terminal_without_a_question_gets_a_conversation(seeded: Rag, in_terminal: InTerminal) -> None:
    screen = plain(in_terminal("ask", typed=[QUESTION, ":help", ":quit"]))
    assert screen.startswith("1 documents to ask.")
    assert "security guarantees" in screen and ":new" in screen and "[1] article.txt (" in screen


@pytest.mark.slow
@pytest.mark.model
def test_words_without_quotes_and_piped_ones_are_one_question(seeded: Rag) -> None:
    def asked(*arguments: str, stdin: str = "") -> str:
        question: str = seeded("ask", *arguments, "-k", "1", "--json", stdin=stdin).json["question"]
        return question

    assert asked(*QUESTION.split()) == asked(QUESTION) == QUESTION
    assert asked("-", stdin=f"{QUESTION}\n") == asked(stdin=f"\n{QUESTION}\n") == QUESTION
    too_long = seeded("ask", "-", stdin="word " * 20_000)
    assert too_long.code == 2 and "2000" in too_long.err


@pytest.mark.slow
@pytest.mark.model
def test_what_is_not_there_is_answered_with_what_is(seeded: Rag) -> None:
    assert seeded("add", "article.txt", "--collection", "press", "--meta", "year=2025").code == 0
    other = seeded("ask", QUESTION, "--collection", "pres")
    assert other.code == 0 and "There is no collection 'pres'; there are: default, press." in other.out
    field = seeded("ask", QUESTION, "--collection", "press", "--filter", "yaer=2025")
    assert field.code == 0 and "has the field 'yaer'; there are: language, year." in field.out
    assert "field" not in seeded("ask", QUESTION, "--collection", "press", "--filter", "year=1999").out
