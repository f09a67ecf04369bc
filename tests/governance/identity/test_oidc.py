"""Sign-in at a real, small OpenID Connect issuer on loopback, and at ones that cheat."""

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from governance.errors import GovernanceError, InputError, SignInRefused
from governance.identity import (
    AuthorizationRequest,
    Identity,
    OidcClaims,
    OidcClient,
    begin_sign_in,
    complete_sign_in,
    discover,
)
from governance.schema import Actor

SECRET = "client-secret-of-32-characters!!"
NOW = datetime.now(UTC)


def constant_bytes(seed: int) -> Callable[[int], bytes]:
    numbers = iter(range(seed, seed + 1000))
    return lambda count: bytes([next(numbers) % 256]) * count


@dataclass
class Issuer:
    """An issuer that signs everybody in as `claims` says; tests make it cheat."""

    url: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    signing_key: Any = None
    answer: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    begun: dict[str, dict[str, str]] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.describe),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
            Route("/keys", self.keys),
            Route("/broken/.well-known/openid-configuration", self.broken),
            Route("/list/.well-known/openid-configuration", self.listing),
        ]

    async def describe(self, request: Request) -> Response:
        endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        document = {"issuer": self.url} | {name: f"{self.url}/{path}" for name, path in endpoints.items()}
        return JSONResponse(document | self.discovery)

    async def broken(self, request: Request) -> Response:
        return PlainTextResponse("<html>not json</html>")

    async def listing(self, request: Request) -> Response:
        return JSONResponse([])

    async def authorize(self, request: Request) -> Response:
        code = f"code-{len(self.begun)}"
        self.begun[code] = dict(request.query_params)
        return RedirectResponse(
            f"{request.query_params['redirect_uri']}?code={code}&state={request.query_params['state']}"
        )

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        begun = self.begun.pop(form["code"], None)
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        expected = "Basic " + base64.b64encode(f"workbench:{SECRET}".encode()).decode()
        if begun is None or challenge != begun["code_challenge"] or request.headers["authorization"] != expected:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return JSONResponse(
            {"access_token": "at", "token_type": "Bearer", "id_token": self.id_token(begun)} | self.answer
        )

    def id_token(self, begun: dict[str, str]) -> str:
        now = int(NOW.timestamp())
        claims = {"iss": self.url, "aud": "workbench", "sub": "s-1", "iat": now, "exp": now + 300}
        claims |= {"nonce": begun["nonce"], "preferred_username": "Ada", "email": "ada@example.org"} | self.claims
        kept = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": "one"} | self.header
        return jwt.encode(header, kept, self.signing_key or self.key, algorithms=[header["alg"]])

    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


@pytest.fixture(scope="module")
def server() -> Iterator[Issuer]:
    issuer = Issuer()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        issuer.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(Starlette(routes=issuer.routes()), log_level="warning", lifespan="off", ws="none")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield issuer
        running.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def issuer(server: Issuer) -> Issuer:
    server.claims, server.header, server.answer, server.discovery, server.signing_key = {}, {}, {}, {}, None
    return server


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def client(issuer: Issuer) -> OidcClient:
    return OidcClient(issuer.url, "workbench", "http://127.0.0.1:7860/sign-in/oidc", SECRET)


def go_to_issuer(request: AuthorizationRequest, http: httpx.Client) -> dict[str, str]:
    """Do what the browser does, and return what it brings back."""
    location = http.get(request.url).headers["location"]
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def sign_in(client: OidcClient, http: httpx.Client, *, seed: int = 1, now: datetime = NOW) -> OidcClaims:
    provider = discover(client.issuer, http=http)
    request = begin_sign_in(client, provider, random_bytes=constant_bytes(seed), now=NOW)
    back = go_to_issuer(request, http)
    return complete_sign_in(client, provider, request, state=back["state"], code=back["code"], http=http, now=now)


def test_the_issuer_says_who_somebody_is(client: OidcClient, http: httpx.Client) -> None:
    assert sign_in(client, http) == OidcClaims(issuer=client.issuer, subject="s-1", name="Ada")


def test_a_token_for_several_audiences_is_accepted_when_it_was_made_for_us(
    client: OidcClient, issuer: Issuer, http: httpx.Client
) -> None:
    issuer.claims = {"aud": ["workbench", "another-client"], "azp": "workbench", "preferred_username": None}
    assert sign_in(client, http).name == "ada@example.org"


