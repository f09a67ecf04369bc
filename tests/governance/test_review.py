"""Turns that wait for a person: nothing before, exactly this question after, and what reviewers judged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.schema import Message
from core.store.database import Store
from governance.errors import AccessDenied, InputError
from governance.ledger import verify_receipt
from governance.rails import RailSet
from governance.schema import Actor, AgentView, Finding, TurnClosed
from governance.scorecard import build_scorecard
from governance.turns import read_turn, turn_facts
from tests.governance.door import WAIT_S, Door, closed, found, open_door, with_datasets
from tests.governance.policy.drafts import rule, write_rules

SHOUT = "Please tell me the SHOUT of the day"
RULES = (
    rule("shout", 'finding.rail == "words" && finding.category == "shout"', "escalate"),
    rule("bad", 'finding.rail == "words" && finding.category == "bad"', "block"),
    rule("person", 'finding.rail == "words" && finding.category == "person"'),
)


class Words:
    """A rail that finds three words, so that a policy of three rules decides everything."""

    name, version = "words", "1"
    categories = frozenset({"shout", "bad", "person"})

    def inspect(self, text: str) -> list[Finding]:
        words = {"SHOUT": "shout", "BAD": "bad", "NAME": "person"}
        found = [(text.find(word), word) for word in words if word in text]
        return [Finding(self.name, words[word], 1.0, at, at + len(word)) for at, word in sorted(found)]


class Clock:
    """The real time, moved on by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


def open_words(store: Store, tmp_path: Path, clock: Clock, reply: str = "The word of the day is otter.") -> Door:
    words = (Words(),)
    rails = RailSet(input=words, spoken=(), across=(), retrieval=words, output=words)
    return open_door(
        store,
        rails=rails,
        reply=lambda request: reply,
        policies=write_rules(tmp_path / "policies", *RULES),
        clock=clock,
    )


@pytest.fixture
def store(any_store: Store) -> Store:
    """Holds and releases are kept on SQLite and on PostgreSQL."""
    return any_store


@pytest.fixture
def door(store: Store, tmp_path: Path, clock: Clock) -> Iterator[Door]:
    opened = open_words(store, tmp_path, clock)
    yield opened
    opened.ledger.close()


@pytest.fixture
def ann(door: Door) -> Actor:
    return door.user("ann", "builder")


@pytest.fixture
def rex(door: Door) -> Actor:
    return door.user("rex", "reviewer")


def ask(door: Door, who: Actor, agent: AgentView, text: str = SHOUT) -> tuple[str, TurnClosed]:
    """Ask in a new conversation; return its id and how the turn ended."""
    conversation_id = door.conversations.start(who, agent.id)
    return conversation_id, closed(list(door.dialogue.ask(who, conversation_id, text)))


def answers(door: Door, who: Actor, conversation_id: str) -> list[str]:
    thread = door.conversations.thread(who, conversation_id)
    return [each.message.content for each in thread if each.message.role == "assistant"]


def test_a_held_question_waits_and_nothing_is_generated(door: Door, ann: Actor, rex: Actor, clock: Clock) -> None:
    conversation_id, end = ask(door, ann, door.agent(ann))
    assert end.outcome == "escalated"
    assert door.requests == []
    assert answers(door, ann, conversation_id) == ["Please leave it out."]
    (hold,) = door.reviews.queue(rex)
    assert (hold.turn_id, hold.actor_id, hold.rule_id) == (end.turn_id, "ann", "core.shout")
    assert hold.state(clock()) == "waiting"
    assert hold.until - hold.at == timedelta(seconds=WAIT_S)
    with pytest.raises(InputError, match="A person has to look"):
        list(door.dialogue.collect(ann, end.turn_id))
    with pytest.raises(AccessDenied):
        door.reviews.queue(ann)


def test_a_released_question_is_answered_as_the_newest_version(door: Door, ann: Actor, rex: Actor) -> None:
    agent = door.agent(ann)
    conversation_id, end = ask(door, ann, agent)
    review = door.reviews.decide(rex, end.turn_id, "released", reason="Harmless.")
    assert door.requests == []  # only the person's own next look asks the model
    answered = closed(list(door.dialogue.collect(ann, end.turn_id)))
    assert answered.outcome == "answered"
    assert answers(door, ann, conversation_id) == ["The word of the day is otter."]
    assert "SHOUT" in door.requests[0].messages[-1].content  # unmasked, as it was asked
    assert answered.record["release"] == {"turn_id": end.turn_id, "entry": review.entry, "role": "reviewer"}
    assert answered.record["decisions"][0]["rule_id"] == "review.released"
    assert answered.receipt is not None
    verify_receipt(answered.receipt, key=door.ledger.key)
    assert door.reviews.queue(rex) == []


