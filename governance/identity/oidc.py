"""Sign-in at an OpenID Connect issuer: code flow with state, nonce and PKCE (OpenID Connect Core 1.0, 3.1).

The HTTP client and the time are arguments. Signing out at the issuer and refresh tokens are not covered: our own
session says how long someone stays signed in.
"""

import base64
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from governance.errors import GovernanceError, InputError, SignInRefused
from governance.identity.users import NAME_CHARS, normal_name

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")  # signatures that only the issuer can make
LEEWAY_S = 60
SIGN_IN_LIFE = timedelta(minutes=10)
SECRET_BYTES = 32
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class OidcClient:
    """What this installation is to its issuer."""

    issuer: str
    client_id: str
    redirect_uri: str
    client_secret: str = field(repr=False)


class Provider(BaseModel):
    """The parts of the issuer's discovery document that a sign-in needs."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A sign-in under way. It waits in a sealed cookie of the browser that began it.

    Attributes:
        url: Where the browser goes.
        state: Comes back with the code; ties it to this browser.
        nonce: Comes back in the ID token; ties it to this sign-in.
        verifier: PKCE secret that only the one who began can show (RFC 7636).
    """

    url: str
    state: str
    nonce: str
    verifier: str = field(repr=False)
    expires_at: datetime

    def dump(self) -> str:
        """Return it as text, to be sealed."""
        return json.dumps(asdict(self) | {"expires_at": self.expires_at.isoformat()})

    @classmethod
    def load(cls, text: str) -> "AuthorizationRequest":
        """Read what `dump` wrote, after its seal was checked."""
        fields = json.loads(text)
        return cls(**fields | {"expires_at": datetime.fromisoformat(fields["expires_at"])})


@dataclass(frozen=True, slots=True)
class OidcClaims:
    """Who the issuer says somebody is. Issuer and subject together identify a person; the name only reads well."""

    issuer: str
    subject: str
    name: str | None

    def user_name(self) -> str:
        """Return a name that a user can have."""
        name = normal_name(self.name or "") or normal_name(f"user-{self.subject}")
        return re.sub(r"[^\w.@+-]", "-", name)[:NAME_CHARS]


def discover(issuer: str, *, http: httpx.Client) -> Provider:
    """Read the issuer's discovery document (OpenID Connect Discovery 1.0, 4).

    Raises:
        GovernanceError: It can't be reached, is malformed, is another issuer's, or names an address without TLS.
    """
    document = _fetch(http, "GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    try:
        provider = Provider.model_validate(document)
    except ValidationError as exc:
        raise GovernanceError(f"The issuer {issuer} has no usable discovery document; check oidc_issuer.") from exc
    if provider.issuer != issuer:
        raise GovernanceError(f"oidc_issuer is {issuer}, but the issuer there calls itself {provider.issuer}.")
    for url in (provider.authorization_endpoint, provider.token_endpoint, provider.jwks_uri):
        _refuse_insecure(url)
    return provider


def begin_sign_in(
    client: OidcClient, provider: Provider, *, random_bytes: Callable[[int], bytes], now: datetime
) -> AuthorizationRequest:
    """Return the request that sends a browser to the issuer."""
    state, nonce, verifier = (_token(random_bytes(SECRET_BYTES)) for _ in range(3))
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": "openid profile email",
        "state": state,
        "nonce": nonce,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    joint = "&" if urlsplit(provider.authorization_endpoint).query else "?"
    url = f"{provider.authorization_endpoint}{joint}{urlencode(query)}"
    return AuthorizationRequest(url, state, nonce, verifier, now + SIGN_IN_LIFE)


def complete_sign_in(
    client: OidcClient,
    provider: Provider,
    request: AuthorizationRequest,
    *,
    state: str,
    code: str,
    http: httpx.Client,
    now: datetime,
) -> OidcClaims:
    """Exchange the code that came back for verified claims.

    Args:
        client: This installation.
        provider: The issuer, from `discover`.
        request: The one that this browser began with.
        state: As the browser brought it back.
        code: As the browser brought it back.
        http: Reaches the issuer.
        now: Aware UTC time.

    Raises:
        SignInRefused: The answer is not to this request, too old, or its ID token does not verify.
        GovernanceError: The issuer can't be reached or answers nonsense.
    """
    if not hmac.compare_digest(state.encode(), request.state.encode()) or now >= request.expires_at:
        raise SignInRefused("This sign-in was begun elsewhere or too long ago. Begin again.")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": request.verifier,
    }
    answer = _fetch(http, "POST", provider.token_endpoint, data=form, auth=(client.client_id, client.client_secret))
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise GovernanceError("The issuer answered without an ID token; check that the client may use scope openid.")
    keys = _fetch(http, "GET", provider.jwks_uri)
    return verify_id_token(
        token, keys=keys, client=client, nonce=request.nonce, access_token=answer.get("access_token"), now=now
    )


def verify_id_token(
    token: str, *, keys: dict[str, Any], client: OidcClient, nonce: str, access_token: str | None, now: datetime
) -> OidcClaims:
    """Return the claims of an ID token that this issuer made for this client and this sign-in (Core 1.0, 3.1.3.7).

    Raises:
        SignInRefused: Signature, issuer, audience, nonce, time or subject is not right.
    """
    expected = {
        "iss": {"essential": True, "value": client.issuer},
        "aud": {"essential": True, "value": client.client_id},
        "sub": {"essential": True, "allow_blank": False},
        "exp": {"essential": True},
    }
    params = {"nonce": nonce, "client_id": client.client_id, "access_token": access_token}
    try:
        decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
        claims = CodeIDToken(decoded.claims, decoded.header, expected, params)
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY_S)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise SignInRefused(f"The issuer's ID token is not acceptable ({type(exc).__name__}). Begin again.") from exc
    name = next((claims[key] for key in ("preferred_username", "email") if isinstance(claims.get(key), str)), None)
    return OidcClaims(issuer=client.issuer, subject=str(claims["sub"]), name=name)


def _fetch(http: httpx.Client, method: str, url: str, **options: Any) -> dict[str, Any]:
    _refuse_insecure(url)
    try:
        response = http.request(method, url, headers={"accept": "application/json"}, **options)
        response.raise_for_status()
        document = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        raise GovernanceError(f"The OpenID Connect issuer did not answer as expected at {url}: {exc}") from exc
    if not isinstance(document, dict):
        raise GovernanceError(f"The OpenID Connect issuer answered at {url} with something else than an object.")
    return document


def _refuse_insecure(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise InputError(f"The OpenID Connect address {url} is not https.")


def _token(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).decode().rstrip("=")
