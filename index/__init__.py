"""Storage and search: ids, text, vectors and files; no models, no HTTP, no questions.

`store` is the way in and `reader` one consistent state to read from; `types` and `errors` are all that the folders above need to name.
SQLite (`database`, `migrations`, `records`, `changes`) is the only truth. `vectors` and `lexical` are views of it, put together by `views`,
ranked by `matching`, kept on disk by `checkpoint`; `lock` keeps writers apart and `verify` compares everything with everything.
"""

from index.errors import (
    DimensionMismatch,
    DocumentNotFound,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMismatch,
    StoreMissing,
    StoreTooNew,
    StoreUnwritable,
)
from index.types import (
    Candidates,
    Change,
    Document,
    Finding,
    NewDocument,
    NewPassage,
    Passage,
    Receipt,
    Scope,
    Span,
    TermStatistics,
)

__all__ = [
    "Candidates",
    "Change",
    "DimensionMismatch",
    "Document",
    "DocumentNotFound",
    "Finding",
    "NewDocument",
    "NewPassage",
    "Passage",
    "Receipt",
    "Scope",
    "Span",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreMismatch",
    "StoreMissing",
    "StoreTooNew",
    "StoreUnwritable",
    "TermStatistics",
]
