"""Files of runs: a header, then a line per judged row; read, compared, and written by one process at a time.

A run's file is plain text that whoever owns the data folder can edit; a finished run's ledger entry holds its digest.
"""

import fcntl
import json
import os
import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from core.schema import digest_of
from core.store.sync import sync_folder
from governance.errors import InputError
from governance.evaluate.suites import RowId, problems_of
from governance.evaluate.suites_asking import Mode
from governance.evaluate.suites_judging import (
    JudgedRow,
    PairedFigure,
    compare_rows,
    summarise,
)

FOLDER = "evaluations"
Line = TypeVar("Line", bound=BaseModel)
_RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


class RunHeader(BaseModel):
    """The first line of a run's file: what was asked of whom, and under which conditions.

    Attributes:
        rows: How many rows the suite has.
        conditions: Digests of agent, policy, rails, model and asking user.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: RowId
    suite: RowId
    suite_digest: str
    rows: int
    mode: Mode
    agent_id: str
    started_at: str
    conditions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its file holds it.

    Attributes:
        digest: Of the file's complete lines.
    """

    header: RunHeader
    rows: tuple[JudgedRow, ...]
    digest: str

    @property
    def is_finished(self) -> bool:
        """Say whether every row of the suite was asked."""
        return len(self.rows) == self.header.rows


def read_run(path: Path) -> Run:
    """Read a run's file; a last line that was cut off by a kill does not count.

    Raises:
        InputError: The file can't be read or is damaged; says in which line.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise InputError(f"The run {path} can't be read: {exc}. `promethios eval run` makes runs.") from exc
    return _parse(data, path)


def find_run(folder: Path, name: str) -> Path:
    """Return the file of a run, named by its id or by a path.

    Raises:
        InputError: There is none; lists the latest.
    """
    for path in (Path(name), folder / f"{name}.jsonl"):
        if path.suffix == ".jsonl" and path.is_file():
            return path
    newest = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)[:5]
    known = ", ".join(path.stem for path in newest) or "none"
    raise InputError(f"There is no run {name!r}. Latest runs: {known}. `promethios eval run` makes one.")


def load_run(path: Path | str) -> pd.DataFrame:
    """Return a run as a table, a line per judged row; the header's fields are in `attrs`.

    Raises:
        InputError: The file can't be read or is damaged.
    """
    run = read_run(Path(path))
    table = pd.DataFrame([row.model_dump() for row in run.rows], columns=list(JudgedRow.model_fields))
    table["right"] = table["right"].astype("boolean")  # three values: right, wrong, not measured
    table.attrs = dict[Hashable | None, Any](run.header.model_dump().items())
    return table


def compare_runs(first: Run, second: Run) -> list[PairedFigure]:
    """Compare two finished runs of one suite row by row.

    Raises:
        InputError: They are of different suites, not finished, or one and the same.
    """
    a, b = first.header, second.header
    if a.suite_digest != b.suite_digest:
        raise InputError(
            f"Only runs of one suite can be compared: {a.run_id} asked {a.suite!r} ({a.suite_digest[:19]}), "
            f"{b.run_id} asked {b.suite!r} ({b.suite_digest[:19]})."
        )
    if a.run_id == b.run_id:
        raise InputError(f"Both are the run {a.run_id}. Name two runs.")
    for run in (first, second):
        if not run.is_finished:
            done = f"{len(run.rows)} of {run.header.rows} rows"
            raise InputError(f"The run {run.header.run_id} holds {done}. Finish it with --resume first.")
    return compare_rows(first.rows, second.rows)


def summary_json(run: Run) -> str:
    """Return the figures of a run with what they are about."""
    figures = [asdict(each) for each in summarise(run.rows)]
    about = run.header.model_dump() | {"run_digest": run.digest, "figures": figures}
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


@contextmanager
def begun(path: Path, header: RunHeader) -> Iterator[BinaryIO]:
    """Begin a run's file and hold it alone.

    Raises:
        InputError: It exists, or can't be written.
    """
    if not _RUN_ID.fullmatch(path.stem):
        raise InputError(f"A run's id is 1 to 80 of a-z 0-9 -; found {path.stem!r}.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as exc:
        raise InputError(f"The run {path} can't be written: {exc}.") from exc
    with os.fdopen(descriptor, "r+b") as file:
        _lock(file, path)
        append_line(file, header)
        sync_folder(path.parent)
        yield file


@contextmanager
def continued(path: Path) -> Iterator[BinaryIO]:
    """Open the file of a run to go on with and hold it alone.

    Raises:
        InputError: It can't be opened, or another process has it.
    """
    try:
        file = path.open("r+b")
    except OSError as exc:
        raise InputError(f"The run {path} can't be gone on with: {exc}.") from exc
    with file:
        _lock(file, path)
        yield file


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the process, however it ends
    except OSError as exc:
        raise InputError(f"Another process is at the run {path.stem}. Wait for it, or stop it first.") from exc


def append_line(file: BinaryIO, line: BaseModel) -> None:
    """Write a line; it is durable when this returns.

    Raises:
        InputError: It can't be written.
    """
    try:
        file.seek(0, os.SEEK_END)
        file.write(line.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    except OSError as exc:
        raise InputError(f"The run can't be written: {exc}. Free some space and go on with --resume.") from exc


def cut_to_complete_lines(file: BinaryIO, path: Path) -> Run:
    """Read an open run, and drop what a kill left of its last line: that row is asked again."""
    file.seek(0)
    data = file.read()
    run = _parse(data, path)
    file.truncate(data.rfind(b"\n") + 1)
    return run


def _parse(data: bytes, path: Path) -> Run:
    complete = data[: data.rfind(b"\n") + 1]
    lines = complete.split(b"\n")[:-1]
    if not lines:
        raise InputError(f"The file {path} holds no run. Begin a new one.")
    header = _read_line(RunHeader, lines[0], path=path, number=1)
    rows = [_read_line(JudgedRow, line, path=path, number=number) for number, line in enumerate(lines[1:], start=2)]
    if len(rows) > header.rows or len({row.id for row in rows}) < len(rows):
        raise _damaged(path, len(lines), "rows stand there twice")
    return Run(header, tuple(rows), digest_of(complete))


def _read_line(form: type[Line], line: bytes, *, path: Path, number: int) -> Line:
    try:
        return form.model_validate_json(line)
    except ValidationError as exc:
        raise _damaged(path, number, problems_of(exc)) from exc


def _damaged(path: Path, number: int, problem: str) -> InputError:
    return InputError(f"The run {path} is damaged, line {number}: {problem}. Restore it from a copy, or run it anew.")


def write_summary(run: Run, path: Path) -> None:
    """Write a run's figures beside it, whole or not at all.

    Raises:
        InputError: They can't be written.
    """
    part = path.with_suffix(".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(summary_json(run))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as exc:
        raise InputError(
            f"The summary {path} can't be written: {exc}. Free some space and go on with --resume."
        ) from exc
