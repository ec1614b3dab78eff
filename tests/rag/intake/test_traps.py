"""Texts made to keep a splitter busy: the time grows with the text and not with its square."""

import gc
import time
from collections.abc import Callable

import pytest

from rag.intake.prepare import passage_inputs, prepare, prepare_incoming
from rag.language.sentences import split_sentences
from rag.parsing.formats import parse
from rag.shared.types import Incoming

SIZES = (4_000, 8_000, 16_000, 32_000)
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


def cpu_seconds(work: Callable[[str], object], text: str) -> float:
    """Processor time, without the garbage collector, whose time depends on all that is alive."""
    gc.collect()
    gc.disable()
    try:
        started = time.thread_time()
        work(text)
        return time.thread_time() - started
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize(
    "work",
    [
        split_sentences,
        lambda text: prepare_incoming(Incoming(key="k", title="t", text=text), size=700, overlap=1),
    ],
    ids=["sentences", "passages"],
)
def test_time_grows_with_the_text_and_not_with_its_square(work: Callable[[str], object], trap: str) -> None:
    """At most 2.5 times the time for twice the text, in one of fourteen rounds over all sizes or by the quickest of them: a machine
    that is slower for a while passes, four times for twice does not.
    """
    least = [float("inf")] * len(SIZES)
    for done in range(1, 15):
        times = [cpu_seconds(work, TRAPS[trap](size)) for size in SIZES]
        least = [min(pair) for pair in zip(least, times, strict=True)]
        if done > 1 and not (grows(times) and grows(least)):
            return
    pytest.fail(f"seconds for {SIZES} characters: {least}")


def grows(times: list[float]) -> bool:
    # What takes no time cannot grow; under a hundredth of a second there is only noise.
    return any(late > 2.5 * early for early, late in zip(times, times[1:], strict=False) if late > 0.01)


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
    prepared = prepare(
        parsed, key="k", source=None, collection="c", metadata={}, content_sha256="", size=700, overlap=1
    )
    inputs = passage_inputs(prepared)
    assert max(len(given.text) for given in inputs) <= 4_000 + 700
    assert sum(len(given.context) for given in inputs) < 5 * len(text)
    assert len(prepared.document.title) <= 1000
    covered = sum(len(given.text) for given in inputs)
    assert covered > 0.9 * len(parsed.text)  # the heading can be found all the same
