"""How fast the engine is: `python -m benchmarks.engine`, one table beside transformers' own loop on the same weights.

Measures the bundled model; where it is missing, one of its shape with random weights. A quotation's cost is what
picking a token takes more when the quoting constraint is on, over what a whole step takes without it.
"""

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from benchmarks.machine import describe_machine
from core.llm import ModelProfile, PermitOffice
from core.llm.profiles import BUILT_IN
from core.llm.quoting import QuotingConstraint
from core.llm.sampling import Sampler
from core.llm.transformers_engine import TransformersEngine
from core.llm.vocabulary import read_vocabulary
from core.schema import Evidence, Finish, GenerateConfig, GenerateRequest, Message

PROMPT_TOKENS = 600
ANSWER_TOKENS = 64
RUNS = 10
PICK_RUNS = 40
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "
SHAPE: dict[str, Any] = {
    "vocab_size": 6144,
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "intermediate_size": 384,
    "num_attention_heads": 4,
    "max_position_embeddings": 2048,
}
SENTENCES = tuple(f"Item {number} costs {number * 7} USD and ships within {number} days." for number in range(1, 9))
EVIDENCE = tuple(
    Evidence(
        number=number,
        chunk_id=f"c{number}",
        dataset_id="prices",
        dataset_version="1",
        dataset_title="Prices",
        document=f"Price list {number}",
        place="Items",
        licence="CC0-1.0",
        text=" ".join(SENTENCES),
        score=1.0,
        sentences=tuple(f"{sentence[:-1]} in region {number}." for sentence in SENTENCES),
        sentence_scores=tuple((number * item % 7) / 7 for item in range(1, 9)),
    )
    for number in range(1, 5)
)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        profile = BUILT_IN["starter"]
        if not (Path(profile.model) / "model.safetensors").exists():
            profile = ModelProfile(name="random", model=str(_random_model(Path(name))), dtype="float32")
        office = PermitOffice(600, clock=lambda: datetime.now(UTC))
        engine = TransformersEngine(profile, office=office, device="cpu")
        tokenizer = AutoTokenizer.from_pretrained(profile.model, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(profile.model, local_files_only=True, dtype=torch.float32)
        request = _request(tokenizer)
        ours, theirs = [], []
        for _ in range(RUNS):  # by turns, so that a busy machine is busy for both
            ours.append(_time_engine(engine, office, request))
            theirs.append(_time_transformers(model, tokenizer, request))
        print(f"{describe_machine()}, {torch.get_num_threads()} threads, model {profile.name}")
        _print(ours, theirs, _time_picks(tokenizer, is_quoting=False), _time_picks(tokenizer, is_quoting=True))


def _time_engine(engine: TransformersEngine, office: PermitOffice, request: GenerateRequest) -> tuple[float, float]:
    """Return seconds to the first text, and tokens per second after it."""
    permit = office.issue(request.digest(), turn_id="benchmark")
    start = time.perf_counter()
    events = engine.generate(request, permit=permit)
    next(events)
    first = time.perf_counter()
    *_, finish = events
    assert isinstance(finish, Finish)
    return first - start, (finish.output_tokens - 1) / (time.perf_counter() - first)


def _time_transformers(model: Any, tokenizer: Any, request: GenerateRequest) -> float:
    """Return tokens per second after the first."""
    conversation = [{"role": message.role, "content": message.content} for message in request.messages]
    inputs = tokenizer.apply_chat_template(conversation, add_generation_prompt=True, return_tensors="pt")
    seconds = []
    for tokens in (1, ANSWER_TOKENS):
        start = time.perf_counter()
        model.generate(**inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=True)
        seconds.append(time.perf_counter() - start)
    return (ANSWER_TOKENS - 1) / (seconds[1] - seconds[0])


def _time_picks(tokenizer: Any, *, is_quoting: bool) -> float:
    """Return the median seconds that picking one token of an answer takes, from logits drawn at random."""
    vocabulary = read_vocabulary(tokenizer, size=len(tokenizer))
    end = tokenizer.eos_token_id
    silent = [token for token, piece in enumerate(vocabulary.pieces) if piece is None and token != end]
    logits = [torch.randn(1, len(tokenizer)) * 3 for _ in range(ANSWER_TOKENS)]
    seconds = []
    for seed in range(PICK_RUNS):
        start = time.perf_counter()
        constraint = (
            QuotingConstraint(
                EVIDENCE, quoting="always", vocabulary=vocabulary, encode=tokenizer.encode, end_tokens=frozenset({end})
            )
            if is_quoting
            else None
        )
        config = GenerateConfig(temperature=1.0, seed=seed)
        sampler = Sampler(
            config,
            constraint=constraint,
            silent=torch.tensor(silent, dtype=torch.long),
            end_tokens=(end,),
            device=torch.device("cpu"),
        )
        for step in logits:
            token = sampler.pick(step, is_spent=False)
            if constraint is not None:
                constraint.accept(token)
        seconds.append((time.perf_counter() - start) / len(logits))
    return statistics.median(seconds)


def _request(tokenizer: Any) -> GenerateRequest:
    words = "What does the price list say of item 3, and what of the one after it? "
    text = tokenizer.decode(tokenizer.encode(words * 100, add_special_tokens=False)[:PROMPT_TOKENS])
    config = GenerateConfig(max_tokens=ANSWER_TOKENS, temperature=1.0)
    return GenerateRequest((Message("user", text),), config, evidence=EVIDENCE, quoting="always")


def _random_model(folder: Path) -> Path:
    """Save a model of the bundled one's shape with random weights and a tokenizer of single bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={char: token for token, char in enumerate(["<|end|>", *alphabet])}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend, eos_token="<|end|>", chat_template=TEMPLATE
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(**SHAPE, tie_word_embeddings=True, eos_token_id=0, bos_token_id=None)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _print(ours: list[tuple[float, float]], theirs: list[float], free: float, quoting: float) -> None:
    firsts = sorted(first for first, _ in ours)
    speed = statistics.median(speed for _, speed in ours)
    rows = [
        ("what", "n", "figure"),
        (f"time to first text after {PROMPT_TOKENS} tokens", RUNS, f"p50 {firsts[RUNS // 2] * 1e3:.0f} ms"),
        ("", "", f"p95 {firsts[int(RUNS * 0.95)] * 1e3:.0f} ms"),
        (f"engine, {ANSWER_TOKENS} tokens and more, quoting", RUNS, f"{speed:.0f} tokens/s"),
        (f"transformers' generate, {ANSWER_TOKENS} tokens", RUNS, f"{statistics.median(theirs):.0f} tokens/s"),
        ("pick a token, free", PICK_RUNS, f"{free * 1e6:.0f} µs"),
        ("pick a token, quoting", PICK_RUNS, f"{quoting * 1e6:.0f} µs"),
        ("cost of quoting, of a whole step", PICK_RUNS, f"{(quoting - free) * speed:.1%}"),
    ]
    for what, n, figure in rows:
        print(f"{what:<44}{n:>6}  {figure}")


if __name__ == "__main__":
    main()
