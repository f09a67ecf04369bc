"""The content vault: messages, answers and evidence, encrypted under one key per data subject.

AES-256-GCM; each subject's key lies wrapped by the master key. Erasing a subject destroys that key and its ciphertexts;
the ledger, which holds digests only, still verifies. Copies of the wrapped key elsewhere are not covered: backups,
PostgreSQL's dead rows until it vacuums, old blocks of a disk or file system.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core.schema import canonical_bytes
from core.store.database import Store
from core.store.tables import Content, SubjectKey
from governance.errors import ContentErased, InputError, LedgerError
from governance.ledger.keys import RandomBytes
from governance.ledger.notes import KEY_BYTES
from governance.ledger.storage import ledger_errors

NONCE_BYTES = 12
MAX_ID_CHARS = 36
MAX_CONTENT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Encrypted:
    """A row of `contents` with its subject's wrapped key."""

    content_id: str
    subject_id: str
    nonce: bytes
    ciphertext: bytes
    wrapped_key: bytes | None


class ContentVault:
    """Stores content so that it can be forgotten."""

    def __init__(
        self,
        store: Store,
        *,
        master_key: bytes,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        """Open the vault in a database.

        Args:
            store: The database.
            master_key: 32 bytes, from `load_master_key`.
            clock: Gives aware times.
            ids: Gives content ids that never repeat, at most 36 characters.
            random_bytes: Gives keys and nonces; must be a cryptographic source.

        Raises:
            LedgerError: The database can't be read, or its keys were wrapped by another master key.
        """
        if len(master_key) != KEY_BYTES:
            raise LedgerError(f"The master key has {KEY_BYTES} bytes; found {len(master_key)}.")
        self._store = store
        self._master = AESGCM(master_key)
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes
        with ledger_errors("read"), store.read() as session:
            live = select(SubjectKey.subject_id, SubjectKey.wrapped_key).where(SubjectKey.wrapped_key.is_not(None))
            for subject_id, wrapped in session.execute(live.limit(1)):
                self._unwrap(subject_id, wrapped or b"")

    def put(self, subject_id: str, data: bytes, *, session: Session | None = None) -> str:
        """Encrypt content of a subject and return its id. See `put_many`."""
        return self.put_many(subject_id, [data], session=session)[0]

    def put_many(self, subject_id: str, items: Sequence[bytes], *, session: Session | None = None) -> list[str]:
        """Encrypt several contents of a subject, all or none, and return their ids in order.

        Args:
            subject_id: Whose content it is, 1 to 36 characters; erasing forgets all of it at once.
            items: The contents.
            session: A write session of the caller's, who commits; None opens one.

        Raises:
            ContentErased: The subject was erased; nothing of it is stored again.
            InputError: The subject's id or a content is too long.
            LedgerError: The database can't be written, or the master key does not fit.
        """
        _refuse_bad_id(subject_id)
        if any(len(data) > MAX_CONTENT_BYTES for data in items):
            raise InputError(f"A content has at most {MAX_CONTENT_BYTES} bytes; this one has more.")
        with self._writing(session) as writing:
            key = self._key_for(writing, subject_id)
            rows = [self._encrypt(key, subject_id, data) for data in items]
            if rows:
                writing.execute(insert(Content), rows)
        return [str(row["id"]) for row in rows]

    def get(self, content_id: str) -> bytes:
        """Return a content.

        Raises:
            InputError: There is no content with this id.
            ContentErased: Its subject was erased.
            LedgerError: It was altered, or the master key does not fit.
        """
        found = self.get_many([content_id])
        if content_id not in found:
            raise ContentErased(f"The content {content_id} was erased with its subject's key.")
        return found[content_id]

    def get_many(self, content_ids: Sequence[str]) -> dict[str, bytes]:
        """Return id -> content; erased ones are left out.

        Raises:
            InputError: There is no content with one of these ids.
            LedgerError: One was altered, or the master key does not fit.
        """
        found = {row.content_id: row for row in self._read(sorted(set(content_ids)))}
        unknown = [content_id for content_id in content_ids if content_id not in found]
        if unknown:
            raise InputError(f"There is no content with the id {unknown[0][:60]!r}.")
        return {id_: self._decrypt(row) for id_, row in found.items() if row.wrapped_key is not None}

    def erase(self, subject_id: str) -> int:
        """Destroy a subject's key and ciphertexts for good, and refuse its content from now on.

        Returns:
            How many contents were erased; 0 when the subject was erased before or never had any.

        Raises:
            LedgerError: The database can't be written.
        """
        _refuse_bad_id(subject_id)
        with self._writing(None) as session:
            if self._store.is_sqlite:
                session.execute(text("PRAGMA secure_delete = ON"))  # else the old bytes stay in the file's free space
            self._insert_subject(session, subject_id, wrapped=None)
            now = self._clock()
            live = (SubjectKey.subject_id == subject_id, SubjectKey.erased_at.is_(None))
            session.execute(update(SubjectKey).where(*live).values(wrapped_key=None, erased_at=now))
            # The rows stay, because messages refer to them; what they held goes.
            kept = (Content.subject_id == subject_id, Content.ciphertext != b"")
            erased = session.execute(update(Content).where(*kept).values(nonce=b"", ciphertext=b""))
        self._truncate_log()
        return erased.rowcount  # type: ignore[attr-defined,no-any-return]

    @contextmanager
    def _writing(self, session: Session | None) -> Iterator[Session]:
        with ledger_errors("written"):
            if session is not None:
                yield session
                return
            with self._store.write() as own:
                yield own

    def _key_for(self, session: Session, subject_id: str) -> AESGCM:
        """Return the subject's key, made at its first content; the row stays locked against an erasure meanwhile."""
        query = select(SubjectKey.wrapped_key).where(SubjectKey.subject_id == subject_id).with_for_update(read=True)
        row = session.execute(query).one_or_none()
        if row is None:
            self._insert_subject(session, subject_id, wrapped=self._wrap(subject_id, self._random_bytes(KEY_BYTES)))
            row = session.execute(query).one()
        if row.wrapped_key is None:
            raise ContentErased(f"The subject {subject_id} was erased; nothing of it is stored again.")
        return AESGCM(self._unwrap(subject_id, row.wrapped_key))

    def _insert_subject(self, session: Session, subject_id: str, *, wrapped: bytes | None) -> None:
        """Add the subject unless it is there: another process may add it at the same moment."""
        insert_new = sqlite_insert if self._store.is_sqlite else postgresql_insert
        row = {"subject_id": subject_id, "wrapped_key": wrapped, "created_at": self._clock()}
        session.execute(insert_new(SubjectKey).values(row).on_conflict_do_nothing())

    def _read(self, content_ids: Sequence[str]) -> list[_Encrypted]:
        columns = (Content.id, Content.subject_id, Content.nonce, Content.ciphertext, SubjectKey.wrapped_key)
        query = select(*columns).join(SubjectKey, SubjectKey.subject_id == Content.subject_id)
        with ledger_errors("read"), self._store.read() as session:
            return [_Encrypted(*row) for row in session.execute(query.where(Content.id.in_(content_ids)))]

    def _encrypt(self, key: AESGCM, subject_id: str, data: bytes) -> dict[str, object]:
        content_id, nonce = self._ids(), self._random_bytes(NONCE_BYTES)
        ciphertext = key.encrypt(nonce, data, canonical_bytes([content_id, subject_id]))
        return {
            "id": content_id,
            "subject_id": subject_id,
            "nonce": nonce,
            "ciphertext": ciphertext,
            "created_at": self._clock(),
        }

    def _decrypt(self, row: _Encrypted) -> bytes:
        key = AESGCM(self._unwrap(row.subject_id, row.wrapped_key or b""))
        try:
            return key.decrypt(row.nonce, row.ciphertext, canonical_bytes([row.content_id, row.subject_id]))
        except (InvalidTag, ValueError) as exc:
            raise LedgerError(f"The content {row.content_id} was altered in the database. Restore a backup.") from exc

    def _wrap(self, subject_id: str, key: bytes) -> bytes:
        nonce = self._random_bytes(NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key, canonical_bytes(["subject", subject_id]))

    def _unwrap(self, subject_id: str, wrapped: bytes) -> bytes:
        nonce, ciphertext = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return self._master.decrypt(nonce, ciphertext, canonical_bytes(["subject", subject_id]))
        except (InvalidTag, ValueError) as exc:
            raise LedgerError(
                f"The key of subject {subject_id} does not open: it was altered, or the master key is another one. "
                "Set the master key that this database was used with."
            ) from exc

    def _truncate_log(self) -> None:
        """Drop SQLite's write-ahead log, which still holds the key's old page."""
        if self._store.is_sqlite:
            with ledger_errors("written"), self._store.engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _refuse_bad_id(subject_id: str) -> None:
    if not 0 < len(subject_id) <= MAX_ID_CHARS or not subject_id.isprintable():
        raise InputError(f"A subject's id has 1 to {MAX_ID_CHARS} printable characters; found {subject_id[:60]!r}.")
