"""MetricsCollector: scorecards and figures over windows of turns, read from the ledger and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.ledger import Ledger
from governance.scorecard import Score, Scorecard, build_scorecard
from governance.turns import TurnFact, interrupted_turns, turn_facts

INTERRUPTED_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class GovernanceFigures:
    """What GET governance/{agent_id} answers: counts and rates of one agent."""

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
        """Return the scorecard of an agent, or of all agents together."""
        return build_scorecard(self.turns(agent_id=agent_id, days=days))

    def governance(self, agent_id: str, *, days: int | None = 30) -> GovernanceFigures:
        """Return the governance figures of an agent."""
        facts = self.turns(agent_id=agent_id, days=days)
        card = build_scorecard(facts)
        interrupted = interrupted_turns(self._ledger, agent_id=agent_id, before=self._clock() - INTERRUPTED_AFTER)
        return GovernanceFigures(
            agent_id=agent_id,
            turns=len(facts),
            compliance=card.compliance,
            trust=card.trust,
            violations=sum(len(fact.violations or ()) for fact in facts),
            refused=card.outcomes.get("refused", 0),
            redacted=_redacted(facts),
            escalated=card.outcomes.get("escalated", 0),
            interrupted=len(interrupted),
            last_turn_at=facts[0].at if facts else None,
        )


def _redacted(facts: Sequence[TurnFact]) -> int:
    return sum(fact.action == "redact" for fact in facts)
