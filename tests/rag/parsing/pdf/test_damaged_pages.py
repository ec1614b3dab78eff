"""PDF files of which some pages are damaged: the others are read, under their own numbers, and whoever adds them is told."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from rag.parsing.formats import parse
from rag.service import Service
from rag.shared.errors import UnreadableContent
from rag.shared.types import Query
from tests.rag.parsing.conftest import PageOf, Read
from tests.rag.parsing.pdf import drawing

pytestmark = pytest.mark.medium

KIDS = b"/Kids [ 3 0 R 4 0 R 5 0 R 6 0 R ]"
FACTS = ["Bridges", "Canals", "Tunnels", "Harbours"]


def pdf(*kids: str, scans: bool = False) -> bytes:
    """Four pages, of which some are replaced in the page tree."""

    def draw(canvas: Canvas) -> None:
        for fact in FACTS:
            if scans:
                canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "grey")), 72, 400, 300, 300)
            else:
                canvas.drawString(72, 700, f"{fact} were built by the parish of Norwell.")
            canvas.showPage()

    content = drawing.pdf(draw, pageCompression=0)
    if not scans:
        assert KIDS in content
    start = content.index(b"/Kids [")
    end = content.index(b"]", start) + 1
    there = content[start + len(b"/Kids [ ") : end - 2].decode().split(" R ")
    pages = [page.removesuffix(" R") + " R" for page in there]
    changed = " ".join(given or page for given, page in zip(kids or [""] * 4, pages, strict=True))
    return content[:start] + f"/Kids [ {changed} ]".encode().ljust(end - start) + content[end:]


def drawn(pack: str, spoil: Callable[[bytes], bytes], spoiled: tuple[int, ...] = (1,)) -> bytes:
    """Four pages of twenty lines. pack: how their contents are packed.  spoil: what happens to those of some pages."""

    def draw(canvas: Canvas) -> None:
        for fact in FACTS:
            for line in range(20):
                canvas.drawString(72, 700 - 20 * line, f"{fact} were built by parish {line} of Norwell.")
            canvas.showPage()

    content = drawing.pdf(draw, pageCompression=pack != "plain")
    found = list(re.finditer(rb"stream\n(.*?)\n?endstream", content, re.S))
    assert len(found) == 4
    for number in sorted(spoiled, reverse=True):
        start, end = found[number].span(1)
        changed = spoil(content[start:end])
        assert len(changed) == end - start
        content = content[:start] + changed + content[end:]
    return content


def zeroed(data: bytes) -> bytes:
    return bytes(len(data))


def half_zeroed(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes(len(data) - len(data) // 2)


def overwritten(data: bytes) -> bytes:
    return b"x" * len(data)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x40]) + data[middle + 1 :]


def wrong_sum(data: bytes) -> bytes:
    return data[:-4] + b"abcd"


@pytest.mark.parametrize(
    ("pack", "spoil"),
    [
        *((pack, spoil) for pack in ("plain", "flate", "ascii") for spoil in (zeroed, overwritten)),
        *((pack, half_zeroed) for pack in ("flate", "ascii")),
        ("flate", flipped),
    ],
)
def test_a_page_whose_drawing_is_damaged_is_not_taken_for_one_without_text(
    pack: str, spoil: Callable[[bytes], bytes], read: Read, page_of: PageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reportlab.rl_config.useA85", pack == "ascii")
    parsed = read("a.pdf", drawn(pack, spoil))
    assert [page_of(parsed, FACTS[number]) for number in (0, 2, 3)] == [1, 3, 4]
    assert "Canals" not in parsed.text  # nor half of it
    assert parsed.metadata["pages_not_read"] == [2] and "pages_without_text" not in parsed.metadata


def test_checksums_that_are_wrong_throughout_are_the_habit_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportlab.rl_config.useA85", 0)
    assert "pages_not_read" not in parse("a.pdf", drawn("flate", wrong_sum, (0, 1, 2, 3))).metadata
    assert parse("a.pdf", drawn("flate", wrong_sum)).metadata["pages_not_read"] == [2]


def test_a_page_that_is_left_blank_is_not_damaged() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Bridges were built by the parish of Norwell.")
        canvas.showPage()
        canvas.showPage()

    metadata = parse("a.pdf", drawing.pdf(draw)).metadata
    assert (metadata["pages_without_text"], metadata.get("pages_not_read")) == ([2], None)


@pytest.mark.parametrize("bad", ["null", "99 0 R", "2 0 R"], ids=["null", "missing", "not a page"])
def test_the_other_pages_are_read_under_their_own_numbers(bad: str, read: Read, page_of: PageOf) -> None:
    parsed = read("a.pdf", pdf("", bad, "", ""))
    assert [page_of(parsed, FACTS[number]) for number in (0, 2, 3)] == [1, 3, 4]
    assert "Canals" not in parsed.text
    assert (parsed.metadata["pages"], parsed.metadata["pages_not_read"]) == (4, [2])
    assert "pages_without_text" not in parsed.metadata


def test_the_first_page_may_be_the_damaged_one(read: Read, page_of: PageOf) -> None:
    parsed = read("a.pdf", pdf("null", "null", "", ""))
    assert [page_of(parsed, fact) for fact in FACTS[2:]] == [3, 4]
    assert parsed.metadata["pages_not_read"] == [1, 2]


def test_a_file_without_one_good_page_says_so() -> None:
    with pytest.raises(UnreadableContent, match="none of its 4 pages can be read, they are damaged: save or download"):
        parse("a.pdf", pdf(*["null"] * 4))


def test_damaged_pages_among_scans_do_not_hide_that_they_are_scans() -> None:
    with pytest.raises(UnreadableContent, match=r"none of its 3 pages \(1 more are damaged\) has text.*rag add --ocr"):
        parse("a.pdf", pdf("", "null", "", "", scans=True))


def test_whoever_adds_the_file_is_told_which_pages_are_missing(service: Service) -> None:
    change = service.intake.add_file("parish.pdf", pdf("null", "", "null", "null"))
    [note] = service.intake.notes([change])
    assert note.startswith("parish.pdf: pages 1, 3-4 of 4 cannot be read, the rest is in: save or download")
    [passage] = service.ask(Query("Who built the canals?")).passages
    assert passage.page == 2
    again = service.intake.add_file("parish.pdf", pdf("null", "", "null", "null"))
    assert service.intake.notes([again]) == ()


def test_a_folder_is_taken_in_with_a_note_on_each_damaged_file(service: Service) -> None:
    Path("good.pdf").write_bytes(pdf())
    Path("bad.pdf").write_bytes(pdf("", "", "", "null"))
    report = service.intake.add_paths([Path()])
    assert (report.added, report.failed) == (2, ())
    assert [note.partition(" cannot")[0] for note in report.notes] == ["bad.pdf: page 4 of 4"]


def tree_first(n_pages: int = 10) -> bytes:
    """A file for fast viewing: all its pages are known at the beginning, what is drawn on them follows."""
    written = io.BytesIO()

    def add(number: int, content: str) -> None:
        written.write(f"{number} 0 obj\n{content}\nendobj\n".encode())

    written.write(b"%PDF-1.5\n")
    add(1, "<</Type/Catalog/Pages 2 0 R>>")
    add(2, f"<</Type/Pages/Count {n_pages}/Kids[{' '.join(f'{10 + page} 0 R' for page in range(n_pages))}]>>")
    add(3, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    for page in range(n_pages):
        fonts = "/Resources<</Font<</F1 3 0 R>>>>"
        add(10 + page, f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]{fonts}/Contents {100 + page} 0 R>>")
    written.write(b"xref\n0 0\ntrailer\n<</Size 200/Root 1 0 R>>\nstartxref\n0\n%%EOF\n")
    for page in range(n_pages):
        drawn = f"BT /F1 11 Tf 50 700 Td (Bridge {page + 1} of Norwell is old.) Tj ET\n" + " " * 500
        add(100 + page, f"<</Length {len(drawn)}>>\nstream\n{drawn}\nendstream")
    at = written.tell()
    written.write(b"xref\n0 0\ntrailer\n<</Size 200/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % at)
    return written.getvalue()


def test_the_pages_of_a_file_that_is_cut_off_are_no_pictures() -> None:
    content = tree_first()
    assert parse("a.pdf", content).metadata == {"pages": 10}
    half = parse("a.pdf", content[: content.index(b"104 0 obj")])
    assert half.metadata == {"pages": 10, "pages_not_read": [5, 6, 7, 8, 9, 10]}
    with pytest.raises(UnreadableContent, match="none of its 10 pages can be read, the file is cut off") as raised:
        parse("a.pdf", content[: content.index(b"100 0 obj")])
    assert "ocr" not in str(raised.value)
