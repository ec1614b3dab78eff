"""Bytes to text: the encoding is told by its mark, by being UTF-8 of which little is damaged, by the letters of Western languages,
or by charset-normalizer's statistics.
"""

import codecs
import re
from collections import Counter
from typing import NamedTuple

from rag.shared.errors import UnreadableContent, UnsupportedFormat

_MARKS = (  # the longer ones first: UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_ACCENTED = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e]")
# Signs that no Western word has inside it: letters of another code page.
_BROKEN_WORD = re.compile(
    "[A-Za-z][\u00a1-\u00a8\u00ac\u00af\u00b1-\u00b6\u00b8\u00b9\u00bc-\u00bf\u00d7\u00f7\u0192\u02c6\u2020\u2021\u2030][a-z]"
)
_ALPHABETS = [
    set(letters + letters.upper())
    for letters in (
        "äöüß",
        "àâæçéèêëîïôœùûüÿ",
        "áéíñóúü",
        "àèéìíîòóù",
        "áàâãçéêíóôõúü",
        "åæøäöéü",
        "ëéïöüèáóí",
        "áðéíóúýþæö",
        "äåöõü\u0161\u017e",
    )
]
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_HIGH_BYTES = bytes(range(0x80, 0x100))
_NOT_LETTERS = re.sub(b"[A-Za-z]", b"", bytes(range(0x100)))
# Bytes that are no UTF-8, as "surrogateescape" gives them; and what is left of a letter that a cut has gone through.
_INVALID = re.compile("[\udc80-\udcff]+")
_CUT_START = re.compile("[\udc80-\udcbf]{1,3}(?![\udc80-\udcff])")
_CUT_END = re.compile(
    r"(?<![\udc80-\udcff])(?:[\udcc2-\udcf4]|[\udce0-\udcf4][\udc80-\udcbf]|[\udcf0-\udcf4][\udc80-\udcbf]{2})\Z"
)


class _Evidence(NamedTuple):
    """How many bytes that continue a letter, each in its place, make up for an invalid byte and for cuts."""

    per_byte: int
    at_start: int
    at_end: int

    def asked(self, n_invalid: int, is_cut_at_start: bool, is_cut_at_end: bool) -> int:
        """How many of them make a text with so much damage one in UTF-8."""
        return self.per_byte * n_invalid + self.at_start * is_cut_at_start + self.at_end * is_cut_at_end


# Other encodings have such bytes by chance, least of all where letters of ASCII stand between. Of 2.2 million texts in 41 of them
# (one to twenty messages of programs, half of them cut at random) 0.07 % are so taken for UTF-8, nine in ten of these a single
# message; 0.10 % even are valid UTF-8.
_AMONG_ASCII, _AMONG_OTHERS = _Evidence(3, 2, 1), _Evidence(8, 2, 2)
_BYTES_PER_NUL = 4096
_ONLY_TURKISH = "ğĞıİşŞ"
_TURKISH = set(_ONLY_TURKISH + "çÇöÖüÜâÂîÎûÛ‘’“”–—…«»€°")
_MAX_FOREIGN, _MIN_KNOWN = 0.4, 0.97  # of the plain letters; of the foreign ones
_MAX_TURKISH = 0.6
_SAMPLE_CHARACTERS = 100_000
_BINARY_SHARE = 0.01
KNOWN = (
    "plain text, code and logs, Markdown, HTML, PDF, DOCX, PPTX, XLSX, ODT, ODS, ODP, RTF, EPUB, EML, MSG, CSV, TSV, JSON,"
    " JSON Lines, notebooks and subtitles are read, also inside ZIP, TAR and compressed files"
)
_NOT_TEXT = f"this is binary data, not text; {KNOWN}"


def as_text(content: bytes, encoding: str = "utf-8") -> str | None:
    """The text in an encoding; None where it is none."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def decode(content: bytes) -> str:
    """The text of a file, with line ends as ``\\n`` and without byte order mark, otherwise as it is; U+FFFD for what is damaged.

    Raises UnsupportedFormat for binary data, UnreadableContent when no encoding fits.
    """
    text = _decode(content)
    sample = text[:_SAMPLE_CHARACTERS]
    if "\x00" in text or len(_CONTROL.findall(sample)) > _BINARY_SHARE * len(sample):
        raise UnsupportedFormat(_NOT_TEXT)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def n_damaged(content: bytes) -> int:
    """At how many places ``decode`` gives U+FFFD for what is no text; runs of invalid bytes count once."""
    if b"\x00" not in content and as_text(content) is not None:
        return 0
    mended = _mended(content)
    return mended[1] if mended else 0


def _decode(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                if mark == codecs.BOM_UTF8 and (mended := _mended(content)) is not None:
                    return mended[0]
                raise UnreadableContent(f"the file is marked as {encoding} but is not: {error.reason}") from error
    has_nul = b"\x00" in content
    text = as_text(content)
    if text is not None and not has_nul:
        return text
    if (mended := _mended(content)) is not None:
        return mended[0]
    if text is not None:
        raise UnsupportedFormat(_NOT_TEXT)
    if has_nul:
        return _unmarked_utf16(content)
    if (text := _western(content)) is not None or (text := _turkish(content)) is not None:
        return text
    from charset_normalizer import from_bytes

    best = from_bytes(content).best()
    if best is None:
        raise UnreadableContent("the encoding cannot be told: save the file as UTF-8")
    return str(best)


def _mended(content: bytes) -> tuple[str, int] | None:
    """Text in UTF-8 of which little is damaged, and at how many places; None for what is none.

    A zero byte among thousands of others, none of which is a control character, is damage too.
    """
    n_nul = content.count(0)
    if n_nul * _BYTES_PER_NUL > len(content):
        return None
    escaped, valid = content.decode("utf-8", "surrogateescape"), content.decode("utf-8", "ignore")
    start, end = _CUT_START.match(escaped), _CUT_END.search(escaped, max(0, len(escaped) - 4))
    n_cut = sum(len(cut[0]) for cut in (start, end) if cut)
    n_letters = len(content.translate(None, _NOT_LETTERS))
    n_high = len(content) - len(content.translate(None, _HIGH_BYTES))
    n_continuing = len(valid.encode()) - len(valid)
    evidence = _AMONG_ASCII if n_letters > n_high else _AMONG_OTHERS
    if n_continuing < evidence.asked(len(escaped) - len(valid) - n_cut, bool(start), bool(end)):
        return None
    if n_nul and len(_CONTROL.findall(valid)) > n_nul:
        return None
    text = content.decode("utf-8-sig", "replace").replace("\x00", "\ufffd")
    return text, len(_INVALID.findall(escaped.replace("\x00", "\udcff")))


def _western(content: bytes) -> str | None:
    """Text in Windows' Western code page, of which Latin-1 is a part, if its letters are those of one Western language.

    Statistics of letters, which tell the other code pages, go wrong for the few accents of a short text.
    """
    if (text := as_text(content, "cp1252")) is None:
        return None
    letters = Counter(_ACCENTED.findall(text))
    n_foreign = sum(letters.values())
    if n_foreign > _MAX_FOREIGN * len(re.findall("[A-Za-z]", text)):
        return None
    if _BROKEN_WORD.search(text):
        return None
    known = max(sum(letters[letter] for letter in alphabet) for alphabet in _ALPHABETS)
    return text if known >= _MIN_KNOWN * n_foreign else None


def _turkish(content: bytes) -> str | None:
    """Text in Windows' Turkish code page, which differs in six letters from the Western one, if these are among its letters."""
    if (text := as_text(content, "cp1254")) is None:
        return None
    letters = Counter(_NOT_ASCII.findall(text))
    n_foreign = sum(letters.values())
    if n_foreign > _MAX_TURKISH * len(re.findall("[A-Za-z]", text)) or not any(letters[one] for one in _ONLY_TURKISH):
        return None
    return text if sum(letters[one] for one in _TURKISH) >= _MIN_KNOWN * n_foreign else None


def _unmarked_utf16(content: bytes) -> str:
    """UTF-16 without a mark has its zero bytes nearly all at even or nearly all at odd places."""
    odd, even = content[1::2].count(0), content[0::2].count(0)
    text = as_text(content, "utf-16-le" if odd > even else "utf-16-be")
    if min(odd, even) * 20 > max(odd, even) or text is None:
        raise UnsupportedFormat(_NOT_TEXT)
    return text
