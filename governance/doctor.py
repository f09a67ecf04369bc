"""The doctor: looks at every part of an installation and says what is missing and how to get it. Changes nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.config import Settings
from core.datasets.catalog import count_datasets
from core.errors import CoreError
from core.llm.profiles import list_profiles, load_profile
from core.llm.weights import check_model, locate_model
from core.rag.embedding import Embedder
from core.rag.vectors import open_vectors
from core.store.database import Store
from core.store.migrate import open_store
from governance.errors import GovernanceError
from governance.ledger import Ledger, examine_ledger, load_current_signer, read_examination
from governance.policy import PolicyVersions
from governance.records import LEDGER_HEALTH, open_witness, utc_now
from governance.wiring import build_governance


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `problem` says what is wrong and what to do, empty when it is well."""

    name: str
    found: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ProfileState:
    """A model profile and what keeps it from running; empty when its files are here."""

    name: str
    model: str
    problem: str


def settings_in_force(settings: Settings) -> list[tuple[str, str]]:
    """Return every setting with its value; of secrets only whether they are set."""
    rows = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if hasattr(value, "get_secret_value"):
            rows.append((name, "set"))
        else:
            rows.append((name, "unset" if value is None else str(value)))
    return rows


def profile_states(settings: Settings) -> list[ProfileState]:
    """Return all model profiles and whether they can run, without loading any."""
    return [
        ProfileState(profile.name, profile.model, _problem(partial(_look_at_model, settings, profile.name)))
        for profile in list_profiles(settings)
    ]


def examine(settings: Settings) -> list[Check]:
    """Look at everything that a running workbench needs."""
    return [
        _check("data folder", lambda: _look_at_folder(settings)),
        _check("database", lambda: _with_store(settings, _look_at_database)),
        _check("ledger", lambda: _with_store(settings, lambda store: _look_at_ledger(settings, store))),
        _check("last background verification", lambda: _look_at_watch(settings)),
        _check("policies and rails", lambda: _with_store(settings, lambda store: _look_at_governance(settings, store))),
        _check("vector index", lambda: _look_at_vectors(settings)),
        _check("embedder", _look_at_embedder),
        _check(f"model profile {settings.profile}", lambda: _look_at_model(settings, settings.profile)),
    ]


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, look())
    except (CoreError, GovernanceError, OSError) as exc:
        return Check(name, "", str(exc))


def _problem(look: Callable[[], str]) -> str:
    return _check("", look).problem


def _look_at_folder(settings: Settings) -> str:
    folder = settings.data_folder
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".doctor"
    probe.write_bytes(b"")
    probe.unlink()
    return str(folder)


def _with_store(settings: Settings, look: Callable[[Store], str]) -> str:
    store = open_store(settings.sqlalchemy_url())
    try:
        return look(store)
    finally:
        store.close()


def _look_at_database(store: Store) -> str:
    kind = "SQLite" if store.is_sqlite else "PostgreSQL"
    return f"{kind}, {count_datasets(store)} datasets"


def _look_at_ledger(settings: Settings, store: Store) -> str:
    signer = load_current_signer(settings.data_folder / "keys", store)
    ledger = Ledger(store, signer=signer, clock=utc_now, witness=open_witness(settings))
    found = examine_ledger(ledger, store, clock=utc_now, timer=time.monotonic)
    if not found.health.ok:
        raise GovernanceError(f"{found.problem} Restore a backup; `promethios ledger verify` shows where it breaks.")
    if found.problem:
        raise GovernanceError(found.problem)
    entries = f"{found.health.size} entries, verified in {found.seconds:.2f} s"
    if found.witness is None:
        return f"{entries}; no witness (witness_folder, witness_url)"
    return f"{entries}; {found.witness.place} witnesses {found.witness.size} of them, {found.kept} checkpoints compared"


def _look_at_watch(settings: Settings) -> str:
    last = read_examination(settings.data_folder / LEDGER_HEALTH)
    if last is None:
        return "has not run yet; the server runs it"
    if last.problem:
        raise GovernanceError(f"At {last.health.checked_at:%Y-%m-%d %H:%M} UTC: {last.problem}")
    return f"{last.health.checked_at:%Y-%m-%d %H:%M} UTC, {last.health.size} entries in {last.seconds:.2f} s"


def _look_at_governance(settings: Settings, store: Store) -> str:
    ledger = Ledger(store, signer=load_current_signer(settings.data_folder / "keys", store), clock=utc_now)
    versions = PolicyVersions(ledger)
    engine = build_governance(settings, versions=versions)
    own = ", ".join(version.id for version in versions.active()) or "none"
    return f"{len(engine.rail_versions)} rails, policy {engine.policy_digest[:19]}…, versions in force: {own}"


def _look_at_vectors(settings: Settings) -> str:
    open_vectors(settings)
    return settings.chroma_url or "embedded"


def _look_at_embedder() -> str:
    vector = Embedder().embed(["ready"])
    return f"all-MiniLM-L6-v2, {vector.shape[1]} dimensions"


def _look_at_model(settings: Settings, name: str) -> str:
    profile = load_profile(name, settings)
    folder = locate_model(profile, offline=settings.offline)
    check_model(folder)
    return str(folder)
