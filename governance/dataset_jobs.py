"""Jobs that add people's own files as datasets. They run one after the other, and a restart takes them up again.

A job's state is in the database, its files are under the data folder until it is done or cancelled. A job that failed
keeps them, so that it can be tried again. It does not decide whether what was added may be used: the catalog does.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import select, update

from core.datasets.card import DatasetCard
from core.datasets.dataset_manager import DatasetManager
from core.datasets.ingest.progress import Progress
from core.datasets.ingest.sources import source_at
from core.errors import CoreError, StoreError
from core.store.database import Store
from core.store.tables import Dataset, DatasetJob, DatasetVersion
from governance.dataset_uploads import Upload
from governance.errors import GovernanceError, InputError
from governance.identity import authorize, require
from governance.schema import Actor, Resource

State = Literal["waiting", "running", "done", "failed", "cancelled"]
OPEN = ("waiting", "running")
BEAT_S = 0.5
LOST_S = 5.0  # a running job that says nothing for so long has lost its process
WATCH_S = 5.0
SHOWN_PROBLEMS = 200
LISTED = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it.

    Attributes:
        stage: What happens now, such as "embedded"; empty before it begins.
        done: Of `total` at this stage; `total` is 0 where it is not known.
        rate: Done per second at this stage; None where nothing was measured.
        left_s: Seconds left at this stage at that rate; None where it is not known.
        problems: The first of them, in words with their places.
        reason: Why it failed, or why what was added waits for a reviewer; empty otherwise.
    """

    id: str
    user_id: str
    dataset_id: str
    title: str
    state: State
    stage: str
    done: int
    total: int
    rate: float | None
    left_s: float | None
    problems: tuple[str, ...]
    problem_count: int
    reason: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_open(self) -> bool:
        """Say whether it waits or runs."""
        return self.state in OPEN


@dataclass(slots=True)
class _Report:
    """How far a running job is; shared by the thread that works and the one that writes it down."""

    stage: str = ""
    done: int = 0
    total: int = 0
    since: str = ""
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {"problems": list(self.problems)}


class _Stopped(Exception):
    """The job was cancelled, or the server stops."""


