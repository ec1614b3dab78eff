"""What to tell whoever asked for documents that are not there: which name is wrong, and which names there are."""

from collections.abc import Collection

from index.backend import Reader
from index.types import DOCUMENT_IDS
from rag.shared.types import Query

_MOST_NAMED = 20


def notes_on(query: Query, reader: Reader) -> tuple[str, ...]:
    """A note on the collection of a question, or on each field of its filter, that no document has; none in an empty store.

    Of collections, those are named that ``query.nameable`` allows.
    """
    collections = reader.collections()
    if query.collection not in collections:
        nameable = [name for name in collections if query.nameable is None or name in query.nameable]
        return (f"there is no collection {query.collection!r}; there are: {_listed(nameable)}",) if nameable else ()
    keys = [key for key in query.where if key != DOCUMENT_IDS]
    if all(reader.has_field(query.collection, key) for key in keys):
        return ()
    fields = reader.fields(query.collection, _MOST_NAMED + 1)
    which = f"there are: {_listed(fields)}" if fields else "they have none"
    return tuple(
        f"no document of the collection {query.collection!r} has the field {key!r}; {which}"
        for key in keys
        if not reader.has_field(query.collection, key)
    )


def _listed(names: Collection[str]) -> str:
    shown = sorted(names)[:_MOST_NAMED]
    return ", ".join(shown) + (" and more" if len(names) > len(shown) else "")
