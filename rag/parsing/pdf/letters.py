"""Letters that the fonts of a file name wrongly, told by the words that come out of the whole of it.

- Latin read as Mac Roman ("Fern·ndez" of "Fernández"), and ligatures at the places of signs, as some programs' fonts have them.
- Numbers of glyphs read as letters: all of the alphabet moved by the same number of places ("6SDWHQVWLFK" of "Spatenstich").
"""

import math
import re
from collections.abc import Callable
from dataclasses import replace

from rag.parsing.pdf.layout import Line, Page
from rag.parsing.structure.tables import Row

# What stands inside or beside small letters only where a code page was mistaken.
_MISREAD = re.compile(
    r"(?<=[a-z])[·ÌÍÎÏÓÔÒÚÛÙÁÂÊËÈÖ§¢˙˚ˆ˜¸](?=[a-z])|(?<![^\s(])[ìÖ](?=[a-z]{2}|[A-Z])|(?<=[a-z.,])î(?!\w)"
)
_RIGHT = re.compile(r"(?<=[a-z])[áàâäãåçéèêëíïñóòôöõúùûüýæøœß](?=[a-z])")
_MIN_MISREAD = 5
# Signs at whose places in Windows' Latin code page fonts have ligatures.
_LIGATURES = {"…": "fi", "‡": "fl", "¤": "ff", "¢": "ffi", "£": "ffl"}
_MOVED = 29  # a font's glyphs begin with three that are no letters; the fourth is the blank, which is 32
_LEAST_LETTERS = 12  # of a line that tells by itself
_SURE, _LIKELY = 0.8, 0.3  # by how much the mean logarithm of its letters' probabilities must be higher
_MIN_LINES = 2
_SMALL = 0.6  # of its signs that are small letters when moved
# Letters in a hundred thousand of several European languages together.
_IN_ORDER = (
    "7900 1500 2900 3900 14500 1500 1900 2800 7300 300 700 4400 2700 "
    "7600 6300 2300 400 6800 6900 7200 3300 1400 1000 200 1000 500"
)
_SHARES = dict(zip("abcdefghijklmnopqrstuvwxyz", map(int, _IN_ORDER.split()), strict=True))
_NO_LETTER = math.log(0.002)


def mend_letters(pages: list[Page]) -> None:
    """Give the lines of a document the letters that they show, where these are told with certainty."""
    lines = [line for page in pages for line in page.lines]
    n_wrong = n_right = 0
    for line in lines:
        if not line.text.isascii():
            n_wrong += len(_MISREAD.findall(line.text))
            n_right += len(_RIGHT.findall(line.text))
    if n_wrong >= _MIN_MISREAD and n_wrong > 2 * n_right:
        for line in lines:
            if not line.text.isascii():
                _rewrite(line, _as_latin)
    gains = [_gain(line.text) for line in lines]
    if sum(gain > _SURE for gain in gains) >= _MIN_LINES:
        for line, gain in zip(lines, gains, strict=True):
            if gain > _LIKELY:
                _rewrite(line, _moved)


def _as_latin(text: str) -> str:
    """A text that was read as Mac Roman. What is not of that code page was not read so."""
    letters = []
    for letter in text:
        try:
            read = letter.encode("mac_roman").decode("cp1252") if not letter.isascii() else letter
        except UnicodeError:
            read = letter
        letters.append(_LIGATURES.get(read, read) if not letter.isascii() else letter)
    return "".join(letters)


def _gain(text: str) -> float:
    """How much likelier a line is with its letters moved, in the mean of their logarithms; 0 for a short one."""
    letters = [letter for letter in text if letter > " "]
    if len(letters) < _LEAST_LETTERS or sum("D" <= letter <= "]" for letter in letters) < _SMALL * len(letters):
        return 0.0
    return _likelihood(_moved(text)) - _likelihood(text)


def _likelihood(text: str) -> float:
    letters = [letter for letter in text.lower() if not letter.isspace()]
    known = (math.log(_SHARES[letter] / 100_000) if letter in _SHARES else _NO_LETTER for letter in letters)
    return sum(known) / max(len(letters), 1)


def _moved(text: str) -> str:
    return "".join(
        chr(ord(letter) + _MOVED) if ord(letter) < 127 - _MOVED and letter != " " else letter for letter in text
    )


def _rewrite(line: Line, change: Callable[[str], str]) -> None:
    line.text = change(line.text)
    if (table := line.table) is not None:
        line.table = replace(
            table,
            header=[[change(cell) for cell in cells] for cells in table.header],
            names=[change(name) for name in table.names],
            rows=[Row([change(cell) for cell in row.cells], change(row.group)) for row in table.rows],
        )
