"""How datasets are used, from turns through the real door."""

from core.schema import Message, Retrieval
from governance.dataset_use import measure_use
from governance.turns import rate_turn, turn_facts
from tests.governance.door import add_dataset, closed, open_door, passage

FOUND = Retrieval(
    "found",
    (
        passage(1, "Meals are paid up to 60 USD a day.", "handbook"),
        passage(2, "A saw costs 5 USD and a drill costs 9 USD.", "prices"),
    ),
)


def test_use_counts_what_was_found_cited_and_complained_of(store):
    door = open_door(store, reply=lambda _: "Meals are paid up to 60 USD a day [1].", found=FOUND)
    ann = door.user("ann")
    for name in ("handbook", "prices", "unused"):
        add_dataset(store, name)
    agent = door.agent(ann, dataset_ids=("handbook", "prices"))
    turns = [closed(list(door.native_llm.chat(ann, agent, [Message("user", "What is paid?")]))) for _ in range(3)]
    rate_turn(door.ledger, door.vault, ann, turns[0].turn_id, helpful=False)
    rate_turn(door.ledger, door.vault, ann, turns[1].turn_id, helpful=True)
    facts = turn_facts(door.ledger)
    door.ledger.close()
    handbook, prices, unused = (measure_use(store, facts, name) for name in ("handbook", "prices", "unused"))
    assert handbook.agents == prices.agents == ("Travel guide",)
    assert (handbook.retrieved.value, handbook.retrieved.n) == (1.0, 3)
    assert (handbook.cited.value, prices.cited.value) == (1.0, 0.0)
    assert (handbook.supported.value, handbook.supported.n) == (1.0, 3)
    assert (handbook.complained.value, handbook.complained.n) == (0.5, 2)
    assert len(handbook.complained.failures) == 1
    assert (len(handbook.answers), prices.answers, unused.answers) == (3, (), ())
    assert set(handbook.complained.failures) < set(handbook.answers)
    assert (prices.supported.value, prices.complained.value) == (None, None)
    assert (unused.agents, unused.retrieved.value, unused.cited.value) == ((), 0.0, None)


def test_nothing_is_measured_without_turns(store):
    use = measure_use(store, [], "rules")
    assert {score.value for score in (use.retrieved, use.cited, use.supported, use.complained)} == {None}
    assert all(score.formula for score in (use.retrieved, use.cited, use.supported, use.complained))
