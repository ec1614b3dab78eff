"""Forms of a PDF that draw each other: as many as anybody needs, and no more."""

import zlib
from collections.abc import Sequence

import pytest

from rag.parsing.formats import parse
from rag.parsing.sandbox import pool
from rag.parsing.sandbox.pool import Sandbox
from rag.shared.errors import ContentTooLarge, UnreadableContent
from tests.rag.parsing.pdf.drawing import of_objects

TEXT = b"BT /T 12 Tf 72 700 Td (The quay is 200 metres long.) Tj ET "


def drawn(*forms: tuple[bytes, Sequence[int]], packed: bool = False) -> bytes:
    """A page that shows a text and draws the first form. Of each: what it draws, and the numbers of the forms F0, F1, ... in it."""

    def form(body: bytes, inner: Sequence[int]) -> bytes:
        names = b"".join(b"/F%d %d 0 R" % (place, 6 + number) for place, number in enumerate(inner))
        data = zlib.compress(body) if packed else body
        how = b"/Filter/FlateDecode" if packed else b""
        return (
            b"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<</XObject<<%s>>>>%s/Length %d>>stream\n%s\nendstream"
        ) % (names, how, len(data), data)

    page = TEXT + b"/F0 Do"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R"
        b"/Resources<</Font<</T 5 0 R>>/XObject<</F0 6 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(page), page),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *(form(*each) for each in forms),
    ]
    return of_objects(*objects)


CHAIN = [(b"/F0 Do /F0 Do", [number + 1]) for number in range(30)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "forms",
    [[(b"/F0 Do /F0 Do", [0])], [(b"/F0 Do", [1]), (b"/F0 Do /F1 Do", [0, 0])], [*CHAIN, (b"0 0 m", [])]],
    ids=["itself", "each other", "doubled thirty times"],
)
def test_drawings_without_end_are_refused_at_once(forms: list[tuple[bytes, list[int]]], packed: bool) -> None:
    with pytest.raises(UnreadableContent, match="contain themselves"):
        parse("a.pdf", drawn(*forms, packed=packed))


@pytest.mark.parametrize(
    "forms",
    [
        [(b"/F0 Do " * 500, [1]), (b"0 0 m 1 1 l S", [])],
        [(b"/F0 Do", [0])],  # which PDFium ends by itself
        [(b"0 0 m 1 1 l S", [0, 0])],  # named and not drawn
    ],
    ids=["a symbol", "once in itself", "shared names"],
)
def test_a_page_with_other_forms_is_read(forms: list[tuple[bytes, list[int]]]) -> None:
    assert parse("a.pdf", drawn(*forms)).text.strip() == "The quay is 200 metres long."


@pytest.mark.slow
def test_a_small_file_gets_little_time_whatever_it_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_LEAST_S", 1)
    hidden = drawn((b"/#460 Do /#460 Do", [0]))  # F0 in other letters
    with Sandbox() as sandbox, pytest.raises(ContentTooLarge, match="more than 1 seconds"):
        sandbox.parse("a.pdf", hidden)
