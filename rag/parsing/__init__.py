"""From a file's bytes to the text that is stored and cited, with its sections. One module a format; the kind is told by content."""

from rag.parsing.formats import parse

__all__ = ["parse"]
