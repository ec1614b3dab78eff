"""`GET /openai/v1/models` and `POST /openai/v1/embeddings`."""

import base64
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from api.deps import blocking, require_json
from api.protocols.openai.call import Call, CallDep, Json
from api.protocols.openai.collections import Lenient, collection_of, model_of, page_of
from api.schemas.requests import has_surrogates
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


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "footnote"}


def _embedding_model(call: Call) -> str:
    return str(call.service.settings["model"])


@router.get("/models")
@blocking
def list_models(call: CallDep) -> Json:
    """A model for each collection, which answers from it, and the one that embeds."""
    names = [*map(model_of, call.access.counts(call.service)), _embedding_model(call)]
    return page_of([_model(name) for name in names])


@router.get("/models/{model:path}")
@blocking
def get_model(model: str, call: CallDep) -> Json:
    """One of them."""
    if model != _embedding_model(call):
        call.require(collection_of(model))
    return _model(model)


@router.post("/embeddings", dependencies=[Depends(require_json)])
@blocking
def embed(body: EmbeddingsIn, call: CallDep) -> Json:
    """Vectors of texts by the store's own model, of unit length."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    known = _embedding_model(call)
    if body.model not in (known, "footnote"):
        raise BadInput(f"model: the texts of this store are embedded with {known!r}, and no other model is here")
    if not 0 < len(texts) <= MAX_TEXTS or sum(map(len, texts)) > MAX_CHARACTERS:
        raise BadInput(f"input: send 1 to {MAX_TEXTS} texts of {MAX_CHARACTERS} characters in all")
    if any(map(has_surrogates, texts)):
        raise BadInput("input: texts must be Unicode without lone surrogates")
    vectors = call.service.embedder.embed_texts(texts)
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
    return {"object": "list", "data": data, "model": known, "usage": usage}
