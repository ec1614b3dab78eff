"""The OpenAPI description: what the framework finds in the routes, with problem details as the one shape of every error."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from typing_extensions import get_type_hints, is_typeddict

from api.errors import ALL_KINDS, MEDIA_TYPE
from api.schemas import responses
from index.types import Span
from rag.shared import shapes
from rag.shared.serialization import answer_json
from rag.shared.types import Answer, AnswerPart, AnswerText, Citation, DocumentRef, IndexState, RankedPassage, Timings

_REF = "#/components/schemas/{model}"


def _answer() -> Answer:
    """The example of an answer."""
    text, span, source = (
        "The board met on Monday.",
        Span(0, 24),
        DocumentRef("9f2c4e1ab07d5583", "Minutes", "minutes/7", {}),
    )
    citation = Citation(
        source.id, source.title, text, span, "72ab994fa2eb426c051ef59cad617750bfe06d7cf6311285ff79c19c32afd236"
    )
    passage = RankedPassage(1, 0.87, text, source, (), None, citation, (span,), (), None)
    answer = AnswerText((text,), (0,), (AnswerPart(text, citation, 0),))
    state, timings = IndexState(1, "5f0c"), Timings(1.9, 2.4, 4.8)
    return Answer("When did the board meet?", True, 0.93, True, None, answer, (passage,), state, timings)


_EXAMPLES: dict[str, object] = {
    "AnswerOut": answer_json(_answer()),
    "Problem": {
        "type": "/problems/invalid-request",
        "title": "The request does not fit its schema",
        "status": 422,
        "detail": "top_k: Input should be less than or equal to 100",
        "errors": [{"in": "top_k", "reason": "Input should be less than or equal to 100"}],
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route for these statuses, and for those that every route may answer."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
        }
        for status in sorted({*statuses, 403, 500})
    }


def _description() -> str:
    rows = "\n".join(f"| `{kind.uri}` | {kind.status} | {kind.title} |" for kind in ALL_KINDS)
    return (
        "Answers questions from stored documents, with citations exact to the character. Positions are half-open "
        "`[start, end)` in Unicode code points of the stored text.\n\n"
        "Errors are problem details (RFC 9457). A 2xx on a write means that it is on disk. The kinds of problem:\n\n"
        f"| type | status | title |\n|---|---|---|\n{rows}\n"
    )


def describe(app: FastAPI, *, with_key: bool) -> Callable[[], dict[str, Any]]:
    """The function that makes the description of ``app``, once. with_key: whether requests need the key."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title="Footnote", version=app.version, description=_description(), routes=app.routes)
            schemas = document["components"]["schemas"]
            problem = TypeAdapter(responses.Problem).json_schema(ref_template=_REF, mode="serialization")
            schemas |= problem.pop("$defs")
            schemas["Problem"] = problem
            _say_what_shapes_say(schemas)
            _drop_framework_errors(document)
            _drop_nulls(document)
            _add_limits(document)
            if with_key:
                _require_key(document)
            app.openapi_schema = document
        return app.openapi_schema

    return openapi


def _say_what_shapes_say(schemas: dict[str, Any]) -> None:
    """Close the shapes to fields that nobody knows, and take over what stands beside their fields."""
    for name, shape in {**vars(shapes), **vars(responses)}.items():
        if name in schemas and is_typeddict(shape):
            schemas[name]["additionalProperties"] = name == "Problem"  # RFC 9457 lets problems grow
            schemas[name] |= {"examples": [_EXAMPLES[name]]} if name in _EXAMPLES else {}
            for field, hint in get_type_hints(shape, include_extras=True).items():
                for text in getattr(hint, "__metadata__", ()):
                    schemas[name]["properties"][field]["description"] = text


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each with its path."""
    return ((path, operation) for path, methods in document["paths"].items() for operation in methods.values())


def _drop_framework_errors(document: dict[str, Any]) -> None:
    """Take out the 422 that the framework writes into routes with parameters and that is never answered here."""
    for _, operation in _operations(document):
        if "application/json" in operation["responses"].get("422", {}).get("content", {}):
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _drop_nulls(document: dict[str, Any]) -> None:
    """Take out the null that is written into what may be left out of an address or a form: nobody can send one there."""
    for _, operation in _operations(document):
        form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {"schema": {}})["schema"]
        schemas = [parameter["schema"] for parameter in operation.get("parameters", ())]
        for schema in (*schemas, *form.get("properties", {}).values()):
            kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
            if len(kinds) == 1:
                del schema["anyOf"]
                schema |= kinds[0]
                schema.pop("default", None)


def _add_limits(document: dict[str, Any]) -> None:
    """What every route may answer that does work: too often, too slow, too much at once."""
    for path, operation in _operations(document):
        if path.startswith("/v1/"):
            slow = (408,) if "requestBody" in operation else ()
            operation["responses"] |= {str(status): reply for status, reply in problems(429, 503, *slow).items()}


def _require_key(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, operation in _operations(document):
        if path.startswith("/v1/") or path == "/metrics":
            operation["security"] = [{"bearer": []}, {"header": []}]
            operation["responses"] |= {str(status): response for status, response in problems(401).items()}
