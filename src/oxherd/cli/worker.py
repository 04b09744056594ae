"""`oxherd worker`: runs workers until a signal."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import click

from oxherd.cli.exits import Exit
from oxherd.cli.log import log_to_stderr
from oxherd.cli.settings import Settings, settings_options
from oxherd.cli.table import printable
from oxherd.cli.target import Processor, as_processor, import_target, workers_in
from oxherd.runtime.clock import monotonic
from oxherd.runtime.job import Job
from oxherd.runtime.worker import Worker
from oxherd.runtime.worker_options import WorkerOptions

_log: Final = logging.getLogger("oxherd.cli")

_LAST_CHANCE: Final = 0.5
"""Seconds that threads have to end by themselves."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="MODULE:ATTR...")
@click.option("-q", "--queue", help="The queue, when the target is a function or a mapping.")
@click.option("-c", "--concurrency", type=click.IntRange(min=1), help="How many jobs at once.")
@settings_options
def worker(
    targets: tuple[str, ...], queue: str | None, concurrency: int | None, *, settings: Settings
) -> None:
    """Run workers until a signal comes.

    MODULE:ATTR is a Worker, a list of Workers, or with -q a function (or a mapping from job
    names to functions) that is given the jobs of that queue. The current directory is
    importable. A Worker uses its own store, a function that of --url.

    SIGTERM or the first Ctrl-C lets running jobs end, the second cancels them and gives them
    back, the third exits at once.
    """
    workers, processor = _read(targets, queue)
    log_to_stderr(settings)
    for one in workers:
        if concurrency is not None:
            one.options = replace(one.options, concurrency=concurrency)
    code = asyncio.run(_run(workers, processor, queue or "", concurrency or 1, settings))
    _leave_threads_behind(code)
    if code:
        raise click.exceptions.Exit(code)


def _read(targets: Sequence[str], queue: str | None) -> tuple[list[Worker], Processor | None]:
    """Import the targets, before any event loop runs."""
    workers: list[Worker] = []
    processor: Processor | None = None
    for text in targets:
        found = import_target(text)
        own = workers_in(found)
        if own is not None:
            if not own:
                raise click.UsageError(f"{text!r} is an empty list")
            workers += [one for one in own if one not in workers]
            continue
        if processor is not None:
            raise click.UsageError(
                f"{text!r} is a second function for queue {queue!r};"
                " put several into a mapping from job names to functions"
            )
        processor = as_processor(found, text)
        if queue is None:
            raise click.UsageError(f"{text!r} is a function or a mapping; give its queue with -q")
    if queue is not None and processor is None:
        raise click.UsageError("-q is for a function or a mapping; a Worker has its queue")
    return workers, processor


async def _run(
    workers: list[Worker],
    processor: Processor | None,
    queue: str,
    concurrency: int,
    settings: Settings,
) -> Exit:
    if processor is not None:
        options = WorkerOptions(concurrency=concurrency, autorun=False)
        workers.append(Worker(queue, processor, store=settings.open(), options=options))
    stores = [one.store for one in workers]
    try:
        # A store that cannot be reached is told now; later it is waited for.
        for one in workers:
            await one.store.is_paused(one.queue_name)
        return await _until_stopped(workers, settings)
    finally:
        for one in workers:
            await one.close()
        for store in stores:
            await store.aclose()


async def _until_stopped(workers: Sequence[Worker], settings: Settings) -> Exit:
    loop = asyncio.get_running_loop()
    shutdown = _Shutdown(workers)
    for number in _SIGNALS:
        loop.add_signal_handler(number, shutdown.signalled)
    try:
        for one in workers:
            if settings.verbose:
                _tell(one)
            _log.info("working on %s", _described(one))
        await asyncio.gather(*(one.run() for one in workers))
        await shutdown.done()
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    _log.info("stopped")
    return Exit.FORCED if shutdown.forced else Exit.OK


def _leave_threads_behind(code: Exit) -> None:
    """A plain function cannot be stopped; its job was given back, so it must not hold us up."""
    until = monotonic() + _LAST_CHANCE
    others = [one for one in threading.enumerate() if one is not threading.current_thread()]
    running = [one for one in others if not one.daemon]
    for one in running:
        one.join(max(0.0, until - monotonic()))
    if any(one.is_alive() for one in running):
        _log.warning("leaving functions behind that still run in threads")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)


class _Shutdown:
    """Counts signals: the first is graceful, the second cancels, the third exits."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._count = 0
        self._closing: list[asyncio.Task[None]] = []

    @property
    def forced(self) -> bool:
        """Whether jobs were cancelled by a second signal."""
        return self._count > 1

    def signalled(self) -> None:
        """Another signal came."""
        self._count += 1
        match self._count:
            case 1:
                running = sum(one.running for one in self._workers)
                _log.info("stopping%s", _last_jobs(running) if running else "")
                self._close(None)
            case 2:
                _log.warning("cancelling the running jobs; they are given back")
                self._close(0)
            case _:
                os._exit(Exit.FORCED)

    async def done(self) -> None:
        """Wait for what the signals began."""
        await asyncio.gather(*self._closing)

    def _close(self, grace: float | None) -> None:
        self._closing += [asyncio.ensure_future(one.close(grace)) for one in self._workers]


def _tell(one: Worker) -> None:
    """Log each job as it starts and ends; failures are logged by the worker itself."""

    def started(job: Job[Any, Any]) -> None:
        _log.info("job %r (%s) starts", job.id, printable(job.name), extra=_fields(job))

    def completed(job: Job[Any, Any], result: object) -> None:
        del result
        _log.info("job %r (%s) completed", job.id, printable(job.name), extra=_fields(job))

    one.on("active", started)
    one.on("completed", completed)


def _fields(job: Job[Any, Any]) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "queue": job.queue_name,
        "attempt": job.attempts_made + 1,
        "flow_id": job.flow_id,
    }


def _last_jobs(running: int) -> str:
    jobs = "1 job is ending" if running == 1 else f"{running} jobs are ending"
    return f": {jobs}; a second signal cancels and gives back"


def _described(one: Worker) -> str:
    at_once = one.options.concurrency
    return f"queue {one.queue_name!r}, {at_once} job{'s' if at_once > 1 else ''} at once"
