"""WorkerOptions: what a worker's owner decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from oxherd.domain.checks import duration_ms, refuse, whole_number
from oxherd.domain.errors import InvalidOption
from oxherd.domain.keep import Keep
from oxherd.domain.names import nearest
from oxherd.domain.options import JobOptions
from oxherd.domain.outcome import Rules
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.record import JobRecord

RunIn = Literal["auto", "loop", "thread", "process"]
BackoffFunction = Callable[[int, BaseException, JobRecord], "float | None"]
_RUN_IN = ("auto", "loop", "thread", "process")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker works. Durations are seconds or `timedelta`.

    Args:
        concurrency: how many jobs run at once.
        run_in: where the processor runs: on the event loop, in a thread, in a process of its
            own; `auto` is the loop for `async def` and a thread for `def`.
        name: the worker's name, stored with the jobs it runs.
        lock_duration: how long a job stays this worker's without a renewal.
        lock_renew_time: how long between renewals; half of `lock_duration` unless given.
        stalled_interval: how long between looks for jobs of dead workers.
        max_stalled_count: how many times a job may be taken back before it is failed.
        max_started_attempts: how many times a job may start, for whatever reason, before it is
            failed.
        limiter: how many jobs may start in a span of time, over all workers of the queue.
        metrics: for how many minutes to keep the numbers of jobs that ended; not counted unless
            given.
        drain_delay: how long to wait for a wake-up before asking again.
        timeout: how long one attempt may take, where the job does not say.
        remove_on_complete: how long completed jobs stay, where the job does not say.
        remove_on_fail: how long failed jobs stay, where the job does not say.
        grace: how long closing waits for running jobs before it cancels and gives them back.
        backoffs: functions by name, for jobs with `Backoff(name, custom=True)`: they get the
            attempt (from 1), the error and the job's record, and answer seconds, or None to give
            up.
        autorun: start at construction when a loop is running.

    Raises:
        InvalidOption: a value is impossible.
    """

    concurrency: int = 1
    run_in: RunIn = "auto"
    name: str | None = None
    lock_duration: float | timedelta = 30
    lock_renew_time: float | timedelta | None = None
    stalled_interval: float | timedelta = 30
    max_stalled_count: int = 5
    max_started_attempts: int | None = None
    limiter: RateLimit | Mapping[str, Any] | None = None
    metrics: int | None = None
    drain_delay: float | timedelta = 5
    timeout: float | timedelta | None = None
    remove_on_complete: Keep | bool | int | None = None
    remove_on_fail: Keep | bool | int | None = None
    grace: float | timedelta = 25
    backoffs: Mapping[str, BackoffFunction] = field(default_factory=dict[str, BackoffFunction])
    autorun: bool = True

    def __post_init__(self) -> None:
        whole_number("concurrency", self.concurrency, low=1)
        whole_number("max_stalled_count", self.max_stalled_count, low=0)
        for name in ("max_started_attempts", "metrics"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), low=1)
        if self.run_in not in _RUN_IN:
            raise InvalidOption(f"unknown run_in {self.run_in!r}{nearest(self.run_in, _RUN_IN)}")
        if isinstance(self.limiter, Mapping):
            object.__setattr__(self, "limiter", RateLimit.from_mapping(self.limiter))
        elif self.limiter is not None and not isinstance(self.limiter, RateLimit):
            refuse("limiter", self.limiter, "a RateLimit or a mapping with max and duration")
        for name in ("lock_duration", "stalled_interval", "drain_delay"):
            if not duration_ms(getattr(self, name)):
                raise InvalidOption(f"option {name!r} must be more than 0 seconds")
        for value in (self.lock_renew_time, self.timeout, self.grace):
            if value is not None:
                duration_ms(value)
        _ = self.rules

    @property
    def lock_ms(self) -> int:
        """`lock_duration` in milliseconds."""
        return duration_ms(self.lock_duration)

    @property
    def renew_ms(self) -> int:
        """`lock_renew_time` in milliseconds."""
        if self.lock_renew_time is None:
            return max(1, self.lock_ms // 2)
        return max(1, duration_ms(self.lock_renew_time))

    @property
    def rate(self) -> RateLimit | None:
        """`limiter`, as it is after the checks."""
        return self.limiter if isinstance(self.limiter, RateLimit) else None

    @property
    def rules(self) -> Rules:
        """What the domain needs to know to decide about endings."""
        kept = JobOptions(
            remove_on_complete=self.remove_on_complete, remove_on_fail=self.remove_on_fail
        )
        rules = Rules(backoffs=self.backoffs)
        return Rules(
            keep_completed=kept.remove_on_complete
            if isinstance(kept.remove_on_complete, Keep)
            else rules.keep_completed,
            keep_failed=kept.remove_on_fail
            if isinstance(kept.remove_on_fail, Keep)
            else rules.keep_failed,
            backoffs=self.backoffs,
            max_started_attempts=self.max_started_attempts,
        )
