"""What a turn's receipt binds: each part stands in it, and changing any one of them breaks verification."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.llm.echo import EchoEngine
from core.llm.permits import PermitOffice
from core.schema import GenerateConfig, Message, ModelInfo, canonical_bytes, digest_of
from core.store.database import Store
from governance.errors import VerificationError
from governance.ledger import verify_receipt
from governance.schema import TurnClosed
from tests.governance.door import Door, add_dataset, closed, found, open_door

SETTINGS = GenerateConfig(max_tokens=64, temperature=0.5, top_p=0.9, top_k=20, seed=7, stop=("END",))
BOUND = {
    "the question": ("messages_digest",),
    "the prompt": ("prompt_digest",),
    "the settings": ("config", "temperature"),
    "the seed": ("config", "seed"),
    "an evidence text": ("evidence", 0, "digest"),
    "a dataset": ("evidence", 0, "dataset_id"),
    "a dataset's version": ("evidence", 0, "dataset_version"),
    "the policy": ("policy_digest",),
    "a rail's version": ("rails", "pii"),
    "the agent": ("agent_digest",),
    "the level": ("level",),
    "the model": ("model", "name"),
    "the model's revision": ("model", "revision"),
    "the model's weights": ("model", "weights_digest"),
    "the tokenizer": ("model", "tokenizer_digest"),
    "the adapter": ("model", "adapter"),
    "the adapter's weights": ("model", "adapter_digest"),
    "a finding": ("findings", 0, "category"),
    "where it was found": ("findings", 0, "start"),
    "a stage's decision": ("decisions", 0, "action"),
    "the rule": ("decisions", 0, "rule_id"),
    "the decision": ("decision", "action"),
    "the outcome": ("outcome",),
    "the released bytes": ("released_digest",),
    "their number": ("released_chars",),
    "the citations": ("cited",),
    "what was released against the policy": ("released_violations",),
    "the person": ("actor_id",),
    "the time": ("at",),
    "the turn": ("turn_id",),
}


@pytest.fixture
def door(store: Store) -> Iterator[Door]:
    opened = open_door(store, found=found("Meals are paid up to 40 euros a day."), reply=lambda _: "40 euros [1].")
    yield opened
    opened.ledger.close()


@pytest.fixture
def turn(door: Door) -> TurnClosed:
    actor = door.user("ada")
    add_dataset(door.store, "handbook")
    agent = door.agent(actor, dataset_ids=["handbook"])
    asked = [Message("user", "I am ada@example.org. What is paid for meals?")]
    return closed(list(door.native_llm.chat(actor, agent, asked, config=SETTINGS)))


def _at(body: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        body = body[step]
    return body


def _other(value: Any) -> Any:
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    return value + 1 if isinstance(value, int | float) else [value]


@pytest.mark.parametrize("path", BOUND.values(), ids=BOUND)
def test_receipt_binds(door: Door, turn: TurnClosed, path: tuple[str | int, ...]) -> None:
    assert turn.receipt is not None
    body = json.loads(str(turn.receipt["entry"]))
    holder, last = _at(body, path[:-1]), path[-1]
    assert last in holder or isinstance(last, int), "the record lacks it"
    holder[last] = _other(holder[last])
    verify_receipt(turn.receipt, key=door.ledger.key, text=turn.text)
    with pytest.raises(VerificationError):
        verify_receipt(turn.receipt | {"entry": canonical_bytes(body).decode()}, key=door.ledger.key)


def test_receipt_holds_what_was_used(door: Door, turn: TurnClosed) -> None:
    assert turn.receipt is not None
    body = verify_receipt(turn.receipt, key=door.ledger.key, text=turn.text).body
    evidence = door.retriever.found.evidence[0]
    assert body["config"] == asdict(SETTINGS) | {"stop": ["END"]}
    assert body["messages_digest"] == digest_of([{"role": m.role, "content": m.content} for m in _asked(door)])
    assert body["prompt_digest"] == door.requests[0].digest()
    assert body["evidence"][0]["digest"] == evidence.digest()
    assert body["evidence"][0]["dataset_version"] == evidence.dataset_version
    assert body["released_digest"] == digest_of(turn.text.encode())
    assert body["findings"][0]["category"] == "email"
    assert (body["decisions"][0]["stage"], body["decisions"][0]["action"]) == ("input", "redact")
    governance, model = door.native_llm._governance, door.native_llm.engine.info
    assert body["policy_digest"] == governance.policy_digest
    assert body["rails"] == governance.rail_versions
    assert set(body["rails"]) >= {"pii", "harm", "injection"}
    assert {name: body["model"][name] for name in ("profile", "name", "revision", "weights_digest")} == {
        "profile": model.profile,
        "name": model.name,
        "revision": model.revision,
        "weights_digest": model.weights_digest,
    }


def test_receipt_of_an_agent_with_an_adapter_holds_the_adapters_digest(store: Store) -> None:
    class Adapted(EchoEngine):
        """Says that it has an adapter."""

        @property
        def info(self) -> ModelInfo:
            return replace(super().info, adapters={"brief": "sha256:of-the-adapter"})

    office = PermitOffice(60, clock=lambda: datetime.now(UTC))
    door = open_door(store, engine=Adapted(office))
    door.native_llm._permits = office
    actor = door.user("ada")
    agent = door.agent(actor, adapter="brief")
    turn = closed(list(door.native_llm.chat(actor, agent, [Message("user", "How is tea made?")])))
    assert (turn.outcome, turn.text) == ("answered", "How is tea made?")
    assert turn.receipt is not None
    model = verify_receipt(turn.receipt, key=door.ledger.key).body["model"]
    assert (model["adapter"], model["adapter_digest"]) == ("brief", "sha256:of-the-adapter")
    door.ledger.close()


def test_receipt_does_not_fit_another_text(door: Door, turn: TurnClosed) -> None:
    assert turn.receipt is not None
    with pytest.raises(VerificationError, match="not the released one"):
        verify_receipt(turn.receipt, key=door.ledger.key, text=turn.text + " ")


def _asked(door: Door) -> tuple[Message, ...]:
    """The conversation that the rails passed on, with the address masked."""
    return door.retriever.asked[0][0]
