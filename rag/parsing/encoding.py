"""Bytes to text: the encoding is told by its mark, by being valid UTF-8, by the letters of Western languages, or by
charset-normalizer's statistics.
"""

import codecs
import re
from collections import Counter

from rag.errors import UnreadableContent, UnsupportedFormat

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
_ONLY_TURKISH = "ğĞıİşŞ"
_TURKISH = set(_ONLY_TURKISH + "çÇöÖüÜâÂîÎûÛ‘’“”–—…«»€°")
_MAX_FOREIGN, _MIN_KNOWN = 0.4, 0.97  # of the plain letters; of the foreign ones
_MAX_TURKISH = 0.6
_SAMPLE_CHARACTERS = 100_000
_BINARY_SHARE = 0.01
KNOWN = (
    "plain text, code and logs, Markdown, HTML, PDF, DOCX, PPTX, XLSX, ODT, RTF, EPUB, EML, MSG, CSV, TSV, JSON, JSON Lines,"
    " notebooks and subtitles are read, also inside ZIP, TAR and compressed files"
)
_NOT_TEXT = f"this is binary data, not text; {KNOWN}"


def decode(content: bytes) -> str:
    """The text of a file, with line ends as ``\\n`` and without byte order mark, otherwise as it is.

    Raises UnsupportedFormat for binary data, UnreadableContent when no encoding fits.
    """
    text = _decode(content)
    sample = text[:_SAMPLE_CHARACTERS]
    if "\x00" in text or len(_CONTROL.findall(sample)) > _BINARY_SHARE * len(sample):
        raise UnsupportedFormat(_NOT_TEXT)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise UnreadableContent(f"the file is marked as {encoding} but is not: {error.reason}") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if b"\x00" in content:
        return _unmarked_utf16(content)
    if (text := _western(content)) is not None or (text := _turkish(content)) is not None:
        return text
    from charset_normalizer import from_bytes

    best = from_bytes(content).best()
    if best is None:
        raise UnreadableContent("the encoding cannot be told: save the file as UTF-8")
    return str(best)


def _western(content: bytes) -> str | None:
    """Text in Windows' Western code page, of which Latin-1 is a part, if its letters are those of one Western language.

    Statistics of letters, which tell the other code pages, go wrong for the few accents of a short text.
    """
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
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
    try:
        text = content.decode("cp1254")
    except UnicodeDecodeError:
        return None
    letters = Counter(_NOT_ASCII.findall(text))
    n_foreign = sum(letters.values())
    if n_foreign > _MAX_TURKISH * len(re.findall("[A-Za-z]", text)) or not any(letters[one] for one in _ONLY_TURKISH):
        return None
    return text if sum(letters[one] for one in _TURKISH) >= _MIN_KNOWN * n_foreign else None


def _unmarked_utf16(content: bytes) -> str:
    """UTF-16 without a mark has its zero bytes nearly all at even or nearly all at odd places."""
    odd, even = content[1::2].count(0), content[0::2].count(0)
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    if min(odd, even) * 20 > max(odd, even) or len(content) % 2:
        raise UnsupportedFormat(_NOT_TEXT)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnsupportedFormat(_NOT_TEXT) from error
