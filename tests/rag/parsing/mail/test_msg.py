"""MSG: mails as Outlook saves them."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rag.parsing.formats import parse
from rag.parsing.mail.msg import decompress_rtf
from rag.shared.errors import RagError, UnsupportedFormat

Make = Callable[..., Any]
SENT = struct.pack(
    "<Q", int((datetime(2025, 3, 14, 9, 30, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds() * 10**7)
)
TEXTS = {
    0x0037: "Bridge closed",
    0x0C1A: "Anna Berg",
    0x5D01: "anna@example.org",
    0x1000: "Dear all,\r\n\r\nthe bridge at Arneby is closed until May.\r\n",
}


def recipient(parts: Make, name: str, address: str, kind: int) -> Any:
    return parts({0x3001: name, 0x39FE: address}, None, {0x0C15: (3, struct.pack("<I", kind))}, 8)


def test_a_message_says_who_wrote_it_to_whom_and_when(make_msg: Make, message_parts: Make) -> None:
    content = make_msg(
        TEXTS,
        {
            "__recip_version1.0_#00000000": recipient(message_parts, "Karl Holm", "karl@example.org", 1),
            "__recip_version1.0_#00000001": recipient(message_parts, "", "eva@example.org", 2),
        },
        {0x0039: (0x40, SENT)},
    )
    parsed = parse("x.msg", content)
    assert parsed.title == "Bridge closed"
    assert parsed.text == (
        "From: Anna Berg <anna@example.org>\nTo: Karl Holm <karl@example.org>\nCc: eva@example.org\n"
        "Date: Fri, 14 Mar 2025 09:30:00 +0000\nSubject: Bridge closed\n\n"
        "Dear all,\n\nthe bridge at Arneby is closed until May."
    )
    assert parsed.metadata == {
        "author": "Anna Berg <anna@example.org>",
        "date": "2025-03-14",
        "to": "Karl Holm <karl@example.org>",
    }


def test_it_is_known_by_its_content(make_msg: Make) -> None:
    assert parse("no-name", make_msg(TEXTS)).title == "Bridge closed"


def test_attachments_and_messages_inside_are_sections_of_their_own(make_msg: Make, message_parts: Make) -> None:
    report = message_parts({0x3707: "report.txt"}, {"__substg1.0_37010102": b"Rust was found in the pillar."}, None, 8)
    picture = message_parts({0x3707: "photo.png"}, {"__substg1.0_37010102": b"\x89PNG\r\n\x1a\n" + bytes(30)}, None, 8)
    shown = message_parts(
        {0x3707: "logo.png", 0x3712: "logo@x", 0x370E: "image/png"}, {"__substg1.0_37010102": b"\x89PNG"}, None, 8
    )
    inner = message_parts({0x0037: "Earlier", 0x1000: "It was open then."}, None, None, 24)
    forwarded = message_parts({0x3001: "Earlier"}, {"__substg1.0_3701000D": inner}, None, 8)
    places = {f"__attach_version1.0_#{n:08X}": part for n, part in enumerate((report, picture, shown, forwarded))}
    parsed = parse("x.msg", make_msg(TEXTS, places))
    paths = {section.path for section in parsed.sections}
    assert ("report.txt",) in paths and ("Earlier",) in paths
    assert "Rust was found" in parsed.text and "It was open then." in parsed.text
    assert parsed.metadata["attachments"] == ["report.txt", "photo.png", "Earlier"]
    assert parsed.metadata["attachments_not_read"] == ["photo.png"]


@pytest.mark.parametrize("as_text", [False, True])
def test_html_is_read_where_there_is_no_plain_text(make_msg: Make, as_text: bool) -> None:
    texts = {number: text for number, text in TEXTS.items() if number != 0x1000}
    page = "<p>The bridge in Zürich is <b>closed</b>.</p>"
    if as_text:
        content = make_msg(texts | {0x1013: page})
    else:
        codepage = {0x3FDE: (3, struct.pack("<I", 1252))}
        content = make_msg(texts, {"__substg1.0_10130102": page.encode("cp1252")}, codepage)
    assert parse("x.msg", content).text.endswith("The bridge in Zürich is closed.")


def test_compressed_rtf_is_read_where_there_is_nothing_else(make_msg: Make) -> None:
    rtf = b"{\\rtf1 The bridge is closed.}"
    packed = struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf
    content = make_msg({0x0037: "Bridge"}, {"__substg1.0_10090102": packed})
    assert parse("x.msg", content).text.endswith("The bridge is closed.")


def test_compressed_rtf_of_the_specification_is_unpacked() -> None:
    """The example of MS-OXRTFCP 3.1.1."""
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompress_rtf(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def test_old_programs_wrote_in_the_code_page_that_is_stated(make_msg: Make) -> None:
    parts = {"__substg1.0_0037001E": "Мост".encode("cp1251"), "__substg1.0_1000001E": "Мост закрыт.".encode("cp1251")}
    parsed = parse("x.msg", make_msg({}, parts, {0x3FFD: (3, struct.pack("<I", 1251))}))
    assert (parsed.title, parsed.text) == ("Мост", "Subject: Мост\n\nМост закрыт.")


def test_a_document_attached_does_not_make_it_an_old_document(make_msg: Make, message_parts: Make) -> None:
    attached = message_parts({0x3707: "a.doc"}, {"__substg1.0_37010102": "WordDocument".encode("utf-16-le")}, None, 8)
    assert parse("x.msg", make_msg(TEXTS, {"__attach_version1.0_#00000000": attached})).title == "Bridge closed"


@pytest.mark.parametrize("name", ["WordDocument", "Workbook", "PowerPoint Document"])
def test_old_office_documents_say_what_to_do(make_compound: Make, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match="save it as"):
        parse("x.doc", make_compound({name: b"content"}))


def test_messages_inside_messages_end(make_msg: Make, message_parts: Make) -> None:
    inner = message_parts({0x1000: "the innermost"}, None, None, 24)
    for _ in range(12):
        attached = message_parts({0x3001: "inner"}, {"__substg1.0_3701000D": inner}, None, 8)
        inner = message_parts({0x1000: "x"}, {"__attach_version1.0_#00000000": attached}, None, 24)
    attached = message_parts({0x3001: "inner"}, {"__substg1.0_3701000D": inner}, None, 8)
    with pytest.raises(RagError):
        parse("x.msg", make_msg(TEXTS, {"__attach_version1.0_#00000000": attached}))


def test_a_damaged_message_is_refused_or_read_but_never_more(make_msg: Make) -> None:
    content = make_msg(TEXTS | {0x1000: "The bridge is closed. " * 400})
    for at in range(8, len(content), len(content) // 60):
        for broken in (
            content[:at],
            content[:at] + bytes(40) + content[at + 40 :],
            content[:at] + b"\xff" * 40 + content[at + 40 :],
        ):
            try:
                parse("x.msg", broken)
            except RagError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize("pointer", [68, 72, 76], ids=["left", "right", "child"])
def test_a_directory_that_leads_in_a_circle_ends(make_msg: Make, pointer: int) -> None:
    content = bytearray(make_msg(TEXTS))
    root = content.index("Root Entry".encode("utf-16-le"))
    first = struct.unpack_from("<I", content, root + 76)[0]
    struct.pack_into("<I", content, root + 128 * first + pointer, first)
    try:
        parse("x.msg", bytes(content))
    except RagError as error:
        assert "\n" not in str(error)
