"""How fast the model in force answers: to the first token, reader included, and from token to token.

The turns that were asked anyway give the prompts and what retrieval cost; the engine then runs each prompt once for one
token and once for many, so that reading the prompt and writing the answer can be told apart.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.rag.prompt import render_prompt
from core.schema import Evidence, Finish, GenerateConfig, GenerateRequest, Quoting
from governance.evaluate.alone import Alone
from governance.evaluate.bench import NAME, PURPOSE
from governance.evaluate.figures import Figure, Goal, median_of
from governance.evaluate.turn import Turn

PROMPT_TOKENS = range(500, 701)
TURNS = 20
MANY = 64


@dataclass(frozen=True, slots=True)
class _Run:
    """How a generation ended, and the seconds that it took."""

    finish: Finish
    seconds: float


def measure_speed(
    alone: Alone, turns: Sequence[Turn], *, timer: Callable[[], float] = time.perf_counter
) -> list[Figure]:
    """Return the times over answered turns, their evidence cut so that the prompt has about 600 tokens."""
    first, released = [], []
    speeds: dict[Quoting, list[float]] = {"off": [], "always": []}
    for turn in [t for t in turns if t.wrote and t.evidence][:TURNS]:
        evidence = _fitting(alone, turn)
        if not evidence:
            continue
        one = _run(alone, turn, evidence, tokens=1, timer=timer).seconds
        first.append(float(turn.record["stage_ms"]["retrieve"]) + 1000 * one)
        released.append(float(turn.record["first_release_ms"]))
        for quoting, reached in speeds.items():
            many = _run(alone, turn, evidence, tokens=MANY, quoting=quoting, timer=timer)
            written = many.finish.output_tokens
            if written > 1 and many.seconds > one:
                reached.append((written - 1) / (many.seconds - one))
    quick = Goal(120, at_least=False)
    return [
        median_of("first token at 500 to 700 tokens, reader included", first, unit="ms", goal=quick),
        median_of("  first checked text that a person sees", released, unit="ms"),
        median_of("decoding token by token, single stream", speeds["off"], unit="tokens/s", goal=Goal(100)),
        median_of("  an answer with quotations, which are read in one step", speeds["always"], unit="tokens/s"),
    ]


def _fitting(alone: Alone, turn: Turn) -> tuple[Evidence, ...]:
    """Return the most evidence whose prompt has about 600 tokens, nothing when none has."""
    for count in range(len(turn.evidence), 0, -1):
        evidence = turn.evidence[:count]
        if _run(alone, turn, evidence, tokens=1).finish.input_tokens in PROMPT_TOKENS:
            return evidence
    return ()


def _run(
    alone: Alone,
    turn: Turn,
    evidence: tuple[Evidence, ...],
    *,
    tokens: int,
    quoting: Quoting = "off",
    timer: Callable[[], float] = time.perf_counter,
) -> _Run:
    """Generate for a turn's question; the time of recording it is not counted."""
    messages = render_prompt(turn.messages, name=NAME, purpose=PURPOSE, style="balanced", evidence=evidence)
    events = alone.start(GenerateRequest(messages, GenerateConfig(max_tokens=tokens), evidence, quoting))
    began = timer()
    finish = next(event for event in events if isinstance(event, Finish))
    return _Run(finish, timer() - began)
