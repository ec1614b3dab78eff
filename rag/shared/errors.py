"""Errors of question answering; the store's own errors (index/errors.py) pass through unchanged.

RagError
├── BadInput            a question, limit, filter or option that cannot be used
├── UnsupportedFormat   content that no parser here reads
├── UnreadableContent   content of a known kind that cannot be read
├── ContentTooLarge     more than the configured limit
├── ModelUnavailable    the model or a library it needs cannot be loaded
├── ModelDamaged        the model's files are not what they should be
├── LanguageModelFailed the language model's server is not set, cannot be reached or fails
└── Overloaded          more work is waiting than may wait; try again later
"""


class RagError(Exception):
    """Base of everything that question answering raises for a caller to act upon."""


class BadInput(RagError):
    """What was asked cannot be done as asked; the message says what to change."""


class UnsupportedFormat(RagError):
    """No parser reads this content; the message lists what is read."""


class UnreadableContent(RagError):
    """The content is damaged, encrypted or not what its kind requires."""


class ContentTooLarge(RagError):
    """The content exceeds the configured limit."""


class ModelUnavailable(RagError):
    """The embedding model cannot be loaded here."""


class ModelDamaged(RagError):
    """The model's files fail their check."""


class LanguageModelFailed(RagError):
    """No language model is set, or its server cannot be reached, fails or takes too long."""


class Overloaded(RagError):
    """The queue in front of the engine is full."""
