"""Errors of the API: one model, one status per kind, and never a stack trace or what was sent."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse, Response

from apps.guard import error_body
from core.errors import CoreError, DatasetError
from governance.errors import AccessDenied, GovernanceError, InputError

log = logging.getLogger(__name__)


class ErrorDetail(BaseModel):
    """What went wrong.

    Attributes:
        code: For programs.
        message: What happened.
        hint: What to do next.
    """

    code: str
    message: str
    hint: str


class ErrorAnswer(BaseModel):
    """Every error of the API."""

    error: ErrorDetail


DOCUMENTED: dict[int | str, dict[str, object]] = {
    400: {"model": ErrorAnswer, "description": "What was asked for contradicts itself"},
    401: {"model": ErrorAnswer, "description": "Nobody is signed in, or the key is not valid"},
    403: {"model": ErrorAnswer, "description": "Not allowed; the message says why"},
    404: {"model": ErrorAnswer, "description": "There is none with this id"},
    422: {"model": ErrorAnswer, "description": "A field is missing, unknown or malformed"},
    500: {"model": ErrorAnswer, "description": "Our fault; the hint names the id in the server's log"},
}


@contextmanager
def not_found_if_unknown() -> Iterator[None]:
    """Answer 404 where the only input is an id and there is nothing with it."""
    try:
        yield
    except (InputError, DatasetError) as exc:
        raise HTTPException(404, str(exc)) from exc


def install_error_handlers(app: FastAPI) -> None:
    """Make the app answer every error in the one model."""
    app.exception_handler(RequestValidationError)(_malformed)
    app.exception_handler(StarletteHTTPException)(_http)
    for kind in (CoreError, GovernanceError, Exception):
        app.exception_handler(kind)(_described)


def error_answer(status: int, code: str, message: str, hint: str) -> Response:
    """Return an error in the one model."""
    return JSONResponse(error_body(code, message, hint), status_code=status)


def describe(exc: Exception) -> tuple[int, str, str, str]:
    """Return status, code, message and hint of an exception; what is not the caller's fault gets an id for the log."""
    if isinstance(exc, AccessDenied):
        return 403, "not_allowed", exc.decision.reason, f"Rule {exc.decision.rule_id}. Ask an administrator."
    if isinstance(exc, InputError):
        return 400, "bad_input", str(exc), "Mend the request and send it again."
    number = uuid.uuid4().hex[:12]
    log.error("error %s: %s", number, type(exc).__name__, exc_info=exc)
    return 500, "internal", "Something went wrong here.", f"Try again; if it stays, give error {number} to an operator."


async def _described(request: Request, exc: Exception) -> Response:
    return error_answer(*describe(exc))


async def _malformed(request: Request, exc: Exception) -> Response:
    problems = exc.errors() if isinstance(exc, RequestValidationError) else []
    message = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems)
    return error_answer(422, "malformed", message, "/api/docs lists every field.")


async def _http(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, StarletteHTTPException):
        return error_answer(*describe(exc))
    code = {404: "not_found", 405: "method_not_allowed"}.get(exc.status_code, "refused")
    return error_answer(exc.status_code, code, str(exc.detail), "/api/docs lists what there is.")
