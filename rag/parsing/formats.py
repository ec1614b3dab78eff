"""Which parser reads a file."""

from pathlib import PurePath

from rag.errors import UnsupportedFormat
from rag.parsing.encoding import decode
from rag.parsing.markdown import parse_markdown
from rag.types import ParsedText, Section

_MARKDOWN_NAMES = (".md", ".markdown", ".mdown", ".mkd")
# First bytes of kinds that people mistake for text; the name in the message tells them what they have.
_SIGNATURES = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x1f\x8b", "a compressed file"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a database"),
)


def parse(name: str, content: bytes) -> ParsedText:
    """Text, title and sections of a file. name: the file's name, for its title and to tell Markdown from plain text.

    Raises UnsupportedFormat for what is not text, UnreadableContent when the encoding cannot be told.
    """
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            raise UnsupportedFormat(f"this is {kind}; plain text and Markdown are read")
    text = decode(content)
    path = PurePath(name)
    if path.suffix.lower() in _MARKDOWN_NAMES:
        return parse_markdown(text, path.stem)
    return ParsedText(text, path.stem, (Section(0, 0, len(text), ()),))
