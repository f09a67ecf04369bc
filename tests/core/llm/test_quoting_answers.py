from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.schema import Evidence
from tests.core.llm.quoting_help import (
    BYTES,
    END,
    MEALS,
    allows,
    constrain,
    follow,
    make_evidence,
    one_by_one,
)


def answering(places: Sequence[Sequence[int]]) -> list[Evidence]:
    evidence = make_evidence(MEALS)
    return [replace(each, answering=tuple(named)) for each, named in zip(evidence, places, strict=True)]


def test_units_that_answer_are_all_quoted_in_their_order() -> None:
    constraint = constrain(answering([[2, 0], [0]]))
    follow(constraint, "“Taxis are not.” [1] “Meals are paid.” [1] So ")
    assert not constraint.choose(END, is_spent=False).may_end
    follow(constraint, "“Ask Ann.” [2]")
    assert constraint.choose(END, is_spent=False).may_end


def test_other_units_wait_until_those_that_answer_are_quoted() -> None:
    assert not allows(constrain(answering([[2], []])), "“Meals")
    assert allows(constrain(answering([[2], []])), "“Taxis are not.” [1] “Meals are paid.” [1]")


def test_unit_that_answers_alone_is_forced_whole() -> None:
    constraint = constrain(answering([[2], []]))
    follow(constraint, "“")
    assert constraint.forced() == one_by_one("Taxis are not.” [1]")


def test_nothing_is_forced_while_there_is_a_choice() -> None:
    constraint = constrain(answering([[], []]))
    assert constraint.forced() == []
    follow(constraint, "“")
    assert constraint.forced() == []


@pytest.mark.parametrize(
    ("opening", "next_opening"), [("The datasets say:\n- ", "\n- “"), ("So: ", " “"), ("", " “"), ("\n", " “")]
)
def test_second_quotation_of_a_list_is_its_next_point(opening: str, next_opening: str) -> None:
    constraint = constrain(answering([[2, 0], []]))
    follow(constraint, f"{opening}“Taxis are not.” [1]")
    written = b""
    while not constraint.is_quoting:
        token = next(iter(constraint.choose(END, is_spent=False).only or {}))
        written += BYTES.pieces[token] or b""
        constraint.accept(token)
    assert written.decode() == next_opening


def test_same_sentence_that_answers_in_two_passages_is_quoted_once() -> None:
    evidence = [replace(each, answering=(0,)) for each in make_evidence([["Same."], ["Same."]])]
    constraint = constrain(evidence)
    follow(constraint, "“Same.” [1]")
    assert constraint.choose(END, is_spent=False).may_end


def test_answer_that_has_to_quote_does_not_open_in_the_first_person() -> None:
    assert not allows(constrain(answering([[0], []])), "I can't find that.")
    assert allows(constrain(answering([[0], []])), "As I see it, “Meals are paid.” [1] I hope so.")
    assert allows(constrain(answering([[0], []]), "when_cited"), "I can't find that.")
