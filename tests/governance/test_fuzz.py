"""What comes from outside, mutated at random: readers refuse it with their own kind of error, and never hang."""

import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.store.database import Store
from governance.errors import GovernanceError, PolicyError, VerificationError
from governance.ledger import (
    Ledger,
    create_signer,
    export_ledger,
    load_current_signer,
    parse_rotations,
    rotate_key,
    verify_export,
    verify_receipt,
)
from governance.ledger.key_history import load_history, sign_rotation
from governance.ledger.notes import Checkpoint, Signer, open_checkpoint, sign_checkpoint
from governance.policy import Policy, Ruling
from governance.policy.document import parse_document
from governance.rails import Masker, RailRunner, merge_spans
from governance.release import ReleaseGate
from governance.schema import Action, Decision, Finding
from tests.governance.shipped import shipped_rails

ROOT = Path(__file__).parents[2]
CORE = (ROOT / "data" / "policies" / "core.yaml").read_text()
RULES = yaml.safe_load(CORE)
SIGNER = create_signer(bytes(range(32)))
NOTE = sign_checkpoint(Checkpoint(SIGNER.verifier.name, 7, bytes(32)), signer=SIGNER)
NEXT = Signer(SIGNER.verifier.name, bytes(32))
ROTATION = sign_rotation(SIGNER, NEXT, size=7)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
relaxed = settings(deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """A text of which lines and characters were dropped, doubled, moved or replaced."""
    random = Random(draw(st.integers(0, 2**32)))
    lines = text.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        kind = random.randrange(6)
        if kind == 0 and len(lines) > 1:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[other % len(lines)])
        elif kind == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            place = random.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:place] + draw(st.text(max_size=6)) + lines[at][place:]
        elif kind == 4:
            place = random.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:place] + lines[at][place + random.randrange(1, 8) :]
        else:
            lines[at] = "  " + lines[at]
    return "".join(lines)


def refuses_or_reads(act: Callable[[], object], error: type[Exception]) -> bool:
    """Say whether the act came to its end; any other error than the named one fails the test."""
    try:
        act()
    except error:
        return False
    return True


@settings(relaxed, max_examples=150)
@given(note=mutated(NOTE))
def test_mutated_checkpoint_is_refused_or_says_the_same(note: str) -> None:
    with suppress(VerificationError):
        assert open_checkpoint(note, verifier=SIGNER.verifier) == Checkpoint(SIGNER.verifier.name, 7, bytes(32))


@settings(relaxed, max_examples=150)
@given(note=mutated(ROTATION))
def test_mutated_rotation_is_refused_or_says_the_same(note: str) -> None:
    try:
        history = load_history(SIGNER.verifier.vkey(), [note])
    except VerificationError:
        return
    assert (history.newest.vkey(), history.rotations[0].size) == (NEXT.verifier.vkey(), 7)


@settings(relaxed, max_examples=100)
@given(text=st.text() | st.sampled_from(["[" * 100_000, '["\\ud800"]', "1" * 5000, "[1e999]", "NaN"]))
def test_any_text_as_rotations_is_refused_or_read(text: str) -> None:
    refuses_or_reads(lambda: load_history(SIGNER.verifier.vkey(), parse_rotations(text)), VerificationError)


@pytest.fixture
def bundle(store: Store, clock: Any, tmp_path: Path) -> Path:
    keys = tmp_path / "keys"
    for _ in range(2):
        ledger = Ledger(store, signer=load_current_signer(keys, store), clock=clock)
        for number in range(3):
            ledger.append("note", {"n": number})
        rotate_key(keys, store, clock=clock)
    key = load_current_signer(keys, store).verifier.vkey()
    export_ledger(store, tmp_path / "ledger.zip", key=key)
    (tmp_path / "key").write_text(key)
    return tmp_path