def test_the_request_carries_state_nonce_and_challenge_but_no_secret(client: OidcClient, http: httpx.Client) -> None:
    request = begin_sign_in(client, discover(client.issuer, http=http), random_bytes=constant_bytes(7), now=NOW)
    query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
    assert (query["state"], query["nonce"]) == (request.state, request.nonce)
    assert query["code_challenge_method"] == "S256"
    assert len({request.state, request.nonce, request.verifier, query["code_challenge"]}) == 4
    assert request.verifier not in request.url
    assert SECRET not in request.url + repr(client)


def test_a_request_survives_its_cookie(client: OidcClient, http: httpx.Client, identity: Identity) -> None:
    request = begin_sign_in(client, discover(client.issuer, http=http), random_bytes=constant_bytes(7), now=NOW)
    value = identity.unseal("oidc", identity.seal("oidc", request.dump()))
    assert value is not None
    assert AuthorizationRequest.load(value) == request


EARLIER, LATER = int((NOW - timedelta(hours=1)).timestamp()), int((NOW + timedelta(hours=1)).timestamp())


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": ["workbench", "another-client"]},
        {"aud": ["workbench"], "azp": "another-client"},
        {"aud": None},
        {"aud": "another-client", "azp": "workbench"},
        {"iss": "https://issuer.example"},
        {"iss": None},
        {"exp": EARLIER},
        {"exp": None},
        {"exp": "soon"},
        {"iat": LATER},
        {"nbf": LATER},
        {"sub": None},
        {"sub": ""},
        {"at_hash": "bm90IGl0"},
    ],
    ids="-".join,  # without the times, which differ between processes
)
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    client: OidcClient, issuer: Issuer, http: httpx.Client, claims: dict[str, Any]
) -> None:
    issuer.claims = claims
    with pytest.raises(SignInRefused, match="not acceptable"):
        sign_in(client, http)


def test_an_id_token_is_judged_by_the_time_given(client: OidcClient, http: httpx.Client) -> None:
    assert sign_in(client, http, now=NOW + timedelta(minutes=5)).subject == "s-1"
    with pytest.raises(SignInRefused, match="ExpiredToken"):
        sign_in(client, http, now=NOW + timedelta(minutes=7))


def test_a_signature_of_another_key_is_refused(client: OidcClient, issuer: Issuer, http: httpx.Client) -> None:
    issuer.signing_key = RSAKey.generate_key(2048, {"kid": "one"})
    with pytest.raises(SignInRefused, match="BadSignature"):
        sign_in(client, http)


def test_an_unknown_key_id_is_refused(client: OidcClient, issuer: Issuer, http: httpx.Client) -> None:
    issuer.header = {"kid": "two"}
    with pytest.raises(SignInRefused, match="not acceptable"):
        sign_in(client, http)


def test_a_token_signed_with_the_client_secret_is_refused(
    client: OidcClient, issuer: Issuer, http: httpx.Client
) -> None:
    issuer.header, issuer.signing_key = {"alg": "HS256"}, OctKey.import_key(SECRET)
    with pytest.raises(SignInRefused, match="not acceptable"):
        sign_in(client, http)


def unsigned(issuer: Issuer) -> str:
    parts = ({"alg": "none"}, {"iss": issuer.url, "aud": "workbench", "sub": "admin", "exp": LATER, "iat": EARLIER})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    "token", [unsigned, lambda _: "a.b.c", lambda _: "", lambda _: "ü"], ids=["none", "abc", "", "ü"]
)
def test_an_unsigned_or_garbled_token_is_refused(
    client: OidcClient, issuer: Issuer, http: httpx.Client, token: Callable[[Issuer], str]
) -> None:
    issuer.answer = {"id_token": token(issuer)}
    with pytest.raises(SignInRefused, match="not acceptable"):
        sign_in(client, http)


@pytest.mark.parametrize("token", [None, 7])
def test_an_answer_without_an_id_token_is_an_error(
    client: OidcClient, issuer: Issuer, http: httpx.Client, token: object
) -> None:
    issuer.answer = {"id_token": token}
    with pytest.raises(GovernanceError, match="without an ID token"):
        sign_in(client, http)


def test_a_state_of_another_browser_is_refused(client: OidcClient, http: httpx.Client) -> None:
    provider = discover(client.issuer, http=http)
    request = begin_sign_in(client, provider, random_bytes=constant_bytes(1), now=NOW)
    code = go_to_issuer(request, http)["code"]
    with pytest.raises(SignInRefused, match="begun elsewhere"):
        complete_sign_in(client, provider, request, state="another", code=code, http=http, now=NOW)


def test_a_sign_in_begun_too_long_ago_is_refused(client: OidcClient, http: httpx.Client) -> None:
    with pytest.raises(SignInRefused, match="too long ago"):
        sign_in(client, http, now=NOW + timedelta(minutes=10))


