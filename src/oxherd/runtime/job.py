"""Job: a record and its verbs; what a queue answers and what a processor receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from oxherd.domain.checks import duration_ms, whole_number
from oxherd.domain.codec import decode, encode
from oxherd.domain.errors import JobNotFound, OxherdError
from oxherd.domain.flow import FlowJob, as_flow_job, plan
from oxherd.domain.lifecycle import State
from oxherd.domain.options import DEFAULT_OPTIONS, JobOptions, ParentJob, as_options
from oxherd.domain.outcome import Held
from oxherd.domain.record import ChildLink, ChildStatus, JobKey, JobRecord
from oxherd.runtime import children
from oxherd.runtime.children import ChildResult, Dependencies
from oxherd.runtime.ids import IdSource
from oxherd.runtime.intake import add_group
from oxherd.runtime.job_view import D, JobView, R
from oxherd.runtime.records import records_of
from oxherd.runtime.states import finished
from oxherd.runtime.waiting import wait_until_finished

if TYPE_CHECKING:
    from datetime import timedelta

    from oxherd.store import Store


class Job(JobView[D, R]):
    """One job. The attributes are what was known when it was read; the verbs ask the store."""

    __slots__ = ("_store", "_token")

    def __init__(self, record: JobRecord, store: Store, token: str | None = None) -> None:
        super().__init__(record, store.prefix)
        self._store = store
        self._token = token

    @property
    def record(self) -> JobRecord:
        """What was stored when the job was read."""
        return self._record

    @property
    def token(self) -> str | None:
        """The lock token under which a worker holds it; None outside a processor."""
        return self._token

    # What is asked of the store

    async def get_state(self) -> State | None:
        """Where the job is now; None when it is gone."""
        return (await self._store.states(self.queue_name, [self.id]))[0]

    async def is_waiting(self) -> bool:
        """Whether it is ready, without a priority."""
        return await self.get_state() is State.WAITING

    async def is_prioritized(self) -> bool:
        """Whether it is ready, with a priority."""
        return await self.get_state() is State.PRIORITIZED

    async def is_delayed(self) -> bool:
        """Whether it waits for its time."""
        return await self.get_state() is State.DELAYED

    async def is_active(self) -> bool:
        """Whether a worker has it."""
        return await self.get_state() is State.ACTIVE

    async def is_waiting_children(self) -> bool:
        """Whether it waits for its children."""
        return await self.get_state() is State.WAITING_CHILDREN

    async def is_completed(self) -> bool:
        """Whether it ended well."""
        return await self.get_state() is State.COMPLETED

    async def is_failed(self) -> bool:
        """Whether it ended badly."""
        return await self.get_state() is State.FAILED

    async def get_children_values(self) -> dict[str, Any]:
        """The results of completed children, by full key, in the order of definition."""
        return children.values(await self._links())

    async def get_child_value(self) -> Any:
        """The result of the only child.

        Raises:
            OxherdError: the job has no child, several, or one that has not completed.
        """
        links = await self._links()
        if len(links) != 1 or links[0].value is None:
            raise OxherdError(
                f"job {self.id!r} of queue {self.queue_name!r} has {len(links)} children"
                f"{' (not completed)' if len(links) == 1 else ''};"
                " get_child_value() is for exactly one completed child, else get_results()"
            )
        return decode(links[0].value)

    async def get_results(self) -> list[ChildResult]:
        """What each child gave: its value or its failure, in the order of definition."""
        return await children.results(self._store, await self._links())

    async def get_ignored_children_failures(self) -> dict[str, str]:
        """The reasons of children that failed and did not fail this job, by full key."""
        return children.ignored(await self._links())

    async def get_failed_children_values(self) -> dict[str, str]:
        """The reasons of all children that failed, whatever the policy, by full key."""
        return {
            result.key: result.failure or ""
            for result in await self.get_results()
            if result.status in (ChildStatus.IGNORED, ChildStatus.FAILED)
        }

    async def get_dependencies(self, start: int = 0, count: int | None = None) -> Dependencies:
        """Children number `start` to `start + count`, by what became of them."""
        page = await self._store.children(self.queue_name, self.id, start, count)
        return children.dependencies(page.links)

    async def get_dependencies_count(self) -> dict[str, int]:
        """How many children are `processed`, `unprocessed`, `ignored` and `failed`."""
        return children.counts(await self._links())

    async def get_parent(self) -> Job[Any, Any] | None:
        """The first parent, None without one or when it is gone."""
        if not self._record.parents:
            return None
        key = JobKey.parse(self._record.parents[0].parent)
        record = (await self._store.jobs(key.queue, [key.id]))[0]
        return None if record is None else Job(record, self._store)

    async def refresh(self) -> Job[D, R]:
        """The job as it is now.

        Raises:
            JobNotFound: it is gone.
        """
        record = (await self._store.jobs(self.queue_name, [self.id]))[0]
        if record is None:
            raise JobNotFound(self.id, self.queue_name)
        return Job(record, self._store, self._token)

    async def get_logs(self, start: int = 0, end: int = -1) -> list[str]:
        """The log lines from `start` to `end`, both included."""
        return list((await self._store.logs(self.queue_name, self.id, start, end)).lines)

    async def wait_until_finished(self, timeout: float | timedelta | None = None) -> R:  # noqa: ASYNC109 - the public name
        """The result, once the job has ended; `timeout` in seconds.

        Raises:
            JobFailed: it failed; the message has the stack trace of its last attempt.
            JobRemoved: it was removed before its end was seen.
            TimeoutError: `timeout` passed.
        """
        return await wait_until_finished(  # type: ignore[no-any-return]
            self._store, self.queue_name, self.id, timeout
        )

    async def result(self, timeout: float | timedelta | None = None) -> R:  # noqa: ASYNC109 - the public name
        """The same as `wait_until_finished`."""
        return await self.wait_until_finished(timeout)

    # What changes the job

    async def update_progress(self, progress: float | Mapping[str, Any]) -> None:
        """Tell how far the job is: a number or a mapping.

        Raises:
            JobNotFound, LockLost: the job is gone, or not this worker's any more.
        """
        text = encode(progress, "progress")
        _raise(await self._store.update_progress(self.queue_name, self.id, text, self._token))
        self._progress = progress

    async def log(self, text: str) -> int:
        """Append a line to the job's log; answers how many lines it has.

        Raises:
            JobNotFound, LockLost: as in `update_progress`.
        """
        answer = await self._store.append_log(self.queue_name, self.id, [str(text)], self._token)
        if isinstance(answer, OxherdError):
            raise answer
        return answer

    async def update_data(self, data: D) -> None:
        """Replace the job's data.

        Raises:
            JobNotFound, LockLost: as in `update_progress`.
            NotSerializable, PayloadTooLarge: the data cannot be stored.
        """
        text = encode(data, "data", self.opts.size_limit)
        _raise(await self._store.update_data(self.queue_name, self.id, text, self._token))
        self._data = data

    async def remove(self, *, remove_children: bool = True) -> None:
        """Remove the job, and all jobs below it.

        Raises:
            WrongState: it, or one that would go with it, is active; nothing was removed.
            BelongsToSchedule: it is the next job of a schedule.
            JobNotFound: it is gone.
        """
        answers = await self._store.remove(self.queue_name, [self.id], children=remove_children)
        _raise(answers[0])

    async def retry(
        self,
        state: State | str = State.FAILED,
        *,
        reset_attempts_made: bool = True,
        reset_attempts_started: bool = True,
    ) -> None:
        """Run the job again, which is failed (or completed, as `state` says).

        It has all its attempts anew, unless the counts of those made and started are kept.

        Raises:
            WrongState: it is not in that state.
            JobNotFound: it is gone.
        """
        answers = await self._store.reprocess(
            self.queue_name,
            [self.id],
            finished(state),
            attempts_made=reset_attempts_made,
            attempts_started=reset_attempts_started,
        )
        _raise(answers[0])

    async def promote(self) -> None:
        """Make the delayed job ready now.

        Raises:
            WrongState: it is not delayed.
            JobNotFound: it is gone.
        """
        _raise((await self._store.promote(self.queue_name, [self.id]))[0])

    async def change_delay(self, delay: float | timedelta) -> None:
        """Make the delayed job due `delay` seconds from now.

        Raises:
            WrongState: it is not delayed.
            JobNotFound: it is gone.
        """
        delay_ms = duration_ms(delay)
        _raise(await self._store.change_delay(self.queue_name, self.id, delay_ms))

    async def change_priority(self, priority: int = 0, *, lifo: bool = False) -> None:
        """Give the job another priority (0: none), behind or with `lifo` in front of its equals.

        Raises:
            JobNotFound: it is gone.
        """
        number = JobOptions(priority=priority).priority
        _raise(await self._store.change_priority(self.queue_name, self.id, number, lifo=lifo))

    async def clear_logs(self, keep: int = 0) -> None:
        """Remove the log lines, but the newest `keep`.

        Raises:
            JobNotFound: the job is gone.
        """
        whole_number("keep", keep, low=0)
        _raise(await self._store.clear_logs(self.queue_name, self.id, keep=keep))

    async def remove_child_dependency(self) -> bool:
        """Unlink the job from its parents, which wait for it no more; whether one did.

        Raises:
            JobNotFound: the job, or a parent, is gone.
        """
        unlinked = False
        for edge in self._record.parents:
            answer = await self._store.remove_child_dependency(
                self.queue_name, self.id, edge.parent
            )
            if isinstance(answer, OxherdError):
                raise answer
            unlinked = unlinked or answer
        return unlinked

    async def remove_unprocessed_children(self) -> None:
        """Remove the children that have not run, with all below them; active ones stay.

        Raises:
            JobNotFound: the job is gone.
        """
        _raise(await self._store.remove_unprocessed_children(self.queue_name, self.id))

    async def remove_deduplication_key(self) -> bool:
        """Free the job's deduplication id, if it owns one; whether it did."""
        owned = self._record.deduplication_id
        return owned is not None and await self._store.remove_deduplication_key(
            self.queue_name, owned, self.id
        )

    # What only its processor may ask

    async def move_to_waiting_children(self) -> bool:
        """Wait for pending children; True when moved: then raise `WaitForChildren`.

        Raises:
            LockLost: the job is not this worker's any more.
            HasFailedChildren: a child failed, and its policy is to fail this job.
        """
        held = self._held("move_to_waiting_children")
        answer = (await self._store.await_children(self.queue_name, [held]))[0]
        if isinstance(answer, OxherdError):
            raise answer
        return answer

    async def extend_lock(self, duration: float | timedelta) -> None:
        """Hold the job for `duration` seconds from now; the worker renews locks by itself.

        Raises:
            LockLost: the job is not this worker's any more.
        """
        held = self._held("extend_lock")
        lock_ms = duration_ms(duration)
        _raise((await self._store.extend_locks(self.queue_name, [held], lock_ms))[0])

    async def add_children(
        self, children: Sequence[FlowJob | Mapping[str, Any]]
    ) -> list[Job[Any, Any]]:
        """Add jobs, or whole flows, that this job can wait for; all of them or none.

        Call it inside the processor, then `move_to_waiting_children()`.

        Raises:
            InvalidFlow, InvalidOption, NotSerializable: a child is refused.
            WrongState, JobNotFound: this job has ended, or is gone.
        """
        self._held("add_children")
        parent = ParentJob(self.id, f"{self._store.prefix}:{self.queue_name}")
        new_id = IdSource().new_id
        plans = [
            plan(
                _under(parent, as_flow_job(child)),
                prefix=self._store.prefix,
                new_id=new_id,
                defaults=lambda _: DEFAULT_OPTIONS,
                flow_id=self.flow_id or self.id,
            )
            for child in children
        ]
        if not plans:
            return []
        await add_group(self._store, [job for one in plans for job in one.jobs])
        keys = [JobKey.parse(one.key) for one in plans]
        records = await records_of(self._store, keys)
        return [Job(record, self._store) for record in records if record is not None]

    def _held(self, verb: str) -> Held:
        if self._token is None:
            raise OxherdError(
                f"{verb}() is for the processor of job {self.id!r}, which holds its lock"
            )
        return Held(self.id, self._token)

    async def _links(self) -> tuple[ChildLink, ...]:
        return (await self._store.children(self.queue_name, self.id)).links


def _raise(refusal: OxherdError | None) -> None:
    if refusal is not None:
        raise refusal


def _under(parent: ParentJob, child: FlowJob) -> FlowJob:
    return replace(child, options=replace(as_options(child.options), parent=parent))
