"""Collections as the ids that OpenAI's clients send: of a vector store, or in a model's name."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from api.deps import Access
from api.errors import CollectionNotFound
from rag.service import Service

_PREFIX = "footnote/"
_DEFAULT = "default"


class Lenient(BaseModel):
    """What clients send beside is theirs: another server's options are no error here."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


def model_of(collection: str) -> str:
    """The model that answers from a collection."""
    return f"{_PREFIX}{collection}"


def collection_of(model: str) -> str:
    """The collection that a model answers from: `footnote/NAME`, or the name alone; `footnote` is the default collection."""
    return model.removeprefix(_PREFIX) if model != "footnote" else _DEFAULT


def collections_of(service: Service, access: Access) -> dict[str, tuple[int, int]]:
    """Documents and passages of each collection that a key opens, those that it is made for also when they are empty."""
    counts = service.collections()
    names = sorted(counts if access.collections is None else access.collections)
    return {name: counts.get(name, (0, 0)) for name in names}


def require_collection(service: Service, access: Access, collection: str) -> tuple[int, int]:
    """Its documents and passages.  Raises CollectionClosed; CollectionNotFound for one that is not there."""
    access.require(collection)
    counts = service.counts(collection)
    if not counts[0] and access.collections is None:
        raise CollectionNotFound(f"There is no collection {collection!r}: none of its documents is here.")
    return counts


def page_of(data: list[dict[str, Any]], *, has_more: bool = False) -> dict[str, Any]:
    """A list as OpenAI writes it."""
    ids = [entry.get("id") for entry in data]
    return {
        "object": "list",
        "data": data,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": has_more,
    }
