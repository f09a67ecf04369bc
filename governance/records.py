"""Records: everything of the workbench that needs no model. The dashboard and the reading commands run on it alone."""

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from core.config import Settings
from core.store.database import Store
from core.store.migrate import open_store
from governance.agents import Agents
from governance.conversations import Conversations
from governance.dataset_access import DatasetAccess
from governance.dataset_rules import DatasetRulesFile
from governance.datasets import DatasetReviews
from governance.identity import Identity, require
from governance.ledger import (
    ContentVault,
    Examination,
    Ledger,
    LedgerWatch,
    NotePlace,
    Witness,
    WitnessFolder,
    WitnessUrl,
    load_current_signer,
    load_master_key,
    read_examination,
)
from governance.metrics import MetricsCollector
from governance.policy import PolicyVersions
from governance.review import Reviews
from governance.schema import Actor, Resource

LEDGER_HEALTH = "ledger-health.json"


def utc_now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a random id."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Records:
    """The open stores and the services on them."""

    settings: Settings
    store: Store
    identity: Identity
    ledger: Ledger
    vault: ContentVault
    agents: Agents
    access: DatasetAccess
    conversations: Conversations
    metrics: MetricsCollector
    policies: PolicyVersions
    reviews: Reviews
    datasets: DatasetReviews

    def erase_subject(self, actor: Actor, user_id: str) -> int:
        """Destroy the key of a person's content and return how many contents that erased; it is recorded.

        Raises:
            AccessDenied: The actor may not manage users.
        """
        require(actor, "user.manage", Resource("user", user_id))
        erased = self.vault.erase(user_id)
        self.ledger.append("subject.erased", {"subject_id": user_id, "contents": erased}, actor_id=actor.id)
        return erased

    def watch_ledger(self) -> LedgerWatch:
        """Return a watch that verifies the ledger in the background, once it is started."""
        return LedgerWatch(
            self.ledger,
            self.store,
            path=self.settings.data_folder / LEDGER_HEALTH,
            every_s=self.settings.verify_every_s,
            clock=utc_now,
            timer=time.monotonic,
        )

    def last_examination(self) -> Examination | None:
        """Return what the background verification found last; None when it has not run yet."""
        return read_examination(self.settings.data_folder / LEDGER_HEALTH)

    def close(self) -> None:
        """Close the ledger's writer and the database."""
        self.ledger.close()
        self.store.close()


def open_records(settings: Settings) -> Records:
    """Open database, ledger, keys and the services on them; create what a first start needs."""
    keys = settings.data_folder / "keys"
    setting = settings.master_key.get_secret_value() if settings.master_key else None
    store = open_store(settings.sqlalchemy_url())
    ledger = Ledger(
        store,
        signer=load_current_signer(keys, store),
        clock=utc_now,
        witness=open_witness(settings),
        current_signer=lambda: load_current_signer(keys, store),
    )
    vault = ContentVault(store, master_key=load_master_key(keys, setting), clock=utc_now, ids=new_id)
    return Records(
        settings=settings,
        store=store,
        identity=Identity(
            store,
            key_folder=keys,
            session_ttl_s=settings.session_ttl_s,
            login_attempts=settings.login_attempts,
            login_window_s=settings.login_window_s,
            clock=utc_now,
        ),
        ledger=ledger,
        vault=vault,
        agents=Agents(store, ledger=ledger, clock=utc_now, new_id=new_id),
        access=DatasetAccess(store, rules=DatasetRulesFile(), clock=utc_now),
        conversations=Conversations(store, vault=vault, clock=utc_now, new_id=new_id),
        metrics=MetricsCollector(ledger, clock=utc_now),
        policies=PolicyVersions(ledger),
        reviews=Reviews(ledger, vault, clock=utc_now),
        datasets=DatasetReviews(store, ledger, clock=utc_now),
    )


def open_witness(settings: Settings) -> Witness | None:
    """Return the witness that the settings name; None where they name none.

    Raises:
        LedgerError: Its folder can't be written, or its address is no https address.
    """
    place: NotePlace
    if settings.witness_folder is not None:
        place = WitnessFolder(settings.witness_folder.expanduser().resolve())
    elif settings.witness_url is not None:
        place = WitnessUrl(settings.witness_url)
    else:
        return None
    return Witness(place, every_s=settings.witness_every_s, timer=time.monotonic)
