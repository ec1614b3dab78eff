"""Vector stores: each collection is one, under its own name."""

from datetime import datetime
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from api.deps import blocking, require_json
from api.errors import no_collection
from api.protocols.asking import Made, ask, query_of
from api.protocols.citing import columns_of, link_of, name_of, relevance, source_of
from api.protocols.filters import ways_or_all
from api.protocols.links import Links
from api.protocols.openai.call import Call, CallDep, Json, Order
from api.protocols.openai.collections import Lenient, page_of
from api.schemas.requests import CollectionName
from index.types import Metadata
from rag.shared.errors import BadInput

router = APIRouter(prefix="/openai/v1/vector_stores", include_in_schema=False)

MAX_RESULTS = 50
MAX_QUERIES = 8
_MAX_ATTRIBUTES = 16
_MAX_ATTRIBUTE = 512


class RankingOptions(Lenient):
    """Which results are good enough; this service ranks as it always does."""

    score_threshold: float = Field(default=0, ge=0, le=1)


class SearchIn(Lenient):
    """What to look for in a vector store."""

    query: str | Annotated[list[str], Field(min_length=1, max_length=MAX_QUERIES)]
    filters: Json | None = None
    max_num_results: int = Field(default=10, ge=1, le=MAX_RESULTS)
    ranking_options: RankingOptions = RankingOptions()


class VectorStoreIn(Lenient):
    """A vector store to be."""

    name: CollectionName | None = None
    file_ids: list[str] = []
    chunking_strategy: Json | None = None


def attributes_of(metadata: Metadata) -> dict[str, str | float | bool]:
    """Metadata as attributes: at most 16, of plain values; of a list its first."""
    first = {key: value[0] if isinstance(value, list) and value else value for key, value in metadata.items()}
    plain = {key: value for key, value in first.items() if isinstance(value, str | int | float | bool)}
    return {
        key: value[:_MAX_ATTRIBUTE] if isinstance(value, str) else value
        for key, value in list(plain.items())[:_MAX_ATTRIBUTES]
    }


def results_of(made: Made, links: Links, threshold: float) -> list[Json]:
    """An answer's passages as search results, each with its exact place beside it."""
    return [
        {
            "file_id": passage["document"]["id"],
            "filename": passage["document"]["source"] or name_of(passage),
            "score": relevance(passage),
            "attributes": attributes_of(passage["document"]["metadata"]),
            "content": [{"type": "text", "text": text} for text in (passage["text"], columns_of(passage)) if text],
            "footnote": {**source_of(passage), "url": link_of(source_of(passage), links)},
        }
        for passage in made["passages"]
        if relevance(passage) >= threshold
    ]


@router.get("")
@blocking
def list_vector_stores(
    call: CallDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: str | None = None,
    order: Order = "asc",
) -> Json:
    """The collections that the key opens, by name."""
    counts = call.access.counts(call.service)
    names = sorted(counts, reverse=order == "desc")
    if after is not None:
        names = [name for name in names if (name < after if order == "desc" else name > after)]
    return page_of([_store_json(call, name, counts[name][0]) for name in names[:limit]], has_more=len(names) > limit)


@router.post("", dependencies=[Depends(require_json)])
@blocking
def create_vector_store(body: VectorStoreIn, call: CallDep) -> Json:
    """A name for a collection that files can be added to: it is there as long as documents are in it."""
    name = body.name or f"vs_{uuid4().hex[:24]}"
    call.access.require(name)
    if body.file_ids:
        raise BadInput("file_ids: add files to a vector store with POST /vector_stores/{id}/files")
    require_auto(body.chunking_strategy)
    return _store_json(call, name, call.service.counts(name)[0])


def require_auto(strategy: Json | None) -> None:
    """Raises BadInput for passages of another size than the store's."""
    if strategy and strategy.get("type", "auto") != "auto":
        raise BadInput("chunking_strategy: a store cuts all its documents alike; leave it out or send auto")


@router.post("/{collection:path}/search", dependencies=[Depends(require_json)])
async def search(collection: str, body: SearchIn, call: CallDep) -> JSONResponse:
    """The best passages for a query, or for any of several."""
    wordings = [body.query] if isinstance(body.query, str) else body.query
    queries = [
        query_of(wording, collection=collection, k=body.max_num_results, where=where, place="query")
        for wording in wordings
        for where in ways_or_all(body.filters)
    ]
    links, threshold = Links.of(call.request), body.ranking_options.score_threshold

    def shape(made: Made) -> JSONResponse:
        page = {"object": "vector_store.search_results.page", "has_more": False, "next_page": None}
        return JSONResponse({**page, "search_query": wordings, "data": results_of(made, links, threshold)})

    return await ask(call.request, queries, shape)


# After the routes of files and of search: a collection's name may hold slashes.
store_router = APIRouter(prefix="/openai/v1/vector_stores", include_in_schema=False)


@store_router.get("/{collection:path}")
@blocking
def get_vector_store(collection: str, call: CallDep) -> Json:
    """One collection."""
    return _store_json(call, collection, call.require(collection)[0])


@store_router.delete("/{collection:path}")
@blocking
def delete_vector_store(collection: str, call: CallDep) -> Json:
    """Deletes a collection with all of its documents; answers once nothing of them can be found."""
    call.require(collection)
    try:
        receipts = call.service.delete_collection(collection)
    except BadInput as error:  # which names the other collections
        raise no_collection(collection) from error
    call.metrics.documents.labels("deleted").inc(len(receipts))
    return {"id": collection, "object": "vector_store.deleted", "deleted": True}


def _store_json(call: Call, name: str, n_documents: int) -> Json:
    first = call.service.documents(collection=name, limit=1)
    return {
        "id": name,
        "object": "vector_store",
        "created_at": seconds_of(first[0].added_at) if first else 0,
        "name": name,
        "status": "completed",
        "usage_bytes": 0,
        "file_counts": file_counts(n_documents, 0),
        "metadata": {},
        "last_active_at": None,
    }


def file_counts(n_completed: int, n_failed: int) -> dict[str, int]:
    """How many files ended how: none is still on its way when that is told."""
    ended = {"completed": n_completed, "failed": n_failed, "total": n_completed + n_failed}
    return {"in_progress": 0, "cancelled": 0, **ended}


def seconds_of(added_at: str) -> int:
    """A stored time as OpenAI writes it: seconds since 1970."""
    return int(datetime.fromisoformat(added_at).timestamp())
