"""The guard's network: MiniLM with a head for labels of the whole text and one for the names in it.

The word vectors stay those of the bundled embedder, so that a guard's file holds its layers alone.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from core.errors import TrainingError
from core.training.guard_rows import LABELS, TAGS
from core.training.minilm import load_minilm


class GuardModel(torch.nn.Module):
    """MiniLM, its last states pooled three ways for the labels, and each state read for a tag."""

    def __init__(self, encoder: Any, *, dropout: float = 0.1) -> None:
        super().__init__()
        size = encoder.config.hidden_size
        encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        self.encoder = encoder
        self.dropout = torch.nn.Dropout(dropout)
        self.dense = torch.nn.Linear(3 * size, size)
        self.labels = torch.nn.Linear(size, len(LABELS))
        self.tags = torch.nn.Linear(size, len(TAGS))

    def forward(
        self, embeds: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits of shape (rows, LABELS) and (rows, tokens, TAGS) for word vectors (rows, tokens, hidden)."""
        states = self.encoder(inputs_embeds=embeds, attention_mask=mask, token_type_ids=types).last_hidden_state
        kept = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * kept).sum(1) / kept.sum(1).clamp(min=1)
        most = (states - 1e4 * (1 - kept)).max(1).values
        pooled = self.dropout(torch.cat([states[:, 0], mean, most], dim=-1))
        return self.labels(self.dropout(torch.tanh(self.dense(pooled)))), self.tags(self.dropout(states))

    def word_vectors(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the frozen word vectors of token ids."""
        return self.encoder.embeddings.word_embeddings(ids)  # type: ignore[no-any-return]


def load_guard_base(folder: Path) -> GuardModel:
    """Return an untrained guard on the layers of a MiniLM folder."""
    return GuardModel(load_minilm(folder))


def save_guard(model: GuardModel, folder: Path, *, parts: int = 2) -> list[Path]:
    """Write everything but the word vectors, in half precision, as files of about equal size."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {n: t.half().contiguous().cpu() for n, t in model.state_dict().items() if "word_embeddings" not in n}
    total, seen = sum(t.nbytes for t in state.values()), 0
    shares: list[dict[str, torch.Tensor]] = [{} for _ in range(parts)]
    for name, tensor in state.items():
        shares[min(parts - 1, seen * parts // total)][name] = tensor
        seen += tensor.nbytes
    paths = [folder / f"guard-{i + 1}-of-{parts}.safetensors" for i in range(parts)]
    for path, share in zip(paths, shares, strict=True):
        save_file(share, path)
    return paths


def load_guard(folder: Path, *, base: Path) -> GuardModel:
    """Return the guard that `save_guard` wrote, on the word vectors of a MiniLM folder.

    Raises:
        TrainingError: Files are missing or don't fit.
    """
    model = load_guard_base(base)
    state: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("guard-*-of-*.safetensors")):
        state.update({name: tensor.float() for name, tensor in load_file(path).items()})
    found = model.load_state_dict(state, strict=False)
    if found.unexpected_keys or any("word_embeddings" not in name for name in found.missing_keys):
        raise TrainingError(f"The files in {folder} don't hold a guard: {found}. Train it again.")
    return model.eval()
