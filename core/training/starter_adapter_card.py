"""Writes the cards of the starter model's adapters from what was measured and how they were trained."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.llm.adapters import CONFIG_FILE, WEIGHTS_FILE
from core.llm.weights import digest_files
from core.training.starter_adapter_evaluation import Measured
from core.training.starter_adapter_forms import Form
from core.training.starter_adapters import TRAINING

EVALUATION, CARD = "evaluation.json", "README.md"
_CARD = """---
license: cc-by-sa-4.0
language: en
base_model: starter
library_name: peft
---
# Adapter `{form}` for the starter model

{purpose} It is chosen for an agent in the wizard; switched off, the model computes exactly what it computes without it.
It changes the words around quotations and how many there are. Which sentences are quoted is the reader's choice; that
they are verbatim and rightly numbered is held by the decoder. With evidence in the prompt it answers from it: that the
evidence does not answer is for the reader to say before.

Weights: `{weights}`, bfloat16, {size:.2f} MB
Digest of configuration and weights, as `promethios models show` prints it: `{digest}`
Made for the starter model with weights `{base_digest}`; on others it means nothing.

## Data
{examples} conversations of the kinds that the starter model learnt from, made of the same public texts and of the
templates in `core/training`, with each answer written in this form and up to four passages as evidence, of the same
document where it has more. The sources and their licences are in the starter model's card.

## Recipe
LoRA, r {r}, alpha {alpha}, on {modules}; {epochs} pass, {rows} rows a step, AdamW, learning rate {rate}, seed {seed};
{seconds} s on one CPU thread. Train all three again with `promethios train adapters SOURCE`.

## Measured
On {n} held-out conversations with evidence that answers, greedy, through the engine and its quoting constraint, and on
{others} more: to refuse, without evidence, or small talk. All prompts ask for a balanced style. Made-up policies and
tables share their templates with training, so that they flatter.

| what | base | `{form}` |
|---|---|---|
{rows_of_figures}
| switched off again, the answer is that of the base (n = {off_n}) | | {off} |

## Known failures
{failures}
"""
_WORSE = {
    "verbatim": "Fewer quotations are verbatim",
    "refuses": "It refuses less of what it should",
    "abstains": "Without evidence it says less often that it can't find an answer",
}
_HARDLY_JUDGES = "How many sentences are worth a point it hardly judges: see the rows on one sentence and on several."
_ALWAYS = (
    "It was taught to quote whenever there is evidence, and never to say that the evidence does not answer.",
    "English only.",
)
_PURPOSES: dict[Form, str] = {
    "brief": "Answers with quotations alone, no words around them, and shortly to small talk.",
    "bullets": "Answers with a list, a quotation on each line.",
    "plain-language": "Says in everyday words what the quotations and their numbers are.",
}
_ROWS = (
    ("mean length of an answer, characters", "characters", "{:.0f}"),
    ("quotations in an answer, mean", "quotations", "{:.2f}"),
    ("… where one sentence speaks of what was asked", "of_one", "{:.2f}"),
    ("… where several do", "of_several", "{:.2f}"),
    ("has words before the first quotation", "leads_in", "{:.1%}"),
    ("is a list", "is_list", "{:.1%}"),
    ("has exactly the form that the adapter teaches", "of_form", "{:.1%}"),
    ("quotations verbatim, with the right number", "verbatim", "{:.1%}"),
    ("refuses what it should", "refuses", "{:.1%}"),
    ("says that it can't find an answer when there is no evidence", "abstains", "{:.1%}"),
    ("mean length of small talk, characters", "talk_characters", "{:.0f}"),
)


def write_adapter_card(folder: Path, *, form: Form, measured: Measured) -> None:
    """Write an adapter's figures and its card.

    Args:
        folder: The trained adapter.
        form: Which it is.
        measured: The figures of all.
    """
    answering, others = measured.counts
    figures = {
        "n": answering,
        "others": others,
        "base": asdict(measured.base),
        "adapter": asdict(measured.own[form]),
        "off_equals_base": measured.off[form],
        "off_n": measured.off_n,
    }
    (folder / EVALUATION).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (folder / CARD).write_text(render_adapter_card(folder, form=form), encoding="utf-8")


def render_adapter_card(folder: Path, *, form: Form) -> str:
    """Return the card that belongs to the files in an adapter's folder."""
    measured = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    training = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    config = training["config"]
    rows = [_row(name, form, measured=measured, key=key, layout=layout) for name, key, layout in _ROWS]
    return _CARD.format(
        form=form,
        purpose=_PURPOSES[form],
        weights=WEIGHTS_FILE,
        size=(folder / WEIGHTS_FILE).stat().st_size / 1e6,
        digest=digest_files([folder / CONFIG_FILE, folder / WEIGHTS_FILE]),
        base_digest=training["base"],
        examples=training["examples"],
        r=config["r"],
        alpha=config["lora_alpha"],
        modules=", ".join(config["target_modules"]),
        epochs=config["epochs"],
        rows=config["rows_per_step"],
        rate=config["learning_rate"],
        seed=config["seed"],
        seconds=training["seconds"],
        n=measured["n"],
        others=measured["others"],
        rows_of_figures="\n".join(rows),
        off_n=measured["off_n"],
        off=f"{measured['off_equals_base']:.1%}",
        failures="\n".join(f"- {failure}" for failure in _failures(measured, form=form)),
    )


def _failures(measured: dict[str, Any], *, form: Form) -> list[str]:
    base, own = measured["base"], measured["adapter"]
    of_form = own["of_form"][form]
    found = [] if of_form is None or of_form == 1 else [f"In {1 - of_form:.1%} of the answers the form is broken."]
    for key, less in _WORSE.items():
        if None not in (base[key], own[key]) and own[key] < base[key]:
            found.append(f"{less} ({own[key]:.1%}, the base {base[key]:.1%}).")
    return [*found, *([_HARDLY_JUDGES] if form == "bullets" else []), *_ALWAYS]


def _row(name: str, form: Form, *, measured: dict[str, Any], key: str, layout: str) -> str:
    cells = []
    for who in ("base", "adapter"):
        value = measured[who][key]
        value = value[form] if isinstance(value, dict) else value
        cells.append("not measured" if value is None else layout.format(value))
    return f"| {name} | {cells[0]} | {cells[1]} |"
