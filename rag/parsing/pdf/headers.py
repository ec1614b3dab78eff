"""Headers, footers and page numbers: the lines that stand at the edge of page after page."""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from rag.parsing.pdf.layout import EDGE, Line, Page
from rag.parsing.pdf.paragraphs import Paragraph, Vocabulary
from rag.parsing.structure.builder import TextBuilder, plain
from rag.shared.types import MARGIN

_EDGE_SHARE = 0.12  # of the page's height, at top and bottom, where headers and footers stand
_EDGE_LINES = 4
_PAGE = r"(?:page|seite|p\.|side|sida|página|pagina|strona|стр\.)"
_OF = r"(?:/|of|von|av|de|sur|di|van|z|из)"
_PAGE_NUMBER = re.compile(rf"{_PAGE}?\s*[-–—|]?\s*(\d{{1,5}})\s*[-–—|]?(?:\s*{_OF}\s*\d{{1,5}})?", re.I)
_COUNTED = re.compile(rf"(?:\b{_PAGE})?\s*#(?:\s*{_OF}\s*\d{{1,5}}\b)?", re.I)
_NUMBER = re.compile(r"\d+")
_N_NUMBERS = 8  # from the beginning and from the end of a line, which bounds what a line of numbers costs
_WORD = re.compile(r"[^\W_]+")
_FEW_PAGES = 5

_Key = tuple[str, str, int]


def drop_repeated(pages: list[Page]) -> None:
    """Take away page numbers, and of headers and footers all but the first, which gets a column of its own (EDGE).

    They are what stands at the edge of three pages close to each other, of both where there are two, or of two on the same side of
    the leaf where there are few. What the rest of the text says as well is taken away altogether; where there is no rest, nothing.
    """
    seen: dict[_Key, list[int]] = defaultdict(list)
    edges: list[list[tuple[Line, list[_Key]]]] = []
    for page in pages:
        top, bottom = page.height * (1 - _EDGE_SHARE), page.height * _EDGE_SHARE
        ordered = sorted(page.lines, key=lambda line: line.y0 + line.y1)
        candidates = [("bottom", line) for line in ordered[:_EDGE_LINES] if line.y1 < bottom]
        candidates += [("top", line) for line in ordered[-_EDGE_LINES:] if line.y0 > top]
        edge = []
        for zone, line in candidates:
            keys = list(_repeat_keys(zone, line.text, page.number))
            edge.append((line, keys))
            for key in keys:
                seen[key].append(page.number)
        edges.append(edge)
    repeated = {key for key, numbers in seen.items() if _recurs(key, numbers, len(pages))}
    repeated_lines = [
        (page, {id(line): _words_of(known[-1]) for line, keys in edge if (known := [k for k in keys if k in repeated])})
        for page, edge in zip(pages, edges, strict=True)
    ]
    rest = [line.text for page, words in repeated_lines for line in page.lines if id(line) not in words]
    if rest and any(words for _, words in repeated_lines):
        _keep_first(repeated_lines, rest)


def add_edges(builder: TextBuilder, edges: list[list[Line]]) -> None:
    """Add headers and footers as paragraphs of their own, and empty the list."""
    for group in edges:
        paragraph = Paragraph(Vocabulary([]))
        paragraph.add(group, MARGIN)
        paragraph.flush(builder)
    edges.clear()


def _keep_first(repeated_lines: list[tuple[Page, dict[int, str]]], rest: list[str]) -> None:
    """Drop repeated lines but the first of each. repeated_lines: pages, with such a line's words by its id.  rest: other lines."""
    text = "\n".join(["", *map(_words, rest), ""])
    running = f" {text} ".replace("\n", " ")
    met = {""}
    # Pages with other text come first: on one without, the header would be its text, to which a paragraph may run on.
    for page, words in sorted(repeated_lines, key=lambda entry: len(entry[1]) == len(entry[0].lines)):
        is_alone = len(words) == len(page.lines)
        kept = []
        for line in page.lines:
            words_of_line = words.get(id(line))
            if words_of_line is not None:
                if words_of_line in met:
                    continue
                met.add(words_of_line)
                if (
                    f"\n{words_of_line}\n" in text
                    or f" {words_of_line} " in running
                    and not _NUMBER.search(words_of_line)
                ):
                    continue
                line.column = line.column if is_alone else EDGE
            kept.append(line)
        page.lines = kept


def _words(text: str) -> str:
    return " ".join(_WORD.findall(plain(text).casefold()))


def _words_of(key: _Key) -> str:
    """The words of a repeated line beside its page number; none if it is nothing else."""
    return _words(_COUNTED.sub(" ", key[1]))


def _repeat_keys(zone: str, text: str, page: int) -> Iterator[_Key]:
    """What must recur for a line to be a header: its words, or its words but for a number that counts the pages."""
    words = plain(text).casefold()
    yield zone, words, 0
    if match := _PAGE_NUMBER.fullmatch(words):
        yield zone, "#", int(match[1]) - page
    elif numbers := list(_NUMBER.finditer(words)):
        for number in dict.fromkeys(numbers[:_N_NUMBERS] + numbers[-_N_NUMBERS:]):
            if len(number[0]) <= 5:
                yield zone, words[: number.start()] + "#" + words[number.end() :], int(number[0]) - page


def _recurs(key: _Key, numbers: list[int], n_pages: int) -> bool:
    if key[1] == "#":
        return len(numbers) >= 2 or n_pages == 1
    if len(numbers) == 2 and numbers[1] - numbers[0] == 2 and n_pages <= _FEW_PAGES:
        return True  # on left or right pages alone
    close = sum(after - before <= 2 for before, after in pairwise(numbers))
    return len(numbers) >= max(min(n_pages, 3), 2) and close * 2 >= len(numbers) - 1