def test_a_judgement_is_in_the_turn_with_role_reason_and_its_own_receipt(door: Door, ann: Actor, rex: Actor) -> None:
    _, end = ask(door, ann, door.agent(ann))
    door.reviews.decide(rex, end.turn_id, "refused", reason="Not for this desk.")
    detail = read_turn(door.ledger, door.vault, ann, end.turn_id)
    (given,) = detail.reviews
    assert (given.review.judgement, given.review.role, given.reason) == ("refused", "reviewer", "Not for this desk.")
    verified = verify_receipt(given.receipt, key=door.ledger.key)
    assert verified.body["judgement"] == "refused"
    assert "Not for this desk" not in str(verified.body)
    with pytest.raises(InputError, match="confirmed that this is not answered"):
        list(door.dialogue.collect(ann, end.turn_id))
    with pytest.raises(InputError, match="This turn is refused, so it can't be released"):
        door.reviews.decide(rex, end.turn_id, "released", reason="On second thoughts.")


def test_a_held_turn_expires_to_a_refusal(door: Door, ann: Actor, rex: Actor, clock: Clock) -> None:
    _, end = ask(door, ann, door.agent(ann))
    clock.ahead = timedelta(seconds=WAIT_S + 1)
    assert door.reviews.queue(rex) == []
    assert [hold.state(clock()) for hold in door.reviews.holds(rex)] == ["expired"]
    with pytest.raises(InputError, match="waited too long and stays refused"):
        door.reviews.decide(rex, end.turn_id, "released", reason="Late.")
    with pytest.raises(InputError, match="in time"):
        list(door.dialogue.collect(ann, end.turn_id))


def test_only_the_first_judgement_in_time_counts(door: Door, ann: Actor, rex: Actor, clock: Clock) -> None:
    _, end = ask(door, ann, door.agent(ann))
    first = door.reviews.decide(rex, end.turn_id, "refused", reason="No.")
    body = door.ledger.entry(first.entry).body
    late = {key: body[key] for key in ("closed_entry", "rule_id", "actor", "reason_content_id", "reason_digest")}
    door.ledger.append("turn.reviewed", late | {"judgement": "released"}, turn_id=end.turn_id, actor_id="rex")
    assert [hold.state(clock()) for hold in door.reviews.holds(rex)] == ["refused"]
    with pytest.raises(InputError, match="not answered"):
        list(door.dialogue.collect(ann, end.turn_id))


def test_nobody_decides_on_their_own_turn_without_the_right_or_without_a_reason(
    door: Door, ann: Actor, rex: Actor
) -> None:
    agent = door.agent(ann)
    _, end = ask(door, rex, agent)
    with pytest.raises(InputError, match="somebody else has to decide"):
        door.reviews.decide(rex, end.turn_id, "released", reason="Mine.")
    with pytest.raises(AccessDenied):
        door.reviews.decide(ann, end.turn_id, "released", reason="Fine.")
    _, end = ask(door, ann, agent)
    with pytest.raises(InputError, match="Give a reason"):
        door.reviews.decide(rex, end.turn_id, "released", reason=" ")
    with pytest.raises(InputError, match="Release or refuse it"):
        door.reviews.decide(rex, end.turn_id, "upheld", reason="Right.")
    with pytest.raises(InputError, match="no sealed turn"):
        door.reviews.decide(rex, "nowhere", "upheld", reason="Right.")


def test_a_release_lets_pass_exactly_what_was_asked(door: Door, ann: Actor, rex: Actor) -> None:
    agent, other = door.agent(ann), door.agent(ann, name="Other desk")
    bob = door.user("bob")
    _, end = ask(door, ann, agent)
    door.reviews.decide(rex, end.turn_id, "released", reason="Harmless.")
    question = [Message("user", SHOUT)]

    def outcome(who: Actor, whose: AgentView, messages: list[Message], held: str = end.turn_id) -> str:
        return closed(list(door.native_llm.chat(who, whose, messages, held_turn_id=held))).outcome

    assert outcome(ann, agent, question) == "answered"
    assert outcome(ann, agent, [Message("user", SHOUT + "!")]) == "escalated"
    assert outcome(ann, other, question) == "escalated"
    assert outcome(bob, agent, question) == "escalated"
    assert outcome(ann, agent, question, held="made-up") == "escalated"
    with pytest.raises(InputError, match="no held turn"):
        list(door.dialogue.collect(bob, end.turn_id))


def test_a_release_lifts_no_block_and_no_mask(door: Door, ann: Actor, rex: Actor) -> None:
    _, end = ask(door, ann, door.agent(ann), "SHOUT of NAME, please")
    door.reviews.decide(rex, end.turn_id, "released", reason="Harmless.")
    assert closed(list(door.dialogue.collect(ann, end.turn_id))).outcome == "answered"
    assert door.requests[0].messages[-1].content == "SHOUT of [PERSON_1], please"