def test_a_stolen_code_is_worth_nothing_without_its_verifier(client: OidcClient, http: httpx.Client) -> None:
    provider = discover(client.issuer, http=http)
    victim = begin_sign_in(client, provider, random_bytes=constant_bytes(1), now=NOW)
    thief = begin_sign_in(client, provider, random_bytes=constant_bytes(50), now=NOW)
    code = go_to_issuer(victim, http)["code"]
    with pytest.raises(GovernanceError, match="400"):
        complete_sign_in(client, provider, thief, state=thief.state, code=code, http=http, now=NOW)


@pytest.mark.parametrize(
    ("path", "message"),
    [("/broken", "did not answer as expected"), ("/list", "something else than an object"), ("/missing", "404")],
)
def test_an_address_that_is_no_issuer_is_an_error(issuer: Issuer, http: httpx.Client, path: str, message: str) -> None:
    with pytest.raises(GovernanceError, match=message):
        discover(issuer.url + path, http=http)


def test_an_issuer_that_does_not_answer_is_an_error(http: httpx.Client) -> None:
    with pytest.raises(GovernanceError, match="did not answer"):
        discover("http://127.0.0.1:1", http=http)


@pytest.mark.parametrize(
    ("discovery", "message"),
    [
        ({"issuer": "https://issuer.example"}, "calls itself https://issuer.example"),
        ({"jwks_uri": "http://issuer.example/keys"}, "is not https"),
        ({"token_endpoint": "file:///etc/passwd"}, "is not https"),
        ({"token_endpoint": 7}, "no usable discovery document"),
    ],
)
def test_a_discovery_document_that_misleads_is_refused(
    issuer: Issuer, http: httpx.Client, discovery: dict[str, Any], message: str
) -> None:
    issuer.discovery = discovery
    with pytest.raises((GovernanceError, InputError), match=message):
        discover(issuer.url, http=http)


def claims(subject: str = "s-1", name: str | None = "Ada", issuer: str = "https://issuer.example") -> OidcClaims:
    return OidcClaims(issuer, subject, name)


def test_a_person_is_the_same_user_every_time(identity: Identity, admin: Actor) -> None:
    first = identity.sign_in_oidc(claims(), default_role="member")
    second = identity.sign_in_oidc(claims(name="Renamed"), default_role="admin")
    assert first.actor == second.actor
    assert (first.actor.name, first.actor.role) == ("ada", "member")
    assert identity.actor_from_cookie(second.cookie) == first.actor
    assert not identity.must_change_password(first.actor)
    assert [user.by_oidc for user in identity.list_users()] == [True, False]


def test_the_same_subject_at_another_issuer_is_somebody_else(identity: Identity) -> None:
    first = identity.sign_in_oidc(claims(), default_role="member").actor
    second = identity.sign_in_oidc(claims(issuer="https://other.example"), default_role="member").actor
    assert first.id != second.id
    assert second.name.startswith("ada-")


def test_a_namesake_never_becomes_a_local_user(identity: Identity, admin: Actor) -> None:
    actor = identity.sign_in_oidc(claims(name="admin"), default_role="member").actor
    assert actor.id != admin.id
    assert actor.role == "member"
    assert actor.name.startswith("admin-")


def test_a_disabled_person_is_refused(identity: Identity, admin: Actor) -> None:
    actor = identity.sign_in_oidc(claims(), default_role="member").actor
    identity.disable_user(admin, actor.id)
    with pytest.raises(SignInRefused):
        identity.sign_in_oidc(claims(), default_role="member")


def test_a_person_of_the_issuer_has_no_password_here(identity: Identity, admin: Actor) -> None:
    actor = identity.sign_in_oidc(claims(), default_role="member").actor
    with pytest.raises(SignInRefused):
        identity.sign_in("ada", "", address="192.0.2.1")
    with pytest.raises(InputError, match="organisation's issuer"):
        identity.change_password(actor, current="", new="battery staple correct")
    with pytest.raises(InputError, match="organisation's issuer"):
        identity.reset_password(admin, actor.id)


def test_an_unknown_default_role_is_refused(identity: Identity) -> None:
    with pytest.raises(InputError, match="no role"):
        identity.sign_in_oidc(claims(), default_role="owner")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Ada Lovelace", "ada-lovelace"), (None, "user-s-1"), (" ", "user-s-1"), ("a" * 300, "a" * 80), ("a\0b", "a-b")],
)
def test_a_name_is_made_fit_for_a_user(name: str | None, expected: str) -> None:
    assert claims(name=name).user_name() == expected
