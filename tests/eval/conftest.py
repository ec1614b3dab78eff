"""A small search engine with the interface of the real one, gold sets written to disk, and ``rag eval``."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from index.types import Span
from rag.shared.types import (
    Answer,
    AnswerText,
    Citation,
    DocumentRef,
    IndexState,
    Occurrence,
    Query,
    RankedPassage,
    Timings,
)

Ask = Callable[[Query], Answer]
WriteLines = Callable[[str, Sequence[object]], Path]
Evaluate = Callable[..., Any]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


class SentenceSearch:
    """Passages are sentences, scores are shared words; the first passage answers when it shares two or more.

    A sentence that stands in several documents is listed once, from the first of them.
    """

    def __init__(self, documents: Mapping[str, str]) -> None:
        self.places: dict[str, list[tuple[str, Span]]] = {}
        for source, text in documents.items():
            for match in re.finditer(r"[^\s.][^.]*\.", text):
                self.places.setdefault(match.group(), []).append((source, Span(*match.span())))

    def ask(self, query: Query) -> Answer:
        asked = words(query.question)
        ranked = sorted(self.places, key=lambda text: -len(asked & words(text)))[: query.k]
        shared = len(asked & words(ranked[0]))
        answered = shared >= 2
        return Answer(
            question=query.question,
            answered=answered,
            confidence=shared / (shared + 1),
            calibrated=False,
            abstain_reason=None if answered else "low_confidence",
            answer=AnswerText((ranked[0],), (0,)) if answered else None,
            passages=tuple(self._passage(rank, text, asked) for rank, text in enumerate(ranked, 1)),
            index=IndexState(1, "fake"),
            timings_ms=Timings(0.0, 0.0, 0.0),
        )

    def _passage(self, rank: int, text: str, asked: set[str]) -> RankedPassage:
        (source, span), *others = self.places[text]
        return RankedPassage(
            rank=rank,
            score=float(len(asked & words(text))),
            text=text,
            document=DocumentRef(f"id-{source}", source, source, {}),
            section=(),
            page=None,
            citation=Citation(f"id-{source}", source, text, span, ""),
            highlights=(),
            also_in=tuple(Occurrence(f"id-{other}", other, other, where) for other, where in others),
            explain=None,
        )


@pytest.fixture
def search() -> Callable[[Mapping[str, str]], SentenceSearch]:
    """Makes an engine over documents, source -> text."""
    return SentenceSearch


@pytest.fixture
def write_lines(tmp_path: Path) -> WriteLines:
    """Writes a file below the test's folder: a text as it is, anything else as a line of JSON."""

    def write(name: str, rows: Sequence[object]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")
        return path

    return write


@pytest.fixture
def evaluate(run_rag: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Runs ``rag eval`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAG_STORE", raising=False)

    def run(*arguments: object, command: str = "eval") -> Any:
        return run_rag(command, *arguments)

    return run
