"""Tend: who looks after single jobs holds this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import State
from oxherd.store.answers import Refusal


class Tend(Protocol):
    """Who looks after single jobs holds this.

    `token` fences calls from inside a processor: given, a job not held under it is refused with
    `LockLost`; None is an administrator's call.
    """

    async def update_data(
        self, queue: str, job_id: str, data: str, token: str | None = None
    ) -> Refusal:
        """Replace the data (JSON text). Refusals: `JobNotFound`, `LockLost`."""
        ...

    async def update_progress(
        self, queue: str, job_id: str, progress: str, token: str | None = None
    ) -> Refusal:
        """Store the progress (JSON text) and write a `progress` event."""
        ...

    async def append_log(
        self, queue: str, job_id: str, lines: Sequence[str], token: str | None = None
    ) -> int | OxherdError:
        """Append log lines, keeping the newest `keep_logs`; answers how many there are.

        Not repeatable: a call sent again appends again.
        """
        ...

    async def clear_logs(self, queue: str, job_id: str, *, keep: int = 0) -> Refusal:
        """Remove a job's log lines but the newest `keep`. Refusals: `JobNotFound`."""
        ...

    async def change_delay(self, queue: str, job_id: str, delay_ms: int) -> Refusal:
        """Make a delayed job due `delay_ms` from now. Refusals: `JobNotFound`, `WrongState`."""
        ...

    async def change_priority(
        self, queue: str, job_id: str, priority: int, *, lifo: bool = False
    ) -> Refusal:
        """Give a job another priority; a ready one goes behind (`lifo`: in front of) its equals.

        In other states the new priority counts once the job is ready. Refusals: `JobNotFound`.
        """
        ...

    async def remove_child_dependency(
        self, queue: str, job_id: str, parent: str
    ) -> OxherdError | bool:
        """Unlink a job from the parent with that full key, which forgets it.

        A parent with nothing else pending is released. False when they are not related, or the
        job's end is recorded there. Refusals: `JobNotFound` (the job, or the parent).
        """
        ...

    async def remove_unprocessed_children(self, queue: str, job_id: str) -> Refusal:
        """Remove the pending children of a job, and the pending ones below, in bounded steps.

        Those that are locked, or failed, stay; so does, unlinked, one with a parent elsewhere, and
        whatever has ended below a job that goes. A waiting parent with nothing else pending is
        released. Each removed job writes `removed`. Refusals: `JobNotFound`.
        """
        ...

    async def remove_deduplication_key(
        self, queue: str, deduplication_id: str, job_id: str | None = None
    ) -> bool:
        """Free a deduplication id, with `job_id` only if that job owns it; whether it was owned."""
        ...

    async def promote(self, queue: str, job_ids: Sequence[str]) -> list[Refusal]:
        """Make delayed jobs ready now. Refusals: `JobNotFound`, `WrongState`."""
        ...

    async def reprocess(
        self,
        queue: str,
        job_ids: Sequence[str],
        state: State,
        *,
        attempts_made: bool = True,
        attempts_started: bool = True,
    ) -> list[Refusal]:
        """Run finished jobs again that are in `state` (completed or failed).

        Clears `finished_on`, `processed_on` and the result or reason, and the two counts of
        attempts that are not told to stay (False).
        The job goes where `add` would put it without its delay, or to waiting-children while
        children are pending; while a child that failed it is still failed, its deferred failure
        is set again. Its parents wait for it anew: an edge that was processed, ignored or
        failed is pending again (unless the parent completed), and a deferred failure that named
        it is withdrawn (`withdraw_failure`): the parent goes back to waiting-children, or, while
        another failed child remains, names that one. Refusals: `JobNotFound`, `WrongState`.
        """
        ...

    async def remove(self, queue: str, job_ids: Sequence[str], *, children: bool) -> list[Refusal]:
        """Remove jobs, and with `children` all below them, in bounded steps, the job itself last.

        Refused with `WrongState` (active), and nothing changes, while the job or one that would
        go with it is locked. A child that has a parent elsewhere stays and is only unlinked. The
        removed job's own parents forget it where it was pending or had failed, keep its value or
        its ignored failure, and are released if nothing else is pending. A refusal names the job
        that is locked. A crash leaves the job in place; removing it again finishes. Each removed
        job writes `removed`, and frees the deduplication id that it owns. The pending job of a
        schedule is refused with `BelongsToSchedule`; a job that does not exist answers
        `JobNotFound`.
        """
        ...