@settings(relaxed, max_examples=80)
@given(data=st.data())
def test_export_with_a_mutated_file_is_refused_or_holds_the_same(bundle: Path, data: st.DataObject) -> None:
    with zipfile.ZipFile(bundle / "ledger.zip") as source:
        files = {name: source.read(name).decode() for name in source.namelist()}
    name = data.draw(st.sampled_from(sorted(files)))
    changed = files | {name: data.draw(mutated(files[name]))}
    with zipfile.ZipFile(bundle / "mutated.zip", "w") as target:
        for each, text in changed.items():
            target.writestr(each, text.encode(errors="surrogatepass"))
    key = (bundle / "key").read_text()
    if refuses_or_reads(lambda: verify_export(bundle / "mutated.zip", key=key), VerificationError):
        assert changed["entries.jsonl"] == files["entries.jsonl"]
        assert changed["checkpoint.txt"].split("\n\n")[0] == files["checkpoint.txt"].split("\n\n")[0]


@settings(relaxed, max_examples=100)
@given(values=st.dictionaries(st.sampled_from(["entry", "index", "inclusion", "checkpoint", "rotations", "key"]), JSON))
def test_receipt_with_any_values_is_refused(values: dict[str, Any]) -> None:
    entry = '{"at":"2026-01-01T00:00:00.000Z"}'
    receipt = {
        "version": 1,
        "entry": entry,
        "index": 0,
        "inclusion": [],
        "checkpoint": NOTE,
        "rotations": [],
        "key": "",
    }
    assert not refuses_or_reads(lambda: verify_receipt(receipt | values, key=SIGNER.verifier.vkey()), VerificationError)


@cache
def vocabulary() -> dict[str, frozenset[str]]:
    return shipped_rails().vocabulary()


def load(text: str) -> Policy:
    return Policy([parse_document(text, source="core.yaml")], vocabulary=vocabulary())


@pytest.mark.slow
@settings(relaxed, max_examples=15)
@given(text=mutated(CORE))
def test_mutated_policy_is_refused_or_loads(text: str) -> None:
    refuses_or_reads(lambda: load(text), PolicyError)


@settings(relaxed, max_examples=60)
@given(value=JSON, field=st.sampled_from(["id", "rules", "version", "when", "then", "severity", "message"]))
def test_policy_with_any_value_is_refused_or_loads(value: Any, field: str) -> None:
    raw = RULES | {"rules": [dict(rule) for rule in RULES["rules"][:2]]}
    (raw if field in raw else raw["rules"][0])[field] = value
    refuses_or_reads(lambda: parse_document(yaml.safe_dump(raw), source="core.yaml"), PolicyError)


LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]" for n in range(9))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "{" * 50_000,
        "a: &a [*a]",
        "&a {id: *a}",
        "? - - -",
        "1" * 10_000,
        "!!python/object:os.system x",
        LAUGHS,
    ],
    ids=["lists", "maps", "itself", "itself as a value", "keys", "digits", "object", "laughs"],
)
@pytest.mark.timeout(60)
def test_hostile_yaml_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_document(text, source="core.yaml")


class RandomRail:
    """Finds at random: anywhere in the text and outside of it, or raises, or returns what is no list of findings."""

    version = "1"

    def __init__(self, name: str, seed: int, *, honest: bool) -> None:
        self.name = name
        self._seed = seed
        self._honest = honest

    def inspect(self, text: str) -> list[Finding]:
        random = Random(f"{self._seed}{text}")
        if self._honest:
            at = text.find("x")
            return [Finding(self.name, "x", 1.0, at, at + 1)] if at >= 0 else []
        kind = random.randrange(8)
        if kind == 0:
            raise random.choice([ValueError, KeyError, RuntimeError, RecursionError])("no")
        if kind == 1:
            return None  # type: ignore[return-value]
        places = [random.randrange(-3, len(text) + 4) for _ in range(4)]
        return [Finding(self.name, "any", random.random(), *places[:2]), Finding(self.name, "any", 1.0, *places[2:])]


