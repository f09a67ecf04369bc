"""Turns conversations into batches of similar length; the n-th window of batches is decided by the seed and n alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from tokenizers import Tokenizer

from core.training.starter_data import KINDS, LATER_KINDS, build_conversation
from core.training.starter_sources import Sources
from core.training.starter_tokenizer import SPECIAL_TOKENS, Encoded, encode_turn

WINDOW = 192  # conversations that are sorted by length together
COPY_SHARE = 0.3  # of the rows of the first windows: random tokens said twice, from which copying is learnt


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of tokens, padded on the right, where causal attention needs no mask.

    Attributes:
        ids: int64, (rows, length).
        answers: bool, (rows, length): where the token belongs to what the model has to say.
        quoted: bool, (rows, length): where an answer quotes.
        texts: bool, (rows, length): where the token is no padding.
    """

    ids: torch.Tensor
    answers: torch.Tensor
    quoted: torch.Tensor
    texts: torch.Tensor


@dataclass(frozen=True, slots=True)
class Stream:
    """Endless batches.

    Attributes:
        batch_tokens: Upper limit of a batch's padded size; a single longer row makes a batch of its own.
        max_tokens: Longer conversations are left out.
    """

    sources: Sources
    tokenizer: Tokenizer
    seed: int
    batch_tokens: int
    max_tokens: int

    def window(self, number: int, *, copying: bool) -> Iterator[Batch]:
        """Yield the batches of one window, in an order drawn from the seed."""
        indexes = range(number * WINDOW, (number + 1) * WINDOW)
        shares = KINDS if copying else LATER_KINDS
        turns = [build_conversation(self.sources, seed=self.seed, index=i, shares=shares) for i in indexes]
        rows = [encode_turn(self.tokenizer, turn.messages, answer=turn.answer) for turn in turns]
        random = Random(f"{self.seed}/window/{number}")  # noqa: S311 - training data, not secrets
        if copying:
            rows = [self._copying(random) if random.random() < COPY_SHARE else row for row in rows]
        kept = sorted((row for row in rows if len(row.ids) <= self.max_tokens), key=lambda row: len(row.ids))
        batches = list(_cut(kept, batch_tokens=self.batch_tokens))
        random.shuffle(batches)
        yield from (collate(rows) for rows in batches)

    def _copying(self, random: Random) -> Encoded:
        words = range(len(SPECIAL_TOKENS), self.tokenizer.get_vocab_size())
        said = random.choices(words, k=random.randint(16, 160))
        start = random.randint(0, len(said) // 2)
        return Encoded((*said, *said[start:]), len(said) + 1)


def collate(rows: Sequence[Encoded]) -> Batch:
    """Pad the rows to one length."""
    length = max(len(row.ids) for row in rows)
    ids = torch.tensor([[*row.ids, *[0] * (length - len(row.ids))] for row in rows])
    places = torch.arange(length)
    starts = torch.tensor([[row.answer_start] for row in rows])
    ends = torch.tensor([[len(row.ids)] for row in rows])
    quoted = torch.tensor([[place in row.quoted for place in range(length)] for row in rows])
    return Batch(ids, (places >= starts) & (places < ends), quoted, places < ends)


def _cut(rows: Sequence[Encoded], *, batch_tokens: int) -> Iterator[list[Encoded]]:
    batch: list[Encoded] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(row.ids) > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
