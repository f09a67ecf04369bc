"""The charts: one message each, said by the title, with units, intervals and a zero baseline for rates."""

from collections import Counter
from collections.abc import Sequence

import plotly.graph_objects as go

from apps.dashboard.words import LOOKS, look_of
from governance.scorecard import Score
from governance.turns import TurnFact

SLATE = "#64748B"
EMBER = "#D9480F"
HEIGHT = 280
AGENT_COLOURS = ("#1C7ED6", "#0CA678", "#E8590C", "#7048E8", "#C2255C", "#5C940D", "#0B7285", "#A61E4D")


def agent_colour(agent_id: str, *, ordered: Sequence[str]) -> str:
    """Return an agent's colour, the same on every page: by its place among all agents."""
    place = ordered.index(agent_id) if agent_id in ordered else len(ordered)
    return AGENT_COLOURS[place % len(AGENT_COLOURS)]


def outcomes_over_time(facts: Sequence[TurnFact]) -> go.Figure:
    """Draw turns per day, stacked by how they ended."""
    words = list(dict.fromkeys([look.word for look in LOOKS.values()] + [look_of(f).word for f in facts]))
    colours = {look_of(f).word: look_of(f).colour for f in facts}
    days = sorted({f.at.date() for f in facts})
    counts = Counter((look_of(f).word, f.at.date()) for f in facts)
    figure = go.Figure()
    for word in (word for word in words if word in colours):
        figure.add_bar(name=word, x=days, y=[counts[word, day] for day in days], marker_color=colours[word])
    figure.update_layout(barmode="stack")
    figure.update_xaxes(type="category" if len(days) < 8 else "date")
    return _laid_out(figure, "Turns per day, by outcome", y="turns")


def interval_chart(scores: Sequence[Score], *, title: str) -> go.Figure:
    """Draw rates with their 95 % intervals; unmeasured ones keep an empty row."""
    shown = list(reversed(scores))
    measured = [s for s in shown if s.value is not None and s.low is not None and s.high is not None]
    figure = go.Figure()
    figure.add_scatter(
        x=[s.value for s in measured],
        y=[s.name for s in measured],
        mode="markers",
        marker={"color": EMBER, "size": 10},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [(s.high or 0.0) - (s.value or 0.0) for s in measured],
            "arrayminus": [(s.value or 0.0) - (s.low or 0.0) for s in measured],
            "color": SLATE,
        },
        customdata=[[s.n] for s in measured],
        hovertemplate="%{y}: %{x:.1%}, n = %{customdata[0]}<extra></extra>",
    )
    names = [s.name if s.value is not None else f"{s.name} (not measured)" for s in shown]
    figure.update_yaxes(categoryorder="array", categoryarray=[s.name for s in shown])
    for score, name in zip(shown, names, strict=True):
        if score.value is None:
            figure.add_annotation(x=0.5, y=score.name, text=name, showarrow=False, font={"color": SLATE})
            figure.add_scatter(x=[None], y=[score.name], showlegend=False, hoverinfo="skip")
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%")
    figure = _laid_out(figure, title, y=None)
    figure.update_layout(showlegend=False, height=90 + 44 * len(shown))
    return figure


def stage_chart(stage_ms: dict[str, float]) -> go.Figure:
    """Draw the milliseconds of a turn's steps, in their order."""
    names = [name.replace("_", " ") for name in stage_ms]
    figure = go.Figure(
        go.Bar(
            x=list(stage_ms.values()),
            y=names,
            orientation="h",
            marker_color=[SLATE if n in ("generate", "retrieve") else EMBER for n in names],
            text=[f"{ms:.1f}" for ms in stage_ms.values()],
            textposition="outside",
            cliponaxis=False,
        )
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="milliseconds", rangemode="tozero")
    return _laid_out(figure, "Where the time went", y=None)


def timing_chart(facts: Sequence[TurnFact]) -> go.Figure:
    """Draw the time of each turn, split into checks and the rest, oldest first."""
    ordered = sorted(facts, key=lambda f: f.entry)
    figure = go.Figure()
    entries = [f.entry for f in ordered]
    figure.add_scatter(
        x=entries, y=[f.total_ms for f in ordered], name="whole turn", line_color=SLATE, mode="lines+markers"
    )
    figure.add_scatter(
        x=entries, y=[f.governance_ms for f in ordered], name="checks", line_color=EMBER, mode="lines+markers"
    )
    figure.update_xaxes(title="ledger entry")
    return _laid_out(figure, "Time per turn", y="milliseconds")


def dataset_chart(facts: Sequence[TurnFact]) -> go.Figure:
    """Draw how many answers cite each dataset."""
    counts = Counter(dataset for fact in facts for dataset in fact.cited_datasets).most_common(12)
    figure = go.Figure(
        go.Bar(x=[n for _, n in counts], y=[name for name, _ in counts], orientation="h", marker_color=SLATE)
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="answers", rangemode="tozero", dtick=1 if counts and counts[0][1] < 10 else None)
    return _laid_out(figure, "Datasets that answers cite", y=None)


def _laid_out(figure: go.Figure, title: str, *, y: str | None) -> go.Figure:
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        height=HEIGHT,
        margin={"l": 8, "r": 24, "t": 44, "b": 8},
        legend={"orientation": "h", "y": -0.2},
        font={"family": "system-ui, sans-serif"},
        hoverlabel={"font": {"family": "system-ui, sans-serif"}},
    )
    figure.update_yaxes(title=y, rangemode="tozero" if y else None, automargin=True)
    return figure
