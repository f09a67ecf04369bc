"""The starter model's tokenizer: byte-level BPE, digits one by one, and single tokens for “, ” and [1] to [9].

The chat template is the border that a user can't cross: it writes every `<|` of a message as `< |`, so no content can
become a special token, whichever engine renders it. Text tokenized without the template has no such protection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from core.schema import Message

END = "<|end|>"
PAD = "<|pad|>"
SPECIAL_TOKENS = (PAD, END, "<|system|>", "<|user|>", "<|assistant|>")
WHOLE_TOKENS = ("“", "”", *(f"[{n}]" for n in range(1, 10)))
CHAT_TEMPLATE = """{%- for message in messages %}
{%- if message['role'] not in ['system', 'user', 'assistant'] %}
{{- raise_exception('A role is system, user or assistant, not ' + message['role'] + '.') }}
{%- endif %}
{{- '<|' + message['role'] + '|>\\n' + message['content'] | replace('<|', '< |') + '<|end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|assistant|>\\n' }}{%- endif %}
"""
# Words keep one leading space or sign, digits stand alone, line breaks never join the word after them.
_SPLIT = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+(?!\S)|\s+"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A conversation in tokens.

    Attributes:
        answer_start: From here on is what the model has to say.
        quoted: Places inside quotations of the answer, which the engine's constraint writes.
        is_text: It is no conversation but running text, of which every token counts.
    """

    ids: tuple[int, ...]
    answer_start: int
    quoted: frozenset[int] = frozenset()
    is_text: bool = False


def build_tokenizer(texts: Iterable[str], *, vocabulary: int) -> Tokenizer:
    """Train the tokenizer on these texts; the vocabulary counts special and whole tokens too."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(WHOLE_TOKENS),
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in WHOLE_TOKENS])
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, *, context_tokens: int) -> None:
    """Write the tokenizer and its chat template as transformers reads them."""
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[token for token in SPECIAL_TOKENS if token not in (END, PAD)],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=context_tokens,
    ).save_pretrained(folder)


def render_chat(messages: Sequence[Message]) -> str:
    """Return the text that the chat template makes of these messages, ready for the answer."""
    turns = "".join(f"<|{m.role}|>\n{m.content.replace('<|', '< |')}{END}\n" for m in messages)
    return turns + "<|assistant|>\n"


def encode_turn(tokenizer: Tokenizer, messages: Sequence[Message], *, answer: str) -> Encoded:
    """Return the tokens of a conversation and its answer."""
    prompt = tokenizer.encode(render_chat(messages)).ids
    reply = tokenizer.encode(answer.replace("<|", "< |") + END).ids
    return Encoded((*prompt, *reply), len(prompt), _quoted(tokenizer, reply, start=len(prompt)))


def _quoted(tokenizer: Tokenizer, reply: Sequence[int], *, start: int) -> frozenset[int]:
    opening, closing = tokenizer.token_to_id("“"), tokenizer.token_to_id("”")
    places, is_open = set(), False
    for place, token in enumerate(reply, start):
        is_open = is_open and token != closing
        if is_open:
            places.add(place)
        is_open = is_open or token == opening
    return frozenset(places)
