"""The charts: one message each, said by the title, with units, intervals and a zero baseline for rates.

Each mark carries the ledger entries behind it, so that a click can open them.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median

import plotly.graph_objects as go

from apps.dashboard.words import ALL_LOOKS, MODEL_STEPS, STEPS, entries_text, look_of, ms_text
from governance.scorecard import Score
from governance.turns import TurnFact

SLATE = "#748399"
BLUE = "#1C7ED6"
GRID = "rgba(128, 140, 160, 0.25)"
AGENT_COLOURS = ("#1C7ED6", "#0CA678", "#E8590C", "#7950F2", "#D6336C", "#74A012", "#1098AD", "#AE3EC9")
HEIGHT = 300
MOST_BARS = 12


def agent_colour(agent_id: str, *, ordered: Sequence[str]) -> str:
    """Return an agent's colour, the same on every page: by its place among all agents."""
    place = ordered.index(agent_id) if agent_id in ordered else len(ordered)
    return AGENT_COLOURS[place % len(AGENT_COLOURS)]


def outcomes_over_time(facts: Sequence[TurnFact]) -> go.Figure:
    """Draw turns per day, stacked by how they ended; days without a turn keep their place."""
    days = _days(min(f.at.date() for f in facts), max(f.at.date() for f in facts))
    behind: dict[tuple[str, date], list[int]] = defaultdict(list)
    for fact in facts:
        behind[look_of(fact).word, fact.at.date()].append(fact.entry)
    figure = go.Figure()
    for look in ALL_LOOKS:
        entries = [behind.get((look.word, day), []) for day in days]
        if any(entries):
            figure.add_bar(
                name=look.word,
                x=[f"{day:%-d %b}" for day in days],
                y=[len(each) for each in entries],
                customdata=[entries_text(each) for each in entries],
                marker_color=look.colour,
                width=min(0.75, 0.15 * len(days)),
                hovertemplate="%{x}: %{y} " + look.word.lower() + "<extra></extra>",
            )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(type="category", nticks=6, tickangle=0)
    return _laid_out(figure, "Turns per day, by outcome", y="turns")


def interval_chart(rows: Sequence[tuple[str, Score, str]], *, title: str) -> go.Figure:
    """Draw rates with their 95 % intervals.

    Args:
        rows: Label, rate and colour, from top to bottom; what was not measured keeps an empty row that says so.
        title: What the chart shows.
    """
    figure = go.Figure()
    for label, score, colour in reversed(rows):
        if score.value is None or score.low is None or score.high is None:
            figure.add_scatter(x=[None], y=[label], hoverinfo="skip")
            figure.add_annotation(
                x=0.01, y=label, text="– not measured", xanchor="left", yshift=9, showarrow=False, font={"color": SLATE}
            )
            continue
        figure.add_scatter(
            x=[score.value],
            y=[label],
            mode="markers",
            marker={"color": colour, "size": 11},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [score.high - score.value],
                "arrayminus": [score.value - score.low],
                "color": colour,
                "thickness": 2,
                "width": 5,
            },
            customdata=[entries_text(score.failures or score.entries)],
            hovertemplate=(
                f"{label}: {score.value:.1%}<br>95% interval {score.low:.1%} to {score.high:.1%}"
                f"<br>n = {score.n}<extra></extra>"
            ),
        )
    figure.update_yaxes(type="category", showgrid=True, gridcolor=GRID)
    figure.update_xaxes(
        range=[-0.02, 1.04],
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        tickformat=".0%",
        showgrid=True,
        gridcolor=GRID,
        zeroline=False,
    )
    figure = _laid_out(figure, title, y=None)
    return figure.update_layout(showlegend=False, height=100 + 36 * len(rows))


def stage_chart(steps: dict[str, float]) -> go.Figure:
    """Draw the milliseconds of a turn's steps, from the first to the last."""
    figure = go.Figure()
    for name, mine, colour in (("search and model", True, SLATE), ("checks and records", False, BLUE)):
        chosen = [step for step in steps if (step in MODEL_STEPS) is mine]
        figure.add_bar(
            name=name,
            x=[steps[step] for step in chosen],
            y=[STEPS[step] for step in chosen],
            orientation="h",
            marker_color=colour,
            text=[ms_text(steps[step]) for step in chosen],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2f} ms<extra></extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=[STEPS[step] for step in reversed(steps)])
    longest = max(steps.values(), default=0.0) or 1.0
    figure.update_xaxes(title="milliseconds", range=[0, longest * 1.22])
    return _laid_out(figure, "Where the time went", y=None).update_layout(height=140 + 26 * len(steps))


def timing_chart(facts: Sequence[TurnFact]) -> go.Figure:
    """Draw the time of each turn and the part of it that the checks took."""
    figure = go.Figure()
    for name, values, colour in (
        ("whole turn", [f.total_ms for f in facts], SLATE),
        ("checks", [f.governance_ms for f in facts], BLUE),
    ):
        figure.add_scatter(
            name=name,
            x=[f.at for f in facts],
            y=values,
            mode="markers",
            marker={"color": colour, "size": 6, "opacity": 0.75},
            customdata=[str(f.entry) for f in facts],
            hovertemplate="%{x|%-d %b %H:%M}: %{y:.0f} ms " + name + "<extra></extra>",
        )
    whole, checks = median(f.total_ms for f in facts), median(f.governance_ms for f in facts)
    figure.update_xaxes(tickformat="%-d %b", nticks=6, tickangle=0)
    if max(f.at for f in facts) - min(f.at for f in facts) < timedelta(days=2):
        figure.update_xaxes(tickformat="%H:%M<br>%-d %b")
    title = f"Median turn {ms_text(whole)}, checks {ms_text(checks)}"
    return _laid_out(figure, title, y="milliseconds")


def dataset_chart(facts: Sequence[TurnFact]) -> go.Figure:
    """Draw how many answers cite each dataset, the most cited first."""
    behind: dict[str, list[int]] = defaultdict(list)
    for fact in facts:
        for dataset in fact.cited_datasets:
            behind[dataset].append(fact.entry)
    most = sorted(behind.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_BARS]
    figure = go.Figure(
        go.Bar(
            x=[len(entries) for _, entries in most],
            y=[name for name, _ in most],
            orientation="h",
            marker_color=SLATE,
            text=[len(entries) for _, entries in most],
            textposition="outside",
            cliponaxis=False,
            customdata=[entries_text(entries) for _, entries in most],
            hovertemplate="%{y}: %{x} answers<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(title="answers", rangemode="tozero", nticks=6, tickformat="d")
    return _laid_out(figure, "Datasets that answers cite", y=None).update_layout(height=120 + 32 * max(2, len(most)))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _laid_out(figure: go.Figure, title: str, *, y: str | None) -> go.Figure:
    figure.update_layout(
        title={"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left"},
        height=HEIGHT,
        margin={"l": 8, "r": 16, "t": 48, "b": 40},
        legend={"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        font={"family": "system-ui, sans-serif", "size": 13},
        dragmode=False,
    )
    figure.update_xaxes(automargin=True)
    return figure.update_yaxes(title=y, rangemode="tozero" if y else None, automargin=True)
