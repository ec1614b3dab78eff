"""PDF: the text layer in reading order, page by page (PDFium through pypdfium2), lines joined to paragraphs.

Left out: page numbers, and lines at the top or bottom of the pages where they are repeated. Headings come from the bookmarks, or
else from type that is larger than the body's.
"""

import ctypes
import io
import math
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from rag.parsing.pdf.headers import drop_repeated
from rag.parsing.pdf.layout import Gutters, Page
from rag.parsing.pdf.letters import mend_letters
from rag.parsing.pdf.objects.entries import read_entries, with_entries
from rag.parsing.pdf.objects.rulings import read_figures
from rag.parsing.pdf.objects.streams import is_damaged, suspect
from rag.parsing.pdf.orientation import Box, read_directions, turned, turned_point, turned_word
from rag.parsing.pdf.recognition.ocr import HINT, PicturesOnly, engine, recognise
from rag.parsing.pdf.words import HYPHEN_AT_LINE_END
from rag.parsing.pdf.writing import heading_key, printed_title, write_pages
from rag.parsing.shared.passwords import PROTECTED, PROTECTED_BY_OTHER
from rag.parsing.structure.builder import MAX_CHARACTERS, TextBuilder, Values, plain
from rag.parsing.structure.metadata import PAGES_NOT_READ, collect
from rag.shared.errors import ContentTooLarge, UnreadableContent
from rag.shared.types import ParsedText

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

