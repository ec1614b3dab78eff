"""Texts made to keep a splitter busy: the time grows with the text and not with its square."""

import gc
import time
from collections.abc import Callable

import pytest

from rag.intake.prepare import Cut, passage_inputs, prepare, prepare_incoming
from rag.parsing.formats import parse
from rag.shared.types import Incoming

SIZE = 16_000
TRAPS: dict[str, Callable[[int], str]] = {
    "one long word": lambda n: "a" * n,
    "full stops": lambda n: ". " * (n // 2),
    "abbreviations": lambda n: "e.g. Mr. A. B. " * (n // 15),
    "blanks": lambda n: " " * (n - 1) + "a",
    "line ends": lambda n: "a\n" * (n // 2),
    "blank lines": lambda n: "\r\n" * (n // 2) + "a",
    "opening brackets": lambda n: "(" * n,
    "quotation marks": lambda n: '."' * (n // 2),
    "digits": lambda n: "1." * (n // 2),
    "hyphens": lambda n: "a-" * (n // 2),
    "marks on one letter": lambda n: "a" + "\u0301" * n,
    "capitals and stops": lambda n: "A." * (n // 2),
    "emoji": lambda n: "🍎" * n,
    "ideographs": lambda n: "文" * n,
    "ideographs and stops": lambda n: "文。" * (n // 2),
    "ellipses": lambda n: "..." * (n // 3) + "!?",
    "addresses": lambda n: "http://a.b/c?d=e.f " * (n // 19),
}


def cut(text: str) -> None:
    """Cut a text into passages, and into sentences before that."""
    prepare_incoming(Incoming(key="k", title="t", text=text), Cut(700, 1))


def cpu_seconds(work: Callable[[str], object], text: str) -> float:
    """Processor time, without the garbage collector's, which depends on all that is alive."""
    gc.disable()
    try:
        started = time.thread_time()
        work(text)
        return time.thread_time() - started
    finally:
        gc.enable()


def require_linear(work: Callable[[str], object], trap: Callable[[int], str]) -> None:
    """At most 9 times the time for four times the text, in one of fourteen rounds or by the quickest of them: a machine that is
    slower for a while passes, sixteen times for four times does not.
    """
    work(trap(100))  # what is imported or compiled the first time
    short, long = float("inf"), float("inf")
    for _ in range(14):
        once, now = cpu_seconds(work, trap(SIZE)), cpu_seconds(work, trap(4 * SIZE))
        short, long = min(short, once), min(long, now)
        if now <= 9 * once or long <= 9 * short:
            return
    pytest.fail(f"{short:.3f} s for {SIZE} characters, {long:.3f} s for four times as many")


@pytest.mark.slow
@pytest.mark.parametrize("trap", TRAPS)
def test_time_grows_with_the_text_and_not_with_its_square(trap: str) -> None:
    require_linear(cut, TRAPS[trap])


def test_time_that_grows_with_the_square_is_told() -> None:
    with pytest.raises(pytest.fail.Exception):
        require_linear(lambda text: [text.count("a", start) for start in range(0, len(text), 64)], lambda n: "a" * n)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "# " + "word " * 40_000 + "\n\n" + "The mill was built by Ann.\n\n" * 2_000),
        ("b.md", "---\ntags: " + "word " * 40_000 + "\n---\n\n" + "The mill was built by Ann.\n\n" * 2_000),
        ("c.html", "<h1>" + "word " * 40_000 + "</h1>" + "<p>The mill was built by Ann.</p>" * 2_000),
    ],
)
def test_a_heading_as_long_as_a_book_is_not_repeated_with_every_passage(name: str, text: str) -> None:
    parsed = parse(name, text.encode())
    prepared = prepare(parsed, key="k", source=None, collection="c", metadata={}, content_sha256="", cut=Cut(700, 1))
    inputs = passage_inputs(prepared)
    assert max(len(given.text) for given in inputs) <= 4_000 + 700
    assert sum(len(given.context) for given in inputs) < 5 * len(text)
    assert len(prepared.document.title) <= 1000
    covered = sum(len(given.text) for given in inputs)
    assert covered > 0.9 * len(parsed.text)  # the heading can be found all the same
