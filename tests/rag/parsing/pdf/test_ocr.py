import io
import shutil

import pytest
from PIL import Image, ImageDraw, ImageFont

from rag.parsing.pdf.recognition import ocr
from rag.parsing.sandbox.pool import Sandbox
from rag.shared.errors import BadInput, UnreadableContent
from rag.shared.types import OCR_LANGUAGES, ParsedText, ParseOptions

LINES = ["The harbour of Arnes", "opened in 1784 for", "ninety-one ships."]


def picture(kind: str = "PNG") -> bytes:
    image = Image.new("L", (900, 300), 255)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(LINES):
        pen.text((40, 40 + 70 * number), line, fill=0, font=ImageFont.load_default(42))
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(ocr, "_has_rapid", lambda: False)


def test_what_is_to_be_installed_is_said_where_nothing_recognises_text(monkeypatch: pytest.MonkeyPatch) -> None:
    without_any(monkeypatch)
    with pytest.raises(BadInput, match="footnote-rag\\[ocr\\]"):
        ocr.require_engine()
    with pytest.raises(UnreadableContent, match="not installed"):
        ocr.recognise(picture())


def test_naming_languages_chooses_tesseract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_has_rapid", lambda: True)
    assert ocr.engine() == ocr.RAPID
    monkeypatch.setenv(OCR_LANGUAGES, "deu")
    assert ocr.engine() == shutil.which("tesseract")


def test_a_picture_that_is_none_is_refused() -> None:
    pytest.importorskip("rapidocr")
    from rag.parsing.pdf.recognition import rapid

    with pytest.raises(UnreadableContent, match="damaged"):
        rapid.recognise(b"\x89PNG not a picture", 1.0)


def turned_pictures() -> bytes:
    """A picture of two pages, the second of which stands on its head."""
    image = Image.open(io.BytesIO(picture())).convert("L")
    file = io.BytesIO()
    image.save(file, "TIFF", save_all=True, append_images=[image.rotate(180)])
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "asked", "pages"),
    [(turned_pictures(), True, [1, 2]), (picture("PDF"), False, [1])],
    ids=["pictures as asked", "a file of nothing but pictures unasked"],
)
def test_pictures_are_read_in_a_process_that_may_open_nothing(content: bytes, asked: bool, pages: list[int]) -> None:
    pytest.importorskip("rapidocr")
    with Sandbox() as sandbox:
        [part] = sandbox.read("a", content, lambda path, sha256: True, ParseOptions(ocr=asked))
    assert isinstance(part.text, ParsedText), part.text
    assert part.text.text.replace("\n\n", " ") == " ".join(LINES * len(pages))
    assert part.text.metadata["pages_recognised"] == pages
    assert float(str(part.text.metadata["recognition_confidence"])) > 0.9