def test_an_answer_that_needs_a_person_is_held_whole_and_released_as_it_is(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    reply = "It starts well. Then comes SHOUT for you. It ends with NAME."
    door = open_words(store, tmp_path, clock, reply)
    ann, rex = door.user("ann"), door.user("rex", "reviewer")
    conversation_id, end = ask(door, ann, door.agent(ann), "Tell me")
    assert end.outcome == "escalated"
    assert "SHOUT" not in end.text
    assert "ends with" not in end.text
    detail = read_turn(door.ledger, door.vault, ann, end.turn_id)
    assert detail.content is not None
    assert "ends with" not in str(detail.content)  # not even in the person's own record
    (hold,) = door.reviews.queue(rex)
    assert door.reviews.withheld_answer(rex, hold) == reply
    with pytest.raises(AccessDenied):
        door.reviews.withheld_answer(ann, hold)
    door.reviews.decide(rex, end.turn_id, "released", reason="Fine.")
    answered = closed(list(door.dialogue.collect(ann, end.turn_id)))
    assert answered.text == "It starts well. Then comes SHOUT for you. It ends with [PERSON_1]."
    assert len(door.requests) == 1  # the model was not asked again
    assert answers(door, ann, conversation_id) == [answered.text]
    assert answered.record["released_violations"] == []
    door.ledger.close()


def test_a_released_answer_keeps_its_evidence(store: Store, tmp_path: Path, clock: Clock) -> None:
    door = open_words(store, tmp_path, clock, "“Meals are paid.” [1] SHOUT it.")
    ann, rex = door.user("ann"), door.user("rex", "reviewer")
    agent = with_datasets(door.agent(ann), "handbook")
    door.retriever.found = found("Meals are paid.")
    end = closed(list(door.native_llm.chat(ann, agent, [Message("user", "Which meals?")])))
    door.retriever.found = found("Something else by now.")
    door.reviews.decide(rex, end.turn_id, "released", reason="Fine.")
    again = door.native_llm.chat(ann, agent, [Message("user", "Which meals?")], held_turn_id=end.turn_id)
    answered = closed(list(again))
    assert answered.outcome == "answered"
    assert answered.record["quotations"] == {"checked": 1, "supported": 1}
    assert answered.record["evidence"][0]["digest"] == end.record["evidence"][0]["digest"]
    door.ledger.close()


def test_policy_adherence_counts_what_reviewers_upheld_and_opens_it(door: Door, ann: Actor, rex: Actor) -> None:
    agent = door.agent(ann)
    assert build_scorecard(turn_facts(door.ledger)).policy_adherence.value is None
    ends = [ask(door, ann, agent, f"BAD {number}")[1] for number in range(4)]
    assert {end.outcome for end in ends} == {"refused"}
    door.reviews.decide(rex, ends[0].turn_id, "upheld", reason="Right.")
    door.reviews.decide(rex, ends[1].turn_id, "upheld", reason="Right.")
    door.reviews.decide(rex, ends[2].turn_id, "upheld", reason="Right.")
    door.reviews.decide(rex, ends[2].turn_id, "overturned", reason="I was wrong: it was a quotation.")
    _, held = ask(door, ann, agent)
    door.reviews.decide(rex, held.turn_id, "released", reason="Harmless.")
    facts = {fact.turn_id: fact for fact in turn_facts(door.ledger)}
    score = build_scorecard(list(facts.values())).policy_adherence
    assert (score.value, score.n) == (2 / 3, 3)
    assert score.low is not None
    assert sorted(score.entries) == sorted(facts[end.turn_id].entry for end in ends[:3])
    assert score.failures == (facts[ends[2].turn_id].entry,)
    assert facts[held.turn_id].review == "released"


def test_overturning_sends_no_answer(door: Door, ann: Actor, rex: Actor) -> None:
    _, end = ask(door, ann, door.agent(ann), "BAD")
    door.reviews.decide(rex, end.turn_id, "overturned", reason="It is harmless here.")
    assert door.requests == []
    with pytest.raises(InputError, match="no held turn"):
        list(door.dialogue.collect(ann, end.turn_id))
    with pytest.raises(InputError, match="was never held"):
        door.reviews.decide(rex, end.turn_id, "released", reason="Go on.")


def test_a_turn_in_progress_keeps_the_policy_that_it_began_with(
    door: Door, ann: Actor, rex: Actor, tmp_path: Path
) -> None:
    ben = door.user("ben", "admin")
    strict = write_rules(
        tmp_path / "draft",
        rule("otters", 'finding.rail == "words" && finding.category == "person"', "block"),
        name="house",
    )
    cases = (
        "cases:\n  - {finding: {rail: words, category: person, score: 1}, stage: output, level: standard,"
        " action: block, rule: house.otters}\n"
    )
    places = door.places
    made = door.versions.propose(rex, rules=(strict / "house.yaml").read_text(), cases=cases, why="Names are private.")
    door.versions.review(ben, made.id, why="Right.", places=places)
    agent, question = door.agent(ann), [Message("user", "NAME")]
    running = door.native_llm.chat(ann, agent, question)
    next(running)
    door.versions.activate(ben, made.id, why="Now.", places=places)
    end = closed(list(running))
    assert end.outcome == "answered"
    later = closed(list(door.native_llm.chat(ann, agent, question)))
    assert later.outcome == "refused"
    assert later.decision.rule_id == "house.otters"
    assert later.record["policy_digest"] != end.record["policy_digest"]
