"""Every table of the workbench. Migrations in `migrations/` build the same; a test holds the two together."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time on every database, SQLite included."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The declarative base; `Base.metadata` is what Alembic compares with."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON, bytes: LargeBinary}


class User(Base):
    """A person who signs in."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    oidc_subject: Mapped[str | None] = mapped_column(String(255), unique=True)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Session(Base):
    """A sign-in; the cookie holds the secret whose hash is the key here."""

    __tablename__ = "sessions"
    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiKey(Base):
    """A key for client software; only its hash is kept."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    prefix: Mapped[str] = mapped_column(String(16))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class LoginAttempt(Base):
    """A failed sign-in, kept to slow down guessing."""

    __tablename__ = "login_attempts"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    address: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(index=True)


class Agent(Base):
    """A governed agent: what it is for and what it runs with."""

    __tablename__ = "agents"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    purpose: Mapped[str] = mapped_column(Text)
    profile: Mapped[str] = mapped_column(String(80))
    adapter: Mapped[str | None] = mapped_column(String(80))
    level: Mapped[str] = mapped_column(String(20))
    style: Mapped[str] = mapped_column(String(40))
    domain: Mapped[str] = mapped_column(String(20), server_default="general")
    allow: Mapped[list[str]] = mapped_column(server_default="[]")
    scope: Mapped[str] = mapped_column(String(20), server_default="open")
    used_for: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class AgentDataset(Base):
    """A dataset that an agent may use."""

    __tablename__ = "agent_datasets"
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id"), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True, index=True)


class Dataset(Base):
    """An entry of the catalog. `active_version` is what queries see, while `state` lets them."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(40), index=True)
    licence: Mapped[str] = mapped_column(String(80))
    source: Mapped[str] = mapped_column(Text)
    tier: Mapped[str] = mapped_column(String(20), index=True)
    labels: Mapped[list[str]]
    owner: Mapped[str | None] = mapped_column(String(200))
    purposes: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    jurisdiction: Mapped[str | None] = mapped_column(String(80))
    legal_basis: Mapped[str | None] = mapped_column(String(40))
    valid_from: Mapped[str | None] = mapped_column(String(10))
    valid_until: Mapped[str | None] = mapped_column(String(10))
    columns: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}", deferred=True)
    state: Mapped[str] = mapped_column(String(20), default="registered", server_default="registered", index=True)
    state_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    active_version: Mapped[str | None] = mapped_column(String(71))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_datasets_in_use", "state", "active_version"),)


class DatasetVersion(Base):
    """A version of a dataset, named by the digest of its content. `approval` says who let it be used, and why."""

    __tablename__ = "dataset_versions"
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    version: Mapped[str] = mapped_column(String(71), primary_key=True)
    documents: Mapped[int]
    chunks: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    profile: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    quality: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    scan: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    approval: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)


class DatasetSource(Base):
    """Where a dataset came from, so that unchanged files are not read again.

    `stamp` names the untouched files that `version` was read from. `format` is the way of cutting and embedding that
    the active version shares with it; 0 where that was another one, so that nothing is taken over from it.
    `card` becomes the catalog's when this version becomes active. Versions in `erased` hold what a person asked to
    erase, so they never come in again.
    """

    __tablename__ = "dataset_sources"
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    collection: Mapped[str | None] = mapped_column(Text)
    stamp: Mapped[str] = mapped_column(String(71))
    version: Mapped[str] = mapped_column(String(71))
    format: Mapped[int]
    card: Mapped[dict[str, Any]]
    erased: Mapped[list[str]] = mapped_column(default=list, server_default="[]")


class ChunkRow(Base):
    """The text of a chunk; the indexes hold its id, the vector index only when it is found `by_meaning`."""

    __tablename__ = "chunks"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    version: Mapped[str] = mapped_column(String(71))
    document: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    by_meaning: Mapped[bool] = mapped_column(default=True, server_default=true())
    sentence_vectors: Mapped[bytes | None] = mapped_column(deferred=True)
    __table_args__ = (Index("ix_chunks_dataset_version", "dataset_id", "version", "position"),)


class DatasetJob(Base):
    """Data that a person adds from their own files. `report` says how far it is and what could not be read."""

    __tablename__ = "dataset_jobs"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    dataset_id: Mapped[str] = mapped_column(String(80))
    card: Mapped[dict[str, Any]]
    skip_bad: Mapped[bool]
    state: Mapped[str] = mapped_column(String(20), index=True)
    reason: Mapped[str] = mapped_column(Text)
    report: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SubjectKey(Base):
    """The wrapped key of one data subject's content. Erased: the key is gone, the row says when."""

    __tablename__ = "subject_keys"
    subject_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    wrapped_key: Mapped[bytes | None]
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class Content(Base):
    """Encrypted content: a message, an answer, an evidence text."""

    __tablename__ = "contents"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    subject_id: Mapped[str] = mapped_column(ForeignKey("subject_keys.subject_id"), index=True)
    nonce: Mapped[bytes]
    ciphertext: Mapped[bytes]
    created_at: Mapped[datetime]


class Conversation(Base):
    """A person's conversation with an agent. The title is content, so it is encrypted too."""

    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id"), index=True)
    title_id: Mapped[str | None] = mapped_column(ForeignKey("contents.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_conversations_user_updated", "user_id", "updated_at"),)


class MessageRow(Base):
    """A message of a conversation; siblings under one parent are versions (regenerated, edited)."""

    __tablename__ = "messages"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    content_id: Mapped[str] = mapped_column(ForeignKey("contents.id"))
    turn_id: Mapped[str | None] = mapped_column(String(36), index=True)
    created_at: Mapped[datetime]


class LedgerEntry(Base):
    """An entry of the ledger: canonical JSON and its RFC 6962 leaf hash. Other columns only help to find it."""

    __tablename__ = "ledger_entries"
    index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    turn_id: Mapped[str | None] = mapped_column(String(36), index=True)
    agent_id: Mapped[str | None] = mapped_column(String(36), index=True)
    actor_id: Mapped[str | None] = mapped_column(String(36), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    body: Mapped[str] = mapped_column(Text)
    leaf_hash: Mapped[bytes]


class LedgerNode(Base):
    """The hash of a perfect subtree: 2**level leaves from index * 2**level on."""

    __tablename__ = "ledger_nodes"
    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class LedgerCheckpoint(Base):
    """A signed checkpoint (C2SP signed note) over the first `size` entries."""

    __tablename__ = "ledger_checkpoints"
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
