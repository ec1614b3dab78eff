"""`GET /openai/v1/models` and `POST /openai/v1/embeddings`."""

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.requests import Request

from api.deps import AccessDep, RunDep, ServiceDep, require_json
from api.protocols.openai.collections import (
    Lenient,
    collection_of,
    collections_of,
    embedding_model,
    model_of,
    page_of,
    require_collection,
)
from rag.shared.errors import BadInput

router = APIRouter(prefix="/openai/v1", include_in_schema=False)

MAX_TEXTS = 256
MAX_CHARACTERS = 100_000


class EmbeddingsIn(Lenient):
    """Texts to embed."""

    input: Annotated[str, Field(min_length=1)] | list[Annotated[str, Field(min_length=1)]]
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "footnote"}


@router.get("/models")
async def list_models(request: Request, service: ServiceDep, access: AccessDep, run: RunDep) -> JSONResponse:
    """A model for each collection, which answers from it, and the one that embeds."""

    def read() -> JSONResponse:
        names = [*map(model_of, collections_of(service, access)), embedding_model(request)]
        return JSONResponse(page_of([_model(name) for name in names]))

    return await run(read)


@router.get("/models/{model:path}")
async def get_model(model: str, request: Request, service: ServiceDep, access: AccessDep, run: RunDep) -> JSONResponse:
    """One of them."""

    def read() -> JSONResponse:
        if model != embedding_model(request):
            require_collection(service, access, collection_of(model))
        return JSONResponse(_model(model))

    return await run(read)


@router.post("/embeddings", dependencies=[Depends(require_json)])
async def embed(body: EmbeddingsIn, request: Request, service: ServiceDep, run: RunDep) -> JSONResponse:
    """Vectors of texts by the store's own model, of unit length."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    known = embedding_model(request)
    if body.model not in (known, "footnote"):
        raise BadInput(f"model: the texts of this store are embedded with {known!r}, and no other model is here")
    if not 0 < len(texts) <= MAX_TEXTS or sum(map(len, texts)) > MAX_CHARACTERS:
        raise BadInput(f"input: send 1 to {MAX_TEXTS} texts of {MAX_CHARACTERS} characters in all")
    if not all(_is_utf8(text) for text in texts):
        raise BadInput("input: texts must be Unicode without lone surrogates")

    def work() -> JSONResponse:
        vectors = service.embedder.embed_texts(texts)
        if body.dimensions not in (None, vectors.shape[1]):
            raise BadInput(f"dimensions: the model's vectors have {vectors.shape[1]}, and are not cut")
        as_sent = [
            base64.b64encode(vector.astype("<f4").tobytes()).decode()
            if body.encoding_format == "base64"
            else vector.tolist()
            for vector in vectors
        ]
        data = [{"object": "embedding", "index": index, "embedding": sent} for index, sent in enumerate(as_sent)]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return JSONResponse({"object": "list", "data": data, "model": known, "usage": usage})

    return await run(work)


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
