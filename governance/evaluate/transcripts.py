"""Transcripts as Markdown: conversations that nobody picked, failures included, as a user of the product sees them."""

from collections.abc import Sequence
from random import Random

from core.schema import ModelInfo
from governance.evaluate.question_set import Judged, StarterQuestion
from governance.evaluate.turn import Turn


def draw_questions(questions: Sequence[StarterQuestion], *, count: int, seed: int) -> list[StarterQuestion]:
    """Return the first questions of a shuffle that the seed alone decides."""
    shuffled = list(questions)
    Random(seed).shuffle(shuffled)  # noqa: S311 - a sample, not a secret
    return shuffled[:count]


def render_transcripts(judged: Sequence[Judged], *, model: ModelInfo, asked: int, seed: int) -> str:
    """Return a page of transcripts.

    Args:
        judged: What was asked, in the order to show.
        model: What answered.
        asked: How many questions the sample was drawn from.
        seed: What drew it.
    """
    right = sum(each.is_right for each in judged)
    head = [
        f"# {len(judged)} transcripts, not picked",
        f"The first {len(judged)} of the {asked} starter questions in a shuffle with seed {seed}, answered greedily "
        f"through the whole product by the model profile `{model.profile}` ({model.parameters / 1e6:.1f} million "
        f"parameters, weights `{model.weights_digest[:23]}…`). Right and rightly cited, given up or refused: "
        f"{right} of {len(judged)}. Nothing was edited.",
        "This page is written by `promethios eval transcripts`; `data/README.md` says what the questions try.",
    ]
    return "\n\n".join([*head, *(_transcript(number, each) for number, each in enumerate(judged, start=1))]) + "\n"


def _transcript(number: int, judged: Judged) -> str:
    question, turn = judged.question, judged.turn
    verdict = "as it should be" if judged.is_right else f"**wrong** ({judged.problem})"
    parts = [f"## {number}. {question.kind.replace('_', ' ')}: {verdict}"]
    parts += [_said(message.role, message.content) for message in turn.messages]
    parts += [_said("assistant", turn.text), *_evidence(turn), _facts(turn)]
    return "\n\n".join(parts)


def _said(role: str, text: str) -> str:
    who = "Person" if role == "user" else "Agent"
    return f"**{who}:**\n\n" + "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _evidence(turn: Turn) -> list[str]:
    cited = set(turn.record.get("cited", []))
    lines = [
        f"- [{e.number}] {e.dataset_title}: {e.document} > {e.place}{' (cited)' if e.number in cited else ''}"
        for e in turn.evidence
    ]
    return ["Evidence:\n\n" + "\n".join(lines)] if lines else []


def _facts(turn: Turn) -> str:
    first = turn.record.get("first_release_ms")
    times = [] if first is None else [f"first text after {first:.0f} ms"]
    times.append(f"whole turn {turn.record['total_ms']:.0f} ms")
    return f"Outcome: {turn.outcome} (`{turn.rule_id}`), {', '.join(times)}."
