"""Job: one job of a queue, with the official package's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from oxherd.bullmq import dependencies, options
from oxherd.bullmq.adding import add_jobs, new_job
from oxherd.bullmq.error_code import ErrorCode
from oxherd.bullmq.errors import official, with_code
from oxherd.bullmq.held_job import HeldJob
from oxherd.bullmq.job_data import STATES, prefix_of
from oxherd.domain.errors import (
    JobFailed,
    JobNotFound,
    JobRemoved,
    LockLost,
    OxherdError,
    WrongState,
)
from oxherd.domain.lifecycle import State
from oxherd.runtime import children
from oxherd.runtime.waiting import wait_until_finished

if TYPE_CHECKING:
    from oxherd.bullmq.job_data import JobQueue
    from oxherd.domain.record import ChildLink


class Job(HeldJob):
    """A job; made by `Queue.add`, or handed to a processor."""

    @classmethod
    async def fromId(cls, queue: JobQueue, jobId: str) -> Self | None:
        """The job with that id, None when there is none."""
        store = queue.connection.store_of(prefix_of(queue))
        record = (await store.jobs(queue.name, [str(jobId)]))[0]
        return None if record is None else cls.of(queue, record)

    @staticmethod
    async def addJobLog(queue: JobQueue, jobId: str, logRow: str, keepLogs: int = 0) -> int:
        """Add a line to a job's log, which keeps the newest `keepLogs` (0: all); how many.

        Raises:
            TypeError: there is no such job.
        """
        store, job_id = queue.connection.store_of(prefix_of(queue)), str(jobId)
        answer = await store.append_log(queue.name, job_id, [str(logRow)])
        if isinstance(answer, OxherdError):
            raise await official(answer, queue.connection, queue.name, job_id, "addLog")
        if not keepLogs or answer <= keepLogs:
            return answer
        await store.clear_logs(queue.name, job_id, keep=keepLogs)
        return keepLogs

    @classmethod
    async def create(
        cls, queue: JobQueue, name: str, data: Any, opts: options.Options | None = None
    ) -> Self:
        """Add a job; as `Queue.add`, without the queue's defaults."""
        return (await cls.createBulk(queue, [{"name": name, "data": data, "opts": opts}]))[0]

    @classmethod
    async def createBulk(cls, queue: JobQueue, jobs: Sequence[Mapping[str, Any]]) -> list[Self]:
        """Add jobs, all or none; as `Queue.addBulk`, without the queue's defaults."""
        made = [
            cls(queue, one.get("name") or "", one.get("data", {}), one.get("opts")) for one in jobs
        ]
        if made:
            store = queue.connection.store_of(prefix_of(queue))
            await add_jobs(store, made, [new_job(job, numbered=True) for job in made])
        return made

    # What changes it

    async def updateData(self, data: Any) -> None:
        """Replace the data.

        Raises:
            TypeError: the job is gone, or the data is of a type that JSON does not have.
            ValueError: the data has a number that JSON does not have.
        """
        self.data = data
        text = options.to_json(data)
        await self._expect([await self._store.update_data(*self._at, text)], "updateData")

    async def updateProgress(self, progress: Any) -> None:
        """Tell how far the job is: any JSON value.

        Raises:
            TypeError: the job is gone.
        """
        self.progress = progress
        text = options.to_json(progress)
        await self._expect([await self._store.update_progress(*self._at, text)], "updateProgress")

    async def log(self, logRow: str) -> int:
        """Add a line to the job's log; answers how many there are.

        Raises:
            TypeError: the job is gone.
        """
        return await Job.addJobLog(self.queue, self.id, logRow, self.opts.get("keepLogs") or 0)

    async def clearLogs(self, keepLogs: int = 0) -> None:
        """Remove the log lines but the newest `keepLogs`; harmless when the job is gone."""
        answer = await self._store.clear_logs(*self._at, keep=keepLogs or 0)
        if not isinstance(answer, JobNotFound):
            await self._expect([answer], "clearLogs")

    async def promote(self) -> None:
        """Make the delayed job ready now.

        Raises:
            TypeError: it is not delayed.
        """
        answer = (await self._store.promote(self.queue.name, [self.id]))[0]
        if isinstance(answer, JobNotFound):
            answer = WrongState(self.id, self.queue.name, "promote", None)
        await self._expect([answer], "promote", "delayed")
        self.delay = 0

    async def changeDelay(self, delay: int) -> None:
        """Make the delayed job due `delay` milliseconds from now.

        Raises:
            TypeError: it is gone, or not delayed.
        """
        answer = await self._store.change_delay(*self._at, int(delay))
        await self._expect([answer], "changeDelay", "delayed")
        self.delay = int(delay)

    async def changePriority(self, opts: options.Options) -> None:
        """Give the job another `priority` (0: none), with `lifo` in front of its equals.

        Raises:
            TypeError: it is gone.
        """
        priority = opts.get("priority") or 0
        answer = await self._store.change_priority(*self._at, priority, lifo=bool(opts.get("lifo")))
        await self._expect([answer], "changePriority")
        self.priority = priority

    async def retry(self, state: str = "failed", opts: options.Options | None = None) -> None:
        """Run a failed (or completed, as `state` says) job again.

        Args:
            state: where it is.
            opts: `resetAttemptsMade`, `resetAttemptsStarted`: count its attempts anew.

        Raises:
            TypeError: it is gone, or not in that state.
        """
        reset = opts or {}
        answers = await self._store.reprocess(
            self.queue.name,
            [self.id],
            State(state),
            attempts_made=bool(reset.get("resetAttemptsMade")),
            attempts_started=bool(reset.get("resetAttemptsStarted")),
        )
        await self._expect(answers, "reprocessJob", state)
        self.failedReason = self.returnvalue = None
        self.finishedOn, self.processedOn = None, 0
        if reset.get("resetAttemptsMade"):
            self.attemptsMade = 0
        if reset.get("resetAttemptsStarted"):
            self.attemptsStarted = 0

    async def remove(self, opts: options.Options | None = None) -> None:
        """Remove the job, and what is below it unless `removeChildren` is false.

        Raises:
            Exception: it, or a job that would go with it, is locked by a worker.
            TypeError: it is the next job of a scheduler.
        """
        below = (opts or {}).get("removeChildren", True)
        answers = await self._store.remove(self.queue.name, [self.id], children=bool(below))
        match answers[0]:
            case None | JobNotFound():
                pass
            case LockLost() | WrongState():
                raise Exception(  # noqa: TRY002 - the official class
                    f"Job {self.id} could not be removed because it is locked by another worker"
                )
            case _:
                await self._expect(answers, "removeJob")

    def discard(self) -> None:
        """Fail for good once this attempt fails, whatever attempts are left."""
        self.discarded = True

    async def removeDeduplicationKey(self) -> bool:
        """Free the deduplication id, if the job owns it; whether it did."""
        return self.deduplication_id is not None and await self._store.remove_deduplication_key(
            self.queue.name, self.deduplication_id, self.id
        )

    # What it is asked

    async def getState(self) -> str:
        """Where the job is; "unknown" when it is gone."""
        state = (await self._store.states(self.queue.name, [self.id]))[0]
        return "unknown" if state is None else state.value

    async def isCompleted(self) -> bool:
        """Whether it ended well."""
        return await self.isInZSet("completed")

    async def isFailed(self) -> bool:
        """Whether it ended badly."""
        return await self.isInZSet("failed")

    async def isDelayed(self) -> bool:
        """Whether it waits for its time."""
        return await self.isInZSet("delayed")

    async def isWaitingChildren(self) -> bool:
        """Whether it waits for its children."""
        return await self.isInZSet("waiting-children")

    async def isActive(self) -> bool:
        """Whether a worker has it."""
        return await self.isInList("active")

    async def isWaiting(self) -> bool:
        """Whether it is ready, without a priority."""
        return await self.isInList("wait")

    async def isInZSet(self, set: str) -> bool:
        """Whether it is in a state that is kept as a sorted set."""
        return await self.isInList(set)

    async def isInList(self, list_name: str) -> bool:
        """Whether it is in a state that is kept as a list."""
        state = (await self._store.states(self.queue.name, [self.id]))[0]
        return state is not None and state is STATES.get(list_name)

    async def waitUntilFinished(self, queueEvents: object = None, ttl: int | None = None) -> Any:
        """The result, once the job has ended, within `ttl` milliseconds.

        Args:
            queueEvents: without effect: the engine listens for itself.
            ttl: how long to wait; for ever unless given.

        Raises:
            Exception: it failed, with its reason; or it is gone; or `ttl` passed.
        """
        del queueEvents
        seconds = None if ttl is None else ttl / 1000
        try:
            return await wait_until_finished(self._store, *self._at, seconds)
        except JobFailed as error:
            raise Exception(error.reason) from error  # noqa: TRY002 - as Node's class, an Error
        except JobRemoved as error:
            raise with_code(
                TypeError(f"Missing key for job {self.id}. isFinished"), ErrorCode.JobNotExist
            ) from error
        except TimeoutError as error:
            raise TimeoutError(
                f"Job wait {self.name} timed out before finishing, no finish notification arrived"
                f" after {ttl}ms (id={self.id})"
            ) from error

    # Its children

    async def getChildrenValues(self) -> dict[str, Any]:
        """The results of completed children, by full key."""
        return children.values(await self._links())

    async def getIgnoredChildrenFailures(self) -> dict[str, str]:
        """The reasons of children that failed and did not fail this job, by full key."""
        return children.ignored(await self._links())

    async def getFailedChildrenValues(self) -> dict[str, str]:
        """The same, under the older name."""
        return await self.getIgnoredChildrenFailures()

    async def getDependencies(
        self, opts: Mapping[str, options.Options] | None = None
    ) -> dict[str, Any]:
        """The children by what became of them: `processed`, `unprocessed`, `ignored`, `failed`.

        Args:
            opts: for each kind that is wanted `count` and `cursor`; the answer has the cursor of
                the next page (`nextProcessedCursor` …), 0 after the last.
        """
        return dependencies.page(await self._links(), opts)

    async def getDependenciesCount(self, opts: options.Options | None = None) -> dict[str, int]:
        """How many children became what: `processed` …, all kinds or those asked for."""
        return dependencies.count(await self._links(), opts)

    async def removeChildDependency(self) -> bool:
        """Unlink the job from its parent, which waits for it no more; whether it did.

        Raises:
            TypeError: the job, or its parent, is gone.
        """
        if self.parentKey is None:
            return False
        answer = await self._store.remove_child_dependency(*self._at, self.parentKey)
        if isinstance(answer, JobNotFound) and answer.job_id != self.id:
            raise with_code(
                TypeError(f"Missing key for parent job {self.parentKey}. removeChildDependency"),
                ErrorCode.ParentJobNotExist,
            )
        if isinstance(answer, OxherdError):
            raise await self._official(answer, "removeChildDependency")
        if answer:
            self.parentKey = self.parent = None
        return answer

    async def removeUnprocessedChildren(self) -> None:
        """Remove the children that have not run, with all below them; active ones stay."""
        answer = await self._store.remove_unprocessed_children(*self._at)
        if not isinstance(answer, JobNotFound):
            await self._expect([answer], "removeUnprocessedChildren")

    @property
    def _at(self) -> tuple[str, str]:
        return self.queue.name, self.id

    async def _links(self) -> tuple[ChildLink, ...]:
        return (await self._store.children(*self._at)).links


__all__ = ["Job"]
