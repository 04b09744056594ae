"""What a worker tells about its jobs: to its callbacks, and to the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.codec import decode
from oxherd.domain.outcome import Completion, Failure, Held, Outcome, Retrial

if TYPE_CHECKING:
    from oxherd.runtime.callbacks import Callbacks
    from oxherd.runtime.runner import Run

_log: Final = logging.getLogger("oxherd.worker")


class Reports:
    """Tells what happens to the jobs of one worker.

    Args:
        queue: the worker's queue.
        callbacks: the worker's.
    """

    def __init__(self, queue: str, callbacks: Callbacks) -> None:
        self._queue = queue
        self._callbacks = callbacks

    def settled(self, run: Run, outcome: Outcome) -> None:
        """The store has taken an outcome."""
        match outcome:
            case Completion():
                if self._callbacks.wanted("completed"):
                    self._callbacks.emit("completed", run.job, decode(outcome.result))
            case Failure():
                _log.warning(
                    "job %r (%s) of queue %r failed: %s",
                    run.record.id, run.record.name, self._queue, outcome.reason,
                    extra=_fields(run),
                )  # fmt: skip
                self._callbacks.emit("failed", run.job, outcome.reason)
            case Retrial():
                self._callbacks.emit("retrying", run.job, outcome.reason)
            case _:
                pass

    def lost(self, runs: Sequence[Run]) -> None:
        """The locks of running jobs are lost."""
        for run in runs:
            _log.warning(
                "the lock of job %r of queue %r was lost; its processor is stopped",
                run.record.id, self._queue,
                extra=_fields(run),
            )  # fmt: skip
        self._callbacks.emit("locks_lost", [run.record.id for run in runs])

    def renewed(self, held: Sequence[Held]) -> None:
        """The locks of running jobs were renewed."""
        self._callbacks.emit("locks_renewed", [item.id for item in held])

    def error(self, error: BaseException) -> None:
        """Something went wrong that is no job's fault."""
        _log.warning("worker of queue %r: %s", self._queue, error)
        self._callbacks.emit("error", error)


def _fields(run: Run) -> dict[str, Any]:
    """What a log record tells about a job."""
    return {
        "job_id": run.record.id,
        "queue": run.record.queue,
        "attempt": run.record.attempts_made + 1,
        "flow_id": run.record.flow_id,
    }
