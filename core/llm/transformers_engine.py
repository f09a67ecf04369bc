"""The engine: a Hugging Face causal language model in this process, decoded one token at a time.

The loop is its own, so that closing the iterator frees the slot within one step and quotations are constrained. What
comes out is unchecked text; nothing here decides whether it may be shown.
"""

import inspect
import re
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from core.errors import EngineError
from core.llm import adapters, weights
from core.llm.adapters import AdapterSwitch
from core.llm.chat import Prompt, encode_prompt
from core.llm.loading import load_model, load_tokenizer, pick_device
from core.llm.permits import PermitOffice
from core.llm.profiles import ModelProfile
from core.llm.quoting import QuotingConstraint
from core.llm.sampling import Sampler, check_config
from core.llm.text_stream import TextStream
from core.llm.vocabulary import read_vocabulary
from core.schema import Delta, Finish, FinishReason, GenerateRequest, ModelInfo, Permit

_SMALL = 100_000_000  # parameters; below, threads save time on many tokens alone
_TOKENS_A_THREAD = 128  # of a small model
_CORES = torch.get_num_threads()  # as the environment has it
_Step = tuple[torch.Tensor, Any]  # the logits of the next token, and the cache behind them
_PIECE = re.compile(r".{1,24}\S*\s?", re.S)  # what is passed on at a time: a few words, however much was read at once
_OWN_SENTENCE = re.compile(r"[.!?]\s")  # an end, then more: a decimal point is none
_CITATION_TOKENS = 16  # room for the marks and the citation around a quotation


