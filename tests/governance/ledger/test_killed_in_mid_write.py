"""Keys and content that a kill caught in mid-write: whole or not there, and everything goes on."""

import shutil
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from core.store.database import Store, connect
from governance.errors import ContentErased
from governance.ledger import ContentVault, load_master_key, load_signer
from tests.governance.ledger.killing import die_at_file_step, die_at_statement, runs_to_its_end

Clock = Callable[[], datetime]
MOST_STEPS = 100


def test_keys_that_were_being_made_are_whole_or_made_anew(tmp_path: Path) -> None:
    for step in range(1, MOST_STEPS):
        folder = tmp_path / str(step)

        def make(folder: Path = folder, step: int = step) -> None:
            die_at_file_step(step)
            load_signer(folder)
            load_master_key(folder, None)

        finished = runs_to_its_end(make)
        made = [path.read_bytes() for path in sorted(folder.glob("[!.]*"))] if folder.exists() else []
        signer, master = load_signer(folder).secret_text(), load_master_key(folder, None)
        assert (load_signer(folder).secret_text(), load_master_key(folder, None)) == (signer, master)
        found = [path.read_bytes() for path in sorted(folder.glob("[!.]*"))]
        assert all(data in found for data in made), "a key that was in place was replaced"
        if finished:
            break
    assert finished
    assert step > 8, "the process was not killed at different steps"


def opened(store: Store, clock: Clock) -> ContentVault:
    return ContentVault(store, master_key=bytes(32), clock=clock, ids=lambda: str(uuid.uuid4()))


def contents(store: Store, subject: str) -> dict[str, bytes]:
    with store.read() as session:
        rows = session.execute(text("SELECT id, ciphertext FROM contents WHERE subject_id = :s"), {"s": subject})
        return {id_: bytes(ciphertext) for id_, ciphertext in rows}


def test_content_is_stored_whole_and_erased_whole(store: Store, tmp_path: Path, clock: Clock) -> None:
    (kept,) = opened(store, clock).put_many("ben", [b"Ben's"])
    with store.read() as session:
        (old_key,) = session.scalars(text("SELECT wrapped_key FROM subject_keys"))
    store.close()
    seen = set()
    for step in range(1, MOST_STEPS):
        path = tmp_path / f"{step}.db"
        shutil.copy(tmp_path / "promethios.db", path)

        def work(path: Path = path, step: int = step) -> None:
            own = connect(f"sqlite:///{path}")
            vault = opened(own, clock)
            die_at_statement(own, step)
            vault.put_many("ada", [b"one", b"two"])
            vault.erase("ben")

        finished = runs_to_its_end(work)
        again = connect(f"sqlite:///{path}")
        vault, ada = opened(again, clock), contents(again, "ada")
        assert sorted(vault.get_many(list(ada)).values()) in ([], [b"one", b"two"])
        erased = not any(contents(again, "ben").values())
        if erased:
            with pytest.raises(ContentErased):
                vault.get(kept)
        else:
            assert vault.get(kept) == b"Ben's"
        seen.add((len(ada), erased))
        assert vault.get(vault.put("ada", b"three")) == b"three"
        vault.erase("ben")  # an erasure that was not acknowledged is asked for again
        assert old_key not in b"".join(each.read_bytes() for each in tmp_path.glob(f"{step}.db*"))
        again.close()
        if finished:
            break
    assert finished
    assert seen == {(0, False), (2, False), (2, True)}
