"""The model beside the door: recorded before it writes, for evaluators alone, and reached nowhere else."""

import ast
from pathlib import Path

import pytest

from core.schema import GenerateConfig, GenerateRequest, Message
from core.store.database import Store
from governance.errors import AccessDenied, LedgerError
from governance.evaluate.alone import GENERATED
from governance.schema import Actor
from tests.governance.evaluate.given import opened

ROOT = Path(__file__).resolve().parents[3]
REQUEST = GenerateRequest((Message("user", "How is tea made?"),), GenerateConfig())


def test_each_request_is_sealed_before_the_first_token(store: Store) -> None:
    alone, sizes = opened(store)
    assert alone.write(REQUEST) == "How is tea made?"
    assert sizes == [1]
    (entry,) = alone.ledger.entries(kinds=[GENERATED])
    assert entry.actor_id == "bea"
    assert entry.body["prompt_digest"] == REQUEST.digest()
    assert entry.body["weights_digest"] == alone.engine.info.weights_digest
    assert "tea" not in str(entry.body)


def test_who_may_not_evaluate_gets_no_token_and_leaves_no_entry(store: Store) -> None:
    alone, sizes = opened(store, actor=Actor("mia", "mia", "member"))
    with pytest.raises(AccessDenied):
        alone.write(REQUEST)
    assert (sizes, alone.ledger.size()) == ([], 0)


def test_nothing_is_generated_that_can_not_be_recorded(store: Store) -> None:
    alone, sizes = opened(store)
    alone.ledger.close()
    with pytest.raises(LedgerError):
        alone.write(REQUEST)
    assert sizes == []


def test_only_the_door_and_this_make_an_engine_generate() -> None:
    callers = set()
    for package in ("governance", "apps"):
        for path in (ROOT / package).rglob("*.py"):
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            named = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
            if named & {"generate", "issue"}:
                callers.add(path.relative_to(ROOT).as_posix())
    assert callers == {"governance/native_llm.py", "governance/evaluate/alone.py"}
