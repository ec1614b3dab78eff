"""Protected files: read with one of the passwords given, else told plainly."""

import io

import msoffcrypto
import openpyxl
import pytest
from msoffcrypto.format.ooxml import OOXMLFile
from reportlab.lib.pdfencrypt import StandardEncryption

from rag.parsing.formats import parse
from rag.parsing.sandbox.pool import Sandbox
from rag.shared.errors import UnreadableContent
from rag.shared.types import ParseOptions
from tests.rag.parsing.pdf.drawing import pdf

PASSWORD = "höst 7"


def protected_pdf() -> bytes:
    lock = StandardEncryption("winter", ownerPassword="owner", strength=128)
    return pdf(lambda canvas: canvas.drawString(72, 700, "The ferry leaves at nine in the morning."), encrypt=lock)


def protected_xlsx() -> bytes:
    book = openpyxl.Workbook()
    for row in (["ferry", "leaves"], ["Arnes", "nine"], ["Osen", "ten"]):
        book.active.append(row)
    plain, file = io.BytesIO(), io.BytesIO()
    book.save(plain)
    OOXMLFile(plain).encrypt(PASSWORD, file)
    return file.getvalue()


@pytest.fixture(scope="module", params=["a.pdf", "a.xlsx"])
def protected(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    return request.param, protected_pdf() if request.param == "a.pdf" else protected_xlsx()


@pytest.mark.slow
@pytest.mark.parametrize("passwords", [("winter", PASSWORD), ("wrong", PASSWORD, "winter")])
def test_one_of_the_passwords_opens_it(protected: tuple[str, bytes], passwords: tuple[str, ...]) -> None:
    with Sandbox() as sandbox:
        assert "nine" in sandbox.parse(*protected, ParseOptions(passwords=passwords)).text


def test_without_one_the_option_is_named_and_a_wrong_one_is_told(protected: tuple[str, bytes]) -> None:
    with pytest.raises(UnreadableContent, match="--password-file"):
        parse(*protected)
    with pytest.raises(UnreadableContent, match="none of those given"):
        parse(*protected, ParseOptions(passwords=("wrong", "worse")))


def test_a_file_without_a_password_is_read_as_before() -> None:
    assert parse("a.txt", b"The ferry waits.", ParseOptions(passwords=("x",))).text == "The ferry waits."
    assert msoffcrypto.OfficeFile(io.BytesIO(protected_xlsx())).is_encrypted()
