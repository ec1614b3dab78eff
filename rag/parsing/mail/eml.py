"""Mails: sender, receivers, date and subject, the text, and attachments as sections of their own; EML by the standard library."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from typing import NamedTuple

from rag.parsing.archives.members import is_archive, members
from rag.parsing.structure.builder import TextBuilder, plain
from rag.parsing.structure.metadata import collect
from rag.parsing.web.html import add_html
from rag.shared.errors import ContentTooLarge, RagError
from rag.shared.types import MAIL_HEADER, ParsedText

_MAX_PARTS = 1000
MAX_ATTACHMENTS = 1000
MAX_DEPTH = 4
# A plain text shorter than this, and many times shorter than what the mail shows, says only that it shows more.
_STUB, _STUB_SHARE = 200, 4
_TAG = re.compile("<[^<>]*>")

Parse = Callable[[str, bytes], ParsedText]


class Attachment(NamedTuple):
    """A file or a mail inside a mail."""

    title: str
    content: "bytes | Mail"


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail says, whatever it was kept in. One of text, html and rtf is what is read, in this order. date: as in RFC 5322."""

    sender: str
    to: str
    cc: str
    date: str
    subject: str
    text: str = ""
    html: str = ""
    rtf: bytes = b""
    attachments: list[Attachment] = field(default_factory=list)


def parse_mail(mail: Mail, name: str, parse: Parse, depth: int = 0) -> ParsedText:
    """Text under the path of its subject, attachments under their names.

    parse: reads the attachments; one that is of no known kind or cannot be read is named in the metadata only.
    """
    builder = TextBuilder()
    shown = (("From", mail.sender), ("To", mail.to), ("Cc", mail.cc), ("Date", mail.date), ("Subject", mail.subject))
    builder.add_lines("\n".join(f"{key}: {plain(value)}" for key, value in shown if plain(value)), MAIL_HEADER)
    if mail.text:
        builder.add_lines(mail.text)
    elif mail.html:
        add_html(builder, mail.html)
    elif mail.rtf:
        builder.add_document(parse("text.rtf", mail.rtf), ())
    unread: list[str] = []
    for title, content in mail.attachments:
        for path, part in _files(title, content):
            try:
                if isinstance(part, RagError):
                    raise part
                if isinstance(part, Mail):
                    if depth >= MAX_DEPTH:
                        raise ContentTooLarge("mails inside mails")
                    parsed = parse_mail(part, title, parse, depth + 1)
                else:
                    parsed = parse(path[-1], part)
                builder.add_document(parsed, path)
            except RagError:
                unread.append("!/".join(path))
    metadata = collect(
        author=mail.sender,
        date=mail.date,
        to=mail.to,
        attachments=[title for title, _ in mail.attachments],
        attachments_not_read=unread,
    )
    return builder.build(title=plain(mail.subject) or name, metadata=metadata)


def _files(title: str, content: bytes | Mail) -> list[tuple[tuple[str, ...], bytes | Mail | RagError]]:
    """An attachment, or the files inside it where it is an archive, with their names."""
    if isinstance(content, Mail) or not is_archive(content):
        return [((title,), content)]
    found: list[tuple[tuple[str, ...], bytes | Mail | RagError]] = []
    try:
        for path, inner in members(title, content):
            found.append(((title, path) if path else (title,), inner))
            if len(found) > MAX_ATTACHMENTS:
                raise ContentTooLarge(f"an archive of more than {MAX_ATTACHMENTS} files")
    except RagError as error:
        found.append(((title,), error))
    return found


def read_eml(content: bytes) -> Mail:
    """The mail in the form in which it is sent."""
    return _mail(BytesParser(policy=policy.default).parsebytes(content), 0)


def _mail(mail: EmailMessage, depth: int) -> Mail:
    body = mail.get_body(preferencelist=("plain", "html"))
    text = _decoded(body) if body is not None else ""
    shown = mail.get_body(preferencelist=("html",))
    if shown is not None and len(text.strip()) < _STUB:  # "your program cannot show this mail"
        written = _decoded(shown)
        if len(text.strip()) * _STUB_SHARE < len(_TAG.sub("", written).strip()):
            body, text = shown, written
    is_html = body is not None and body.get_content_type() == "text/html"
    attachments = []
    for part in _attachments(mail):
        forwarded = part.get_content_type() == "message/rfc822"
        title = plain(part.get_filename() or "") or ("forwarded mail" if forwarded else "attachment")
        inner = part.get_payload(0) if forwarded else None
        if isinstance(inner, EmailMessage) and depth <= MAX_DEPTH:
            attachments.append(Attachment(title, _mail(inner, depth + 1)))
        else:
            payload = part.get_payload(decode=True)
            attachments.append(Attachment(title, payload if isinstance(payload, bytes) else b"\x00"))
    return Mail(
        sender=_text(mail, "From"),
        to=_text(mail, "To"),
        cc=_text(mail, "Cc"),
        date=_text(mail, "Date"),
        subject=_text(mail, "Subject"),
        text="" if is_html else text,
        html=text if is_html else "",
        attachments=attachments,
    )


def _text(mail: EmailMessage, key: str) -> str:
    return str(mail[key] or "")


def _decoded(part: MIMEPart) -> str:
    """Text in the charset that the part states, or else as it can be told."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    for charset in (part.get_content_charset(), "utf-8"):
        try:
            return content.decode(charset or "utf-8")
        except (LookupError, UnicodeDecodeError):
            continue
    return content.decode("cp1252", "replace")


def _attachments(mail: EmailMessage) -> list[EmailMessage]:
    """Parts that are neither the text nor pictures shown in it, at any depth but not inside forwarded mails."""
    alternatives = {id(mail.get_body(preferencelist=(kind,))) for kind in ("plain", "html")}
    found = []
    stack = [mail]
    seen = 0
    while stack:
        part = stack.pop()
        seen += 1
        if seen > _MAX_PARTS:
            raise ContentTooLarge(f"a mail of more than {_MAX_PARTS} parts")
        if part.get_content_maintype() == "multipart":
            stack += reversed([inner for inner in part.iter_parts() if isinstance(inner, EmailMessage)])
        elif (
            id(part) not in alternatives
            and part is not mail
            and not (part["Content-ID"] and part.get_content_maintype() == "image")
        ):
            found.append(part)
    return found
