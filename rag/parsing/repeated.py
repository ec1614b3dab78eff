"""Headers, footers and page numbers: the lines that stand at the edge of page after page."""

import re
from collections import defaultdict
from collections.abc import Iterator

from rag.parsing.builder import plain
from rag.parsing.layout import Line, Page

_EDGE_SHARE = 0.12  # of the page's height, at top and bottom, where headers and footers stand
_EDGE_LINES = 4
_PAGE_NUMBER = re.compile(
    r"(?:page|seite|p\.|side|página|стр\.)?\s*[-–—|]?\s*(\d{1,5})\s*[-–—|]?(?:\s*(?:/|of|von|av|de|из)\s*\d{1,5})?",
    re.I,
)
_NUMBER = re.compile(r"\d+")
_FEW_PAGES = 5


def drop_repeated(pages: list[Page]) -> None:
    """Take away the headers, footers and page numbers.

    That is what stands at the edge of three pages close to each other, of both where there are two, or of two on the same side of
    the leaf where there are few.
    """
    seen: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    edges: list[list[tuple[Line, list[tuple[str, str, int]]]]] = []
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
    for page, edge in zip(pages, edges, strict=True):
        dropped = {id(line) for line, keys in edge if repeated.intersection(keys)}
        if dropped:
            page.lines = [line for line in page.lines if id(line) not in dropped]


def _repeat_keys(zone: str, text: str, page: int) -> Iterator[tuple[str, str, int]]:
    """What must recur for a line to be a header: its words, or its words but for a number that counts the pages."""
    words = plain(text).casefold()
    yield zone, words, 0
    if found := _PAGE_NUMBER.fullmatch(words):
        yield zone, "#", int(found[1]) - page
    elif numbers := list(_NUMBER.finditer(words)):
        for number in {numbers[0], numbers[-1]}:
            if len(number[0]) <= 5:
                yield zone, words[: number.start()] + "#" + words[number.end() :], int(number[0]) - page


def _recurs(key: tuple[str, str, int], numbers: list[int], n_pages: int) -> bool:
    if key[1] == "#":
        return len(numbers) >= 2 or n_pages == 1
    if len(numbers) == 2 and numbers[1] - numbers[0] == 2 and n_pages <= _FEW_PAGES:
        return True  # on left or right pages alone
    close = sum(after - before <= 2 for before, after in zip(numbers, numbers[1:], strict=False))
    return len(numbers) >= max(min(n_pages, 3), 2) and close * 2 >= len(numbers) - 1
