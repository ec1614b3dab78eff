"""The OpenAPI description: what the framework finds in the routes, with problem details as the one shape of every error."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.errors import ALL_KINDS, MEDIA_TYPE
from api.schemas.responses import Problem

_REF = "#/components/schemas/{model}"


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
            components = document.setdefault("components", {})
            _, found = models_json_schema([(Problem, "serialization")], ref_template=_REF)
            components.setdefault("schemas", {}).update(found["$defs"])
            _drop_framework_errors(document)
            _drop_null_parameters(document)
            _add_limits(document)
            if with_key:
                _require_key(document)
            app.openapi_schema = document
        return app.openapi_schema

    return openapi


def _drop_framework_errors(document: dict[str, Any]) -> None:
    """Take out the 422 that the framework writes into routes with parameters and that is never answered here."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _drop_null_parameters(document: dict[str, Any]) -> None:
    """Take out the null that the framework writes into what may be left out of an address: nobody can send one there."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                kinds = [kind for kind in parameter["schema"].get("anyOf", ()) if kind != {"type": "null"}]
                if len(kinds) == 1:
                    del parameter["schema"]["anyOf"]
                    parameter["schema"] |= kinds[0]


def _add_limits(document: dict[str, Any]) -> None:
    """What every route may answer that does work: too often, too slow, too much at once."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/"):
                slow = (408,) if "requestBody" in operation else ()
                operation["responses"] |= {str(status): reply for status, reply in problems(429, 503, *slow).items()}


def _require_key(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/") or path == "/metrics":
                operation["security"] = [{"bearer": []}, {"header": []}]
                operation["responses"] |= {str(status): response for status, response in problems(401).items()}
