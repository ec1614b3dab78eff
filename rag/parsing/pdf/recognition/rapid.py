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

_LEAST_SURE = 0.5  # of a line that is kept
_MAX_PICTURES = 200  # pages of one picture
_UPRIGHT = 0.8  # how sure the lines of a page are in the mean that does not stand on its head
_LARGER = 1.4  # times the usual height of a line: larger type, and not only higher by its letters
# Boxes are a little higher than the letters in them.
_LEADING = 0.8

_Line = tuple[str, float, list[tuple[float, float]]]  # its text, how sure it is, and the corners of its box in pixels


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
    lines = _lines(pixels)
    if lines and _mean_share(lines) < _UPRIGHT:
        lines = max(lines, _lines(pixels[::-1, ::-1].copy()), key=_mean_share)
    placed = [(text, [(x / scale, height - y / scale) for x, y in box]) for text, _, box in lines]
    page = Page(number, "", height)
    page.lines = read_lines(_words(placed))
    page.confidence = _mean_share(lines) if lines else None
    return page


def _lines(pixels: "NDArray[np.uint8]") -> list[_Line]:
    recognised: Any = _engine()(pixels)
    if recognised.txts is None:
        return []
    told = zip(recognised.txts, map(float, recognised.scores), recognised.boxes.tolist(), strict=True)
    return [(text.strip(), share, box) for text, share, box in told if text.strip() and share >= _LEAST_SURE]


def _mean_share(lines: Sequence[_Line]) -> float:
    return sum(share for _, share, _ in lines) / max(len(lines), 1)


def _words(lines: Sequence[tuple[str, list[tuple[float, float]]]]) -> list[Word]:
    """Each line as a word, with the usual height where its own is only that of its letters."""
    boxes = [[*map(min, zip(*box, strict=True)), *map(max, zip(*box, strict=True))] for _, box in lines]
    usual = median([high - low for _, low, _, high in boxes]) if boxes else 0.0
    words = []
    for (text, _), (x0, low, x1, high) in zip(lines, boxes, strict=True):
        size = high - low if high - low > _LARGER * usual else usual
        words.append(Word(text, x0, low, x1, high, round(2 * _LEADING * size) / 2))
    return words


@cache
def _engine() -> Any:
    """The engine, without its classifier of direction, which turns long lines that stand upright on their heads."""
    from openvino import Core
    from rapidocr import EngineType, RapidOCR

    engine: Any = RapidOCR(
        params={
            **{f"{part}.engine_type": EngineType.OPENVINO for part in ("Det", "Rec")},
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Rec.rec_batch_num": 1,
            "EngineConfig.openvino.inference_num_threads": 1,
        }
    )
    # Each line has a width of its own, and what OpenVINO keeps of each would take more memory from line to line.
    kept_of_none = {"CPU_RUNTIME_CACHE_CAPACITY": "0", "INFERENCE_NUM_THREADS": "1"}
    for part in (engine._load_det_model(), engine._load_rec_model()):
        part.session.session = Core().compile_model(part.session.model, "CPU", kept_of_none).create_infer_request()
    return engine
