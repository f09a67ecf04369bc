"""Trains the bundled starter model from scratch, from a seed; a killed run goes on where it stopped.

The result quotes well only under the quoting constraint of the engine; run free it misquotes. Measuring it is
`starter_measure`'s work, so that training needs nothing of the engine.
"""

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from core.errors import TrainingError
from core.training.checkpoints import load_checkpoint, save_checkpoint
from core.training.starter_batches import Batch, Mixture, Windows, load_windows
from core.training.starter_data import build_conversation
from core.training.starter_export import TrainingRecord, export_model
from core.training.starter_model import (
    Shape,
    Weights,
    build_model,
    build_optimizers,
    count_tokens,
    learning_rate,
    next_token_loss,
)
from core.training.starter_sources import load_sources
from core.training.starter_tokenizer import END, PAD, SPECIAL_TOKENS, build_tokenizer, render_chat

Optimizers = tuple[torch.optim.Optimizer, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the weights. Points of the training are shares of it, from 0 to 1.

    Attributes:
        tokens: How many tokens are read, padding not counted.
        max_seconds: The training ends so long after its first batch even if fewer tokens were read; such a run can't
            be repeated to the byte.
        prompts: Until then the loss counts prompts too.
        warmup: Until then the learning rate rises.
        decay: Over so large a last share it falls.
        rows: Conversations of a window.
        ahead: How many windows are planned before their time, at most: twice the worker processes are needed.
        batch_tokens: Padded size of a batch.
        max_tokens: Longer conversations are left out.
        tokenizer_texts: How many conversations the tokenizer is trained on.
    """

    tokens: int
    seed: int
    shape: Shape = field(default_factory=Shape)
    max_seconds: float | None = None
    mixture: Mixture = field(default_factory=Mixture)
    weights: Weights = field(default_factory=Weights)
    prompts: float = 0.8
    warmup: float = 0.01
    decay: float = 0.5
    rows: int = 192
    ahead: int = 4
    batch_tokens: int = 6144
    max_tokens: int = 1600
    tokenizer_texts: int = 8000
    muon_lr: float = 0.02
    adamw_lr: float = 3e-3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the training is.

    Attributes:
        share: Of the tokens or of the time, whichever is further.
        loss: Weighted mean cross-entropy since the last report, in nats.
    """

    step: int
    tokens: int
    share: float
    loss: float
    tokens_per_s: float


@dataclass(slots=True)
class _Run:
    """Where a training stands; everything here is in the checkpoint.

    Attributes:
        window: The window that is being read, `batch` the next of its batches.
        planned: The share at which that window and each of those after it is made.
    """

    planned: list[float]
    step: int = 0
    tokens: int = 0
    window: int = 0
    batch: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


def train_starter(
    source: Path,
    output: Path,
    *,
    recipe: Recipe,
    device: str = "cpu",
    workers: int = 0,
    compiled: bool = False,
    checkpoints: Path | None = None,
    checkpoint_every: int = 50,
    report_every: int = 10,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train the starter model and write it to a folder that transformers loads.

    Args:
        source: Folder of the public training data.
        output: Folder of the finished model; replaced when it exists.
        recipe: All that decides the weights.
        device: `cpu` or `cuda`.
        workers: Processes that make the windows; 0 makes them in this one.
        compiled: Compile the model first: faster on a GPU, and it takes a minute.
        checkpoints: Folder of the checkpoint; beside the output when not given.
        checkpoint_every: Steps between checkpoints; a multiple of `report_every`.
        report_every: Steps between reports of progress.
        progress: Called with each report.

    Raises:
        TrainingError: The data is missing, the checkpoint is damaged or of another recipe, or there are too many
            workers for the windows that the recipe plans ahead.
    """
    if 2 * workers > recipe.ahead:
        raise TrainingError(f"{workers} workers need `ahead` to be at least {2 * workers}, not {recipe.ahead}.")
    work = checkpoints or output.with_name(output.name + ".training")
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(source, recipe, work / "tokenizer.json")
    model = build_model(recipe.shape, seed=recipe.seed, pad=SPECIAL_TOKENS.index(PAD), end=SPECIAL_TOKENS.index(END))
    model.to(device)
    if compiled:
        model.model.compile(dynamic=True)
    sizes = (recipe.seed, recipe.rows, recipe.batch_tokens, recipe.max_tokens)
    windows = Windows(source, work / "tokenizer.json", *sizes, recipe.mixture)
    trainer = _Trainer(model, recipe, torch.device(device), work / "checkpoint.pt")
    run = trainer.train(windows, workers, checkpoint_every, report_every, progress)
    beside = output.with_name(output.name + ".new")
    shutil.rmtree(beside, ignore_errors=True)
    record = TrainingRecord(asdict(recipe), device, run.step, run.tokens, run.seconds, run.history)
    export_model(model.to("cpu"), tokenizer, beside, record=record)
    shutil.rmtree(output, ignore_errors=True)
    beside.rename(output)
    return output


def _tokenizer(source: Path, recipe: Recipe, saved: Path) -> Tokenizer:
    """Return the tokenizer that this training began with, or train one."""
    if saved.exists():
        return Tokenizer.from_file(str(saved))
    sources = load_sources(source, held_out=False)
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


class _Trainer:
    """Steps through batches; what changes is in the model, the optimisers and the run, and all of it is saved."""

    def __init__(self, model: Any, recipe: Recipe, device: torch.device, checkpoint: Path) -> None:
        self._model, self._recipe, self._device, self._checkpoint = model, recipe, device, checkpoint
        self._optimizers = build_optimizers(model, muon_lr=recipe.muon_lr, adamw_lr=recipe.adamw_lr)
        self._run = self._resume()
        self._began: float | None = None

    def train(
        self,
        windows: Windows,
        workers: int,
        checkpoint_every: int,
        report_every: int,
        progress: Callable[[Progress], None] | None,
    ) -> _Run:
        """Read batches until the tokens or the time are used up."""
        run = self._run
        losses: list[torch.Tensor] = []
        reported, reported_tokens = time.monotonic(), run.tokens
        for batch in self._batches(windows, workers):
            losses.append(self._step(batch))
            if run.step % report_every == 0:
                loss = float(torch.stack(losses).mean())  # waits for the device, so not with every step
                now, losses = time.monotonic(), []
                speed = (run.tokens - reported_tokens) / (now - reported)
                reported, reported_tokens = now, run.tokens
                run.history.append({"step": run.step, "tokens": run.tokens, "share": self._share(), "loss": loss})
                if progress is not None:
                    progress(Progress(run.step, run.tokens, self._share(), loss, speed))
            if run.step % checkpoint_every == 0 and not losses:
                self._save()
        self._count_seconds()
        return run

    def _batches(self, windows: Windows, workers: int) -> Iterator[Batch]:
        """Yield batches from where the run stands until the training is over."""
        run = self._run
        upcoming = deque(run.planned)
        numbers = self._plan(upcoming)
        for batches in load_windows(windows, plan=numbers, workers=workers):
            self._begin()
            for number in range(run.batch, len(batches)):
                run.batch = number + 1
                yield batches[number]
                if self._share() >= 1:
                    return
            run.window, run.batch = run.window + 1, 0
            run.planned = [*run.planned[1:], self._share()]
            upcoming.append(run.planned[-1])

    def _plan(self, upcoming: deque[float]) -> Iterator[tuple[int, float]]:
        number = self._run.window
        while upcoming:
            yield number, upcoming.popleft()
            number += 1

    def _step(self, batch: Batch) -> torch.Tensor:
        run, recipe = self._run, self._recipe
        share = self._share()
        factor = learning_rate(share, warmup=recipe.warmup, decay=recipe.decay)
        counted = count_tokens(batch, weights=recipe.weights, reading=share < recipe.prompts, step=run.step)
        loss = next_token_loss(self._model, batch, counted=counted, device=self._device)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        for optimizer, rate in zip(self._optimizers, (recipe.muon_lr, recipe.adamw_lr), strict=True):
            optimizer.param_groups[0]["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad()
        run.step += 1
        run.tokens += int((batch.roles != 0).sum())
        return loss.detach()

    def _share(self) -> float:
        share = self._run.tokens / self._recipe.tokens
        if self._recipe.max_seconds is not None:
            share = max(share, self._seconds() / self._recipe.max_seconds)
        return min(share, 1.0)

    def _begin(self) -> None:
        """Start the clock at the first window: until then the worker processes start."""
        if self._began is None:
            self._began = time.monotonic()

    def _seconds(self) -> float:
        return self._run.seconds + (0.0 if self._began is None else time.monotonic() - self._began)

    def _count_seconds(self) -> None:
        self._run.seconds, self._began = self._seconds(), time.monotonic()

    def _save(self) -> None:
        self._count_seconds()
        state = {"recipe": asdict(self._recipe), "run": asdict(self._run), "model": self._model.state_dict()}
        optimizers = [optimizer.state_dict() for optimizer in self._optimizers]
        save_checkpoint(self._checkpoint, {**state, "optimizers": optimizers})

    def _resume(self) -> _Run:
        state = load_checkpoint(self._checkpoint, recipe=asdict(self._recipe))
        if state is None:
            return _Run(planned=[0.0] * (self._recipe.ahead + 1))
        self._model.load_state_dict(state["model"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        return _Run(**state["run"])
