"""Names and texts as they can be stored and shown: as UTF-8, and without what a terminal would obey."""

_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
# What turns the direction of the letters behind it, so that a name shows as another.
_TURNING = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_IN_TEXT = {code: shown for code, shown in _ESCAPED.items() if chr(code) not in "\t\n"}


def is_utf8(name: str) -> bool:
    """Whether a name or argument is text; the system gives bytes that are not UTF-8 as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_utf8(name: str) -> str:
    r"""A name as text, with what is not UTF-8 in it as ``\xff``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def visible(text: str) -> str:
    r"""A text with control characters as ``\x1b``, but line breaks and tabs as they are."""
    return text.translate(_IN_TEXT)


def visible_line(text: str) -> str:
    r"""A title or name on one line, with control characters as ``\x0a``."""
    return text.translate(_ESCAPED | _TURNING)
