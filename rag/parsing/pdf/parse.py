"""PDF: the text layer in reading order, page by page (PDFium through pypdfium2), lines joined to paragraphs.

Left out: page numbers, and lines at the top or bottom of the pages where they are repeated. Headings come from the bookmarks, or
else from type that is larger than the body's.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from rag.parsing.pdf.headers import drop_repeated
from rag.parsing.pdf.layout import Gutters, Page
from rag.parsing.pdf.letters import mend_letters
from rag.parsing.pdf.objects.entries import text_given_by
from rag.parsing.pdf.objects.page import UNMAPPED, Spoiled, draw_page, page_alone, read_page
from rag.parsing.pdf.objects.streams import is_damaged, suspect
from rag.parsing.pdf.recognition.ocr import HINT, PicturesOnly, engine, recognise
from rag.parsing.pdf.writing import heading_key, printed_title, write_pages
from rag.parsing.shared.passwords import PROTECTED, PROTECTED_BY_OTHER
from rag.parsing.structure.builder import TextBuilder, Values, plain, require_length
from rag.parsing.structure.metadata import PAGES_NOT_READ, collect
from rag.shared.errors import ContentTooLarge, UnreadableContent
from rag.shared.types import ParsedText

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

MAX_PAGES = 20_000
_SAVE_AGAIN = "save or download it again"
# PDFium is not thread-safe: every call into it is made under this lock.
_PDFIUM = threading.Lock()
_END, _WITHIN = b"%%EOF", 2048  # what a whole file ends with, and in how many last bytes
_JUNK_TITLE = re.compile(
    r"(?:untitled.*|\((?:anonymous|unspecified)\)|"
    r"(?:microsoft (?:word|powerpoint|excel) - ).*|.*\.(?:docx?|dvi|tex|indd|qxd|pptx?|xlsx?|rtf|odt|pdf|exe|html?|txt|ps)|\W*|"
    r"(?:slide|page|document|dokument|folie|title|titel|(?:powerpoint )?presentation|präsentation|report|scan)\W*\d*|"
    r"\S*[\d_]\S*)",
    re.I,
)
_MAX_UNMAPPED = 0.3
_SIGNS = re.compile(r"[!\"#$%&'*+/<=>?@\[\\\]^`{|}~]")  # of which a text without a map of its letters is full
_MAX_SIGNS = 0.3
_SAMPLE = 50  # pages by which a file is told to be full of them
_MAX_RECOGNISED = 2000  # pages of one file
_MAX_LANGUAGE = 50  # characters of what is said of it


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
        if len(UNMAPPED.findall(text)) > _MAX_UNMAPPED * len(text)
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
                        page, is_empty = read_page(document, index, gutters, is_drawn_on=is_drawn_on)
                    except Spoiled:
                        is_drawn_on = False  # nor on the pages that follow, which have their fonts from the same place
                        document.close()
                        document = _opened(content, passwords)
                        page, is_empty = read_page(document, index, gutters, is_drawn_on=is_drawn_on)
                    if (layer.is_cut and is_empty) or (
                        (suspected.damage or is_empty)
                        and is_damaged(page_alone(document, index), checksums=suspected.checksums, is_empty=is_empty)
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
                    picture, scale = draw_page(document, index)
                [recognised] = recognise(picture, scale)[:1] or [page]
                page.lines, page.confidence = recognised.lines, recognised.confidence
                if page.lines:
                    layer.recognised.append(page.number)
            n_characters += sum(len(line.text) for line in page.lines)
            require_length(n_characters)
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

    return text_given_by(partial(raw.FPDFCatalog_GetLanguage, document), _MAX_LANGUAGE)


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
