"""Conversations on the server: every message encrypted under its person's key, versions kept as siblings.

A conversation is a tree: regenerating or editing adds a sibling, nothing is overwritten. Only its person may read it
here; reviewers read turns, through the ledger's content, with a right of their own.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from core.schema import Message
from core.store.database import Store
from core.store.tables import Conversation, MessageRow
from governance.errors import ContentErased, InputError
from governance.ledger import ContentVault
from governance.schema import Actor, ConversationView, StoredMessage

TITLE_CHARS = 60
ERASED = "(erased)"


class Conversations:
    """The stored conversations of all people."""

    def __init__(
        self, store: Store, *, vault: ContentVault, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._new_id = new_id

    def start(self, actor: Actor, agent_id: str) -> str:
        """Begin an empty conversation and return its id."""
        now = self._clock()
        with self._store.write() as session:
            row = Conversation(id=self._new_id(), user_id=actor.id, agent_id=agent_id, created_at=now, updated_at=now)
            session.add(row)
            return row.id

    def add(
        self,
        actor: Actor,
        conversation_id: str,
        message: Message,
        *,
        parent_id: str | None,
        turn_id: str | None = None,
    ) -> str:
        """Store a message under its parent and return its id; the first question becomes the title."""
        conversation = self._own(actor, conversation_id)
        content_id = self._vault.put(actor.id, message.content.encode())
        title_id = None
        if conversation.title_id is None and message.role == "user":
            title_id = self._vault.put(actor.id, _title(message.content).encode())
        now = self._clock()
        with self._store.write() as session:
            if parent_id is not None:
                self._check_parent(session.get(MessageRow, parent_id), conversation_id)
            row = MessageRow(
                id=self._new_id(),
                conversation_id=conversation_id,
                parent_id=parent_id,
                role=message.role,
                content_id=content_id,
                turn_id=turn_id,
                created_at=now,
            )
            session.add(row)
            owner = session.get_one(Conversation, conversation_id)
            owner.updated_at = now
            if title_id is not None:
                owner.title_id = title_id
            return row.id

    def thread(self, actor: Actor, conversation_id: str, *, leaf_id: str | None = None) -> list[StoredMessage]:
        """Return the path through `leaf_id` from the first message down; where open, along the newest versions."""
        self._own(actor, conversation_id)
        with self._store.read() as session:
            rows = list(
                session.scalars(
                    select(MessageRow)
                    .where(MessageRow.conversation_id == conversation_id)
                    .order_by(MessageRow.created_at, MessageRow.id)
                )
            )
        path = _path(rows, leaf_id)
        versions = {row.id: tuple(s.id for s in rows if s.parent_id == row.parent_id) for row in path}
        return [self._stored(row, versions[row.id]) for row in path]

    def list(self, actor: Actor, *, agent_id: str | None = None, limit: int = 50) -> list[ConversationView]:
        """Return the person's conversations that hold a message, newest first."""
        chosen = [
            Conversation.user_id == actor.id,
            Conversation.deleted_at.is_(None),
            Conversation.title_id.is_not(None),
        ]
        if agent_id is not None:
            chosen.append(Conversation.agent_id == agent_id)
        query = select(Conversation).where(*chosen).order_by(Conversation.updated_at.desc()).limit(limit)
        with self._store.read() as session:
            rows = list(session.scalars(query))
        return [ConversationView(row.id, row.agent_id, self._text(str(row.title_id)), row.updated_at) for row in rows]

    def delete(self, actor: Actor, conversation_id: str) -> None:
        """Take a conversation out of the person's lists; the ledger keeps its turns."""
        self._own(actor, conversation_id)
        with self._store.write() as session:
            session.get_one(Conversation, conversation_id).deleted_at = self._clock()

    def agent_of(self, actor: Actor, conversation_id: str) -> str:
        """Return the id of the agent that the conversation is with."""
        return self._own(actor, conversation_id).agent_id

    def question_of(self, actor: Actor, conversation_id: str, turn_id: str) -> str:
        """Return the id of the question that a turn answered.

        Raises:
            InputError: The conversation is not the actor's, or holds no answer of this turn.
        """
        self._own(actor, conversation_id)
        asked = select(MessageRow.parent_id).where(
            MessageRow.conversation_id == conversation_id, MessageRow.turn_id == turn_id
        )
        with self._store.read() as session:
            found = session.scalars(asked.limit(1)).first()
        if found is None:
            raise InputError("The conversation holds no answer of this turn.")
        return found

    def _own(self, actor: Actor, conversation_id: str) -> Conversation:
        with self._store.read() as session:
            row = session.get(Conversation, conversation_id)
            if row is None or row.user_id != actor.id or row.deleted_at is not None:
                raise InputError(f"You have no conversation with id {conversation_id!r}.")
            session.expunge(row)
            return row

    @staticmethod
    def _check_parent(parent: MessageRow | None, conversation_id: str) -> None:
        if parent is None or parent.conversation_id != conversation_id:
            raise InputError("The message that this one follows is not in this conversation.")

    def _stored(self, row: MessageRow, versions: tuple[str, ...]) -> StoredMessage:
        message = Message(row.role, self._text(row.content_id))  # type: ignore[arg-type]
        return StoredMessage(row.id, row.parent_id, message, row.turn_id, row.created_at, versions)

    def _text(self, content_id: str) -> str:
        try:
            return self._vault.get(content_id).decode()
        except ContentErased:
            return ERASED


def _title(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rstrip() + "…"


def _path(rows: list[MessageRow], leaf_id: str | None) -> list[MessageRow]:
    by_id = {row.id: row for row in rows}
    if leaf_id is not None and leaf_id not in by_id:
        raise InputError(f"The conversation has no message with id {leaf_id!r}.")
    upward: list[MessageRow] = []
    at = by_id.get(leaf_id) if leaf_id else None
    while at is not None:
        upward.append(at)
        at = by_id.get(at.parent_id) if at.parent_id else None
    path = upward[::-1]
    newest_child = {row.parent_id: row for row in rows}
    below = newest_child.get(path[-1].id if path else None)
    while below is not None:
        path.append(below)
        below = newest_child.get(below.id)
    return path
