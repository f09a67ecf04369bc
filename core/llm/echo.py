"""An engine without a model: it repeats the last user message. For tests; it never answers a question."""

from collections.abc import Callable, Iterator

from core.errors import EngineError
from core.llm.permits import PermitOffice
from core.schema import Delta, Finish, GenerateRequest, ModelInfo, Permit, digest_of


def last_user_message(request: GenerateRequest) -> str:
    """Return what the user said last, or nothing."""
    return next((m.content for m in reversed(request.messages) if m.role == "user"), "")


class EchoEngine:
    """Repeats the last user message, or says what `reply` returns, in pieces; one character counts as one token."""

    def __init__(
        self,
        office: PermitOffice,
        *,
        reply: Callable[[GenerateRequest], str] | None = None,
        piece: int = 3,
        context_tokens: int = 2048,
    ) -> None:
        """Make an engine that redeems its Permits at `office`; `piece` is the characters in a Delta, from 1."""
        if piece < 1:
            raise EngineError(f"piece is {piece}; a Delta holds at least 1 character.")
        self._office = office
        self._reply = reply or last_user_message
        self._piece = piece
        self._info = ModelInfo(
            profile="echo",
            name="echo",
            revision="none",
            weights_digest=digest_of(b""),
            tokenizer_digest=digest_of(b""),
            context_tokens=context_tokens,
            parameters=0,
            dtype="none",
            device="none",
        )

    @property
    def info(self) -> ModelInfo:
        """Return what runs."""
        return self._info

    def generate(self, request: GenerateRequest, *, permit: Permit) -> Iterator[Delta | Finish]:
        """Yield the reply in pieces, then one Finish.

        Raises:
            PermitRefused: The permit is missing, reused, expired, foreign or for another request.
            EngineError: The request has no message, or `reply` failed.
        """
        self._office.redeem(permit, request.digest())
        if not request.messages:
            raise EngineError("The request has no message; at least the user's is needed.")
        try:
            text = self._reply(request)
        except Exception as exc:
            raise EngineError(f"The reply could not be made: {exc}") from exc
        return self._pieces(text, request)

    def _pieces(self, text: str, request: GenerateRequest) -> Iterator[Delta | Finish]:
        kept = text[: request.config.max_tokens]
        for start in range(0, len(kept), self._piece):
            yield Delta(kept[start : start + self._piece])
        yield Finish(
            reason="stop" if kept == text else "length",
            input_tokens=sum(len(m.content) for m in request.messages),
            output_tokens=len(kept),
        )
