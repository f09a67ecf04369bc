"""Who may do what: one table of roles and actions, and the pure function that reads it. Deny by default.

It decides on rights alone. What an agent may say or see is decided by policies.
"""

from collections.abc import Mapping
from typing import Literal

from governance.errors import AccessDenied
from governance.schema import ROLES, Actor, Decision, Resource

Right = Literal["any", "own", "none"]
ANY: Right = "any"
OWN: Right = "own"  # only on what the actor owns: their agents, their turns
NO: Right = "none"

# fmt: off
RIGHTS: Mapping[str, tuple[Right, Right, Right, Right, Right]] = {
    # action                  admin builder reviewer researcher member
    "chat.use":               (ANY, ANY,    ANY,     ANY,       ANY),
    "agent.view":             (ANY, ANY,    ANY,     ANY,       ANY),
    "agent.create":           (ANY, ANY,    NO,      NO,        NO),
    "agent.edit":             (ANY, OWN,    NO,      NO,        NO),
    "dataset.view":           (ANY, ANY,    ANY,     ANY,       ANY),
    "dataset.use_restricted": (ANY, NO,     NO,      ANY,       NO),
    "dataset.ingest":         (ANY, ANY,    NO,      ANY,       NO),
    "dataset.remove":         (ANY, NO,     NO,      NO,        NO),
    "dataset.review":         (ANY, NO,     ANY,     NO,        NO),
    "turn.view":              (ANY, OWN,    ANY,     OWN,       OWN),
    "turn.rate":              (OWN, OWN,    OWN,     OWN,       OWN),
    "content.read_any":       (ANY, NO,     ANY,     NO,        NO),
    "review.decide":          (ANY, NO,     ANY,     NO,        NO),
    "ledger.verify":          (ANY, ANY,    ANY,     ANY,       NO),
    "ledger.export":          (ANY, NO,     ANY,     ANY,       NO),
    "scorecard.view":         (ANY, ANY,    ANY,     ANY,       NO),
    "policy.view":            (ANY, ANY,    ANY,     ANY,       ANY),
    "policy.edit":            (ANY, NO,     ANY,     NO,        NO),
    "evaluate.run":           (ANY, ANY,    ANY,     ANY,       NO),
    "train.run":              (ANY, NO,     NO,      ANY,       NO),
    "key.manage_own":         (ANY, ANY,    ANY,     ANY,       ANY),
    "user.manage":            (ANY, NO,     NO,      NO,        NO),
    "doctor.view":            (ANY, ANY,    NO,      ANY,       NO),
    "backup.create":          (ANY, NO,     NO,      NO,        NO),
    "backup.restore":         (ANY, NO,     NO,      NO,        NO),
}
# fmt: on

# A key that could make keys or users could give itself more than its scopes.
PERSON_ONLY = frozenset({"key.manage_own", "user.manage"})
KEY_SCOPES = frozenset(RIGHTS) - PERSON_ONLY

DENIED = "You don't have the right to do this. An administrator can give it to you."
OUT_OF_SCOPE = "This API key does not cover this action. Create a key with the scope, or sign in."


def authorize(actor: Actor, action: str, resource: Resource) -> Decision:
    """Decide whether an actor may take an action on a resource. Whatever the table does not allow is blocked."""
    if action not in RIGHTS:
        return _block(f"there is no action {action!r}", "access.unknown-action")
    if actor.role not in ROLES:
        return _block(f"there is no role {actor.role!r}", "access.unknown-role")
    if actor.kind != "user" and action in PERSON_ONLY:
        return _block(f"only a person may {action}, not a key", "access.person-only", OUT_OF_SCOPE)
    if actor.kind != "user" and action not in actor.scopes:
        return _block(f"the key's scopes don't hold {action}", "access.scope", OUT_OF_SCOPE)
    right = RIGHTS[action][ROLES.index(actor.role)]
    if right == "any":
        return Decision("allow", f"the role {actor.role} may {action}", "access.role")
    if right == "own":
        return _by_owner(actor, action, resource)
    return _block(f"the role {actor.role} may not {action}", "access.role")


def require(actor: Actor, action: str, resource: Resource) -> None:
    """Go on only if the actor may take the action.

    Raises:
        AccessDenied: `authorize` said no.
    """
    decision = authorize(actor, action, resource)
    if not decision.allowed:
        raise AccessDenied(decision)


def _by_owner(actor: Actor, action: str, resource: Resource) -> Decision:
    if resource.owner_id is not None and resource.owner_id == actor.id:
        return Decision("allow", f"the role {actor.role} may {action} on its own {resource.kind}", "access.owner")
    return _block(f"the role {actor.role} may {action} only on its own {resource.kind}", "access.owner")


def _block(reason: str, rule_id: str, message: str = DENIED) -> Decision:
    return Decision("block", reason, rule_id, message)
