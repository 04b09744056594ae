"""LockManager: which jobs a worker has, and how they are asked to stop.

The locks themselves are renewed by the worker's own thread (`runtime/locks.py`), which tells this
object what became of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxherd.bullmq.abort_controller import AbortController

if TYPE_CHECKING:
    from oxherd.bullmq.event_emitter import EventEmitter


@dataclass(frozen=True, slots=True)
class _Tracked:
    token: str
    since_ms: int
    controller: AbortController | None


class LockManager:
    """The jobs that a worker is running.

    Args:
        worker: who emits `lockRenewalFailed` (ids), `locksRenewed` (count and ids) and `error`.
        lock_renew_time: how old a lock may get before it is renewed, in milliseconds; 0 for never.
        lock_duration: how long a renewed lock lasts, in milliseconds.
        worker_id: the worker's id.
        worker_name: its name, if it has one.
    """

    def __init__(
        self,
        worker: EventEmitter,
        lock_renew_time: int,
        lock_duration: int,
        worker_id: str,
        worker_name: str | None = None,
    ) -> None:
        self.worker = worker
        self.lock_renew_time = lock_renew_time
        self.lock_duration = lock_duration
        self.worker_id = worker_id
        self.worker_name = worker_name
        self.closed = False
        self._started = False
        self.tracked_jobs: dict[str, _Tracked] = {}

    def start(self) -> None:
        """Begin to renew."""
        self._started = self._started or (not self.closed and self.lock_renew_time > 0)

    def track_job(
        self,
        job_id: str,
        token: str,
        ts: int,
        should_create_controller: bool = False,
    ) -> AbortController | None:
        """Take a job in; answers its controller, if it shall have one."""
        if self.closed or not job_id:
            return None
        controller = AbortController() if should_create_controller else None
        self.tracked_jobs[job_id] = _Tracked(token, ts, controller)
        return controller

    def untrack_job(self, job_id: str) -> None:
        """Let a job go."""
        self.tracked_jobs.pop(job_id, None)

    def cancel_job(self, job_id: str, reason: str | None = None) -> bool:
        """Ask a job's processor to stop; False when it did not ask for a signal."""
        tracked = self.tracked_jobs.get(job_id)
        if tracked is None or tracked.controller is None:
            return False
        tracked.controller.abort(reason)
        return True

    def cancel_all_jobs(self, reason: str | None = None) -> None:
        """Ask all processors to stop that take a signal."""
        for tracked in self.tracked_jobs.values():
            if tracked.controller is not None:
                tracked.controller.abort(reason)

    def get_active_job_count(self) -> int:
        """How many jobs are running."""
        return len(self.tracked_jobs)

    def get_tracked_job_ids(self) -> list[str]:
        """Which jobs are running."""
        return list(self.tracked_jobs)

    def is_running(self) -> bool:
        """Whether locks are renewed."""
        return self._started and not self.closed

    async def close(self) -> None:
        """Forget all jobs. Harmless when repeated."""
        self.closed = True
        self.tracked_jobs.clear()

    def renewed(self, job_ids: Sequence[str]) -> None:
        """Tell that locks were renewed."""
        self.worker.emit("locksRenewed", {"count": len(job_ids), "jobIds": list(job_ids)})

    def lost(self, job_ids: Sequence[str]) -> None:
        """Tell that locks could not be renewed."""
        self.worker.emit("lockRenewalFailed", list(job_ids))
        for job_id in job_ids:
            self.worker.emit("error", Exception(f"could not renew lock for job {job_id}"))


__all__ = ["LockManager"]
