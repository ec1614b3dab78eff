"""Collections as the ids that OpenAI's clients send: of a vector store, or in a model's name."""

from typing import Any

from pydantic import BaseModel, ConfigDict

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
