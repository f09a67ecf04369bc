"""GET /api/docs: the API's reference as a page without scripts, rendered from its OpenAPI document."""

import json
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from apps.sign_in import PAGES

router = APIRouter(include_in_schema=False)
pages = Jinja2Templates(PAGES)

OPENAPI_URL = "/api/openapi.json"


@router.get("/api/docs")
def docs(request: Request) -> Response:
    """Show every endpoint with its parameters, body and answers."""
    schema: dict[str, Any] = request.app.openapi()
    endpoints = [
        {"method": method.upper(), "path": path, "does": operation, "body": _body(operation)}
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    ]
    models = {name: json.dumps(model, indent=2) for name, model in sorted(schema["components"]["schemas"].items())}
    shown = {"endpoints": endpoints, "models": models, "openapi": OPENAPI_URL}
    return pages.TemplateResponse(request, "api.html", shown)


@router.api_route("/api/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def unknown(path: str) -> None:
    """Answer for addresses that no router has; it comes last, and before the screens."""
    raise HTTPException(404, "There is no such endpoint, or none with this method.")


def _body(operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference: str = content.get("schema", {}).get("$ref", "")
    return reference.rpartition("/")[2]