class DatasetJobs:
    """The jobs of this installation, and the thread that does them."""

    def __init__(
        self,
        store: Store,
        datasets: DatasetManager,
        *,
        folder: Path,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        lost_s: float = LOST_S,
    ) -> None:
        self._store = store
        self._datasets = datasets
        self._folder = folder
        self._clock = clock
        self._new_id = new_id
        self._lost_s = lost_s
        self._closing = threading.Event()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dataset-jobs")

    def begin(self, actor: Actor) -> Upload:
        """Return a folder for the files of a new job.

        Raises:
            AccessDenied: The actor may not add data.
        """
        require(actor, "dataset.ingest", Resource("dataset"))
        job_id = self._new_id()
        folder = self._folder / job_id
        folder.mkdir(mode=0o700, parents=True)
        return Upload(job_id, folder)

    def start(self, actor: Actor, upload: Upload, card: DatasetCard, *, skip_bad: bool, renew: bool = False) -> JobView:
        """Queue the ingest of an upload.

        Args:
            actor: Whose job it is.
            upload: The files.
            card: What they are.
            skip_bad: Whether files and rows that can't be read are left out and reported, or fail the job.
            renew: Whether the card's dataset is there already and gets a new version.

        Raises:
            AccessDenied: The actor may not add data.
            InputError: A dataset with this id is there already, or is not, or there is no file.
        """
        require(actor, "dataset.ingest", Resource("dataset", card.id))
        if not any(each.is_file() for each in upload.folder.rglob("*")):
            raise InputError("There is no file in it. Choose at least one.")
        now = self._clock()
        with self._store.write() as session:
            held = session.get(Dataset, card.id)
            known = held is not None and held.active_version is not None
            if known and not renew:
                raise InputError(f"A dataset {card.id!r} exists already. Choose another title, or add a newer version.")
            if renew and held is None:
                raise InputError(f"There is no dataset {card.id!r} to add a newer version to.")
            row = DatasetJob(
                id=upload.id,
                user_id=actor.id,
                dataset_id=card.id,
                card=card.model_dump(),
                skip_bad=skip_bad,
                state="waiting",
                reason="",
                report=_Report().to_json(),
                created_at=now,
                updated_at=now,
            )
            session.add(row)
        self._worker.submit(self._run, upload.id)
        return _view(row)

    def list(self, actor: Actor) -> list[JobView]:
        """Return the actor's latest jobs, and for those who may see them all every open one, newest first."""
        require(actor, "dataset.view", Resource("dataset"))
        mine = DatasetJob.user_id == actor.id
        chosen = mine | DatasetJob.state.in_(OPEN) if _sees_all(actor) else mine
        with self._store.read() as session:
            newest = select(DatasetJob).where(chosen).order_by(DatasetJob.created_at.desc()).limit(LISTED)
            return [_view(row) for row in session.scalars(newest)]

    def get(self, actor: Actor, job_id: str) -> JobView:
        """Return one job.

        Raises:
            InputError: There is none with this id that the actor may see.
        """
        require(actor, "dataset.view", Resource("dataset"))
        with self._store.read() as session:
            row = session.get(DatasetJob, job_id)
            if row is None or not (row.user_id == actor.id or _sees_all(actor)):
                raise InputError(f"There is no job {job_id!r} of yours.")
            return _view(row)

    def cancel(self, actor: Actor, job_id: str) -> JobView:
        """Stop a job, or give up one that failed; its files are deleted and nothing of it becomes visible."""
        before = self.get(actor, job_id)
        if self._move(job_id, "cancelled", among=("waiting", "running", "failed")) and before.state != "running":
            self._discard(job_id)
        return self.get(actor, job_id)

    def retry(self, actor: Actor, job_id: str, *, skip_bad: bool) -> JobView:
        """Try a job that failed again, with the same files."""
        self.get(actor, job_id)
        if not self._move(job_id, "waiting", among=("failed",), skip_bad=skip_bad):
            raise InputError("Only a job that failed can be tried again.")
        self._worker.submit(self._run, job_id)
        return self.get(actor, job_id)

    def resume(self) -> int:
        """Take up the jobs that a stop interrupted, in the background; return how many there are."""
        with self._store.read() as session:
            chosen = select(DatasetJob).where(DatasetJob.state.in_(OPEN)).order_by(DatasetJob.created_at)
            left = [(row.id, row.updated_at if row.state == "running" else None) for row in session.scalars(chosen)]
        for job_id, seen_at in left:
            self._worker.submit(self._take_up, job_id, seen_at)
        return len(left)

    def watch(self, *, every_s: float = WATCH_S) -> None:
        """From now on index what reviewers approve, in this process or in another, within so many seconds."""

        def look() -> None:
            while not self._closing.wait(every_s):
                with suppress(CoreError):  # somebody else ingests; the next look finds the same
                    self._datasets.index_approved()

        threading.Thread(target=look, name="dataset-approvals", daemon=True).start()

    def close(self) -> None:
        """Stop the running job at its next step; it goes on at the next start."""
        self._closing.set()
        self._worker.shutdown(cancel_futures=True)

    def _take_up(self, job_id: str, seen_at: datetime | None) -> None:
        if seen_at is not None:  # it ran: in a process that is gone, or in one beside this one
            if self._closing.wait(self._lost_s):
                return
            self._move(job_id, "waiting", among=("running",), updated_at=seen_at)
        self._run(job_id)

    def _run(self, job_id: str) -> None:
        if self._closing.is_set() or not self._move(job_id, "running", among=("waiting",)):
            return
        with self._store.read() as session:
            row = session.get_one(DatasetJob, job_id)
            card, skip_bad = DatasetCard.model_validate(row.card), row.skip_bad
        report, stop, ended = _Report(), threading.Event(), threading.Event()
        beat = threading.Thread(target=self._beat, args=(job_id, report, stop, ended), daemon=True)
        beat.start()
        state, reason = self._ingest(job_id, card, report, stop, skip_bad=skip_bad)
        ended.set()
        beat.join()
        self._move(job_id, state, among=("running",), reason=reason, report=report.to_json())
        now = self._state_of(job_id)
        if now == "cancelled":
            self._forget(card.id)
        if now in ("done", "cancelled"):
            self._discard(job_id)

    def _ingest(
        self, job_id: str, card: DatasetCard, report: _Report, stop: threading.Event, *, skip_bad: bool
    ) -> tuple[State, str]:
        def follow(step: Progress) -> None:
            if stop.is_set() or self._closing.is_set():
                raise _Stopped
            if step.stage != report.stage:
                report.stage, report.since = step.stage, self._clock().isoformat()
            report.done, report.total = step.done, step.total

        try:
            source = source_at(self._folder / job_id, card)
            outcome = self._datasets.ingest_sources([source], skip_bad=skip_bad, progress=follow)
        except _Stopped:
            return "waiting", ""
        except (CoreError, GovernanceError) as exc:
            return "failed", self._without_folder(str(exc), job_id)
        except Exception as exc:
            log.exception("job %s failed", job_id)
            return "failed", f"Something went wrong here ({type(exc).__name__}). Nothing of it is in use; try again."
        problems = outcome.problems.get(card.id, ())
        report.problems = [str(each) for each in problems[:SHOWN_PROBLEMS]]
        report.problem_count = len(problems)
        if outcome.refused:
            return "failed", self._without_folder(outcome.refused[0].reason, job_id)
        return "done", self._waits_for(card.id) if outcome.waiting else ""

    def _waits_for(self, dataset_id: str) -> str:
        """Return why the newest version of a dataset is not in use."""
        newest = select(DatasetVersion.approval).where(DatasetVersion.dataset_id == dataset_id)
        with self._store.read() as session:
            approval = session.scalars(newest.order_by(DatasetVersion.created_at.desc()).limit(1)).first()
        return str((approval or {}).get("reason", "A reviewer has to look at it."))

    def _without_folder(self, text: str, job_id: str) -> str:
        """Return a message without where the upload lies on this machine."""
        folder = str(self._folder / job_id)
        return text.replace(f"{folder}/", "").replace(folder, "What was uploaded")

    def _beat(self, job_id: str, report: _Report, stop: threading.Event, ended: threading.Event) -> None:
        """Write down how far a job is, and notice when it is cancelled."""
        while not ended.wait(BEAT_S):
            with suppress(StoreError):  # the ingest may hold the database for a while
                if not self._move(job_id, "running", among=("running",), report=report.to_json()):
                    stop.set()

    def _move(
        self, job_id: str, state: State, *, among: tuple[str, ...], updated_at: datetime | None = None, **values: object
    ) -> bool:
        """Change a job that is in one of some states, and was not touched since; say whether it was."""
        chosen = update(DatasetJob).where(DatasetJob.id == job_id, DatasetJob.state.in_(among))
        if updated_at is not None:
            chosen = chosen.where(DatasetJob.updated_at == updated_at)
        with self._store.write() as session:
            moved = session.execute(chosen.values(state=state, updated_at=self._clock(), **values))
            return cast(int, getattr(moved, "rowcount", 0)) > 0

    def _state_of(self, job_id: str) -> str:
        with self._store.read() as session:
            return session.scalars(select(DatasetJob.state).where(DatasetJob.id == job_id)).one()

    def _forget(self, dataset_id: str) -> None:
        """Remove what a cancelled job stored, where no version of the dataset is in use."""
        with self._store.read() as session:
            row = session.get(Dataset, dataset_id)
        if row is not None and row.active_version is None:
            with suppress(CoreError):  # another process may be ingesting; the next ingest cleans up
                self._datasets.remove(dataset_id)

    def _discard(self, job_id: str) -> None:
        Upload(job_id, self._folder / job_id).discard()


def _sees_all(actor: Actor) -> bool:
    return authorize(actor, "dataset.remove", Resource("dataset")).allowed


def _view(row: DatasetJob) -> JobView:
    report = row.report
    rate = _rate(report, row.updated_at)
    left = report["total"] - report["done"]
    return JobView(
        id=row.id,
        user_id=row.user_id,
        dataset_id=row.dataset_id,
        title=row.card["title"],
        state=cast(State, row.state),
        stage=report["stage"],
        done=report["done"],
        total=report["total"],
        rate=rate,
        left_s=left / rate if rate and row.state == "running" and left > 0 else None,
        problems=tuple(report["problems"]),
        problem_count=report["problem_count"],
        reason=row.reason,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _rate(report: dict[str, Any], until: datetime) -> float | None:
    if not report["since"] or not report["done"]:
        return None
    elapsed = (until - datetime.fromisoformat(report["since"])).total_seconds()
    return report["done"] / elapsed if elapsed > 0 else None
