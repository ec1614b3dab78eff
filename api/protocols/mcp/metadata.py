"""`/.well-known/oauth-protected-resource`: who gives out tokens for this service (RFC 9728)."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.admission.paths import MCP_PATH, RESOURCE_METADATA_PATH
from api.admission.tokens import READ, WRITE
from api.deps import state_of
from api.protocols.links import Links

router = APIRouter(include_in_schema=False)


@router.get(RESOURCE_METADATA_PATH)
@router.get(RESOURCE_METADATA_PATH + MCP_PATH)
async def describe(request: Request) -> JSONResponse:
    """The issuer and its scopes; 404 for a service that takes no tokens."""
    issuer = state_of(request).settings.oidc_issuer
    if issuer is None:
        raise HTTPException(404)
    return JSONResponse(
        {
            "resource": f"{Links.of(request).base}{MCP_PATH}",
            "authorization_servers": [issuer],
            "scopes_supported": [READ, WRITE],
            "bearer_methods_supported": ["header"],
            "resource_name": "Footnote",
        }
    )
