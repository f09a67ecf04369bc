"""From logits to the next token: the quoting constraint, then transformers' own temperature, top-k and top-p."""

from collections.abc import Sequence
from typing import cast

import torch
from transformers import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from core.errors import EngineError
from core.llm.quoting import QuotingConstraint
from core.schema import GenerateConfig


def check_config(config: GenerateConfig) -> None:
    """Look that a configuration makes sense.

    Raises:
        EngineError: Names the field, what was expected and what was found.
    """
    rules = {
        "max_tokens": (config.max_tokens >= 1, "at least 1"),
        "temperature": (0 <= config.temperature <= 10, "0 (greedy) to 10"),
        "top_p": (0 < config.top_p <= 1, "above 0, at most 1"),
        "top_k": (config.top_k >= 0, "0 (off) or more"),
        "stop": (all(config.stop), "no empty string"),
    }
    for name, (holds, expected) in rules.items():
        if not holds:
            raise EngineError(f"{name} is {getattr(config, name)!r}; expected: {expected}.")


class Sampler:
    """Picks the tokens of one answer; the same logits and configuration give the same tokens."""

    def __init__(
        self,
        config: GenerateConfig,
        *,
        constraint: QuotingConstraint | None,
        silent: torch.Tensor,
        end_tokens: Sequence[int],
        device: torch.device,
    ) -> None:
        """Prepare an answer.

        Args:
            config: A checked configuration.
            constraint: Says what may come next; None allows everything.
            silent: Ids of tokens that never come: they write nothing and end nothing.
            end_tokens: Ids of the tokens that end an answer.
            device: Where the logits are.
        """
        self._constraint = constraint
        self._silent = silent
        self._end_tokens = torch.tensor(end_tokens, device=device)
        no_tokens = torch.empty((1, 0), dtype=torch.long, device=device)
        self._no_tokens = cast("torch.LongTensor", no_tokens)  # warpers ask for, and ignore, the text
        self._warpers = _build_warpers(config)
        self._is_greedy = config.temperature == 0
        self._generator = torch.Generator(device).manual_seed(config.seed % 2**63)

    def pick(self, logits: torch.Tensor, *, is_spent: bool) -> int:
        """Return the next token.

        Args:
            logits: Of shape (1, vocabulary).
            is_spent: The answer's budget is used up.

        Raises:
            EngineError: No logit is finite.
        """
        scores = logits.float().clone()
        scores[:, self._silent] = -torch.inf
        if self._constraint is not None:
            scores = self._constrain(scores, self._constraint, is_spent=is_spent)
        if not torch.isfinite(scores.max()):
            raise EngineError(
                "The model returned no finite logit for a token that may come; its weights may be broken."
            )
        if self._is_greedy:
            return int(scores.argmax())
        scores = self._warpers(self._no_tokens, scores)
        return int(torch.multinomial(scores.softmax(dim=-1), 1, generator=self._generator))

    def _constrain(self, scores: torch.Tensor, constraint: QuotingConstraint, *, is_spent: bool) -> torch.Tensor:
        choice = constraint.choose(int(scores.argmax()), is_spent=is_spent)
        if choice.only is not None:
            tokens = torch.tensor(list(choice.only), device=scores.device)
            biases = torch.tensor(list(choice.only.values()), device=scores.device)
            allowed = torch.full_like(scores, -torch.inf)
            allowed[:, tokens] = scores[:, tokens] + biases
            return allowed
        scores[:, torch.tensor(choice.banned, dtype=torch.long, device=scores.device)] = -torch.inf
        if not choice.may_end:
            scores[:, self._end_tokens] = -torch.inf
        return scores


def _build_warpers(config: GenerateConfig) -> LogitsProcessorList:
    warpers = LogitsProcessorList()
    if config.temperature not in (0, 1):
        warpers.append(TemperatureLogitsWarper(float(config.temperature)))
    if config.top_k:
        warpers.append(TopKLogitsWarper(config.top_k))
    if config.top_p < 1:
        warpers.append(TopPLogitsWarper(config.top_p))
    return warpers
