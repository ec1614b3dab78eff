"""What every format owes: positions that hold, and text that stands in the original."""

import re
from collections.abc import Callable

import pytest

from rag.chunking import chunk
from rag.parsing import parse
from rag.types import ParsedText

Read = Callable[..., ParsedText]
# What a reader does not see: white space, soft hyphens, zero-width spaces.
_UNSEEN = re.compile("[\\s\u00ad\u200b\ufeff]+")


def squeezed(text: str) -> str:
    """Text without its white space and what else is not seen."""
    return _UNSEEN.sub("", text)


def _check(parsed: ParsedText) -> None:
    text = parsed.text
    position = 0
    for section in parsed.sections:
        assert section.start == position <= section.heading_end <= section.end, section
        position = section.end
    assert position == len(text)
    position = 0
    outside = []
    for block in parsed.blocks:
        assert position <= block.start < block.end <= len(text), block
        outside.append(text[position : block.start])
        assert text[block.start : block.end] == text[block.start : block.end].strip("\n")
        position = block.end
    headings = "".join(text[section.start : section.heading_end] for section in parsed.sections)
    if parsed.blocks:
        assert squeezed("".join(outside) + text[position:]) == squeezed(headings)
    starts = [page.start for page in parsed.pages]
    assert starts == sorted(set(starts)) and all(0 <= start <= len(text) for start in starts)
    assert [page.number for page in parsed.pages] == sorted({page.number for page in parsed.pages})


@pytest.fixture
def read() -> Read:
    """Parses a file and checks what holds for all formats; with ``original``, that every passage stands in it, blanks apart."""

    def run(name: str, content: bytes, original: str | None = None) -> ParsedText:
        parsed = parse(name, content)
        _check(parsed)
        passages = chunk(parsed.text, parsed.sections, size=600, overlap=1)
        if original is not None:
            layer = squeezed(original)
            missing = [
                parsed.text[slice(*p.span)] for p in passages if squeezed(parsed.text[slice(*p.span)]) not in layer
            ]
            assert not missing
        return parsed

    return run


@pytest.fixture
def path_of() -> Callable[[ParsedText, str], tuple[str, ...]]:
    """The heading path under which a quote stands."""

    def find(parsed: ParsedText, quote: str) -> tuple[str, ...]:
        at = parsed.text.index(quote)
        return next(section.path for section in parsed.sections if section.start <= at < section.end)

    return find


@pytest.fixture
def page_of() -> Callable[[ParsedText, str], int]:
    """The number of the page on which a quote starts."""

    def find(parsed: ParsedText, quote: str) -> int:
        at = parsed.text.index(quote)
        return [page.number for page in parsed.pages if page.start <= at][-1]

    return find
