"""Questions and texts made to keep an expression busy."""

import re
import time

import pytest

from rag.answer.units import aspects, definitions
from rag.language import asked, days, kinds_in_text
from rag.parsing.pdf import paragraphs

pytestmark = pytest.mark.medium

TRAPS = [
    "a" * 2000,
    "A" * 2000,
    "a " * 1000,
    "A. " * 660,
    "\n" * 2000,
    "1," * 1000,
    "a-" * 1000,
    "how many " * 220,
    "1/" * 1000,
    "1 May " * 330,
]
MODULES = (aspects, asked, days, definitions, kinds_in_text, paragraphs)


def expressions() -> list[re.Pattern[str]]:
    """All that these modules hold, also in tuples and mappings."""
    patterns: list[re.Pattern[str]] = []
    values = [value for module in MODULES for value in vars(module).values()]
    while values:
        value = values.pop()
        if isinstance(getattr(value, "pattern", None), str):  # also of those that are compiled when first used
            patterns.append(value)
        elif isinstance(value, tuple | list):
            values += value
        elif isinstance(value, dict):
            values += value.values()
    return patterns


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: repr(trap[:9]))
def test_no_expression_takes_more_than_a_blink_of_processor_time(trap: str) -> None:
    """Half a second for 2,000 characters, of the processor's time, once in three tries: a power of them takes minutes."""
    patterns = expressions()
    assert len(patterns) > 40
    for pattern in patterns:
        assert any(cpu_seconds(pattern, trap) < 0.5 for _ in range(3)), pattern.pattern


def cpu_seconds(pattern: re.Pattern[str], text: str) -> float:
    started = time.thread_time()
    sum(1 for _ in pattern.finditer(text))
    return time.thread_time() - started
