"""The model by itself, to tell what it does alone from what governance adds: no rail, no search, no gate.

The only place beside the door that makes an engine generate. It answers nobody: whoever measures needs the right to
evaluate, each request is sealed in the ledger before its first token, and what is written is judged, never shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from core.schema import Delta, Engine, Finish, GenerateRequest
from governance.identity import require
from governance.ledger import Ledger
from governance.schema import Actor, PermitIssuer, Resource

GENERATED = "evaluation.generated"


@dataclass(frozen=True, slots=True)
class Alone:
    """An engine for whoever may evaluate."""

    engine: Engine
    permits: PermitIssuer
    ledger: Ledger
    actor: Actor

    def start(self, request: GenerateRequest) -> Iterator[Delta | Finish]:
        """Record a request and return what the engine makes of it, which begins with the first `next`.

        Raises:
            AccessDenied: The actor may not evaluate; nothing is recorded and nothing is generated.
            LedgerError: It can't be recorded; nothing is generated.
        """
        info, digest = self.engine.info, request.digest()
        require(self.actor, "evaluate.run", Resource("model", info.name))
        body = {"prompt_digest": digest, "profile": info.profile, "weights_digest": info.weights_digest}
        sealed = self.ledger.append(GENERATED, body, actor_id=self.actor.id)
        return self.engine.generate(request, permit=self.permits.issue(digest, turn_id=f"evaluation-{sealed.index}"))

    def write(self, request: GenerateRequest) -> str:
        """Return the whole text."""
        return "".join(event.text for event in self.start(request) if isinstance(event, Delta))
