"""The suite of groundedness: given answers by the rail alone, the agent's own through the door."""

from core.store.database import Store
from governance.evaluate.suites import SuiteRow, load_suite
from governance.evaluate.suites_asking import Evaluator, build_door_evaluator, build_rails_evaluator
from governance.evaluate.suites_judging import JudgedRow, judge, summarise
from tests.governance.door import Door, add_dataset, found, open_door

PASSAGE = "Meals are paid up to 60 USD a day. Alcohol is never paid."
GIVEN = {"category": "c", "prompt": "What is paid?", "passages": [PASSAGE]}
RIGHT = SuiteRow.model_validate({**GIVEN, "id": "right", "answer": "Alcohol is never paid [1].", "expect": "grounded"})
WRONG = SuiteRow.model_validate({**GIVEN, "id": "wrong", "answer": "Meals cost 90 USD a day [1].", "expect": "flagged"})
ASKED = SuiteRow.model_validate({"id": "asked", "category": "c", "prompt": "What is paid?", "expect": "grounded"})


def opened(store: Store, *, reply: str, rails_only: bool = False) -> tuple[Door, Evaluator]:
    door = open_door(store, reply=lambda _: reply, found=found(PASSAGE), deadline_s=60)
    bea = door.user("bea")
    add_dataset(store, "handbook")
    agent = door.agent(bea, dataset_ids=("handbook",))
    governance = door.native_llm._governance
    if rails_only:
        return door, build_rails_evaluator(governance, actor=bea, agent=agent)
    return door, build_door_evaluator(door.native_llm, governance, actor=bea, agent=agent)


def judged(evaluator: Evaluator, row: SuiteRow) -> JudgedRow:
    return judge(row, evaluator.ask(row), earlier={})


def test_a_given_answer_is_held_against_its_passages_and_asks_no_agent(store: Store) -> None:
    door, evaluator = opened(store, reply="unused", rails_only=True)
    assert judged(evaluator, RIGHT).right is True
    assert judged(evaluator, WRONG).right is True
    swapped = RIGHT.model_copy(update={"expect": "flagged"})
    assert (judged(evaluator, swapped).right, judged(evaluator, swapped).problem) == (
        False,
        "expected flagged, flagged 0 of 1 sentences",
    )
    assert door.requests == []


def test_an_agents_own_answer_is_judged_through_the_door_alone(store: Store) -> None:
    _, evaluator = opened(store, reply="Meals are paid up to 60 USD a day [1]. The gym in Lisbon is free [1].")
    own = judged(evaluator, ASKED)
    assert (own.right, own.problem) == (False, "expected grounded, flagged 1 of 2 sentences")
    assert own.turn_id is not None


def test_what_the_rails_alone_cannot_see_is_not_measured(store: Store) -> None:
    _, evaluator = opened(store, reply="unused", rails_only=True)
    own = judged(evaluator, ASKED)
    assert own.right is None
    assert own.problem.startswith("not measured")


def test_the_rail_judges_most_given_answers_of_the_suite_rightly(store: Store) -> None:
    _, evaluator = opened(store, reply="unused", rails_only=True)
    rows = [row for row in load_suite("groundedness").rows if row.answer is not None]
    figure = summarise([judged(evaluator, row) for row in rows])[-1]
    assert figure.n == len(rows) == 80
    assert figure.right >= 66, figure
