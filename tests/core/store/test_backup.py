"""A backup holds everything of one moment, and comes back on either database or not at all."""

import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, insert, select, update

from core.errors import StoreError
from core.schema import digest_of
from core.store.backup import TABLES, VectorBatch, backup, restore
from core.store.database import Store
from core.store.migrate import head_revision, open_store
from core.store.tables import (
    Agent,
    ChunkRow,
    Content,
    Conversation,
    Dataset,
    LedgerEntry,
    LoginAttempt,
    MessageRow,
    SubjectKey,
    User,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
Clock = Callable[[], datetime]

# Appends entries and nodes in pairs for as long as it lives.
WRITER = """
import sys
from datetime import UTC, datetime
from core.store.database import connect
from core.store.tables import LedgerEntry, LedgerNode
store = connect(sys.argv[1])
for index in range(1_000_000):
    with store.write() as session:
        session.add(LedgerEntry(index=index, kind="test", at=datetime.now(UTC), body="{}", leaf_hash=b"leaf"))
        session.add(LedgerNode(level=0, index=index, hash=b"leaf"))
    print(index, flush=True)
"""


class MemoryIndex:
    """A vector index in a dict."""

    def __init__(self, vectors: dict[str, list[float]] | None = None) -> None:
        self.vectors = vectors or {}

    def export_all(self) -> Iterator[VectorBatch]:
        for chunk_id, vector in self.vectors.items():
            yield [chunk_id], np.array([vector], dtype=np.float32), [{"dataset_id": "d", "version": "v1"}]

    def import_all(self, batches: Iterable[VectorBatch]) -> None:
        self.vectors = {}
        for ids, vectors, metadatas in batches:
            assert all(metadata == {"dataset_id": "d", "version": "v1"} for metadata in metadatas)
            self.vectors |= dict(zip(ids, vectors.tolist(), strict=True))


def fill(store: Store) -> None:
    """Write rows with every kind of value, and answers that are older than their questions."""
    with store.write() as session:
        session.add(User(id="u", name="Ädä \U0001f680", role="admin", created_at=NOW))
        session.add(SubjectKey(subject_id="s", wrapped_key=bytes(range(256)), created_at=NOW))
        dataset = {"title": "t", "description": "", "category": "c", "licence": "l", "source": "s", "tier": "public"}
        session.add(Dataset(id="d", **dataset, labels=["x"], created_at=NOW, updated_at=NOW))
        session.flush()
        session.add(Content(id="c", subject_id="s", nonce=b"\0", ciphertext=b"\xff\0", created_at=NOW))
        session.add(
            Agent(id="a", owner_id="u", name="A", purpose="p", profile="starter", level="standard", style="brief",
                  created_at=NOW, updated_at=NOW)
        )  # fmt: skip
        session.flush()
        session.add(Conversation(id="k", user_id="u", agent_id="a", created_at=NOW, updated_at=NOW))
        session.flush()
        for number in range(2500, 0, -1):
            parent = None if number == 2500 else f"{number + 1:05d}"
            message = {"id": f"{number:05d}", "conversation_id": "k", "parent_id": parent, "created_at": NOW}
            session.execute(insert(MessageRow).values(**message, role="user", content_id="c"))
        session.add_all(
            ChunkRow(
                id=f"chunk{n}", dataset_id="d", version="v1", document="D", place="", position=n, text="line\nbreak"
            )
            for n in range(3)
        )
        session.add(LedgerEntry(index=0, kind="k", at=NOW, body='{"ä":1}', leaf_hash=b"\x01"))
        session.add_all(LoginAttempt(name="x", address="y", at=NOW) for _ in range(3))


def content_of(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in TABLES
        }


def rewrite(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Copy an archive, changing or dropping members."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


def edit_manifest(**changes: object) -> Callable[[str, bytes], bytes]:
    def change(name: str, data: bytes) -> bytes:
        return json.dumps(json.loads(data) | changes).encode() if name == "manifest.json" else data

    return change


@pytest.fixture
def saved(store: Store, tmp_path: Path, clock: Clock) -> Path:
    fill(store)
    backup(store, tmp_path / "saved.zip", vectors=None, keys=None, clock=clock)
    return tmp_path / "saved.zip"


@pytest.fixture
def other(empty_database_url: str) -> Iterator[Store]:
    """A second migrated store, on each database."""
    opened = open_store(empty_database_url)
    yield opened
    opened.close()


def test_everything_comes_back_from_either_database_on_either(
    any_store: Store, other: Store, tmp_path: Path, clock: Clock
) -> None:
    fill(any_store)
    written = backup(any_store, tmp_path / "b.zip", vectors=None, keys=None, clock=clock)
    read = restore(tmp_path / "b.zip", other)
    assert read == written
    assert written.created_at == clock()
    assert written.rows["messages"] == 2500
    assert content_of(other) == content_of(any_store)
    with other.write() as session:  # numbering goes on after the restored rows
        session.add(LoginAttempt(name="x", address="y", at=NOW))
    with other.read() as session:
        assert session.scalar(select(func.max(LoginAttempt.id))) == 4


def test_a_backup_taken_while_a_process_writes_is_of_one_moment(
    any_store: Store, database_url: str, other: Store, tmp_path: Path, clock: Clock
) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, database_url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    try:
        before = [int(writer.stdout.readline()) for _ in range(20)][-1]
        manifest = backup(any_store, tmp_path / "b.zip", vectors=None, keys=None, clock=clock)
        assert int(writer.stdout.readline()) > before
    finally:
        writer.kill()
        writer.communicate()
    assert manifest.rows["ledger_entries"] == manifest.rows["ledger_nodes"] > before
    restore(tmp_path / "b.zip", other)
    with other.read() as session:
        indexes = session.scalars(select(LedgerEntry.index).order_by(LedgerEntry.index)).all()
    assert indexes == list(range(manifest.rows["ledger_entries"]))


def test_vectors_come_back_and_those_of_unknown_chunks_are_left_out(
    store: Store, other: Store, tmp_path: Path, clock: Clock
) -> None:
    fill(store)
    index = MemoryIndex({"chunk0": [0.1, 0.2], "chunk1": [0.3, 0.4], "ingested-later": [1.0, 1.0]})
    manifest = backup(store, tmp_path / "b.zip", vectors=index, keys=None, clock=clock)
    assert manifest.vectors == 2
    restored = MemoryIndex({"old": [9.0, 9.0]})
    restore(tmp_path / "b.zip", other, vectors=restored)
    assert (
        restored.vectors
        == MemoryIndex({k: np.float32(index.vectors[k]).tolist() for k in ("chunk0", "chunk1")}).vectors
    )


def test_keys_are_in_the_file_only_when_asked(store: Store, other: Store, tmp_path: Path, clock: Clock) -> None:
    keys = tmp_path / "keys"
    (keys / "old").mkdir(parents=True)
    (keys / "master.key").write_bytes(b"\0secret")
    (keys / "old" / "ledger.pem").write_bytes(b"older")
    backup(store, tmp_path / "without.zip", vectors=None, keys=None, clock=clock)
    backup(store, tmp_path / "with.zip", vectors=None, keys=keys, clock=clock)
    assert not any(
        "key" in name and "tables" not in name for name in zipfile.ZipFile(tmp_path / "without.zip").namelist()
    )
    restore(tmp_path / "with.zip", other, keys=tmp_path / "new")
    assert (tmp_path / "new/master.key").read_bytes() == b"\0secret"
    assert (tmp_path / "new/old/ledger.pem").read_bytes() == b"older"
    assert (tmp_path / "new/master.key").stat().st_mode & 0o777 == 0o600


def test_a_backup_is_readable_by_its_owner_only_and_never_overwrites(saved: Path, store: Store, clock: Clock) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    before = saved.read_bytes()
    with pytest.raises(StoreError, match="exists already"):
        backup(store, saved, vectors=None, keys=None, clock=clock)
    assert saved.read_bytes() == before


def test_a_failed_backup_leaves_no_file(store: Store, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="does not exist"):
        backup(store, tmp_path / "folder/b.zip", vectors=None, keys=tmp_path / "no-keys", clock=clock)
    assert list((tmp_path / "folder").iterdir()) == []
    with pytest.raises(StoreError, match="can't be written"):
        backup(store, tmp_path / "no-folder/b.zip", vectors=None, keys=None, clock=clock)


def test_a_database_that_is_not_empty_is_replaced_only_when_told(saved: Path, other: Store, store: Store) -> None:
    with other.write() as session:
        session.add(User(id="mine", name="mine", role="admin", created_at=NOW))
    with pytest.raises(StoreError, match=r"not empty \(users\)"):
        restore(saved, other)
    assert [row[0] for row in content_of(other)["users"]] == ["mine"]
    restore(saved, other, replace=True)
    assert content_of(other) == content_of(store)


@pytest.mark.parametrize("position", [0.05, 0.3, 0.6, 0.9, 0.999])
def test_a_flipped_byte_anywhere_is_noticed_and_nothing_changes(
    saved: Path, other: Store, tmp_path: Path, position: float
) -> None:
    data = bytearray(saved.read_bytes())
    data[int(len(data) * position)] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|not a backup|can't be read"):
        restore(tmp_path / "damaged.zip", other)
    assert not any(content_of(other).values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda name, data: data + b"{}\n" if name.endswith("users.jsonl") else data, "does not match its digest"),
        (lambda name, data: None if name.endswith("users.jsonl") else data, "members differ"),
        (lambda name, data: None if name == "manifest.json" else data, r"holds no manifest\.json"),
        (edit_manifest(revision="9999"), f"schema 9999, this release writes {head_revision()}"),
        (edit_manifest(format=2), "unknown format"),
        (edit_manifest(rows={}), "tables are not those"),
        (edit_manifest(surprise=1), "unknown format"),
    ],
    ids=["row-added", "table-dropped", "no-manifest", "newer", "format", "rows", "unknown-field"],
)
def test_a_changed_file_is_refused(
    saved: Path, store: Store, tmp_path: Path, change: Callable[[str, bytes], bytes | None], message: str
) -> None:
    before = content_of(store)
    with pytest.raises(StoreError, match=message):
        restore(rewrite(saved, tmp_path / "changed.zip", change), store, replace=True)
    assert content_of(store) == before


