"""Tests for the reader's figures."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.training.reader_data import Group, Labelled
from core.training.reader_evaluation import Scorer, Scores, evaluate_reader

YES = Labelled("Page", ("It is red.", "It is tall."), (1,))
NO = Labelled("Other", ("It is far.",))


def fixed(*scores: Scores) -> Scorer:
    return lambda groups: list(scores)


def test_right_and_given_up_are_shares_of_their_own_groups() -> None:
    groups = [Group("a", (YES, NO)), Group("b", (YES, NO)), Group("c", (YES, NO)), Group("d", (NO,)), Group("e", (NO,))]
    scorer = fixed([[0.1, 0.9], [0.2]], [[0.6, 0.5], [0.2]], [[0.1, 0.2], [0.3]], [[0.05]], [[0.8]])
    (figures,) = evaluate_reader(scorer, groups, thresholds=[0.4])[:1]
    assert (figures.answered, figures.unanswered, figures.is_fitted) == (3, 2, False)
    assert figures.right_passage == pytest.approx(2 / 3)
    assert figures.right_sentence == pytest.approx(1 / 3)
    assert figures.abstains == 1 / 2
    assert figures.wrongly_abstains == pytest.approx(1 / 3)


def test_the_fitted_threshold_gives_up_five_in_a_hundred() -> None:
    groups = [Group("a", (YES,))] * 100 + [Group("b", (NO,))] * 10
    rising = [[[0.0, place / 100]] for place in range(100)] + [[[place / 100]] for place in range(10)]
    *fixed_ones, fitted = evaluate_reader(fixed(*rising), groups, thresholds=[0.5])
    assert [figures.threshold for figures in fixed_ones] == [0.5]
    assert (fitted.is_fitted, fitted.threshold, fitted.wrongly_abstains, fitted.abstains) == (True, 0.05, 0.05, 0.5)


def test_nothing_to_measure_is_none() -> None:
    figures = evaluate_reader(_zeros, [Group("a", (replace(YES, gold=()), NO))], thresholds=[0.5])
    assert len(figures) == 1
    assert figures[0].right_passage is figures[0].right_sentence is figures[0].wrongly_abstains is None
    assert figures[0].abstains == 1


def _zeros(groups: Sequence[Group]) -> list[Scores]:
    return [[[0.0] * len(reading.sentences) for reading in group.readings] for group in groups]
