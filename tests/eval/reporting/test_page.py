"""The report page: what it shows, that nothing of documents becomes markup, and that it needs nothing from elsewhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from eval.reporting.charts import Labelled, bins, reliability_chart, risk_coverage_chart
from eval.reporting.page import _parts, render_page
from eval.scoring.comparison import compare
from eval.scoring.lost_evidence import Explanation
from eval.scoring.runs import Result, Run, StoreState
from eval.scoring.statistics import Estimate
from eval.sets.gold import Place, Question
from index.types import Span
from rag.inspection.trace import TracedPassage
from rag.shared.types import Answer, AnswerText, Citation, DocumentRef, IndexState, RankedPassage, Timings

EVIL = "<script>alert('x')</script> & \"quoted\""
TEXT = f"Before. {EVIL} After."


def question(number: int, *, answerable: bool = True) -> Question:
    places = (Place("d.txt", 8, 8 + len(EVIL)),) if answerable else ()
    return Question(f"q{number}", f"Question {number} {EVIL}?", answerable, (EVIL,) if answerable else (), places)


def result(number: int, rr: float, *, answerable: bool = True) -> Result:
    measures = {"RR@10": rr} if answerable else {}
    rank = round(1 / rr) if rr else None
    return Result(
        f"q{number}",
        f"Question {number} {EVIL}?",
        answerable,
        measures,
        0.6 + number / 100,
        True,
        EVIL,
        rank,
        (),
        rr > 0,
    )


QUESTIONS = [*(question(n) for n in range(4)), question(4, answerable=False)]
RESULTS = (result(0, 1.0), result(1, 0.5), result(2, 0.0), result(3, 0.5), result(4, 0.0, answerable=False))
RUN = Run(
    f"gold/{EVIL.replace('/', '')}",
    10,
    RESULTS,
    {"RR@10": Estimate(0.5, 0.2, 0.8), "ECE": Estimate(0.1, None, None)},
    StoreState("f", {"model": EVIL}, 1, 2),
    1.0,
)


def explained(asked: Question) -> Explanation:
    traced = TracedPassage(1, "d", "d.txt", Span(0, len(TEXT)), TEXT, 1, 1, True, True, 2, None, 0.5, {})
    listed = RankedPassage(
        1,
        0.5,
        TEXT,
        DocumentRef("d", EVIL, "d.txt", {}),
        (),
        None,
        Citation("d", EVIL, TEXT, Span(0, len(TEXT)), "sha"),
        (),
        (),
        None,
    )
    answer = Answer(
        asked.text, True, 0.6, True, None, AnswerText((EVIL,), (0,)), (listed,), IndexState(1, "f"), Timings(0, 0, 0)
    )
    return Explanation(asked, "found", 2, (traced,), (), 20, answer, True)


class Page(HTMLParser):
    """Tags, their attributes and the text in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.words += data


def page(earlier: Run | None = None) -> Page:
    compared = compare(RUN, earlier) if earlier else None
    return Page(render_page(RUN, QUESTIONS, explained, earlier=earlier, compared=compared))


def test_what_documents_and_questions_hold_is_text_and_never_markup() -> None:
    shown = page(RUN)
    assert "script" not in shown.tags and "alert" in shown.words
    assert shown.words.count(EVIL) >= 10


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = render_page(RUN, QUESTIONS, explained)
    assert not Page(html).links and "@import" not in html and not re.search(r"url\(", html)


def test_the_worst_come_first_and_the_surest_of_equals() -> None:
    words = page().words
    cases = re.findall(r"(q\d): (RR@10 [\d.]+|not answerable)", words)
    assert cases == [("q2", "RR@10 0.000"), ("q3", "RR@10 0.500"), ("q1", "RR@10 0.500"), ("q4", "not answerable")]
    assert "Answered though the documents do not say" in words and "3 of 3 that are short of 1" in words


def test_what_differs_from_another_run_is_listed_by_direction() -> None:
    before = replace(RUN, results=(result(0, 0.5), result(1, 1.0), *RESULTS[2:]))
    words = page(before).words
    assert "Worse than before (1)" in words and "Better than before (1)" in words
    assert "0.500 → 1.000" in words and "2 → 1" in words
    assert "differ between" not in page().words


def test_evidence_is_marked_where_it_stands() -> None:
    text = "One two three."
    assert _parts("d", Span(10, 24), text, [Place("d", 14, 17)]) == [("One ", False), ("two", True), (" three.", False)]
    assert _parts("d", Span(10, 24), text, [Place("d", 0, 13), Place("d", 12, 17)]) == [
        ("One two", True),
        (" three.", False),
    ]
    assert _parts("d", Span(10, 24), text, [Place("d", 23, 90)]) == [("One two three", False), (".", True)]
    assert _parts("d", Span(10, 24), text, [Place("e", 10, 24), Place("d", 24, 30)]) == [(text, False)]
    assert _parts("d", Span(10, 24), text, [Place("d", 10, 24)]) == [(text, True)]


def test_bins_of_reliability_by_hand() -> None:
    filled = bins(np.array([0.05, 0.95, 1.0, 0.91]), np.array([0.0, 1.0, 1.0, 0.0]))
    assert filled[0] == (0.05, 0.0, 1)
    assert filled[1][:2] == pytest.approx((2.86 / 3, 2 / 3)) and filled[1][2] == 3


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_charts_of_any_number_of_questions_are_drawn(n: int) -> None:
    generator = np.random.default_rng(n)
    runs = {"this run": Labelled(generator.random(n), (generator.random(n) < 0.5).astype(float))}
    for chart in (risk_coverage_chart(runs), reliability_chart(runs)):
        assert chart.startswith("<svg") and "this run" in chart and "<script" not in chart
    assert len(risk_coverage_chart(runs)) < 60_000
