"""Versions of policy documents: who may take which step, what is refused, and what a running workbench takes up."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from core.store.database import Store, connect
from governance.errors import AccessDenied, InputError, PolicyError
from governance.ledger import Ledger, create_signer, verify_ledger
from governance.policy import PolicyBook, PolicyVersions, vocabulary_of
from governance.schema import Actor
from tests.governance.ledger.killing import die_at_statement, runs_to_its_end
from tests.governance.policy.drafts import PLACES, rule, write_rules

ANN, BEN, CAT = Actor("ann", "Ann", "reviewer"), Actor("ben", "Ben", "admin"), Actor("cat", "Cat", "reviewer")
MIA = Actor("mia", "Mia", "member")
SIGNER = create_signer(bytes(range(32)))
VOCABULARY = vocabulary_of(PLACES)
FLOOR = (rule("mask", 'finding.rail == "pii"'), rule("refuse", 'finding.rail == "harm"', "block"))
STRICT = (rule("phones", 'finding.rail == "pii" && finding.category == "phone"', "block"),)
STRICTER = (rule("pii", 'finding.rail == "pii"', "block"),)


def text(*rules: str, name: str = "house") -> str:
    return f"id: {name}\ntitle: T\ndescription: D\nrules:\n{''.join(rules)}"


def cases(action: str = "block", rule_id: str = "house.phones") -> str:
    return (
        "cases:\n  - {finding: {rail: pii, category: phone, score: 1}, stage: input, level: standard,"
        f" action: {action}, rule: {rule_id}}}\n"
    )


def open_versions(store: Store, floor: Path, clock: Callable[[], datetime]) -> PolicyVersions:
    return PolicyVersions(Ledger(store, signer=SIGNER, clock=clock), shipped=floor)


@pytest.fixture
def store(any_store: Store) -> Store:
    """The steps hold on SQLite and on PostgreSQL."""
    return any_store


@pytest.fixture
def floor(tmp_path: Path) -> Path:
    return write_rules(tmp_path / "floor", *FLOOR)


@pytest.fixture
def versions(store: Store, floor: Path, clock: Callable[[], datetime]) -> PolicyVersions:
    return open_versions(store, floor, clock)


def propose(versions: PolicyVersions, *rules: str, cases_text: str | None = None, why: str = "Phones leak.") -> str:
    cases_text = cases() if cases_text is None else cases_text
    return versions.propose(ANN, rules=text(*(rules or STRICT)), cases=cases_text, why=why).id


def activate(versions: PolicyVersions, version_id: str) -> None:
    versions.review(BEN, version_id, why="Read it.", places=PLACES)
    versions.activate(ANN, version_id, why="From today on.", places=PLACES)


def test_a_version_lives_from_draft_to_retired_and_the_ledger_says_who_when_and_why(
    versions: PolicyVersions, clock: Callable[[], datetime]
) -> None:
    version_id = propose(versions)
    assert version_id == "house@1"
    assert [each.state for each in versions.all()] == ["draft"]
    activate(versions, version_id)
    assert versions.retire(CAT, version_id, why="No longer needed.").state == "retired"
    history = versions.get(version_id).history
    assert [(step.state, step.actor_id, step.role, step.why) for step in history] == [
        ("draft", "ann", "reviewer", "Phones leak."),
        ("reviewed", "ben", "admin", "Read it."),
        ("active", "ann", "reviewer", "From today on."),
        ("retired", "cat", "reviewer", "No longer needed."),
    ]
    assert {step.at for step in history} == {clock().replace(microsecond=0)}


def test_the_author_can_not_review_their_own_draft(versions: PolicyVersions) -> None:
    version_id = propose(versions)
    with pytest.raises(InputError, match="somebody else has to review it"):
        versions.review(ANN, version_id, why="Fine.", places=PLACES)
    with pytest.raises(InputError, match="is a draft"):
        versions.activate(BEN, version_id, why="Now.", places=PLACES)
    assert versions.get(version_id).state == "draft"


def test_only_roles_with_the_right_take_steps_and_each_needs_a_reason(versions: PolicyVersions) -> None:
    version_id = propose(versions)
    with pytest.raises(AccessDenied):
        versions.propose(MIA, rules=text(*STRICT), cases="", why="Why not.")
    with pytest.raises(AccessDenied):
        versions.review(MIA, version_id, why="Fine.", places=PLACES)
    with pytest.raises(AccessDenied):
        versions.retire(MIA, version_id, why="Fine.")
    with pytest.raises(InputError, match="Say why"):
        versions.review(BEN, version_id, why="  ", places=PLACES)
    with pytest.raises(InputError, match=r"no policy version 'house@9'"):
        versions.get("house@9")


@pytest.mark.parametrize(
    ("rules", "cases_text", "problem"),
    [
        pytest.param((rule("x", 'finding.rail == "pij"'),), cases(), "unknown word 'pij'", id="does not lint"),
        pytest.param(STRICT, "", "no case was found. Write some", id="no case"),
        pytest.param(STRICT, "cases: [{}]", "Field required", id="broken cases"),
        pytest.param(STRICT, cases("redact"), "expected redact by house.phones, came block", id="case fails"),
    ],
)
def test_a_draft_with_a_problem_can_not_be_reviewed_and_the_error_says_what_to_do(
    versions: PolicyVersions, rules: tuple[str, ...], cases_text: str, problem: str
) -> None:
    version_id = propose(versions, *rules, cases_text=cases_text)
    with pytest.raises(InputError, match="can't become reviewed") as caught:
        versions.review(BEN, version_id, why="Read it.", places=PLACES)
    assert problem in str(caught.value)
    assert "propose it again" in str(caught.value)
    assert versions.get(version_id).state == "draft"


def test_a_draft_that_loosens_the_floor_can_not_be_reviewed(
    store: Store, tmp_path: Path, clock: Callable[[], datetime]
) -> None:
    # The floor names no harm, so harm is blocked; a version that names it would let it pass.
    versions = open_versions(store, write_rules(tmp_path / "few", FLOOR[0]), clock)
    allowing = rule("harm", 'finding.rail == "harm"', "allow")
    version_id = propose(versions, *STRICT, allowing)
    with pytest.raises(InputError, match="It loosens the floor: harm") as caught:
        versions.review(BEN, version_id, why="Read it.", places=PLACES)
    assert "allow by house.harm, where what ships says block" in str(caught.value)


def test_a_draft_that_lets_a_rail_be_late_can_not_be_reviewed(versions: PolicyVersions) -> None:
    rules = text(*STRICT).replace("rules:", "late: {duties: standard}\nrules:")
    version_id = versions.propose(ANN, rules=rules, cases=cases(), why="Slow.").id
    with pytest.raises(InputError, match="It loosens the floor: duties is late, standard"):
        versions.review(BEN, version_id, why="Read it.", places=PLACES)


def test_a_document_that_ships_has_no_versions(versions: PolicyVersions) -> None:
    with pytest.raises(InputError, match="an id of its own"):
        versions.propose(ANN, rules=text(*STRICT, name="core"), cases="", why="Mine.")
    with pytest.raises(PolicyError, match="the draft"):
        versions.propose(ANN, rules="id: [", cases="", why="Mine.")
    with pytest.raises(InputError, match="at most 100,000 fit"):
        versions.propose(ANN, rules=text(*STRICT), cases="#" * 100_000, why="Mine.")


def test_exactly_one_version_of_a_policy_is_active(versions: PolicyVersions) -> None:
    activate(versions, propose(versions))
    activate(versions, propose(versions, *STRICTER, cases_text=cases(rule_id="house.pii")))
    assert [(each.id, each.state) for each in versions.all()] == [("house@2", "active"), ("house@1", "retired")]
    with pytest.raises(InputError, match="is retired"):
        versions.activate(BEN, "house@1", why="Back.", places=PLACES)


def test_a_step_that_was_not_allowed_where_it_stands_changes_nothing(versions: PolicyVersions) -> None:
    version_id = propose(versions)
    proposal = versions.get(version_id).history[0].entry
    body = {"policy": "house", "version": version_id, "proposal": proposal, "why": "?", "actor": {"role": "reviewer"}}
    versions._ledger.append("policy.reviewed", body, actor_id="ann")  # her own
    versions._ledger.append("policy.activated", body, actor_id="ben")  # a draft
    assert [step.state for step in versions.get(version_id).history] == ["draft"]


def test_the_check_shows_what_a_draft_changes_against_what_runs(versions: PolicyVersions) -> None:
    activate(versions, propose(versions))
    check = versions.check(propose(versions, *STRICTER, cases_text=cases(rule_id="house.pii")), places=PLACES)
    assert check.problems == ()
    assert check.cases == 1
    assert check.comparison is not None
    assert check.comparison.added == ("house.pii",)
    assert check.comparison.removed == ("house.phones",)
    assert check.comparison.count("stricter") > 0


def test_a_running_book_takes_up_what_is_active_for_the_next_turn(versions: PolicyVersions, floor: Path) -> None:
    book = PolicyBook(floor, vocabulary=VOCABULARY, versions=versions)
    before = book.take_up()
    version_id = propose(versions)
    versions.review(BEN, version_id, why="Read it.", places=PLACES)
    assert book.take_up() is before
    versions.activate(BEN, version_id, why="Now.", places=PLACES)
    assert book.policy is before  # until a turn begins
    assert "house.phones" in {each.id for each in book.take_up().rules}
    versions.retire(BEN, version_id, why="Enough.")
    assert book.take_up().digest == before.digest
    assert PolicyBook(floor, vocabulary=VOCABULARY).digest == before.digest


def test_a_broken_version_leaves_the_running_policy_in_force(versions: PolicyVersions, floor: Path) -> None:
    book = PolicyBook(floor, vocabulary=VOCABULARY, versions=versions)
    before = book.take_up()
    activate(versions, propose(versions))
    (floor / "house.yaml").write_text(text(*STRICT))  # a release that ships a document of the same id
    assert book.take_up() is before
    assert "promethios policy retire house@1" in book.problem
    with pytest.raises(PolicyError, match="retire house@1"):
        PolicyBook(floor, vocabulary=VOCABULARY, versions=versions)
    versions.retire(BEN, "house@1", why="It ships.")
    assert "house.phones" in {each.id for each in book.take_up().rules}
    assert book.problem == ""


def _take_steps(url: str, floor: Path, clock: Callable[[], datetime], kill_at: int) -> None:
    """Replace an active version, and die before the statement with this number."""
    store = connect(url)
    versions = PolicyVersions(Ledger(store, signer=SIGNER, clock=clock), shipped=floor)
    die_at_statement(store, kill_at)
    activate(versions, propose(versions, *STRICTER, cases_text=cases(rule_id="house.pii")))


def test_a_kill_between_any_two_writes_leaves_one_whole_policy(
    migrated_file: Path, tmp_path: Path, floor: Path, clock: Callable[[], datetime]
) -> None:
    first = tmp_path / "first.db"
    first.write_bytes(migrated_file.read_bytes())
    store = connect(f"sqlite:///{first}")
    activate(open_versions(store, floor, clock), propose(open_versions(store, floor, clock)))
    store.close()
    active = []
    for kill_at in range(1, 1000):
        path = tmp_path / f"killed-{kill_at}.db"
        path.write_bytes(first.read_bytes())
        finished = runs_to_its_end(partial(_take_steps, f"sqlite:///{path}", floor, clock, kill_at))
        store = connect(f"sqlite:///{path}")
        verify_ledger(store, verifier_key=SIGNER.verifier.vkey())
        versions = open_versions(store, floor, clock)
        active.append([each.id for each in versions.active()])
        assert len(active[-1]) == 1
        assert PolicyBook(floor, vocabulary=VOCABULARY, versions=versions).policy.rules
        store.close()
        if finished:
            break
    assert active[0] == ["house@1"]
    assert active[-1] == ["house@2"]
    assert len(active) > 10
