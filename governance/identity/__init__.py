"""Who someone is, and what they may do: users, sign-in, sessions, API keys, roles, OpenID Connect."""

from governance.identity.access import KEY_SCOPES, RIGHTS, authorize, require
from governance.identity.identity import Identity
from governance.identity.keys import KeyView, NewKey
from governance.identity.oidc import (
    AuthorizationRequest,
    OidcClaims,
    OidcClient,
    begin_sign_in,
    complete_sign_in,
    discover,
)
from governance.identity.sessions import SessionSecret
from governance.identity.users import UserView

__all__ = [
    "KEY_SCOPES",
    "RIGHTS",
    "AuthorizationRequest",
    "Identity",
    "KeyView",
    "NewKey",
    "OidcClaims",
    "OidcClient",
    "SessionSecret",
    "UserView",
    "authorize",
    "begin_sign_in",
    "complete_sign_in",
    "discover",
    "require",
]
