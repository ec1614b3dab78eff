"""Mails."""

from email import policy
from email.message import EmailMessage

import docx
import pytest

from rag.parsing.formats import parse
from tests.rag.parsing.conftest import PathOf, Read
from tests.rag.parsing.containers import saved

TEXT = "Dear Ole,\n\nthe bridge at Arnes is closed until Friday.\nPlease tell the drivers.\n\nKari\n"


def mail(text: str | None = TEXT, html: str | None = None) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "Kari Vik <kari@example.org>"
    message["To"] = "Ole Dahl <ole@example.org>"
    message["Date"] = "Wed, 05 Apr 2023 23:30:00 -0400"
    message["Subject"] = "Brücke gesperrt: the bridge is closed"
    message["Message-ID"] = "<1@example.org>"
    if text is not None:
        message.set_content(text)
        if html is not None:
            message.add_alternative(html, subtype="html")
    elif html is not None:
        message.set_content(html, subtype="html")
    return message


HEAD = (
    "From: Kari Vik <kari@example.org>\nTo: Ole Dahl <ole@example.org>\nDate: Wed, 05 Apr 2023 23:30:00 -0400\n"
    "Subject: Brücke gesperrt: the bridge is closed"
)


@pytest.mark.parametrize("name", ["m.eml", "m.txt", "m"])
def test_headers_and_text_are_read(name: str, read: Read) -> None:
    parsed = read(name, bytes(mail()))
    assert parsed.text == f"{HEAD}\n\n{TEXT.strip()}"
    assert parsed.title == "Brücke gesperrt: the bridge is closed"
    assert parsed.metadata == {
        "author": "Kari Vik <kari@example.org>",
        "date": "2023-04-05",
        "to": "Ole Dahl <ole@example.org>",
    }


def test_of_two_forms_of_the_text_the_plain_one_is_read_once(read: Read) -> None:
    parsed = read("m.eml", bytes(mail(html="<p>the bridge at Arnes is <b>closed</b> until Friday.</p>")))
    assert parsed.text.count("closed until Friday") == 1


def test_html_alone_is_read_as_text(read: Read) -> None:
    parsed = read(
        "m.eml", bytes(mail(None, "<html><style>p {}</style><p>It is <b>closed</b>.</p><ul><li>one<li>two</ul></html>"))
    )
    assert parsed.text == f"{HEAD}\n\nIt is closed.\none\ntwo"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16"])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_transfer_encodings_and_charsets_are_undone(charset: str, encoding: str) -> None:
    message = mail()
    message.set_content("Die Brücke ist bis Freitag gesperrt. " * 3, charset=charset, cte=encoding)
    assert "Die Brücke ist bis Freitag gesperrt." in parse("m.eml", bytes(message)).text


def test_attachments_are_sections_under_their_names(read: Read, path_of: PathOf) -> None:
    document = docx.Document()
    document.add_heading("Detours", 1)
    document.add_paragraph("Take the ferry at Nes.")
    message = mail()
    message.add_attachment(saved(document), maintype="application", subtype="octet-stream", filename="plan.docx")
    message.add_attachment("name,km\nArnes,12\n", subtype="csv", filename="list.csv")
    message.add_attachment(b"\x89PNG\r\n\x1a\n....", maintype="image", subtype="png", filename="photo.png")
    parsed = read("m.eml", bytes(message))
    assert path_of(parsed, "Take the ferry") == ("plan.docx", "Detours")
    assert path_of(parsed, "name: Arnes") == ("list.csv", "row 2")
    assert parsed.metadata["attachments"] == ["plan.docx", "list.csv", "photo.png"]
    assert parsed.metadata["attachments_not_read"] == ["photo.png"]


def test_a_forwarded_mail_is_a_section(read: Read, path_of: PathOf) -> None:
    inner = mail("The inner text.\n")
    outer = mail("See below.\n")
    outer.add_attachment(inner)
    parsed = read("m.eml", bytes(outer))
    assert path_of(parsed, "The inner text.") == ("forwarded mail",)


def test_mails_inside_mails_end_somewhere(read: Read) -> None:
    message = mail("innermost\n")
    for _ in range(12):
        outer = mail("outer\n")
        outer.add_attachment(message)
        message = outer
    parsed = read("m.eml", bytes(message))
    assert "outer" in parsed.text and "innermost" not in parsed.text


@pytest.mark.parametrize(
    "text",
    [
        "Note: buy milk\nFrom: the shop\n",
        "Subject: a poem\n\nRoses are red.\n",
        "To: do\n- this\n- that\n",
        "From: here\nDate: there\n",
    ],
)
def test_notes_that_look_like_headers_stay_text(text: str) -> None:
    assert parse("a.txt", text.encode()).text == text


@pytest.mark.parametrize(
    "source",
    [
        b"From: a@b\nTo: c@d\nMessage-ID: <1>\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n",
        b"From: a@b\nTo: c@d\nMessage-ID: <1>\nContent-Type: text/plain; charset=nonsense\n\nhello \xff\n",
        b"From: a@b\nTo: c@d\nMessage-ID: <1>\nContent-Transfer-Encoding: base64\n\naGVsbG8\n",
        b"From: =?utf-8?b?!!!?= <a@b>\nTo: c@d\nDate: never\nMessage-ID: <1>\n\nhello\n",
        b"From: a@b\nTo: c@d\nMIME-Version: 1.0\n\nhello\n",
    ],
)
def test_malformed_mails_are_read_as_far_as_they_go(source: bytes, read: Read) -> None:
    assert "hello" in read("m.eml", source).text


@pytest.mark.parametrize("stub", ["", " \n", "Your program cannot show this mail."])
def test_a_plain_text_that_says_nothing_gives_way_to_what_is_shown(stub: str) -> None:
    shown = f"<html><body><p>{'The ferry to the island pays half. ' * 8}</p></body></html>"
    text = parse("a.eml", bytes(mail(stub, shown))).text
    assert "pays half." in text and "cannot show" not in text


def test_a_damaged_attachment_is_named_and_costs_itself_alone() -> None:
    message = mail()
    message.add_attachment(b"PK\x03\x04" + bytes(100), maintype="application", subtype="zip", filename="plans.docx")
    message.add_attachment(b"The quay is 200 metres long.", maintype="text", subtype="plain", filename="b.txt")
    parsed = parse("a.eml", message.as_bytes())
    assert parsed.metadata["attachments_not_read"] == ["plans.docx"] and "200 metres" in parsed.text