class TransformersEngine:
    """Runs a model profile. Safe to use from several threads; `slots` answers are generated at a time."""

    def __init__(
        self,
        profile: ModelProfile,
        *,
        office: PermitOffice,
        device: str = "auto",
        offline: bool = True,
        slots: int = 1,
        queue_timeout_s: float = 60.0,
    ) -> None:
        """Load the model.

        Args:
            profile: What to load.
            office: Where Permits are redeemed.
            device: `auto`, `cpu`, `cuda` or `cuda:N`.
            offline: Never ask a model hub.
            slots: Answers that are generated at the same time, from 1.
            queue_timeout_s: How long a request waits for a slot.

        Raises:
            ModelError: A file is missing, corrupt, truncated or not allowed; the device can't be used.
        """
        folder = weights.locate_model(profile, offline=offline)
        weights.check_model(folder)
        self._office = office
        self._device = pick_device(device)
        self._tokenizer = load_tokenizer(folder)
        model: Any = load_model(folder, profile=profile, device=self._device)
        self._vocabulary = read_vocabulary(self._tokenizer, size=model.get_input_embeddings().weight.shape[0])
        self._end_tokens = _end_tokens(model, self._tokenizer.eos_token_id)
        self._silent = self._silent_tokens()
        self._options = _forward_options(model)
        self._switch = AdapterSwitch(model, {name: Path(path) for name, path in profile.adapters.items()})
        self._info = _describe(profile, folder=folder, model=model, device=self._device)
        self._slots = threading.BoundedSemaphore(slots)
        self._queue_timeout_s = queue_timeout_s
        self._computing = threading.Lock()

    @property
    def info(self) -> ModelInfo:
        """Return what runs."""
        return self._info

    def generate(self, request: GenerateRequest, *, permit: Permit) -> Iterator[Delta | Finish]:
        """Yield text pieces, then one Finish. Closing the iterator frees the slot within one decoding step.

        Raises:
            PermitRefused: The permit is missing, reused, expired, foreign or for another request.
            ModelError: The adapter is unknown.
            EngineError: The request makes no sense, no slot got free in time, or generation failed.
        """
        self._office.redeem(permit, request.digest())
        self._switch.check_name(request.adapter)
        check_config(request.config)
        return self._run(request)

    def _run(self, request: GenerateRequest) -> Iterator[Delta | Finish]:
        with self._slot():
            try:
                yield from self._decode(request)
            except EngineError:
                raise
            except Exception as exc:
                raise EngineError(f"Generation failed: {type(exc).__name__}: {exc}") from exc

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=self._queue_timeout_s):
            raise EngineError(
                f"The model is busy: no slot got free within {self._queue_timeout_s:g} s. Try again later."
            )
        try:
            yield
        finally:
            self._slots.release()

    def _decode(self, request: GenerateRequest) -> Iterator[Delta | Finish]:
        with self._computing:  # tokenizers keep state between calls
            prompt, budget = self._prepare(request)
        begun = self._forward(prompt.tokens, cache=None, adapter=request.adapter)
        if not (yield from self._write(request, prompt, budget, begun, introduces=True)):
            begun = self._begin_again(request, prompt, begun)
            yield from self._write(request, prompt, budget, begun, introduces=False)

    def _write(
        self, request: GenerateRequest, prompt: Prompt, budget: int, begun: _Step, *, introduces: bool
    ) -> Generator[Delta | Finish, None, bool]:
        """Yield one answer; give up before any text and return False when what should lead in is a sentence of its own.

        Such a sentence ("I can't find that.") would stand unsupported before the quotation that has to follow.
        """
        constraint = self._constraint(request)
        if constraint is not None and not introduces:
            constraint.open_now()
        sampler = self._sampler(request, constraint)
        stream = TextStream(request.config.stop, strips_first_space=self._vocabulary.strips_first_space)
        logits, cache = begun
        tokens: list[int] = []
        output_tokens = 0
        lead_in = ""
        reason: FinishReason | None = None
        while reason is None:
            if tokens:
                logits, cache = self._forward(tokens, cache=cache, adapter=request.adapter)
            coming = [sampler.pick(logits, is_spent=output_tokens >= budget)]
            tokens = []
            while coming and reason is None:
                token = coming.pop(0)
                tokens.append(token)
                output_tokens += 1
                is_quoted = constraint is not None and constraint.is_quoting
                leads_in = constraint is not None and constraint.awaits_quotation and not constraint.has_quoted
                if constraint is not None:
                    constraint.accept(token)
                lead_in += stream.push(self._vocabulary.pieces[token] or b"", is_quoted=is_quoted)
                if introduces and leads_in and _OWN_SENTENCE.search(lead_in):
                    return False
                reason = self._reason(token, stream=stream, constraint=constraint, is_spent=output_tokens >= budget)
                if output_tokens >= prompt.room and reason is None:
                    raise EngineError("The context is full in the middle of a quotation; attach less evidence.")
                if not coming and constraint is not None:
                    coming = constraint.forced()
            if lead_in and not (constraint is not None and constraint.awaits_quotation):
                yield from map(Delta, _PIECE.findall(lead_in))
                lead_in = ""
        if text := lead_in + stream.flush():
            yield Delta(text)
        yield Finish(reason, len(prompt.tokens), output_tokens, prompt.trimmed_messages)
        return True

    def _begin_again(self, request: GenerateRequest, prompt: Prompt, begun: _Step) -> _Step:
        """Return what reading the prompt gave, without reading it again where the cache can be cut back to it."""
        logits, cache = begun
        try:
            cache.crop(len(prompt.tokens))
        except (AttributeError, NotImplementedError, ValueError):
            return self._forward(prompt.tokens, cache=None, adapter=request.adapter)
        return logits, cache

    def _prepare(self, request: GenerateRequest) -> tuple[Prompt, int]:
        reserve = self._quotation_tokens(request)
        prompt = encode_prompt(
            request.messages,
            tokenizer=self._tokenizer,
            context_tokens=self._info.context_tokens,
            answer_tokens=request.config.max_tokens + reserve,
            least_tokens=reserve,
        )
        return prompt, min(request.config.max_tokens, prompt.room - reserve)

    def _quotation_tokens(self, request: GenerateRequest) -> int:
        """Return the tokens to keep free: for all that has to be quoted, or for any one quotation."""
        if request.quoting == "off":
            return 0
        units = [unit for item in request.evidence for unit in item.sentences]
        named = [item.sentences[place] for item in request.evidence for place in item.answering]
        return max(sum(map(self._room_for, named)), self._room_for(max(units, key=len)) if units else 0)

    def _room_for(self, unit: str) -> int:
        return len(self._tokenizer.encode(unit, add_special_tokens=False)) + _CITATION_TOKENS

    def _constraint(self, request: GenerateRequest) -> QuotingConstraint | None:
        if request.quoting == "off":
            return None
        return QuotingConstraint(
            request.evidence,
            quoting=request.quoting,
            vocabulary=self._vocabulary,
            encode=lambda text: self._tokenizer.encode(text, add_special_tokens=False),
            end_tokens=frozenset(self._end_tokens),
        )

    def _sampler(self, request: GenerateRequest, constraint: QuotingConstraint | None) -> Sampler:
        return Sampler(
            request.config,
            constraint=constraint,
            silent=self._silent,
            end_tokens=self._end_tokens,
            device=self._device,
        )

    @torch.inference_mode()
    def _forward(self, tokens: Sequence[int], *, cache: Any, adapter: str | None) -> _Step:
        input_ids = torch.tensor([tokens], device=self._device)
        with self._computing:
            if self._device.type == "cpu":
                torch.set_num_threads(self._threads_for(len(tokens)))  # of this thread; each step may run in another
            self._switch.choose(adapter)
            output = self._switch.model(input_ids=input_ids, past_key_values=cache, use_cache=True, **self._options)
        return output.logits[:, -1].to(self._device), output.past_key_values

    def _threads_for(self, tokens: int) -> int:
        is_small = self._info.parameters < _SMALL
        return max(1, min(_CORES, tokens // _TOKENS_A_THREAD)) if is_small else _CORES

    def _reason(
        self, token: int, *, stream: TextStream, constraint: QuotingConstraint | None, is_spent: bool
    ) -> FinishReason | None:
        if token in self._end_tokens or stream.is_stopped:
            return "stop"
        return "length" if is_spent and not (constraint and constraint.has_to_go_on) else None

    def _silent_tokens(self) -> torch.Tensor:
        pieces = self._vocabulary.pieces
        silent = [token for token, piece in enumerate(pieces) if piece is None and token not in self._end_tokens]
        return torch.tensor(silent, dtype=torch.long, device=self._device)


def _end_tokens(model: Any, of_tokenizer: int | None) -> tuple[int, ...]:
    configured = model.generation_config.eos_token_id
    tokens = configured if isinstance(configured, list) else [configured]
    return tuple(sorted({token for token in [*tokens, of_tokenizer] if token is not None}))


def _forward_options(model: Any) -> dict[str, int]:
    parameters = inspect.signature(model.forward).parameters
    return {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}


def _describe(profile: ModelProfile, *, folder: Path, model: Any, device: torch.device) -> ModelInfo:
    limits = [model.config.get_text_config().max_position_embeddings, profile.context_tokens]
    return ModelInfo(
        profile=profile.name,
        name=folder.name if profile.is_local else profile.model,
        revision="local" if profile.is_local else folder.name,
        weights_digest=weights.digest_files(weights.weight_files(folder)),
        tokenizer_digest=weights.digest_files(weights.tokenizer_files(folder)),
        context_tokens=min(limit for limit in limits if limit is not None),
        parameters=sum(p.numel() for name, p in model.named_parameters() if ".lora_" not in name),
        dtype=str(model.dtype).removeprefix("torch."),
        device=str(device),
        adapters={
            name: weights.digest_files([Path(path) / adapters.CONFIG_FILE, Path(path) / adapters.WEIGHTS_FILE])
            for name, path in profile.adapters.items()
        },
    )
