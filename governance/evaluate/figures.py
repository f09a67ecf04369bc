"""A row of an evaluation's table: a share with its 95 % interval or a time with its range, beside its goal.

Over nothing it says "not measured": never 0, never a pass.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from governance.scorecard import percentile, wilson


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should reach: at least the limit, or at most."""

    limit: float
    at_least: bool = True

    def is_reached(self, value: float) -> bool:
        """Say whether a figure reaches the goal."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured row.

    Attributes:
        value: 0..1 for a share, else in `unit`; None when nothing was measured.
        low: Lower end of the Wilson 95 % interval of a share, the fifth percentile of other amounts.
        high: Upper end of the interval, the 95th percentile of other amounts.
        held: How many of n held; None for amounts.
        unit: Empty for a share.
    """

    measure: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    held: int | None = None
    unit: str = ""
    goal: Goal | None = None

    @property
    def is_reached(self) -> bool | None:
        """Say whether the goal is reached; None without a goal or a measurement."""
        return None if self.goal is None or self.value is None else self.goal.is_reached(self.value)


def share_of(measure: str, held: Sequence[bool], *, goal: Goal | None = None) -> Figure:
    """Return the share that held, with its interval."""
    if not held:
        return Figure(measure, None, 0, goal=goal)
    low, high = wilson(sum(held), len(held))
    return Figure(measure, sum(held) / len(held), len(held), low, high, sum(held), goal=goal)


def median_of(measure: str, values: Sequence[float], *, unit: str, goal: Goal | None = None) -> Figure:
    """Return the median of times or speeds, with the range that holds nine tenths of them."""
    low, middle, high = (percentile(values, q) for q in (0.05, 0.5, 0.95))
    return Figure(measure, middle, len(values), low, high, unit=unit, goal=goal)


def render_row(figure: Figure) -> tuple[str, str, str, str]:
    """Return a figure as people read it: measure, goal, figure with its interval, held / n."""
    measured = "not measured" if figure.value is None else _amount(figure, figure.value)
    if figure.value is not None and figure.low is not None and figure.high is not None:
        measured += f" ({_amount(figure, figure.low)} to {_amount(figure, figure.high)})"
    counted = f"n = {figure.n}" if figure.held is None else f"{figure.held} / {figure.n}"
    return figure.measure, _goal(figure), measured, counted


def figures_json(figures: Sequence[Figure], **about: Any) -> str:
    """Return figures as JSON for a model's card, after what they are about."""
    rows = [asdict(figure) | {"is_reached": figure.is_reached} for figure in figures]
    return json.dumps(about | {"figures": rows}, indent=2, ensure_ascii=False) + "\n"


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{'>=' if figure.goal.at_least else '<='} {_amount(figure, figure.goal.limit)}"


def _amount(figure: Figure, value: float) -> str:
    return f"{value:.0f} {figure.unit}" if figure.unit else f"{100 * value:.1f} %"
