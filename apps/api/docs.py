"""GET /api/docs: the API's reference as a page without scripts, rendered from its OpenAPI document."""

import json
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from apps.api.errors import DOCUMENTED
from apps.sign_in import PAGES

router = APIRouter(include_in_schema=False)
pages = Jinja2Templates(PAGES)

OPENAPI_URL = "/api/openapi.json"


@router.get("/api/docs")
def docs(request: Request) -> Response:
    """Show every endpoint with its parameters, body and answers."""
    schema: dict[str, Any] = request.app.openapi()
    endpoints = [
        {"method": method.upper(), "path": path, "does": operation, **_models(operation)}
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    ]
    models = {name: json.dumps(model, indent=2) for name, model in sorted(schema["components"]["schemas"].items())}
    shown = {"endpoints": endpoints, "models": models, "errors": DOCUMENTED, "openapi": OPENAPI_URL}
    return pages.TemplateResponse(request, "api.html", shown)


@router.api_route("/api/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def unknown(path: str) -> None:
    """Answer for addresses that no router has; it comes last, and before the screens."""
    raise HTTPException(404, "There is no such endpoint, or none with this method.")


def _models(operation: dict[str, Any]) -> dict[str, str]:
    """Return the names of the models of an operation's body and of its good answer, empty without one."""
    good = next(answer for code, answer in operation["responses"].items() if code.startswith("2"))
    return {"body": _model(operation.get("requestBody", {})), "model": _model(good)}


def _model(part: dict[str, Any]) -> str:
    schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    reference: str = schema.get("items", schema).get("$ref", "")
    return reference.rpartition("/")[2]
