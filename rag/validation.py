"""What people give, checked before any work begins: questions, texts, names of collections."""

import unicodedata

from rag.errors import BadInput

MAX_QUESTION = 2000
MAX_COLLECTION = 100


def checked_question(question: str) -> str:
    """The question without blanks around it.  Raises BadInput for one that cannot be asked."""
    text = question.strip()
    if not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise BadInput("the question is empty: ask in words")
    if len(question) > MAX_QUESTION:
        raise BadInput(f"the question has {len(question)} characters: at most {MAX_QUESTION} are read")
    checked_text(text)
    return text


def checked_text(text: str) -> None:
    """Raises BadInput for a text that cannot be stored or searched for as it is."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("the text is not valid Unicode (a lone surrogate): send it as UTF-8") from error
    if "\x00" in text:
        raise BadInput("the text holds a null character, which text does not")


def composed(name: str) -> str:
    """A name in the one form in which names are compared (NFC): the same letters may be written in two ways."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def spellings(text: str) -> tuple[str, ...]:
    """A text as it is, composed (NFC) and decomposed (NFD), each once: what was stored as it came may have any of these forms."""
    if text.isascii():
        return (text,)
    return tuple(dict.fromkeys((text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))))


def checked_collection(name: str) -> str:
    """The name, composed.  Raises BadInput for one that no collection can have."""
    if not 0 < len(name) <= MAX_COLLECTION or not name.isprintable() or name != name.strip():
        raise BadInput(f"{name[:40]!r} is no name for a collection: use 1 to {MAX_COLLECTION} printable characters")
    return composed(name)
