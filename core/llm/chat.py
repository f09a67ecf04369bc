"""From messages to prompt tokens, by the model's own chat template; the oldest turns go where all don't fit.

Control tokens that stand in a message's text are encoded as plain text: nobody can open a turn from within one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from transformers import PreTrainedTokenizerBase

from core.errors import EngineError
from core.schema import Message, Role

MIN_ANSWER_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Prompt:
    """What goes into the model.

    Attributes:
        room: Tokens that the context has left for the answer.
        trimmed_messages: How many of the oldest messages were left out.
    """

    tokens: tuple[int, ...]
    room: int
    trimmed_messages: int


def encode_prompt(
    messages: Sequence[Message],
    *,
    tokenizer: PreTrainedTokenizerBase,
    context_tokens: int,
    answer_tokens: int,
    least_tokens: int = 0,
) -> Prompt:
    """Return the prompt's tokens.

    The system messages and the last message always stay. Of what lies between, the oldest turns go first until the
    answer fits; when nothing is left to drop, a shorter answer has to do.

    Args:
        messages: The conversation.
        tokenizer: The model's.
        context_tokens: Size of the context.
        answer_tokens: Tokens that the answer may need.
        least_tokens: Tokens without which a shorter answer makes no sense, beside the first few.

    Raises:
        EngineError: The conversation is malformed, the template refuses it, or even the last message is too long.
    """
    check_messages(messages)
    kept = list(messages)
    while True:
        tokens = _encode(kept, tokenizer=tokenizer)
        room = context_tokens - len(tokens)
        if room >= answer_tokens:
            break
        shorter = _without_oldest_turn(kept)
        if shorter is None:
            break
        kept = shorter
    needed = min(answer_tokens, MIN_ANSWER_TOKENS + least_tokens)
    if room < needed:
        raise EngineError(
            f"The message is too long: the prompt has {len(tokens)} tokens and the answer needs {needed}, but the "
            f"context holds {context_tokens}. Shorten the message or attach less."
        )
    return Prompt(tokens, room, len(messages) - len(kept))


def check_messages(messages: Sequence[Message]) -> None:
    """Look that a conversation is one that a model can answer.

    Raises:
        EngineError: A role is unknown, or the last message is not the user's.
    """
    for message in messages:
        if message.role not in get_args(Role):
            raise EngineError(f"A message's role is {message.role!r}; expected one of {', '.join(get_args(Role))}.")
    if not messages or messages[-1].role != "user":
        raise EngineError("The conversation has to end with a message of the user.")


def _without_oldest_turn(messages: list[Message]) -> list[Message] | None:
    start = next(index for index, message in enumerate(messages) if message.role != "system")
    if start == len(messages) - 1:
        return None
    end = start + 1
    while messages[end].role != "user":
        end += 1
    return messages[:start] + messages[end:]


def _encode(messages: Sequence[Message], *, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    conversation = [{"role": message.role, "content": message.content} for message in messages]
    try:
        tokens = tokenizer.apply_chat_template(
            conversation, add_generation_prompt=True, sanitize_control_tokens=True, return_dict=False
        )
    except Exception as exc:
        raise EngineError(f"The model's chat template refused the conversation: {exc}") from exc
    return tuple(tokens)
