import pytest

from apps.chat.examples import example_questions, question_about
from core.schema import Chunk
from core.store.database import Store
from governance.schema import AgentView
from tests.apps.live import Live


def _chunk(place: str, document: str = "Travel policy") -> Chunk:
    return Chunk("c", "d", "sha256:v", document, place, 0, "text")


def test_a_heading_becomes_a_question() -> None:
    assert question_about(_chunk("Travel > Meals")) == "Tell me about “Meals”."


def test_a_heading_that_is_a_question_stays_as_it_is() -> None:
    assert question_about(_chunk("What happens in the first 90 days?")) == "What happens in the first 90 days?"


@pytest.mark.parametrize("place", ["Rows 5-8", "page 4", "L-017", "About this table", "Travel policy", "ab", "x" * 80])
def test_a_place_that_is_no_topic_gives_no_question(place: str) -> None:
    assert question_about(_chunk(place)) is None


def test_examples_come_from_the_agents_own_datasets(live: Live, garden: AgentView) -> None:
    assert sorted(example_questions(live.workbench.records.store, garden.dataset_ids)) == [
        "Tell me about “Tools”.",
        "Tell me about “Watering”.",
    ]


def test_examples_are_no_more_than_asked_for(live: Live, garden: AgentView) -> None:
    assert len(example_questions(live.workbench.records.store, garden.dataset_ids, limit=1)) == 1


def test_examples_of_unknown_or_no_datasets_are_none(store: Store) -> None:
    assert example_questions(store, ["gone"]) == []
    assert example_questions(store, []) == []
