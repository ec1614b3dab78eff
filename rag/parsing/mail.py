"""EML: a mail's sender, receivers, date and subject, its text, and its attachments as sections of their own."""

from collections.abc import Callable
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from rag.errors import ContentTooLarge, RagError
from rag.parsing.builder import TextBuilder, plain
from rag.parsing.html import add_html
from rag.parsing.metadata import collect
from rag.types import ParsedText

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_MAX_PARTS = 1000
_MAX_DEPTH = 4

Parse = Callable[[str, bytes], ParsedText]


def parse_mail(content: bytes, name: str, parse: Parse, depth: int = 0) -> ParsedText:
    """Text under the path of its subject, attachments under their names.

    parse: reads the attachments; one that is of no known kind or cannot be read is named in the metadata only.
    """
    mail = BytesParser(policy=policy.default).parsebytes(content)
    builder = TextBuilder()
    builder.add_lines("\n".join(f"{key}: {plain(str(mail[key]))}" for key in _SHOWN if mail[key]))
    unread: list[str] = []
    names: list[str] = []
    _add_text(builder, mail)
    for part in _attachments(mail):
        title = plain(part.get_filename() or "") or (
            "forwarded mail" if part.get_content_type() == "message/rfc822" else "attachment"
        )
        names.append(title)
        try:
            if part.get_content_type() == "message/rfc822":
                inner = part.get_payload(0)
                if depth >= _MAX_DEPTH:
                    raise ContentTooLarge("mails inside mails")
                parsed = parse_mail(inner.as_bytes(), title, parse, depth + 1)  # type: ignore[union-attr]
            else:
                parsed = parse(title, part.get_payload(decode=True) or b"")  # type: ignore[arg-type]
            builder.add_document(parsed, (title,))
        except RagError:
            unread.append(title)
    metadata = collect(
        author=_text(mail, "From"),
        date=_date(mail),
        to=_text(mail, "To"),
        attachments=names,
        attachments_not_read=unread,
    )
    return builder.build(title=plain(_text(mail, "Subject")) or name, metadata=metadata)


def _text(mail: EmailMessage, key: str) -> str:
    return str(mail[key] or "")


def _date(mail: EmailMessage) -> str:
    try:
        return parsedate_to_datetime(_text(mail, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _add_text(builder: TextBuilder, mail: EmailMessage) -> None:
    """The plain text, or else the HTML."""
    body = mail.get_body(preferencelist=("plain", "html"))
    if body is None:
        return
    text = _decoded(body)
    if body.get_content_type() == "text/html":
        add_html(builder, text)
    else:
        builder.add_lines(text)


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
    body = mail.get_body(preferencelist=("plain", "html"))
    alternatives = {id(body), id(mail.get_body(preferencelist=("html",))), id(mail.get_body(preferencelist=("plain",)))}
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
