import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from core.llm.permits import PermitOffice
from core.schema import Delta, Evidence, Finish, GenerateConfig, GenerateRequest, Message

CONTROL = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
TEXT = [
    "According to Travel policy, “Meals are paid up to 60 USD a day.” [2]",
    "The agent answers from the evidence alone and says so when it can't. [1] Größe, naïve, 価格, 🙂",
]


def byte_level_tokenizer(*, vocab_size: int = 480) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=CONTROL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXT * 20, trainer)
    return tokenizer


def unigram_tokenizer() -> Tokenizer:
    """No bytes to fall back on: what its pieces don't hold, it can't write."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=["<unk>", *CONTROL], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(TEXT * 20, trainer)
    return tokenizer


def byte_fallback_tokenizer() -> Tokenizer:
    """Llama 2's kind: `▁` for a space, `<0x0A>` for a byte that no piece holds."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    byte_pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=450, special_tokens=["<unk>", *CONTROL, *byte_pieces], show_progress=False)
    tokenizer.train_from_iterator(TEXT * 20, trainer)
    table = json.loads(tokenizer.to_str())
    table["added_tokens"] = [token for token in table["added_tokens"] if token["content"] not in byte_pieces]
    return Tokenizer.from_str(json.dumps(table))


@pytest.fixture(scope="session", params=["byte-level", "unigram", "byte-fallback"])
def any_tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    kinds = {"byte-level": byte_level_tokenizer, "unigram": unigram_tokenizer, "byte-fallback": byte_fallback_tokenizer}
    return PreTrainedTokenizerFast(tokenizer_object=kinds[request.param](), eos_token="<|end|>")


def save_model(folder: Path, *, seed: int = 0, context: int = 512, scale: float = 0.3) -> Path:
    """A Llama with random weights, large enough that its choices vary."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_tokenizer(), eos_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=32,
        num_hidden_layers=2,
        intermediate_size=48,
        num_attention_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=scale,
        bos_token_id=None,
        eos_token_id=3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def office() -> PermitOffice:
    return PermitOffice(60, clock=lambda: datetime.now(UTC))


@pytest.fixture
def evidence_of() -> Callable[..., Evidence]:
    def build(number: int, *sentences: str, scores: tuple[float, ...] = ()) -> Evidence:
        return Evidence(
            number=number,
            chunk_id=f"chunk-{number}",
            dataset_id="travel",
            dataset_version="1",
            dataset_title="Travel",
            document="Travel policy",
            place="Meals",
            licence="CC0-1.0",
            text=" ".join(sentences),
            score=1.0,
            sentences=sentences,
            sentence_scores=scores,
        )

    return build


@pytest.fixture
def request_of() -> Callable[..., GenerateRequest]:
    def build(*texts: str, **options: object) -> GenerateRequest:
        """User and assistant in turns, the user last."""
        roles = ["assistant", "user"] * len(texts)
        messages = tuple(Message(role, text) for role, text in zip(roles[-len(texts) :], texts, strict=True))
        fields = {name: options.pop(name) for name in ("evidence", "quoting", "adapter", "system") if name in options}
        if system := fields.pop("system", None):
            messages = (Message("system", system), *messages)
        return GenerateRequest(messages=messages, config=GenerateConfig(**options), **fields)

    return build


@pytest.fixture
def answer_of(office: PermitOffice) -> Callable[..., tuple[str, Finish]]:
    def run(engine: object, request: GenerateRequest) -> tuple[str, Finish]:
        *deltas, finish = engine.generate(request, permit=office.issue(request.digest(), turn_id="t"))
        assert isinstance(finish, Finish)
        assert all(isinstance(delta, Delta) and delta.text for delta in deltas)
        return "".join(delta.text for delta in deltas), finish

    return run
