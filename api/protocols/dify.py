"""`POST /dify/retrieval`: this service as an external knowledge base of Dify. The knowledge id is a collection."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from api.deps import require_json
from api.protocols.asking import Made, ask, query_of
from api.protocols.citing import columns_of, link_of, name_of, relevance, source_of
from api.protocols.filters import Where, ways_of
from api.protocols.links import Links
from api.protocols.openai.collections import Lenient
from api.schemas.requests import MAX_TOP_K
from rag.shared.errors import BadInput

router = APIRouter(include_in_schema=False)

_MAX_CONDITIONS = 20
# What the index compares; the rest is looked up in the metadata of the nearest passages.
_INDEXED = {
    "is": "eq",
    "is not": "ne",
    "in": "in",
    "not in": "nin",
    "=": "eq",
    "≠": "ne",
    ">": "gt",
    "<": "lt",
    "≥": "gte",
    "≤": "lte",
    "after": "gt",
    "before": "lt",
}
_Test = Callable[[str, str], bool]
_TEXTUAL: dict[str, _Test] = {
    "contains": lambda value, wanted: wanted in value,
    "not contains": lambda value, wanted: wanted not in value,
    "start with": lambda value, wanted: value.startswith(wanted),
    "end with": lambda value, wanted: value.endswith(wanted),
    "empty": lambda value, wanted: not value,
    "not empty": lambda value, wanted: bool(value),
}


class ConditionIn(Lenient):
    """One condition on metadata; several names mean any of them."""

    name: str | list[str]
    comparison_operator: str
    value: str | int | float | bool | list[str] | None = None


class MetadataCondition(Lenient):
    """Conditions, all or any of which a document must keep."""

    logical_operator: Literal["and", "or"] | None = "and"
    conditions: list[ConditionIn] | None = Field(default=None, max_length=_MAX_CONDITIONS)


class RetrievalSetting(Lenient):
    """How many records, and how good they must be."""

    top_k: int = Field(default=5, ge=1, le=MAX_TOP_K)
    score_threshold: float | None = Field(default=0, ge=0, le=1)


class RetrievalIn(Lenient):
    """What Dify sends."""

    knowledge_id: str
    query: str
    retrieval_setting: RetrievalSetting = RetrievalSetting()
    metadata_condition: MetadataCondition | None = None


@router.post("/dify/retrieval", dependencies=[Depends(require_json)])
async def retrieve(body: RetrievalIn, request: Request) -> JSONResponse:
    """The best passages as Dify's records."""
    setting = body.retrieval_setting
    ways, keeps = _conditions(body.metadata_condition)
    k = setting.top_k if keeps is None else MAX_TOP_K
    queries = [query_of(body.query, collection=body.knowledge_id, k=k, where=where, place="query") for where in ways]
    links = Links.of(request)

    def shape(made: Made) -> JSONResponse:
        kept = [
            passage
            for passage in made["passages"]
            if relevance(passage) >= (setting.score_threshold or 0)
            and (keeps is None or keeps(passage["document"]["metadata"]))
        ]
        return JSONResponse({"records": [_record(passage, links) for passage in kept[: setting.top_k]]})

    return await ask(request, queries, shape)


def _record(passage: Mapping[str, Any], links: Links) -> dict[str, Any]:
    source = source_of(passage)
    own = {"url": link_of(source, links), "source": passage["document"]["source"], "page": passage["page"]}
    del source["cited_text"]
    return {
        "content": "\n".join(filter(None, (columns_of(passage), passage["text"]))),
        "score": relevance(passage),
        "title": name_of(passage),
        "metadata": {**passage["document"]["metadata"], **own, **source},
    }


_Keeps = Callable[[Mapping[str, Any]], bool]


def _conditions(wanted: MetadataCondition | None) -> tuple[list[Where], _Keeps | None]:
    """What the index is asked, and what is asked of the metadata of the nearest hundred passages; None for nothing.

    Raises BadInput.
    """
    conditions = (wanted.conditions if wanted else None) or []
    for condition in conditions:
        if condition.comparison_operator not in _INDEXED and condition.comparison_operator not in _TEXTUAL:
            known = ", ".join([*_INDEXED, *_TEXTUAL])
            raise BadInput(f"comparison_operator: {condition.comparison_operator[:40]!r} is none of {known}")
    any_of = wanted is not None and wanted.logical_operator == "or"
    textual = [condition for condition in conditions if condition.comparison_operator in _TEXTUAL]
    indexed = [condition for condition in conditions if condition.comparison_operator in _INDEXED]
    if any_of and textual and indexed:
        raise BadInput(f"metadata_condition: `or` cannot join {textual[0].comparison_operator!r} with comparisons")
    ways = ways_of({"type": "or" if any_of else "and", "filters": list(map(_comparison, indexed))}) if indexed else [{}]
    if not textual:
        return ways, None
    joined = any if any_of else all
    return ways, lambda metadata: joined(_fits(condition, metadata) for condition in textual)


def _comparison(condition: ConditionIn) -> dict[str, Any]:
    names = [condition.name] if isinstance(condition.name, str) else condition.name
    kind, value = _INDEXED[condition.comparison_operator], condition.value
    if kind in ("in", "nin") and isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    return {"type": "or", "filters": [{"type": kind, "key": name, "value": value} for name in names]}


def _fits(condition: ConditionIn, metadata: Mapping[str, Any]) -> bool:
    test = _TEXTUAL[condition.comparison_operator]
    wanted = condition.value if isinstance(condition.value, str) else ""
    names = [condition.name] if isinstance(condition.name, str) else condition.name
    return any(test(_text(metadata.get(name)), wanted) for name in names)


def _text(value: object) -> str:
    return "" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)
