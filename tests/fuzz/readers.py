"""Coverage-guided fuzzing of what reads foreign bytes: `python tests/fuzz/readers.py NAMES -runs=N`, N inputs.

NAMES are readers with commas between them, or "all". An input's first byte says which of them reads the rest.

Each reader may refuse with its own error alone; any other error, an input that takes a minute, or one that needs more
memory than `MEMORY`, ends the run. (The fuzzer's own limit also counts the peak of the process that started this one.)
"""

import io
import json
import resource
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["governance.ledger", "governance.policy.document"]):
    from governance.errors import PolicyError, VerificationError
    from governance.ledger import create_signer, parse_rotations, verify_receipt
    from governance.ledger.entries import parse_body
    from governance.ledger.export import FILES, verify_export
    from governance.ledger.key_history import load_history, sign_rotation
    from governance.ledger.merkle import leaf_hash
    from governance.ledger.notes import Checkpoint, Signer, open_checkpoint, sign_checkpoint
    from governance.ledger.receipts import build_receipt
    from governance.policy.document import parse_document

MEMORY = 4 * 2**30
SIGNER = create_signer(bytes(32))
KEY = SIGNER.verifier.vkey()
ENTRY = '{"actor_id":null,"agent_id":null,"at":"2026-01-01T00:00:00.000Z","index":0,"kind":"note","turn_id":null,"v":1}'


class _Bytes(io.BytesIO):
    """Bytes that zipfile reads as it reads a path."""

    name = "fuzzed.zip"


def read_note(data: bytes) -> None:
    """Open a checkpoint."""
    open_checkpoint(data.decode(errors="replace"), verifier=SIGNER.verifier)


def read_rotations(data: bytes) -> None:
    """Open a history of keys."""
    load_history(KEY, parse_rotations(data.decode(errors="replace")))


def read_receipt(data: bytes) -> None:
    """Verify a receipt."""
    verify_receipt(data, key=KEY)


def read_entry(data: bytes) -> None:
    """Read an entry's text."""
    parse_body(data.decode(errors="replace"))


def read_export(data: bytes) -> None:
    """Verify an export."""
    verify_export(_Bytes(data), key=KEY)  # type: ignore[arg-type]


def read_policy(data: bytes) -> None:
    """Parse a policy document."""
    parse_document(data.decode(errors="replace"), source="core.yaml")


READERS: dict[str, Callable[[bytes], None]] = {
    "note": read_note,
    "rotations": read_rotations,
    "receipt": read_receipt,
    "entry": read_entry,
    "export": read_export,
    "policy": read_policy,
}


def build_seeds() -> dict[str, bytes]:
    """Return a genuine input of each reader to begin from."""
    name = SIGNER.verifier.name
    note = sign_checkpoint(Checkpoint(name, 1, leaf_hash(ENTRY.encode())), signer=SIGNER)
    rotations = json.dumps([sign_rotation(SIGNER, Signer(name, b"2" * 32), size=3)])
    receipt = build_receipt(ENTRY, index=0, proof=[], checkpoint=note, key=KEY)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for file, text in zip(FILES, (ENTRY + "\n", note, KEY + "\n", "[]", ""), strict=True):
            target.writestr(file, text)
    policy = (ROOT / "data" / "policies" / "financial.yaml").read_bytes()
    texts = {"note": note, "rotations": rotations, "receipt": json.dumps(receipt), "entry": ENTRY}
    return {each: text.encode() for each, text in texts.items()} | {"export": archive.getvalue(), "policy": policy}


def main() -> None:
    """Fuzz readers, from a genuine input of each on."""
    named = sys.argv.pop(1)
    chosen = list(READERS) if named == "all" else named.split(",")
    seeds = build_seeds()
    for name in chosen:
        READERS[name](seeds[name])  # must be accepted, or nothing behind the first check would be reached

    def once(data: bytes) -> None:
        if not data:
            return
        try:
            READERS[chosen[data[0] % len(chosen)]](data[1:])
        except (VerificationError, PolicyError):
            return

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as corpus:
        for place, name in enumerate(chosen):
            (Path(corpus) / name).write_bytes(bytes([place]) + seeds[name])
        atheris.Setup([*sys.argv, "-timeout=60", "-rss_limit_mb=0", "-max_len=8192", corpus], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