MAX_PAGES = 20_000
_SAVE_AGAIN = "save or download it again"
# PDFium is not thread-safe: every call into it is made under this lock.
_PDFIUM = threading.Lock()
_END, _WITHIN = b"%%EOF", 2048  # what a whole file ends with, and in how many last bytes
_LIGATURES = str.maketrans(
    {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st"}
)
_QUARTER = math.pi / 2
_WORD = re.compile(r"[^\s\x02]+\x02?|\x02")
_JUNK_TITLE = re.compile(
    r"(?:untitled.*|\((?:anonymous|unspecified)\)|"
    r"(?:microsoft (?:word|powerpoint|excel) - ).*|.*\.(?:docx?|dvi|tex|indd|qxd|pptx?|xlsx?|rtf|odt|pdf|exe|html?|txt|ps)|\W*|"
    r"(?:slide|page|document|dokument|folie|title|titel|(?:powerpoint )?presentation|präsentation|report|scan)\W*\d*|"
    r"\S*[\d_]\S*)",
    re.I,
)
_UNMAPPED = re.compile("[\ufffd\ue000-\uf8ff\x00-\x01\x03-\x08\x0e-\x1f]")
_MAX_UNMAPPED = 0.3
_SIGNS = re.compile(r"[!\"#$%&'*+/<=>?@\[\\\]^`{|}~]")  # of which a text without a map of its letters is full
_MAX_SIGNS = 0.3
_MOST_SPOILED = 20  # letters that forms have in fonts without a map of their own
_SAMPLE = 50  # pages by which a file is told to be full of them
_RECOGNISED_DPI = 200
_MAX_PIXELS = 25_000_000
_BOLD = re.compile(rb"bold|black|heavy|demi|CMBX|SFBX|L-Medi|-BD\b", re.I)  # in the name of a font
_FORCED_BOLD = 1 << 18  # among its flags (PDF 32000-1, 9.8.2)
_MAX_PARTED = 4  # letters of what is looked at for gaps
_WIDE = 1.2  # times the height of a line that each letter of it takes then
_MAX_RECOGNISED = 2000  # pages of one file


def parse_pdf(content: bytes, name: str, *, ocr: bool = False, passwords: Sequence[str] = ()) -> ParsedText:
    """Text with page map, headings, title and metadata. ocr: whether to recognise the text of pages that are pictures.

    A page that is damaged costs itself alone: the others keep their numbers, and `pages_not_read` names it.
    Raises UnreadableContent when encrypted, damaged as a whole or without text.
    """
    layer = _read(content, ocr, passwords)
    _require_text(layer, ocr)
    mend_letters(layer.pages)
    if unmapped := _unmapped(layer.pages):
        if ocr:
            layer = _read(content, ocr, passwords, pictures=unmapped)
            _require_text(layer, ocr)
            mend_letters(layer.pages)
        elif _is_for_recognition(len(unmapped), sum(bool(page.lines) for page in layer.pages)):
            raise PicturesOnly(f"its fonts do not say which letters they show: {HINT}")
        for page in layer.pages:
            if page.number in unmapped and page.number not in layer.recognised:
                page.lines = []
    pages, stated = layer.pages, layer.stated
    without_text = [page.number for page in pages if not page.lines]
    drop_repeated(pages)
    printed = printed_title(pages)
    builder = TextBuilder()
    write_pages(builder, pages, layer.bookmarks)
    metadata = collect(
        author=stated.get("Author"),
        date=stated.get("CreationDate") or stated.get("ModDate"),
        language=stated.get("Language"),
        description=stated.get("Subject"),
        keywords=[word for word in re.split("[,;]", stated.get("Keywords", "")) if word.strip()],
    )
    metadata["pages"] = layer.n_pages
    for name_of_list, numbers in (
        ("pages_without_text", without_text),
        ("pages_recognised", layer.recognised),
        (PAGES_NOT_READ, layer.not_read),
    ):
        if numbers:
            metadata[name_of_list] = [*numbers]
    metadata |= _confidence(pages)
    title = plain(stated.get("Title", ""))
    if _JUNK_TITLE.fullmatch(title):
        title = ""
    return builder.build(title=title or printed or builder.first_heading or name, metadata=metadata)


def parse_picture(content: bytes, name: str) -> ParsedText:
    """The text recognised in a picture, which may have several pages.  Raises UnreadableContent where there is none."""
    pages = recognise(content)
    if not any(page.lines for page in pages):
        raise UnreadableContent("no text can be recognised in this picture")
    builder = TextBuilder()
    write_pages(builder, pages, {})
    numbers = [page.number for page in pages if page.lines]
    metadata: Values = {"pages": len(pages), "pages_recognised": [*numbers], **_confidence(pages)}
    return builder.build(title=builder.first_heading or name, metadata=metadata)


def _confidence(pages: list[Page]) -> Values:
    """How sure the letters of recognised pages are in the mean, as metadata."""
    sure = [page.confidence for page in pages if page.confidence is not None]
    return {"recognition_confidence": round(sum(sure) / len(sure), 2)} if sure else {}


@dataclass(slots=True)
class _Layer:
    """What a file holds. stated: its own metadata.  bookmarks: per page number the headings among them with their level.

    recognised, not_read: numbers of the pages whose text was recognised, and of those that are damaged, which are not in ``pages``.
    is_cut: whether its end is missing; then pages may be known whose drawings were in what is missing.
    """

    n_pages: int
    stated: dict[str, str]
    bookmarks: dict[int, dict[str, int]]
    pages: list[Page] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    not_read: list[int] = field(default_factory=list)
    is_cut: bool = False


def _unmapped(pages: Sequence[Page]) -> set[int]:
    """The numbers of pages whose letters are missing, or stand for others, because the fonts do not say which they are.

    Pages of signs are such pages only in a file that is full of them.
    """
    texts = {page.number: "".join(line.text for line in page.lines) for page in pages}
    sample = "".join(islice(texts.values(), _SAMPLE))
    full_of_signs = len(_SIGNS.findall(sample)) > _MAX_SIGNS * len(sample)
    return {
        number
        for number, text in texts.items()
        if len(_UNMAPPED.findall(text)) > _MAX_UNMAPPED * len(text)
        or (full_of_signs and len(_SIGNS.findall(text)) > _MAX_SIGNS * len(text))
    }


def _is_for_recognition(n_unmapped: int, n_pages: int) -> bool:
    """Whether all pages are unmapped, or, where something can recognise them, more than half."""
    return n_unmapped == n_pages or (2 * n_unmapped > n_pages and engine() is not None)


def _require_text(layer: _Layer, ocr: bool) -> None:
    """Raises UnreadableContent where no page has text, PicturesOnly where recognition may find some."""
    if any(page.lines for page in layer.pages):
        return
    if not layer.pages:
        why = "the file is cut off" if layer.is_cut else "they are damaged"
        raise UnreadableContent(f"none of its {layer.n_pages} pages can be read, {why}: {_SAVE_AGAIN}")
    damaged = f" ({len(layer.not_read)} more are damaged)" if layer.not_read else ""
    if ocr:
        raise UnreadableContent(f"no text can be recognised on its {len(layer.pages)} pages{damaged}")
    raise PicturesOnly(f"none of its {len(layer.pages)} pages{damaged} has text, they are pictures: {HINT}")


def _opened(content: bytes, passwords: Sequence[str]) -> "PdfDocument":
    """The document, by the first of the passwords that opens it.  Raises PdfiumError, the last one's where none does."""
    import pypdfium2

    for password in (None, *passwords[:-1]):
        try:
            return pypdfium2.PdfDocument(content, password=password)
        except pypdfium2.PdfiumError as error:
            if "assword" not in str(error) or not passwords:
                raise
    return pypdfium2.PdfDocument(content, password=passwords[-1])


def _read(content: bytes, ocr: bool, passwords: Sequence[str], *, pictures: Collection[int] = ()) -> _Layer:
    """The pages of a file. pictures: numbers of those whose text is recognised beside that of those without text."""
    import pypdfium2

    with _PDFIUM:
        try:
            document = _opened(content, passwords)
        except pypdfium2.PdfiumError as error:
            if "assword" in str(error):
                raise UnreadableContent(PROTECTED_BY_OTHER if passwords else PROTECTED) from error
            raise UnreadableContent(f"the PDF is damaged or cut off: {_SAVE_AGAIN}") from error
    try:
        with _PDFIUM:
            n_pages = len(document)
            stated = document.get_metadata_dict()
            stated["Language"] = _language(document)
            layer = _Layer(n_pages, stated, _bookmarks(document))
        if not n_pages:
            raise UnreadableContent(f"the PDF has no pages: {_SAVE_AGAIN}")
        if n_pages > MAX_PAGES:
            raise ContentTooLarge(f"{n_pages} pages, more than {MAX_PAGES}: split the file")
        n_characters = 0
        gutters: Gutters = set()
        suspected = suspect(content)
        layer.is_cut = _is_cut(content)
        is_drawn_on = True
        for index in range(n_pages):
            try:
                with _PDFIUM:
                    try:
                        page, is_empty = _page(document, index, gutters, is_drawn_on=is_drawn_on)
                    except _Spoiled:
                        is_drawn_on = False  # nor on the pages that follow, which have their fonts from the same place
                        document.close()
                        document = _opened(content, passwords)
                        page, is_empty = _page(document, index, gutters, is_drawn_on=is_drawn_on)
                    if (layer.is_cut and is_empty) or (
                        (suspected.damage or is_empty)
                        and is_damaged(_alone(document, index), checksums=suspected.checksums, is_empty=is_empty)
                    ):
                        layer.not_read.append(index + 1)
                        continue
            except pypdfium2.PdfiumError:
                layer.not_read.append(index + 1)
                continue
            if ocr and (page.number in pictures or not page.lines):
                if len(layer.recognised) >= _MAX_RECOGNISED:
                    raise ContentTooLarge(f"more than {_MAX_RECOGNISED} pages without text: split the file")
                with _PDFIUM:
                    picture, scale = _picture(document, index)
                [recognised] = recognise(picture, scale)[:1] or [page]
                page.lines, page.confidence = recognised.lines, recognised.confidence
                if page.lines:
                    layer.recognised.append(page.number)
            n_characters += sum(len(line.text) for line in page.lines)
            if n_characters > MAX_CHARACTERS:
                raise ContentTooLarge(f"more than {MAX_CHARACTERS // 10**6} million characters of text: split the file")
            layer.pages.append(page)
        return layer
    finally:
        with _PDFIUM:
            document.close()


def _is_cut(content: bytes) -> bool:
    """Whether the end of a file is missing. The first part of one for fast viewing has an end too, of which the table is at 0."""
    before, end, _ = content[-_WITHIN:].rpartition(_END)
    return not end or before.split()[-2:] == [b"startxref", b"0"]


def _language(document: "PdfDocument") -> str:
    from pypdfium2 import raw

    size = raw.FPDFCatalog_GetLanguage(document, None, 0)
    if not 2 < size <= 100:
        return ""
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFCatalog_GetLanguage(document, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\x00")


def _bookmarks(document: "PdfDocument") -> dict[int, dict[str, int]]:
    headings: dict[int, dict[str, int]] = defaultdict(dict)
    for number, bookmark in enumerate(document.get_toc(max_depth=6)):
        if number >= 20_000:
            break
        destination = bookmark.get_dest()
        index = destination.get_index() if destination is not None else None
        if index is not None:
            headings[index + 1][heading_key(bookmark.get_title())] = bookmark.level + 1
    return dict(headings)


class _Spoiled(Exception):
    """Drawing on a page what its forms show took its fonts' letters from it."""


def _page(document: "PdfDocument", index: int, gutters: Gutters, *, is_drawn_on: bool) -> tuple[Page, bool]:
    """A page with its lines as it is shown; and whether nothing at all is drawn on it. gutters: as of ``read_lines``.

    is_drawn_on: whether it is read with what PDFium draws of its forms, else with their values alone.  Raises _Spoiled then.
    """
    from pypdfium2 import raw

    page = document[index]
    try:
        entries = read_entries(page)
        if is_drawn_on and entries.are_drawn:
            n_unmapped = _n_unmapped(page)
            if raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS:
                page.close()  # read anew
                page = document[index]
                if _n_unmapped(page) > n_unmapped + _MOST_SPOILED:
                    raise _Spoiled
        width, height = page.get_size()
        turn = page.get_rotation()
        layer = page.get_textpage()
        try:
            left, bottom, _, _ = page.get_cropbox()
            box = raw.FS_RECTF()

            def place(at: int) -> Box:
                raw.FPDFText_GetLooseCharBox(layer, at, box)
                shown = (box.left - left, box.bottom - bottom, box.right - left, box.top - bottom)
                return turned(shown, turn, width, height)

            words = []
            is_bold, em = _weights(layer), _ems(layer)
            for first, end, text in _spans(layer):
                quarters = -(round(raw.FPDFText_GetCharAngle(layer, first) / _QUARTER) + turn // 90) % 4
                begin = place(first)
                last = place(end - 1) if end - first > 1 else begin
                is_even = abs(begin[3] - begin[1] - last[3] + last[1]) < 0.1
                ems = em(first), 0.0 if is_even else em(end - 1)
                parts = [(text, begin, last)]
                if quarters % 2 == 0 and len(text) == end - first and _is_of_cells(text, begin, last):
                    parts = [(letter, place(at), place(at)) for at, letter in enumerate(text, first)]
                for part, start, stop in parts:
                    part = part.translate(_LIGATURES)
                    words.append(turned_word(part, start, stop, quarters, width, height, ems=ems, bold=is_bold(first)))
            fields = [
                entry._replace(box=turned((x0 - left, y0 - bottom, x1 - left, y1 - bottom), turn, width, height))
                for entry in entries.fields
                for x0, y0, x1, y1 in [entry.box]
            ]
            words = with_entries(words, fields) if fields else words
            is_empty = not words and raw.FPDFPage_CountObjects(page) == 0
            figures = [
                [turned_point(x - left, y - bottom, turn, width, height) for x, y in figure]
                for figure in read_figures(page)
            ]
            lines, height = read_directions(words, width, height, gutters, figures)
            return Page(index + 1, document.get_page_label(index), height, lines), is_empty
        finally:
            layer.close()
    finally:
        page.close()


def _n_unmapped(page: "PdfPage") -> int:
    layer = page.get_textpage()
    try:
        return len(_UNMAPPED.findall("".join(text for _, _, text in _spans(layer))))
    finally:
        layer.close()


def _alone(document: "PdfDocument", index: int) -> bytes:
    """A page as a file of its own."""
    import pypdfium2

    alone = pypdfium2.PdfDocument.new()
    try:
        alone.import_pages(document, [index])
        written = io.BytesIO()
        alone.save(written)
        return written.getvalue()
    finally:
        alone.close()


def _picture(document: "PdfDocument", index: int) -> tuple[bytes, float]:
    """A page drawn in grey as PNM, and its pixels to a point."""
    page = document[index]
    try:
        width, height = page.get_size()
        scale = min(_RECOGNISED_DPI / 72, (_MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
        bitmap = page.render(scale=scale, grayscale=True)
        try:
            rows = bytes(bitmap.buffer)
            grey = b"".join(
                rows[at : at + bitmap.width] for at in range(0, bitmap.height * bitmap.stride, bitmap.stride)
            )
            return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + grey, scale
        finally:
            bitmap.close()
    finally:
        page.close()


def _spans(layer: "PdfTextPage") -> Iterator[tuple[int, int, str]]:
    """First character, the one after the last, and text of each word. A hyphen that breaks a word ends one."""
    from pypdfium2 import raw

    n_characters = layer.count_chars()
    text = layer.get_text_range().replace("\ufffe", HYPHEN_AT_LINE_END)
    if len(text) != n_characters:  # characters beyond UTF-16's first plane, or without a code: asked for one by one
        units = [raw.FPDFText_GetUnicode(layer, at) for at in range(n_characters)]
        text = "".join(chr(unit) if unit else "\ufffd" for unit in units)
    for match in _WORD.finditer(text):
        word = match[0]
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            word = word.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        yield match.start(), match.end(), word


def _weights(layer: "PdfTextPage") -> Callable[[int], bool]:
    """What says whether a character is set in a bold font."""
    from pypdfium2 import raw

    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    known: dict[bytes, bool] = {}

    def is_bold(at: int) -> bool:
        raw.FPDFText_GetFontInfo(layer, at, name, 128, flags)
        font = name.value
        if font not in known:
            known[font] = _BOLD.search(font) is not None
        return known[font] or bool(flags.value & _FORCED_BOLD)

    return is_bold


def _ems(layer: "PdfTextPage") -> Callable[[int], float]:
    """What gives the size in points in which a character is set, 0 where that is not known."""
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()

    def em(at: int) -> float:
        if not raw.FPDFText_GetMatrix(layer, at, matrix):
            return 0.0
        return float(raw.FPDFText_GetFontSize(layer, at) * (matrix.c**2 + matrix.d**2) ** 0.5)

    return em


def _is_of_cells(text: str, first: Box, last: Box) -> bool:
    """Whether a word has wide gaps inside: it is of cells of a table that no blank parts. first, last: boxes of its ends."""
    width = max(first[2], last[2]) - min(first[0], last[0])
    return 1 < len(text) <= _MAX_PARTED and width > _WIDE * (first[3] - first[1]) * len(text)
