"""Trains the adapters that ship with the starter model, each a form of answering.

    brief           quotations alone, the best one where it has the choice
    bullets         a list, a quotation on each line
    plain-language  everyday words that say what the quotations and their numbers are

The prompt's own style stays at "balanced": what differs comes from the adapter. An adapter changes the words around
quotations and how many there are; which sentences are quoted stays the reader's choice, and that they are verbatim the
decoder's.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count as count_from
from pathlib import Path
from random import Random

from safetensors.torch import load_file, save_file

from core.llm.adapters import CONFIG_FILE, WEIGHTS_FILE
from core.llm.profiles import ModelProfile
from core.llm.weights import digest_files, locate_model, weight_files
from core.rag.prompt import STYLES
from core.schema import Message
from core.training import starter_adapter_evidence as sets
from core.training import starter_phrases as phrases
from core.training.lora import AdapterConfig, Example, train_adapter
from core.training.starter_adapter_forms import FORMS as FORMS  # the command that trains reads it here
from core.training.starter_adapter_forms import Form, render_answer
from core.training.starter_data import Conversation, build_conversation
from core.training.starter_sources import Sources

TRAINING = "training.json"
IRRELEVANT = "irrelevant"
CONFIG = AdapterConfig(
    r=8,
    lora_alpha=16,
    target_modules=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    learning_rate=2e-3,
    rows_per_step=4,
    max_tokens=1400,
)
EXAMPLES = 1000
_KINDS = {  # beside answers, small talk and refusals, which must stay; that evidence does not answer, the reader says
    "question": 0.24,
    "keyword": 0.20,
    "policy": 0.18,
    "table": 0.08,
    "irrelevant": 0.14,
    "no_evidence": 0.05,
    "small_talk": 0.05,
    "refusal": 0.06,
}
_MAX_CHARACTERS = 3000  # of a prompt: four passages and some earlier turns
_MAX_BULLETS = 3
_ALL_KEPT = (IRRELEVANT, "no_evidence")  # of lists, with those of several points; of others every third


def train_form(
    form: Form,
    profile: ModelProfile,
    sources: Sources,
    output: Path,
    *,
    examples: int = EXAMPLES,
    seed: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> Path:
    """Train one of the adapters.

    Args:
        form: Which.
        profile: The model that it is for.
        sources: Public texts that its examples are made of.
        output: Its folder; must not exist.
        examples: How many conversations it learns from.
        seed: Decides which.
        progress: Called after each step with its number and its loss.

    Raises:
        TrainingError: The output exists, or the adapter does not fit the model.
        ModelError: The model can't be loaded.
    """
    turns = _teaching(form, sources, seed=seed, count=examples)
    rows = [Example(turn.messages, turn.answer) for turn in turns]
    started = time.monotonic()
    train_adapter(profile, rows, output, config=replace(CONFIG, seed=seed), device="cpu", progress=progress)
    _finish(output, profile, seconds=time.monotonic() - started)
    return output


def _teaching(form: Form, sources: Sources, *, seed: int, count: int) -> list[Conversation]:
    """Return what an adapter learns from; for lists, most with several points."""
    if form != "bullets":
        return draw_turns(form, sources, seed=seed, count=count)
    drawn = draw_turns(form, sources, seed=seed, count=3 * count)
    return [t for i, t in enumerate(drawn) if len(t.gold) > 1 or t.kind in _ALL_KEPT or i % 3 == 0][:count]


def draw_turns(form: Form, sources: Sources, *, seed: int, count: int, only_short: bool = True) -> list[Conversation]:
    """Return so many conversations answered in a form, whatever style their prompt was drawn with.

    All that have evidence quote it: with evidence, the engine makes the model quote.
    """
    drawn: list[Conversation] = []
    for index in count_from():
        if len(drawn) >= count:
            break
        turn = build_conversation(sources, seed=seed, index=index, shares=_KINDS)
        turn = sets.answer_nearest(turn) if turn.kind == IRRELEVANT else turn
        if turn.gold:
            turn = sets.crowd(turn, sources, random=Random(f"{seed}/{index}/crowd"))  # noqa: S311 - training data
        styled = restyle(turn, form=form)
        if bool(styled.evidence) == bool(styled.gold) and (_is_short(styled) or not only_short):
            drawn.append(styled)
    return drawn


def restyle(turn: Conversation, *, form: Form) -> Conversation:
    """Return a conversation whose prompt asks for a balanced answer and whose answer has the form."""
    messages = tuple(_balanced(m) for m in turn.messages)
    if not turn.gold:
        return replace(turn, messages=messages, answer=_talk(turn.answer, is_brief=form == "brief"))
    gold = _chosen(form, turn)
    quotations = [phrases.quote(sentence, number=number) for number, sentence in gold]
    return replace(turn, messages=messages, answer=render_answer(form, quotations), gold=gold)


def _is_short(turn: Conversation) -> bool:
    is_quoted_short = all(sets.is_quotable(sentence) for _, sentence in turn.gold)
    return is_quoted_short and sum(len(m.content) for m in turn.messages) <= _MAX_CHARACTERS


def _chosen(form: Form, turn: Conversation) -> tuple[tuple[int, str], ...]:
    if form == "brief":
        return turn.gold[:1]
    if form == "bullets":
        return (*turn.gold, *sets.related(turn))[: max(_MAX_BULLETS, len(turn.gold))]
    return turn.gold


def _balanced(message: Message) -> Message:
    content = message.content
    if message.role == "system":
        for words in STYLES.values():
            content = content.replace(f"\nStyle: {words}.", f"\nStyle: {STYLES['balanced']}.")
    return Message(message.role, content)


def _talk(answer: str, *, is_brief: bool) -> str:
    for talk in phrases.SMALL_TALK:
        if answer in (talk.answer, talk.brief):
            return talk.brief if is_brief else talk.answer
    return answer


def _finish(folder: Path, profile: ModelProfile, *, seconds: float) -> None:
    """Halve the weights, leave no path of this machine in the folder and record which base they are for."""
    weights = load_file(folder / WEIGHTS_FILE)
    save_file({k: v.bfloat16() for k, v in weights.items()}, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    (folder / WEIGHTS_FILE).chmod(0o644)
    settings = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = profile.name
    settings["target_modules"] = sorted(settings["target_modules"])  # a set, in no order of its own
    _write_json(folder / CONFIG_FILE, settings)
    training = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    base = digest_files(weight_files(locate_model(profile, offline=True)))
    _write_json(folder / TRAINING, {**training, "model": profile.name, "base": base, "seconds": round(seconds)})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
