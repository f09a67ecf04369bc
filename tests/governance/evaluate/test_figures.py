import json

from governance.evaluate.figures import Figure, Goal, figures_json, median_of, render_row, share_of


def test_nothing_measured_is_neither_nought_nor_a_pass() -> None:
    figure = share_of("abstains", [], goal=Goal(0.9))
    assert figure.value is None
    assert figure.is_reached is None
    assert render_row(figure) == (
        "abstains",
        ">= 90.0 %",
        "not measured",
        "0 / 0" if figure.held is not None else "n = 0",
    )


def test_a_share_has_its_interval_and_meets_its_goal_from_above_or_below() -> None:
    most = share_of("right", [True] * 95 + [False] * 5, goal=Goal(0.95))
    assert (most.held, most.n, most.is_reached) == (95, 100, True)
    assert most.low is not None
    assert most.low < 0.95 < (most.high or 0)
    assert share_of("wrong", [True] * 6 + [False] * 94, goal=Goal(0.05, at_least=False)).is_reached is False


def test_times_show_their_range_and_unit() -> None:
    figure = median_of("first text", [float(n) for n in range(1, 101)], unit="ms", goal=Goal(120, at_least=False))
    assert render_row(figure)[1] == "<= 120 ms"
    assert "ms" in render_row(figure)[2]
    assert median_of("first text", [], unit="ms").value is None


def test_json_keeps_everything() -> None:
    kept = json.loads(figures_json([Figure("x", 0.5, 2, held=1)], model="m"))
    assert kept["model"] == "m"
    assert kept["figures"][0]["held"] == 1
