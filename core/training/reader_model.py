"""The reader's network: MiniLM's first layers and a head; the word vectors stay those of the bundled embedder."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from core.training.reader_batches import ReaderBatch


class ReaderModel(torch.nn.Module):
    """MiniLM's first layers and a head for each token: whether its sentence, and whether its passage, answers."""

    def __init__(self, encoder: Any, *, layers: int) -> None:
        super().__init__()
        kept = torch.linspace(0, len(encoder.encoder.layer) - 1, layers).round().int().tolist()
        encoder.encoder.layer = torch.nn.ModuleList(encoder.encoder.layer[i] for i in kept)
        encoder.config.num_hidden_layers = layers
        encoder.pooler = None
        encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        self.encoder = encoder
        self.head = torch.nn.Linear(encoder.config.hidden_size, 2)

    def forward(self, embeds: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (rows, tokens, 2) for word vectors of shape (rows, tokens, hidden)."""
        hidden = self.encoder(inputs_embeds=embeds, attention_mask=mask, token_type_ids=types).last_hidden_state
        return self.head(hidden)  # type: ignore[no-any-return]

    def word_vectors(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the frozen word vectors of token ids."""
        return self.encoder.embeddings.word_embeddings(ids)  # type: ignore[no-any-return]


def load_reader_base(folder: Path, *, layers: int) -> ReaderModel:
    """Return an untrained reader on the layers of a MiniLM folder."""
    return ReaderModel(load_minilm(folder), layers=layers)


def load_minilm(folder: Path) -> Any:
    """Return the encoder of a MiniLM folder, in full precision."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_verbosity_error()  # type: ignore[no-untyped-call] # the embedder's own pooling is left out on purpose
    return BertModel.from_pretrained(str(folder), add_pooling_layer=False, dtype=torch.float32)


def cut_reader(teacher: ReaderModel, *, layers: int) -> ReaderModel:
    """Return a copy of a trained reader with so many of its layers: where its student begins."""
    student = ReaderModel(deepcopy(teacher.encoder), layers=layers)
    student.head.load_state_dict(teacher.head.state_dict())
    return student


def save_reader(model: ReaderModel, path: Path) -> None:
    """Write everything but the word vectors, in half precision."""
    kept = {name: tensor for name, tensor in model.state_dict().items() if "word_embeddings" not in name}
    save_file({name: tensor.half().contiguous().cpu() for name, tensor in kept.items()}, path)


def load_reader(path: Path, *, base: Path, layers: int) -> ReaderModel:
    """Return the reader that `save_reader` wrote, on the word vectors of a MiniLM folder."""
    model = load_reader_base(base, layers=layers)
    state = {name: tensor.float() for name, tensor in load_file(path).items()}
    missing = model.load_state_dict(state, strict=False)
    if missing.unexpected_keys or any("word_embeddings" not in name for name in missing.missing_keys):
        raise ValueError(f"{path} does not fit a reader of {layers} layers: {missing}")
    return model.eval()


def score_batch(model: ReaderModel, batch: ReaderBatch, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits of the batch's sentences and of its rows; a GPU computes them in bfloat16."""
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device != "cpu"):
        logits = model(model.word_vectors(batch.ids), batch.mask, batch.types).float()
    return logits[batch.marks[:, 0], batch.marks[:, 1], 0], logits[:, 0, 1]