def reseal(source: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes]], **fields: object) -> Path:
    """Copy an archive with changed members and digests that match them, as a forger would."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        manifest = json.loads(old.read("manifest.json")) | {"digests": {}} | fields
        for name in set(old.namelist()) - {"manifest.json"}:
            changed, data = change(name, old.read(name))
            manifest["digests"][changed] = digest_of(data)
            new.writestr(changed, data)
        new.writestr("manifest.json", json.dumps(manifest))
    return target


def change_user(**values: object) -> Callable[[str, bytes], tuple[str, bytes]]:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        return name, json.dumps(json.loads(data) | values).encode() if name == "tables/users.jsonl" else data

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_user(surprise=1), "does not know"),
        (change_user(created_at="yesterday"), "does not know"),
        (change_user(id="somebody-else"), "does not accept"),
        (lambda name, data: (name, b"" if name == "tables/users.jsonl" else data), "manifest says otherwise"),
        (lambda name, data: (name, b"[1]" if name == "tables/users.jsonl" else data), "does not know"),
    ],
    ids=["column", "time", "foreign-key", "count", "no-row"],
)
def test_rows_that_do_not_fit_change_nothing(
    saved: Path, other: Store, tmp_path: Path, change: Callable[[str, bytes], tuple[str, bytes]], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        restore(reseal(saved, tmp_path / "forged.zip", change), other)
    assert not any(content_of(other).values())


def test_an_answer_without_its_question_is_refused(saved: Path, other: Store, tmp_path: Path) -> None:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        return name, b"".join(data.splitlines(keepends=True)[:-1]) if name == "tables/messages.jsonl" else data

    with pytest.raises(StoreError, match="does not accept"):
        restore(reseal(saved, tmp_path / "forged.zip", change), other)


def test_a_key_that_would_leave_its_folder_is_refused(store: Store, other: Store, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "a.key").write_bytes(b"x")
    backup(store, tmp_path / "b.zip", vectors=None, keys=tmp_path / "keys", clock=clock)

    def escape(name: str, data: bytes) -> tuple[str, bytes]:
        return ("keys/../../evil" if name == "keys/a.key" else name), data

    with pytest.raises(StoreError, match="outside its folder"):
        restore(reseal(tmp_path / "b.zip", tmp_path / "forged.zip", escape), other, keys=tmp_path / "a/b")
    assert not (tmp_path / "evil").exists()


def test_another_key_is_kept_unless_told(store: Store, other: Store, tmp_path: Path, clock: Clock) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "a.key").write_bytes(b"saved")
    backup(store, tmp_path / "b.zip", vectors=None, keys=keys, clock=clock)
    (keys / "a.key").write_bytes(b"newer")
    with pytest.raises(StoreError, match="holds another key"):
        restore(tmp_path / "b.zip", other, keys=keys)
    assert (keys / "a.key").read_bytes() == b"newer"
    restore(tmp_path / "b.zip", other, keys=keys, replace=True)
    assert (keys / "a.key").read_bytes() == b"saved"


def test_what_the_file_lacks_or_the_caller_forgot_is_said(
    saved: Path, store: Store, other: Store, tmp_path: Path, clock: Clock
) -> None:
    with pytest.raises(StoreError, match="holds no vectors"):
        restore(saved, other, vectors=MemoryIndex())
    with pytest.raises(StoreError, match="holds no keys"):
        restore(saved, other, keys=tmp_path / "keys")
    backup(store, tmp_path / "v.zip", vectors=MemoryIndex({"chunk0": [1.0]}), keys=None, clock=clock)
    with pytest.raises(StoreError, match="holds 1 vectors"):
        restore(tmp_path / "v.zip", other)


def test_vectors_that_are_none_change_no_table(store: Store, other: Store, tmp_path: Path, clock: Clock) -> None:
    fill(store)
    backup(store, tmp_path / "b.zip", vectors=MemoryIndex({"chunk0": [1.0]}), keys=None, clock=clock)

    def change(name: str, data: bytes) -> tuple[str, bytes]:
        return name, b"no vectors" if name.endswith(".npz") else data

    with pytest.raises(StoreError, match="does not hold vectors"):
        restore(reseal(tmp_path / "b.zip", tmp_path / "forged.zip", change), other, vectors=MemoryIndex())
    assert not any(content_of(other).values())


def test_text_that_only_sqlite_takes_is_refused_by_postgresql_with_the_reason(
    store: Store, other: Store, tmp_path: Path, clock: Clock
) -> None:
    fill(store)
    with store.write() as session:
        session.execute(update(ChunkRow).where(ChunkRow.id == "chunk0").values(text="nul \0 character"))
    backup(store, tmp_path / "b.zip", vectors=None, keys=None, clock=clock)
    if other.is_sqlite:
        restore(tmp_path / "b.zip", other)
        assert content_of(other) == content_of(store)
    else:
        with pytest.raises(StoreError, match="does not accept"):
            restore(tmp_path / "b.zip", other)


def test_a_file_that_is_no_backup_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("only notes")
    with pytest.raises(StoreError, match="not a backup"):
        restore(tmp_path / "notes.txt", store)
    with pytest.raises(StoreError, match="can't be read"):
        restore(tmp_path / "missing.zip", store)


def test_bytes_are_kept_as_base64(saved: Path) -> None:
    row = json.loads(zipfile.ZipFile(saved).read("tables/subject_keys.jsonl"))
    assert base64.b64decode(row["wrapped_key"]) == bytes(range(256))


def test_a_key_folder_that_can_not_be_written_changes_nothing(
    store: Store, other: Store, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/a.key").write_bytes(b"x")
    fill(store)
    backup(store, tmp_path / "b.zip", vectors=None, keys=tmp_path / "keys", clock=clock)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="keys can't be written"):
        restore(tmp_path / "b.zip", other, keys=tmp_path / "file" / "keys")
    assert not any(content_of(other).values())