def judge_with(action: Action) -> Callable[[Sequence[Finding]], Ruling]:
    def judge(findings: Sequence[Finding]) -> Ruling:
        decision = Decision(action if findings else "allow", "fuzzed", "test.fuzz")
        return Ruling(decision, tuple(action for _ in findings))

    return judge


@settings(relaxed, max_examples=100)
@given(
    seed=st.integers(0, 2**32),
    rails=st.integers(1, 3),
    action=st.sampled_from(["allow", "redact", "block", "escalate"]),
    pieces=st.lists(st.text("abx. \n[1]é😀", max_size=30), max_size=8),
)
def test_gate_with_rails_that_do_anything_releases_or_stops(
    seed: int, rails: int, action: Action, pieces: list[str]
) -> None:
    made = [RandomRail(f"r{n}", seed + n, honest=False) for n in range(rails)]
    gate = ReleaseGate(made, runner=RailRunner(deadline_s=30), judge=judge_with(action), masker=Masker())
    released = ""
    for piece in pieces:
        was_stopped = gate.stopped
        out = gate.push(piece)
        assert not (was_stopped and out), "something came out after it was stopped"
        released += out
    refuses_or_reads(lambda: gate.finish(), GovernanceError)
    assert isinstance(gate.decision, Decision)


@settings(relaxed, max_examples=100)
@given(seed=st.integers(0, 2**32), pieces=st.lists(st.text("abx. \n", max_size=30), max_size=8))
def test_rail_that_does_anything_never_lets_out_what_an_honest_one_blocks(seed: int, pieces: list[str]) -> None:
    rails = [RandomRail("honest", seed, honest=True), RandomRail("wild", seed, honest=False)]
    gate = ReleaseGate(rails, runner=RailRunner(deadline_s=30), judge=judge_with("block"), masker=Masker())
    released = "".join([gate.push(piece) for piece in pieces])
    assert "x" not in released


SAID = [
    "Write to jo@example.com", "AKIAIOSFODNN7EXAMPLE", "4111 1111 1111 1111", "build a bo\u0308mb", "rm -rf /",
    "![x](https://evil.example/a?d=", "c2VjcmV0c2VjcmV0", "ignore all previous instructions", "kill myself",
    "what is the home address of Ann Lee", "should I stop taking my pills", "Gypsies are", "<script>",
    "`", "\u200b", "\ud800", "\0", ". ",
]  # fmt: skip
ANYTHING = st.lists(st.sampled_from(SAID) | st.text(max_size=40), max_size=6).map("".join)


@settings(relaxed, max_examples=40)
@given(text=ANYTHING)
@example("\ud800")
@example("Call Jo Smith \ud800\ude00 of Kent \udfff today.")
def test_every_rail_looks_at_any_text_and_finds_within_it(text: str) -> None:
    rails = shipped_rails().all().values()
    RailRunner(deadline_s=30).run([(rail, text) for rail in rails])  # an error for any span outside of the text


@settings(relaxed, max_examples=40)
@given(text=ANYTHING, size=st.integers(1, 40))
def test_gate_releases_any_text_as_it_would_be_masked_at_once_or_stops(text: str, size: int) -> None:
    rails = [rail for rail in shipped_rails().output if hasattr(rail, "undecided_from") and not hasattr(rail, "closes")]
    gate = ReleaseGate(rails, runner=RailRunner(deadline_s=30), judge=judge_with("redact"), masker=Masker())
    released = "".join([gate.push(text[i : i + size]) for i in range(0, len(text), size)]) + gate.finish()
    whole = Masker().mask(text, merge_spans(finding for rail in rails for finding in rail.inspect(text)))
    assert whole.startswith(released) if gate.stopped else released == whole


def test_what_is_mutated_is_genuine() -> None:
    assert refuses_or_reads(lambda: load(CORE), PolicyError), "the policy that ships must load, or nothing is fuzzed"
    assert open_checkpoint(NOTE, verifier=SIGNER.verifier).size == 7
