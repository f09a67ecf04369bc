"""What measurements are given: an engine that echoes beside the door, and evidence."""

from collections.abc import Sequence
from datetime import UTC, datetime

from core.llm.echo import EchoEngine
from core.llm.permits import PermitOffice
from core.schema import Evidence, GenerateRequest
from core.store.database import Store
from governance.evaluate.alone import Alone
from governance.ledger import Ledger, create_signer
from governance.schema import Actor

BEA = Actor("bea", "bea", "builder")


def opened(store: Store, *, actor: Actor = BEA) -> tuple[Alone, list[int]]:
    """Return the model alone, and the sizes that the ledger had whenever it began to write."""

    def now() -> datetime:
        return datetime.now(UTC)

    sizes: list[int] = []
    ledger, office = Ledger(store, signer=create_signer(bytes(32)), clock=now), PermitOffice(60, clock=now)

    def reply(request: GenerateRequest) -> str:
        sizes.append(ledger.size())
        return request.messages[-1].content

    return Alone(EchoEngine(office, reply=reply), office, ledger, actor), sizes


def evidence(number: int, document: str, sentences: Sequence[str], *, place: str = "paragraph 2") -> Evidence:
    """Return a passage that nobody has scored."""
    text = " ".join(sentences)
    return Evidence(number, f"c{number}", "d", "v", "D", document, place, "CC0-1.0", text, 0.0, tuple(sentences))
