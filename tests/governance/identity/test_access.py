"""Who may do what: every role with every action."""

import pytest

from governance.errors import AccessDenied
from governance.identity import KEY_SCOPES, RIGHTS, authorize, require
from governance.schema import ROLES, Actor, Resource

EVERYBODY = "chat.use agent.view dataset.view policy.view key.manage_own"
ANY = {
    "member": EVERYBODY,
    "builder": f"{EVERYBODY} agent.create dataset.ingest ledger.verify scorecard.view evaluate.run doctor.view",
    "reviewer": f"{EVERYBODY} turn.view content.read_any review.decide ledger.verify ledger.export scorecard.view "
    "policy.edit evaluate.run dataset.review",
    "researcher": f"{EVERYBODY} dataset.use_restricted dataset.ingest ledger.verify ledger.export scorecard.view "
    "evaluate.run train.run doctor.view",
    "admin": " ".join(sorted(set(RIGHTS) - {"turn.rate"})),
}
OWN = {
    "member": "turn.view turn.rate",
    "builder": "agent.edit turn.view turn.rate",
    "reviewer": "turn.rate",
    "researcher": "turn.view turn.rate",
    "admin": "turn.rate",
}
MINE, THEIRS, NOBODYS = Resource("thing", "1", "me"), Resource("thing", "1", "them"), Resource("thing")


def actor(role: str, **fields: object) -> Actor:
    return Actor(id="me", name="me", role=role, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("action", sorted(RIGHTS))
@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_take_exactly_its_actions(role: str, action: str) -> None:
    may_any, may_own = action in ANY[role].split(), action in OWN[role].split()
    for resource, expected in ((MINE, may_any or may_own), (THEIRS, may_any), (NOBODYS, may_any)):
        decision = authorize(actor(role), action, resource)
        assert decision.action == ("allow" if expected else "block"), (resource, decision)
        assert decision.rule_id == ("access.owner" if may_own else "access.role")
        assert bool(decision.message) is not expected
        assert role in decision.reason


def test_the_expectations_above_name_only_actions_that_exist() -> None:
    named = {action for table in (ANY, OWN) for actions in table.values() for action in actions.split()}
    assert named == set(RIGHTS)


def test_an_unknown_action_is_blocked_even_for_an_administrator() -> None:
    decision = authorize(actor("admin"), "agent.destroy", MINE)
    assert (decision.action, decision.rule_id) == ("block", "access.unknown-action")


def test_an_unknown_role_is_blocked() -> None:
    decision = authorize(actor("owner"), "chat.use", MINE)
    assert (decision.action, decision.rule_id) == ("block", "access.unknown-role")


@pytest.mark.parametrize("action", sorted(RIGHTS))
@pytest.mark.parametrize("role", ROLES)
def test_a_key_never_may_more_than_its_user(role: str, action: str) -> None:
    everything = actor(role, kind="key", scopes=frozenset(RIGHTS))
    for resource in (MINE, THEIRS, NOBODYS):
        if authorize(everything, action, resource).allowed:
            assert authorize(actor(role), action, resource).allowed


@pytest.mark.parametrize("action", sorted(RIGHTS))
def test_a_key_may_nothing_outside_its_scopes(action: str) -> None:
    others = actor("admin", kind="key", scopes=frozenset(RIGHTS) - {action})
    assert not authorize(others, action, MINE).allowed
    assert not authorize(actor("admin", kind="key"), action, MINE).allowed


@pytest.mark.parametrize("action", sorted(set(RIGHTS) - KEY_SCOPES))
def test_a_key_may_never_make_keys_or_users(action: str) -> None:
    key = actor("admin", kind="key", scopes=frozenset({action}))
    assert authorize(key, action, MINE).rule_id == "access.person-only"


def test_a_scope_lets_a_key_do_what_its_user_may() -> None:
    key = actor("member", kind="key", scopes=frozenset({"chat.use", "train.run"}))
    assert authorize(key, "chat.use", NOBODYS).allowed
    assert not authorize(key, "train.run", NOBODYS).allowed


def test_require_raises_with_the_decision() -> None:
    require(actor("admin"), "train.run", NOBODYS)
    with pytest.raises(AccessDenied, match=r"the role member may not train\.run") as caught:
        require(actor("member"), "train.run", NOBODYS)
    assert caught.value.decision.rule_id == "access.role"


def test_public_names_are_those_listed() -> None:
    import governance.identity as package

    assert list(package.__all__) == sorted(package.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    assert all(hasattr(package, name) for name in package.__all__)
