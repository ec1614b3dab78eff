"""What a file says of itself, in one vocabulary: author, date, language, url, description, keywords."""

import re
from datetime import date
from email.utils import parsedate_to_datetime

from index.types import JsonScalar
from rag.parsing.structure.builder import Values, plain

PAGES_NOT_READ = "pages_not_read"  # numbers of the pages of a PDF that are damaged
PLACES_NOT_READ = "places_not_read"  # how many places of a text are damaged
# Names under which files of formats with fields of their own say something of themselves; a text's front matter may say anything.
STATED = {PAGES_NOT_READ, PLACES_NOT_READ}.union(
    "author date description keywords language url to attachments attachments_not_read pages".split()
)
_MAX_CHARACTERS = 500
_ISO = re.compile(r"(?:D:)?\s*(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?!\d{3,5}(?:\D|$))")
# What programs write where nobody has said anything.
_JUNK = re.compile(
    r"\(?(?:anonymous|unspecified|unknown|untitled|author|user|administrator|python-docx|openpyxl|none|n/?a|default)\)?"
    r"|generated (?:by|using) .*",
    re.I,
)
_YEAR = re.compile(r"(?:D:)?\s*((?:1[5-9]|20)\d{2})(?:-(\d{2}))?\s*$")


def collect(**values: JsonScalar | list[str]) -> Values:
    """The values that are there, on one line each and cut to a sane length; dates as ``iso_date``."""
    kept: Values = {}
    for name, value in values.items():
        if isinstance(value, str):
            value = "" if name in ("author", "description") and _JUNK.fullmatch(value.strip()) else value
            value = iso_date(value) if name == "date" else plain(value)[:_MAX_CHARACTERS].rstrip()
        elif isinstance(value, list):
            value = [text for text in (plain(item)[:_MAX_CHARACTERS].rstrip() for item in value) if text]
        if value not in (None, "", []):
            kept[name] = [*value] if isinstance(value, list) else value
    return kept


def iso_date(text: str) -> str:
    """``YYYY-MM-DD``, or as much of it as is said, of an ISO, PDF or mail date; nothing when it cannot be told."""
    if match := _ISO.match(text):
        year, month, day = map(int, match.groups())
        try:
            return date(year, month, day).isoformat()
        except ValueError:
            return ""
    if match := _YEAR.match(text):
        return "-".join(filter(None, match.groups()))
    try:
        return parsedate_to_datetime(text).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
