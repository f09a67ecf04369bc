"""The one error model: whose fault it is decides the status, and nothing inner gets out."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from apps.api.errors import install_error_handlers
from core.errors import SettingsError, StoreError
from governance.errors import AccessDenied, InputError, LedgerError
from governance.schema import Decision
from tests.apps.live import serving

ERRORS = {
    "denied": AccessDenied(Decision("block", "the role member may not do this", "access.role")),
    "input": InputError("The name is taken."),
    "settings": SettingsError("secret-path"),
    "store": StoreError("secret-path"),
    "ledger": LedgerError("secret-path"),
    "bug": RuntimeError("secret-path"),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/{name}")
    def fail(name: str) -> None:
        raise ERRORS[name]

    with serving(app) as address:
        yield address


@pytest.mark.parametrize(
    ("name", "status", "code", "message"),
    [
        ("denied", 403, "not_allowed", "the role member may not do this"),
        ("input", 400, "bad_input", "The name is taken."),
        ("settings", 500, "internal", "Something went wrong here."),
        ("store", 500, "internal", "Something went wrong here."),
        ("ledger", 500, "internal", "Something went wrong here."),
        ("bug", 500, "internal", "Something went wrong here."),
    ],
)
def test_an_error_is_answered_in_the_one_model(url: str, name: str, status: int, code: str, message: str) -> None:
    answer = httpx.get(f"{url}/{name}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["message"]) == (status, code, message)
    assert error["hint"]
    assert "secret-path" not in answer.text
    assert "Traceback" not in answer.text


def test_an_inner_error_has_an_id_that_stands_in_the_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    hint = httpx.get(f"{url}/store").json()["error"]["hint"]
    number = hint.split("error ")[1].split(" ")[0]
    assert f"error {number}: StoreError" in caplog.text
