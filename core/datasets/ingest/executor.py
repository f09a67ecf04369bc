"""Where the reading of datasets runs: in this process, in worker processes, or on Ray."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Literal, Protocol, TypeVar

from core.errors import DatasetError
from core.processes import end_with_parent

Given = TypeVar("Given")
Made = TypeVar("Made")
ExecutorName = Literal["local", "ray"]

AHEAD = 4  # calls under way or done for each worker; more would only fill the memory


class Executor(Protocol):
    """Applies a function of a module to many values."""

    def map(self, function: Callable[[Given], Made], values: Iterable[Given]) -> Iterator[Made]:
        """Yield the results in the order of the values, a bounded number of them made ahead.

        Raises:
            DatasetError: A worker died.
        """


class InThisProcess:
    """Calls the function here, one value after the other."""

    def map(self, function: Callable[[Given], Made], values: Iterable[Given]) -> Iterator[Made]:
        """Yield the results."""
        return map(function, values)


class WorkerProcesses:
    """Calls the function in processes of their own, which start anew: nothing of this process is copied."""

    def __init__(self, pool: ProcessPoolExecutor, *, workers: int) -> None:
        self._pool = pool
        self._ahead = AHEAD * workers

    def map(self, function: Callable[[Given], Made], values: Iterable[Given]) -> Iterator[Made]:
        """Yield the results in order; a worker that dies is an error."""
        rest = iter(values)
        try:
            running = deque(self._pool.submit(function, value) for value in islice(rest, self._ahead))
            while running:
                made = running.popleft().result()
                running.extend(self._pool.submit(function, value) for value in islice(rest, 1))
                yield made
        except BrokenProcessPool as exc:
            raise DatasetError(
                "A process that reads datasets died, perhaps for want of memory; add them again."
            ) from exc


class OnRay:
    """Calls the function in Ray tasks. Every machine of the cluster must see the files and the data folder."""

    def __init__(self, *, workers: int) -> None:
        self._ahead = AHEAD * workers

    def map(self, function: Callable[[Given], Made], values: Iterable[Given]) -> Iterator[Made]:
        """Yield the results in order; a task that fails is an error."""
        import ray  # an extra that most installations do without

        task = ray.remote(max_retries=0)(function)
        rest = iter(values)
        try:
            running = deque(task.remote(value) for value in islice(rest, self._ahead))
            while running:
                made = ray.get(running.popleft())
                running.extend(task.remote(value) for value in islice(rest, 1))
                yield made
        except ray.exceptions.RayError as exc:
            raise DatasetError(f"Ray could not read a dataset: {exc}") from exc


@contextmanager
def open_executor(name: ExecutorName = "local", *, workers: int = 1) -> Iterator[Executor]:
    """Open the executor that settings name, and close it at the end.

    Args:
        name: "local", or "ray" for the cluster that RAY_ADDRESS names; without that variable, one on this machine.
        workers: Processes; with "local", 1 reads in this process.

    Raises:
        DatasetError: Ray isn't installed or can't be reached.
    """
    if name == "ray":
        with _ray(workers):
            yield OnRay(workers=workers)
    elif workers == 1:
        yield InThisProcess()
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
            yield WorkerProcesses(pool, workers=workers)


@contextmanager
def _ray(workers: int) -> Iterator[None]:
    try:
        import ray  # an extra that most installations do without
    except ImportError as exc:
        raise DatasetError("Ray isn't installed: pip install 'promethios-workbench[ray]'.") from exc
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    here = "RAY_ADDRESS" not in os.environ
    try:
        if here:
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                log_to_driver=False,
                _node_ip_address="127.0.0.1",
            )
        else:
            ray.init(log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as exc:
        raise DatasetError(f"Ray can't be started or reached: {exc}") from exc
    try:
        yield
    finally:
        ray.shutdown()
