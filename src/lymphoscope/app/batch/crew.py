"""Who does the work: this process, a local cluster, or the workers of any dask scheduler."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from lymphoscope.app.batch.work import FAILED, Ending
from lymphoscope.core.errors import LymphoscopeError, Message

_CONNECT_SECONDS = 15
_MEMORY_SHARE = 0.9
_KILLED = "RUN-E-KILLED"
_LOCAL = {
    # a study either fits into the memory of its worker or is given up: nothing is moved to the disk, nothing waits
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.profile.enabled": False,
}


class Job(Protocol):
    """Something to be done for one study; it goes to another process, so it can be pickled."""

    @property
    def name(self) -> str:
        """Name of the study, different for each."""


T = TypeVar("T", bound=Job)


@dataclass(frozen=True)
class Crew:
    """Who does the work.

    Attributes:
        workers: Processes of the local cluster; 0 for this process alone; None for as many as cores and memory allow.
        memory_gb: Memory of each of them, GB; what needs more is given up.
        scheduler: Address of a dask scheduler whose workers do it instead.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for numbers that cannot be.
    """

    workers: int | None = None
    memory_gb: float = 6.0
    scheduler: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.workers is not None and not 0 <= self.workers <= 1024:
            raise LymphoscopeError("USE-E-VALUE", "the number of workers is between 0 and 1024", "--workers")
        if not 0.5 <= self.memory_gb <= 4096:
            raise LymphoscopeError("USE-E-VALUE", "the memory of a worker is between 0.5 and 4096 GB", "--memory-gb")

    @property
    def alone(self) -> bool:
        """Whether this process does the work: asked for, or dask is not there and nothing needs it.

        Raises:
            LymphoscopeError: ``USE-E-EXTRA`` when dask is needed and not installed.
        """
        if self.scheduler is None and self.workers == 0:
            return True
        try:
            _distributed()
        except ImportError:
            if self.scheduler is None and self.workers is None:
                return True
            where = "--scheduler" if self.scheduler is not None else "--workers"
            raise LymphoscopeError(
                "USE-E-EXTRA", "dask.distributed is not installed", where, "Install lymphoscope[cohort]."
            ) from None
        return False


def endings(tasks: Iterable[T], crew: Crew, do: Callable[[T], Ending]) -> Iterator[Ending]:
    """Do the tasks and tell of each as it ends, in any order.

    Args:
        tasks: What is to be done.
        crew: Who does it.
        do: What is done with a task; it does not raise.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` without dask, ``USE-E-VALUE`` when no scheduler answers.
    """
    if crew.alone:
        yield from map(do, tasks)
        return
    with _client(crew) as (client, places):
        yield from _through(client, iter(tasks), places, do)


def _distributed() -> Any:
    """The library, loaded when it is needed: it is an extra, and slow."""
    return importlib.import_module("distributed")


@contextlib.contextmanager
def _client(crew: Crew) -> Iterator[tuple[Any, int | None]]:
    """A client, and how many tasks are given out at a time; None for all."""
    import dask  # noqa: PLC0415

    distributed = _distributed()
    with _silence():
        if crew.scheduler is not None:
            try:
                client = distributed.Client(crew.scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
            except (OSError, ValueError, TimeoutError):
                raise LymphoscopeError("USE-E-VALUE", "no dask scheduler answers there", "--scheduler") from None
            with client:
                yield client, None
            return
        workers = crew.workers or _workers_that_fit(crew.memory_gb)
        with (
            dask.config.set(_LOCAL),
            distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=int(crew.memory_gb * 1e9),
                dashboard_address=None,
                silence_logs=logging.CRITICAL + 1,
            ) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield client, workers


def _workers_that_fit(memory_gb: float) -> int:
    import psutil  # noqa: PLC0415 - comes with dask.distributed

    from lymphoscope.app.settings import threads  # noqa: PLC0415

    fit = int(_MEMORY_SHARE * psutil.virtual_memory().available / 1e9 / memory_gb)
    return max(1, min(threads(), fit))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep dask's log, which tells of lost workers and could quote what they were given, from the terminal."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _through(client: Any, tasks: Iterator[T], places: int | None, do: Callable[[T], Ending]) -> Iterator[Ending]:
    """Give out as many tasks as there are places.

    A dying process takes along whatever else it had been given. So what was lost is tried once more at the end, one
    by one: what is lost then has itself to blame.
    """
    given: dict[str, T] = {}
    lost: list[T] = []

    def submit(task: T) -> Any:
        future = client.submit(do, task, key=f"study-{task.name}-{len(given)}", pure=False)
        given[future.key] = task
        return future

    first = [submit(task) for task in islice(tasks, places)]
    running = _distributed().as_completed(first, loop=client.loop)
    for future in running:
        ending = _ending(future, given[future.key].name)
        if _was_killed(ending):
            lost.append(given[future.key])
        else:
            yield ending
        for task in islice(tasks, 1):
            running.add(submit(task))
    for task in lost:
        for future in _distributed().as_completed([submit(task)], loop=client.loop):
            yield _ending(future, task.name)


def _was_killed(ending: Ending) -> bool:
    return ending.message is not None and ending.message.code == _KILLED


def _ending(future: Any, name: str) -> Ending:
    if future.status == "finished":
        ending: Ending = future.result()
        future.release()
        return ending
    error = future.exception() if future.status == "error" else None
    if isinstance(error, _distributed().KilledWorker) or error is None:
        what = "the process that worked on it was killed, most likely for want of memory"
        return Ending(name, FAILED, Message(_KILLED, what))
    return Ending(name, FAILED, Message("RUN-E-UNEXPECTED", f"the worker failed ({type(error).__name__})"))
