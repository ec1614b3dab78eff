"""Text recognition by RapidOCR, whose models come with its package and run on OpenVINO: no system package, no network.

It reads Latin, Chinese, Japanese and other scripts at once; its boxes are those of lines.
"""

import io
from collections.abc import Sequence
from functools import cache
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

from rag.parsing.pdf.layout import Page, read_lines
from rag.parsing.pdf.words import Word
from rag.shared.errors import UnreadableContent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rapidocr import RapidOCR

_LEAST_SURE = 0.5  # of a line that is kept
_MAX_PICTURES = 200  # pages of one picture
_LARGER = 1.4  # times the usual height of a line: larger type, and not only higher by its letters
# Boxes are a little higher than the letters in them.
_LEADING = 0.8


def load() -> None:
    """Make the engine and read a picture, so that neither opens a file nor starts a thread afterwards."""
    import numpy as np
    from PIL import Image

    Image.init()
    pixels = np.full((80, 240), 255, np.uint8)
    pixels[30:50, 20:200:6] = 0
    for kind in ("PNG", "JPEG", "TIFF", "PPM"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        recognise(file.getvalue(), 1.0)


def recognise(picture: bytes, scale: float) -> list[Page]:
    """The pages of a picture, each with its lines and how sure their letters are. scale: pixels to a unit of length."""
    import numpy as np
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(picture)) as image:
            frames = islice(ImageSequence.Iterator(image), _MAX_PICTURES)
            return [_page(number, np.asarray(frame.convert("RGB")), scale) for number, frame in enumerate(frames, 1)]
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise UnreadableContent("the picture is damaged: save it again as PNG") from error


def _page(number: int, pixels: "NDArray[np.uint8]", scale: float) -> Page:
    height = pixels.shape[0] / scale
    recognised: Any = _engine()(pixels)
    lines = []
    shares = []
    if recognised.txts is not None:
        for text, share, box in zip(recognised.txts, recognised.scores, recognised.boxes.tolist(), strict=True):
            if text.strip() and share >= _LEAST_SURE:
                lines.append((text.strip(), [(x / scale, height - y / scale) for x, y in box]))
                shares.append(float(share))
    page = Page(number, "", height)
    page.lines = read_lines(_words(lines))
    page.confidence = sum(shares) / len(shares) if shares else None
    return page


def _words(lines: Sequence[tuple[str, list[tuple[float, float]]]]) -> list[Word]:
    """Each line as a word, with the usual height where its own is only that of its letters."""
    heights = [max(y for _, y in box) - min(y for _, y in box) for _, box in lines]
    usual = median(heights) if heights else 0.0
    words = []
    for (text, box), own in zip(lines, heights, strict=True):
        size = own if own > _LARGER * usual else usual
        low, high = min(y for _, y in box), max(y for _, y in box)
        words.append(
            Word(
                text.strip(), min(x for x, _ in box), low, max(x for x, _ in box), high, round(2 * _LEADING * size) / 2
            )
        )
    return words


@cache
def _engine() -> "RapidOCR":
    from rapidocr import EngineType, RapidOCR

    engines = {f"{part}.engine_type": EngineType.OPENVINO for part in ("Det", "Cls", "Rec")}
    return RapidOCR(
        params={
            **engines,
            "Global.log_level": "critical",
            "Rec.rec_batch_num": 1,
            "EngineConfig.openvino.inference_num_threads": 1,
        }
    )
