"""HeldJob: what only the holder of a job's lock may do, a processor or a worker run by hand."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oxherd.bullmq import options
from oxherd.bullmq.custom_errors import UnrecoverableError
from oxherd.bullmq.errors import official
from oxherd.bullmq.job_data import JobData
from oxherd.domain.backoff import BackoffKind, backoff_ms
from oxherd.domain.errors import JobNotFound, LockLost, OxherdError
from oxherd.domain.keep import KEEP_ALL
from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial, reason_of
from oxherd.domain.record import ChildStatus
from oxherd.runtime.clock import wall_ms

if TYPE_CHECKING:
    from oxherd.domain.keep import Keep
    from oxherd.store import Store

_NO_RETRY = -1
_LOCK_MS = 30_000


class HeldJob(JobData):
    """A job in somebody's hands; `token` is what it was claimed with."""

    async def moveToCompleted(
        self, return_value: Any, token: str, fetchNext: bool = False
    ) -> list[Any] | None:
        """End the job well.

        Args:
            return_value: any JSON value.
            token: the lock token.
            fetchNext: claim the next job under the same token.

        Returns:
            Without `fetchNext` None, else [fields, id, milliseconds of a rate limit, due time of
            the next delayed job], the first two None without a job.

        Raises:
            TypeError: the job is gone, is not held under the token, or has pending children.
            UnrecoverableError: a child of it failed.
            ValueError: the value is not JSON.
        """
        self.returnvalue = return_value
        done = Completion(
            self.id, token, options.to_json(return_value), self._keep("removeOnComplete")
        )
        answers = await self._store.complete(self.queue.name, [done], metrics=self._metrics())
        await self._expect(answers, "moveToFinished")
        self.finishedOn = wall_ms()
        self.attemptsMade += 1
        return await self._fetch_next(token) if fetchNext else None

    async def moveToFailed(
        self, err: BaseException | str, token: str, fetchNext: bool = False
    ) -> list[Any] | None:
        """End an attempt badly: the job is tried again if its attempts allow, else fails.

        Args:
            err: why.
            token: the lock token.
            fetchNext: as in `moveToCompleted`.

        Raises:
            TypeError: the job is gone, or is not held under the token.
            Exception: its backoff is a function's, and there is none.
        """
        error = err if isinstance(err, BaseException) else Exception(err)
        self.failedReason = reason_of(error)
        self.updateStacktrace(error)
        traces = options.to_json(self.stacktrace)
        delay = self._delay_after(error)
        if delay is None:
            failed = Failure(self.id, token, self.failedReason, traces, self._keep("removeOnFail"))
            answers = await self._store.fail(self.queue.name, [failed], metrics=self._metrics())
            await self._expect(answers, "moveToFinished")
            self.finishedOn = wall_ms()
        else:
            again = Retrial(self.id, token, self.failedReason, traces, delay)
            answers = await self._store.retry(self.queue.name, [again])
            await self._expect(answers, "moveToDelayed" if delay else "retryJob")
            self.delay = delay or self.delay
        self.attemptsMade += 1
        return await self._fetch_next(token) if fetchNext else None

    async def moveToDelayed(self, timestamp: int, token: str | None = None) -> None:
        """Run again at `timestamp`; raise `DelayedError` after it.

        Raises:
            TypeError: the job is gone, or is not held under the token.
        """
        delay = max(0, int(timestamp) - wall_ms())
        later = Postponement(self.id, self._token(token), delay)
        answers = await self._store.postpone(self.queue.name, [later])
        await self._expect(answers, "moveToDelayed")
        self.delay = delay

    async def moveToWait(self, token: str | None = None) -> int:
        """Give the job back; raise `WaitingError` after it.

        Answers for how many milliseconds a rate limit holds the queue.

        Raises:
            TypeError: the job is gone, or is not held under the token.
        """
        answers = await self._store.release(self.queue.name, [Held(self.id, self._token(token))])
        await self._expect(answers, "moveJobFromActiveToWait")
        return (await self._store.limits(self.queue.name)).window_ms

    async def moveToWaitingChildren(
        self, token: str | None = None, opts: options.Options | None = None
    ) -> bool:
        """Wait for the pending children; True when moved: raise `WaitingChildrenError` then.

        Args:
            token: the lock token.
            opts: `child`, {id, queue}: move only while that one is pending.

        Raises:
            TypeError: the job is gone, or is not held under the token.
            UnrecoverableError: a child failed that fails the job.
        """
        child = (opts or {}).get("child")
        if child and not await self._is_pending(f"{child.get('queue')}:{child.get('id')}"):
            return False
        held = Held(self.id, self._token(token))
        answer = (await self._store.await_children(self.queue.name, [held]))[0]
        if isinstance(answer, OxherdError):
            raise await self._official(answer, "moveToWaitingChildren")
        return answer

    async def extendLock(self, token: str, duration: int) -> int:
        """Hold the job for `duration` milliseconds from now; 0 when it is not held any more."""
        held = Held(self.id, token)
        answer = (await self._store.extend_locks(self.queue.name, [held], int(duration)))[0]
        if isinstance(answer, (LockLost, JobNotFound)):
            return 0
        await self._expect([answer], "extendLock")
        return 1

    def updateStacktrace(self, err: BaseException | None = None) -> None:
        """Add the trace of an error, or of the one being handled, to `stacktrace`.

        The newest `stackTraceLimit` traces are kept.
        """
        err = err or sys.exception()
        if err is None:
            return
        self.stacktrace.append("".join(traceback.format_exception(err)))
        limit = self.opts.get("stackTraceLimit")
        if limit is not None:
            self.stacktrace = self.stacktrace[-limit:] if limit else []

    @property
    def _store(self) -> Store:
        connection = self.queue.connection
        return connection.store_of(self.prefix)

    def _token(self, token: str | None) -> str:
        return token or self.token or "0"

    def _delay_after(self, error: BaseException) -> int | None:
        """Milliseconds until the next attempt; None when there is none."""
        attempt = self.attemptsMade + 1
        if (
            attempt >= (self.opts.get("attempts") or 0)
            or self.discarded
            or isinstance(error, UnrecoverableError)
        ):
            return None
        backoff = options.backoff_of(self.opts.get("backoff"))
        if backoff is None:
            return 0
        if backoff.kind in set(BackoffKind):
            # In the middle of what jitter leaves open: a worker of its own draws.
            return backoff_ms(backoff, attempt, 0.5)
        strategy = (self.queue.opts.get("settings") or {}).get("backoffStrategy")
        if strategy is None:
            raise Exception(  # noqa: TRY002 - the official class
                f"Unknown backoff strategy {backoff.kind}. If a custom backoff strategy is used,"
                " specify it when the queue is created."
            )
        delay = strategy(attempt, backoff.kind, error, self)
        return None if delay == _NO_RETRY else max(0, int(delay or 0))

    def _keep(self, name: str) -> Keep:
        keep = options.keep_of(self.opts.get(name, self.queue.opts.get(name)))
        return KEEP_ALL if keep is None else keep

    def _metrics(self) -> int:
        return int((self.queue.opts.get("metrics") or {}).get("maxDataPoints") or 0)

    async def _fetch_next(self, token: str) -> list[Any]:
        opts, name = self.queue.opts, self.queue.name
        claimed = await self._store.claim(
            name,
            1,
            token=token,
            lock_ms=opts.get("lockDuration") or _LOCK_MS,
            worker=opts.get("name"),
            rate=options.rate_limit_of(opts.get("limiter")),
        )
        if not claimed.jobs:
            due = 0 if claimed.due_in_ms is None else wall_ms() + claimed.due_in_ms
            return [None, None, claimed.retry_after_ms, due]
        job_id = claimed.jobs[0].id
        fields = await self.queue.connection.server.fields(self.prefix, name, job_id)
        return [fields, job_id, 0, 0]

    async def _is_pending(self, child: str) -> bool:
        links = (await self._store.children(self.queue.name, self.id)).links
        return any(x.key == child and x.status is ChildStatus.PENDING for x in links)

    async def _expect(
        self, answers: Sequence[OxherdError | None], command: str, state: str = "active"
    ) -> None:
        """Raise what the answer for the one job means in the official package."""
        if answers[0] is not None:
            raise await self._official(answers[0], command, state)

    async def _official(self, error: OxherdError, command: str, state: str = "active") -> Exception:
        return await official(
            error,
            self.queue.connection,
            self.queue.name,
            self.id,
            command,
            state,
            prefix=self.prefix,
        )


__all__ = ["HeldJob"]
