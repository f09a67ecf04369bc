"""MetricsCollector: scorecards and figures over windows of turns, read from the ledger and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.ledger import Ledger
from governance.scorecard import Score, Scorecard, build_scorecard, with_trend
from governance.suite_scores import read_suite_scores
from governance.turns import TurnFact, interrupted_turns, turn_facts
from governance.uptime import read_uptime

INTERRUPTED_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class GovernanceFigures:
    """What GET governance/{agent_id} answers: counts and rates of one agent.

    Attributes:
        entries: For each count the ledger entries behind it.
    """

    agent_id: str
    turns: int
    compliance: Score
    trust: Score
    violations: int
    refused: int
    redacted: int
    escalated: int
    interrupted: int
    last_turn_at: datetime | None
    entries: dict[str, tuple[int, ...]]


class MetricsCollector:
    """Reads turns of a window and computes figures from them."""

    def __init__(self, ledger: Ledger, *, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def turns(self, *, agent_id: str | None = None, days: int | None = None) -> list[TurnFact]:
        """Return the facts of sealed turns, newest first; of the last `days` when given."""
        since = self._clock() - timedelta(days=days) if days else None
        return turn_facts(self._ledger, agent_id=agent_id, since=since)

    def scorecard(self, *, agent_id: str | None = None, days: int | None = 30) -> Scorecard:
        """Return the scorecard of an agent, or of all agents together, with its trend where the window has an end."""
        return self.scorecard_of(self.turns(agent_id=agent_id, days=days), agent_id=agent_id, days=days)

    def scorecard_of(self, facts: Sequence[TurnFact], *, agent_id: str | None, days: int | None) -> Scorecard:
        """Return the scorecard over turns of a window that were read before."""
        now = self._clock()
        since = now - timedelta(days=days) if days else None
        card = build_scorecard(
            facts,
            uptime=read_uptime(self._ledger, since=since, now=now),
            suites=self._suites(agent_id, since=since, until=None),
            days=days,
        )
        if days is None or since is None:
            return card
        earlier = since - timedelta(days=days)
        before = build_scorecard(
            turn_facts(self._ledger, agent_id=agent_id, since=earlier, until=since),
            uptime=read_uptime(self._ledger, since=earlier, now=since),
            suites=self._suites(agent_id, since=earlier, until=since),
        )
        return with_trend(card, before=before)

    def _suites(self, agent_id: str | None, *, since: datetime | None, until: datetime | None) -> tuple[Score, ...]:
        """Return what evaluations found of one agent: runs of different agents are not joined."""
        if agent_id is None:
            return ()
        return read_suite_scores(self._ledger, agent_id=agent_id, since=since, until=until)

    def governance(self, agent_id: str, *, days: int | None = 30) -> GovernanceFigures:
        """Return the governance figures of an agent."""
        facts = self.turns(agent_id=agent_id, days=days)
        card = build_scorecard(facts)
        interrupted = interrupted_turns(self._ledger, agent_id=agent_id, before=self._clock() - INTERRUPTED_AFTER)
        behind = {
            "turns": facts,
            "violations": [fact for fact in facts if fact.violations],
            "refused": [fact for fact in facts if fact.outcome == "refused"],
            "redacted": [fact for fact in facts if fact.action == "redact"],
            "escalated": [fact for fact in facts if fact.outcome == "escalated"],
        }
        return GovernanceFigures(
            agent_id=agent_id,
            turns=len(facts),
            compliance=card.compliance,
            trust=card.trust,
            violations=sum(len(fact.violations or ()) for fact in facts),
            refused=len(behind["refused"]),
            redacted=len(behind["redacted"]),
            escalated=len(behind["escalated"]),
            interrupted=len(interrupted),
            last_turn_at=facts[0].at if facts else None,
            entries={name: tuple(fact.entry for fact in counted) for name, counted in behind.items()}
            | {"interrupted": tuple(entry.index for entry in interrupted)},
        )
