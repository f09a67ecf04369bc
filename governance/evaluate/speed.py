"""How fast the model in force answers: to the first token, reader included, and from token to token.

The turns that were asked anyway give the prompts and what retrieval cost; the engine then runs each prompt once for one
token and once for many, so that reading the prompt and writing the answer can be told apart.
"""

import time
from collections.abc import Callable, Sequence

from core.rag.prompt import render_prompt
from core.schema import Evidence, Finish, GenerateConfig, GenerateRequest, Quoting
from governance.evaluate.bench import NAME, PURPOSE, Bench
from governance.evaluate.figures import Figure, Goal, median_of
from governance.evaluate.turn import Turn

PROMPT_TOKENS = range(500, 701)
TURNS = 20
MANY = 64


def measure_speed(
    bench: Bench, turns: Sequence[Turn], *, timer: Callable[[], float] = time.perf_counter
) -> list[Figure]:
    """Return the times over answered turns, their evidence cut so that the prompt has about 600 tokens."""
    first, released = [], []
    speeds: dict[Quoting, list[float]] = {"off": [], "always": []}
    for turn in [t for t in turns if t.wrote and t.evidence][:TURNS]:
        evidence = _fitting(bench, turn)
        if not evidence:
            continue
        began = timer()
        _run(bench, turn, evidence, tokens=1)
        one = timer() - began
        first.append(float(turn.record["stage_ms"]["retrieve"]) + 1000 * one)
        released.append(float(turn.record["first_release_ms"]))
        for quoting, reached in speeds.items():
            began = timer()
            written = _run(bench, turn, evidence, tokens=MANY, quoting=quoting).output_tokens
            many = timer() - began
            if written > 1 and many > one:
                reached.append((written - 1) / (many - one))
    quick = Goal(120, at_least=False)
    return [
        median_of("first token at 500 to 700 tokens, reader included", first, unit="ms", goal=quick),
        median_of("  first checked text that a person sees", released, unit="ms"),
        median_of("decoding token by token, single stream", speeds["off"], unit="tokens/s", goal=Goal(100)),
        median_of("  an answer with quotations, which are read in one step", speeds["always"], unit="tokens/s"),
    ]


def _fitting(bench: Bench, turn: Turn) -> tuple[Evidence, ...]:
    """Return the most evidence whose prompt has about 600 tokens, nothing when none has."""
    for count in range(len(turn.evidence), 0, -1):
        evidence = turn.evidence[:count]
        if _run(bench, turn, evidence, tokens=1).input_tokens in PROMPT_TOKENS:
            return evidence
    return ()


def _run(bench: Bench, turn: Turn, evidence: tuple[Evidence, ...], *, tokens: int, quoting: Quoting = "off") -> Finish:
    """Generate for a turn's question and return how it ended."""
    messages = render_prompt(turn.messages, name=NAME, purpose=PURPOSE, style="balanced", evidence=evidence)
    request = GenerateRequest(messages, GenerateConfig(max_tokens=tokens), evidence, quoting)
    permit = bench.office.issue(request.digest(), turn_id="evaluation")
    return next(event for event in bench.engine.generate(request, permit=permit) if isinstance(event, Finish))
