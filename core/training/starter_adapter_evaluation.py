"""Measures the starter model's adapters on held-out conversations, each beside the base, through the engine."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from core.llm.permits import PermitOffice
from core.llm.profiles import ModelProfile
from core.llm.transformers_engine import TransformersEngine
from core.schema import Delta, Evidence, GenerateConfig, GenerateRequest, Quoting
from core.training import starter_phrases as phrases
from core.training.starter_adapter_forms import FORMS, Form, render_answer
from core.training.starter_adapters import IRRELEVANT, draw_turns
from core.training.starter_data import Conversation
from core.training.starter_sources import Sources

_SEED = 77
_QUOTATION = re.compile(r"“([^\n]+?)” \[(\d+)\]")
_SCORES = (0.8, 0.3, 0.05)  # of what answers, of what else a list may hold, and of the rest


@dataclass(frozen=True, slots=True)
class FormFigures:
    """How answers look: means over answers, shares of answers or quotations; None where there was none to look at.

    Attributes:
        characters: Length of the answers with quotations.
        quotations: In such an answer.
        of_one: Quotations where one sentence of the evidence speaks of what was asked.
        of_several: Quotations where several do.
        leads_in: Has words before the first quotation.
        is_list: Each quotation stands on a line with a dash.
        of_form: Has exactly a form, by form.
        verbatim: Share of the quotations that stand in the evidence with their number.
        refuses: Share of what has to be refused.
        abstains: Share of what is asked without evidence.
        talk_characters: Length of the answers to small talk.
    """

    characters: float | None
    quotations: float | None
    of_one: float | None
    of_several: float | None
    leads_in: float | None
    is_list: float | None
    of_form: dict[Form, float | None]
    verbatim: float | None
    refuses: float | None
    abstains: float | None
    talk_characters: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Attributes:
        counts: Conversations with evidence that answers, and others.
        own: The figures of each adapter.
        off: Share of answers that equal the base's after the adapter was on and is off again.
        off_n: How many answers that is of.
    """

    counts: tuple[int, int]
    base: FormFigures
    own: dict[Form, FormFigures]
    off: dict[Form, float]
    off_n: int


def measure_adapters(folder: Path, profile: ModelProfile, sources: Sources, *, samples: int = 60) -> Measured:
    """Measure every adapter in a folder beside the base.

    Args:
        folder: Holds a folder for each of FORMS.
        profile: The model that they are for.
        sources: The held-out part of the public texts.
        samples: Conversations that they are measured on, of those with evidence that answers and of the others each.
    """
    turns = _draw(sources, samples=samples)
    bare = _Bench(profile, {}).answers(turns, adapter=None)
    bench = _Bench(profile, {form: str((folder / form).resolve()) for form in FORMS})
    own, off = {}, {}
    for form in FORMS:
        own[form] = _figures(bench.answers(turns, adapter=form), turns)
        again = bench.answers(turns[::2], adapter=None)
        off[form] = fmean(a == b for a, b in zip(bare[::2], again, strict=True))
    answering = sum(1 for turn in turns if turn.gold)
    return Measured((answering, len(turns) - answering), _figures(bare, turns), own, off, len(turns[::2]))


def _draw(sources: Sources, *, samples: int) -> list[Conversation]:
    drawn = draw_turns("bullets", sources, seed=_SEED, count=8 * samples, only_short=False)
    answering = [turn for turn in drawn if turn.gold and turn.kind != IRRELEVANT]
    return [*answering[:samples], *[turn for turn in drawn if not turn.gold][:samples]]


class _Bench:
    """The model with some adapters."""

    def __init__(self, profile: ModelProfile, adapters: dict[str, str]) -> None:
        self._office = PermitOffice(600.0, clock=lambda: datetime.now(UTC))
        profile = profile.model_copy(update={"adapters": adapters})
        self._engine = TransformersEngine(profile, office=self._office, device="cpu")

    def answers(self, turns: Sequence[Conversation], *, adapter: str | None) -> list[str]:
        return [self._answer(turn, adapter) for turn in turns]

    def _answer(self, turn: Conversation, adapter: str | None) -> str:
        evidence = tuple(_scored(item, turn) for item in turn.evidence)
        quoting: Quoting = "always" if turn.gold else "when_cited" if evidence else "off"
        request = GenerateRequest(turn.messages, GenerateConfig(max_tokens=200), evidence, quoting, adapter)
        permit = self._office.issue(request.digest(), turn_id="evaluation")
        return "".join(e.text for e in self._engine.generate(request, permit=permit) if isinstance(e, Delta))


def _scored(item: Evidence, turn: Conversation) -> Evidence:
    first, others = {s for _, s in turn.gold[:1]}, {s for _, s in turn.gold[1:]}
    scores = (_SCORES[0] if s in first else _SCORES[1] if s in others else _SCORES[2] for s in item.sentences)
    return replace(item, sentence_scores=tuple(scores))


def _figures(answers: Sequence[str], turns: Sequence[Conversation]) -> FormFigures:
    pairs = list(zip(answers, turns, strict=True))
    quoting = [(a, t) for a, t in pairs if t.gold]
    found = [(_QUOTATION.findall(a), t) for a, t in quoting]
    refused = [a == t.answer for a, t in pairs if t.kind.startswith("refusal")]
    missing = [phrases.ABSTAIN in a for a, t in pairs if t.kind == "no_evidence"]
    return FormFigures(
        characters=_mean([len(a) for a, _ in quoting]),
        quotations=_mean([len(q) for q, _ in found]),
        of_one=_mean([len(q) for q, t in found if len(t.gold) == 1]),
        of_several=_mean([len(q) for q, t in found if len(t.gold) > 1]),
        leads_in=_mean([not a.startswith("“") for a, _ in quoting]),
        is_list=_mean(["\n- “" in a for a, _ in quoting]),
        of_form={form: _mean([has_form(a, form=form) for a, _ in quoting]) for form in FORMS},
        verbatim=_mean([is_verbatim(q, turn=t) for quotations, t in found for q in quotations]),
        refuses=_mean(refused),
        abstains=_mean(missing),
        talk_characters=_mean([len(a) for a, t in pairs if t.kind.startswith("small_talk")]),
    )


def has_form(answer: str, *, form: Form) -> bool:
    """Say whether an answer is its own quotations exactly as the form writes them."""
    quotations = [phrases.quote(sentence, number=int(number)) for sentence, number in _QUOTATION.findall(answer)]
    return bool(quotations) and answer == render_answer(form, quotations)


def is_verbatim(quotation: tuple[str, str], *, turn: Conversation) -> bool:
    """Say whether a quoted sentence stands in the evidence of its number."""
    sentence, number = quotation
    return any(str(item.number) == number and sentence in item.sentences for item in turn.evidence)


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
