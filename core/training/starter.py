"""Trains the bundled starter model from scratch, on the CPU, from a seed; a killed run goes on where it stopped.

The result quotes well only under the quoting constraint of the engine; run free it misquotes.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from core.errors import TrainingError
from core.training.checkpoints import load_checkpoint, save_checkpoint
from core.training.starter_batches import Batch, Stream
from core.training.starter_data import build_conversation
from core.training.starter_evaluation import evaluate_starter
from core.training.starter_export import TrainingRecord, export_model, write_card
from core.training.starter_model import (
    Shape,
    build_model,
    build_optimizers,
    counted_tokens,
    learning_rate,
    next_token_loss,
)
from core.training.starter_sources import Sources, load_sources
from core.training.starter_tokenizer import END, PAD, SPECIAL_TOKENS, build_tokenizer, render_chat

SHIPPED_SHAPE = Shape()


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the weights.

    Attributes:
        tokens: How many tokens are read, padding not counted.
        reading_tokens: Until then the loss counts prompts too; after it only answers count.
        quoting_tokens: Until then the loss counts quotations too; after it only an answer's own words.
        copying_tokens: Until then repeated random tokens are mixed in, and small talk is rarer.
        warmup_tokens: Until then the learning rate rises.
        decay_tokens: Over so many last tokens it falls.
        batch_tokens: Padded size of a batch.
        max_tokens: Longer conversations are left out.
        tokenizer_texts: How many conversations the tokenizer is trained on.
    """

    tokens: int
    seed: int
    shape: Shape = SHIPPED_SHAPE
    reading_tokens: int = 800_000
    quoting_tokens: int = 3_300_000
    copying_tokens: int = 1_062_000
    warmup_tokens: int = 135_000
    decay_tokens: int = 1_200_000
    batch_tokens: int = 6144
    max_tokens: int = 1600
    tokenizer_texts: int = 6000
    muon_lr: float = 0.02
    adamw_lr: float = 3e-3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the training is.

    Attributes:
        loss: Mean cross-entropy since the last report, in nats per counted token.
        reading: Whether the loss counted prompts too, not only answers.
    """

    step: int
    tokens: int
    loss: float
    reading: bool
    tokens_per_s: float


@dataclass(slots=True)
class _Run:
    """Where a training stands; everything here is in the checkpoint."""

    step: int = 0
    tokens: int = 0
    window: int = 0
    window_tokens: int = 0
    batch: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


def train_starter(
    source: Path,
    output: Path,
    *,
    tokens: int = 7_000_000,
    seed: int = 1,
    recipe: Recipe | None = None,
    samples: int = 50,
    checkpoints: Path | None = None,
    checkpoint_every: int = 50,
    report_every: int = 10,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train the starter model, measure it, and write it with its card to a folder that transformers loads.

    Args:
        source: Folder of the public training data.
        output: Folder of the finished model; replaced when it exists.
        tokens: How many tokens to read.
        seed: Decides data, order and first weights.
        recipe: The whole recipe, instead of `tokens` and `seed`.
        samples: Conversations of each kind that the finished model is measured on.
        checkpoints: Folder of the checkpoint; beside the output when not given.
        checkpoint_every: Steps between checkpoints.
        report_every: Steps between reports of progress.
        progress: Called with each report.

    Raises:
        TrainingError: The data is missing, or the checkpoint is damaged or of another recipe.
    """
    recipe = recipe or Recipe(tokens=tokens, seed=seed)
    work = checkpoints or output.with_name(output.name + ".training")
    work.mkdir(parents=True, exist_ok=True)
    sources = load_sources(source, held_out=False)
    tokenizer = _tokenizer(sources, recipe, work / "tokenizer.json")
    model = build_model(recipe.shape, seed=recipe.seed, pad=SPECIAL_TOKENS.index(PAD), end=SPECIAL_TOKENS.index(END))
    stream = Stream(sources, tokenizer, recipe.seed, recipe.batch_tokens, recipe.max_tokens)
    run = _train(model, stream, recipe, work / "checkpoint.pt", checkpoint_every, report_every, progress)
    beside = output.with_name(output.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    record = TrainingRecord(asdict(recipe), run.step, run.tokens, run.seconds, run.history)
    export_model(model, tokenizer, beside, record=record)
    write_card(beside, figures=evaluate_starter(beside, source, samples=samples))
    _replace(beside, output)
    return output


def _tokenizer(sources: Sources, recipe: Recipe, saved: Path) -> Tokenizer:
    """Return the tokenizer that this training began with, or train one."""
    if saved.exists():
        return Tokenizer.from_file(str(saved))
    made = (build_conversation(sources, seed=recipe.seed, index=i) for i in range(recipe.tokenizer_texts))
    texts = (render_chat(turn.messages) + turn.answer for turn in made)
    tokenizer = build_tokenizer(texts, vocabulary=recipe.shape.vocabulary)
    if tokenizer.get_vocab_size() != recipe.shape.vocabulary:
        raise TrainingError(
            f"The tokenizer should have {recipe.shape.vocabulary} tokens and got {tokenizer.get_vocab_size()}. "
            "Give more texts or ask for a smaller vocabulary."
        )
    tokenizer.save(str(saved.with_suffix(".new")))
    saved.with_suffix(".new").replace(saved)
    return tokenizer


def _train(
    model: Any,
    stream: Stream,
    recipe: Recipe,
    checkpoint: Path,
    checkpoint_every: int,
    report_every: int,
    progress: Callable[[Progress], None] | None,
) -> _Run:
    optimizers = build_optimizers(model, muon_lr=recipe.muon_lr, adamw_lr=recipe.adamw_lr)
    run = _resume(model, optimizers, recipe, checkpoint)
    losses: list[float] = []
    began, counted_from = time.monotonic(), run.tokens
    for batch in _batches(stream, run, recipe):
        reading = run.tokens < recipe.reading_tokens
        losses.append(_step(model, optimizers, batch, recipe, run, reading=reading))
        if run.step % report_every == 0:
            speed = (run.tokens - counted_from) / (time.monotonic() - began)
            report = Progress(run.step, run.tokens, sum(losses) / len(losses), reading, speed)
            run.history.append({"step": run.step, "tokens": run.tokens, "loss": report.loss, "reading": reading})
            losses.clear()
            if progress is not None:
                progress(report)
        if run.step % checkpoint_every == 0 and not losses:
            run.seconds += time.monotonic() - began
            began, counted_from = time.monotonic(), run.tokens
            _save(model, optimizers, recipe, run, checkpoint)
    run.seconds += time.monotonic() - began
    return run


def _batches(stream: Stream, run: _Run, recipe: Recipe) -> Iterator[Batch]:
    """Yield batches from where the run stands until its tokens are read."""
    while run.tokens < recipe.tokens:
        copying = run.window_tokens < recipe.copying_tokens
        for number, batch in enumerate(stream.window(run.window, copying=copying)):
            if number < run.batch:
                continue
            run.batch = number + 1
            yield batch
            if run.tokens >= recipe.tokens:
                return
        run.window, run.batch, run.window_tokens = run.window + 1, 0, run.tokens


def _step(
    model: Any,
    optimizers: tuple[torch.optim.Optimizer, ...],
    batch: Batch,
    recipe: Recipe,
    run: _Run,
    *,
    reading: bool,
) -> float:
    factor = learning_rate(run.tokens, warmup=recipe.warmup_tokens, decay=recipe.decay_tokens, total=recipe.tokens)
    quoting = run.tokens < recipe.quoting_tokens
    counted = counted_tokens(batch, reading=reading, quoting=quoting, step=run.step)
    loss = next_token_loss(model, batch, counted=counted)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer, rate in zip(optimizers, (recipe.muon_lr, recipe.adamw_lr), strict=True):
        optimizer.param_groups[0]["lr"] = rate * factor
        optimizer.step()
        optimizer.zero_grad()
    run.step += 1
    run.tokens += int(batch.texts.sum())
    return float(loss.detach())


def _save(
    model: Any, optimizers: tuple[torch.optim.Optimizer, ...], recipe: Recipe, run: _Run, checkpoint: Path
) -> None:
    state = {"recipe": asdict(recipe), "run": asdict(run), "model": model.state_dict()}
    save_checkpoint(checkpoint, {**state, "optimizers": [optimizer.state_dict() for optimizer in optimizers]})


def _resume(model: Any, optimizers: tuple[torch.optim.Optimizer, ...], recipe: Recipe, checkpoint: Path) -> _Run:
    state = load_checkpoint(checkpoint, recipe=asdict(recipe))
    if state is None:
        return _Run()
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return _Run(**state["run"])


def _replace(new: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    new.rename(old)
