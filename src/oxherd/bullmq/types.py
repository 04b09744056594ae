"""The options, as dictionaries for a type checker; names are BullMQ's, durations milliseconds."""

from __future__ import annotations

from typing import Any, TypedDict

ConnectionOptions = dict[str, Any] | str | Any
"""Arguments of the Redis client's, a URL, or a ready client."""


class BackoffOptions(TypedDict, total=False):
    """How long until the next attempt."""

    type: str
    """`fixed`, `exponential`, or a name for the worker's `settings.backoffStrategy`."""
    delay: int
    jitter: float
    """From 0 to 1: which part of the delay is drawn by chance."""


class KeepJobs(TypedDict, total=False):
    """How long finished jobs stay."""

    age: int
    """At most so many seconds."""
    count: int
    """At most so many jobs."""
    limit: int
    """How many one finishing job may clear away by age."""


class DeduplicationOptions(TypedDict, total=False):
    """What happens to a job like one that is about."""

    id: str
    """What makes them alike."""
    ttl: int
    """For how long the id is owned; then it outlives the owner's end."""
    extend: bool
    """Each dropped job starts the `ttl` again."""
    replace: bool
    """While the owner is delayed, the new job takes its place."""
    keepLastIfActive: bool
    """While the owner runs, the newest dropped job is kept, and added when the owner ends."""
    reschedule: bool
    """While the owner is delayed, a dropped job's delay becomes the owner's."""


class ParentOptions(TypedDict):
    """A live job that waits for this one."""

    id: str
    queue: str
    """With its prefix: `bull:paint`."""


class JobOptions(TypedDict, total=False):
    """What a job's producer decides about it."""

    attempts: int
    """Tries in all."""
    backoff: int | BackoffOptions
    delay: int
    priority: int
    """0 (none) to 2,097,151; low ones first, after the jobs without one."""
    lifo: bool
    """In front of what is waiting."""
    jobId: str
    timestamp: int
    removeOnComplete: bool | int | KeepJobs
    removeOnFail: bool | int | KeepJobs
    keepLogs: int
    stackTraceLimit: int
    sizeLimit: int
    """The largest data, in bytes of JSON."""
    deduplication: DeduplicationOptions
    parent: ParentOptions
    failParentOnFailure: bool
    continueParentOnFailure: bool
    ignoreDependencyOnFailure: bool
    removeDependencyOnFailure: bool
    telemetry: dict[str, Any]
    """Stored for other clients."""


class QueueBaseOptions(TypedDict, total=False):
    """What a queue, and whatever is about one, may be given."""

    connection: ConnectionOptions
    prefix: str
    defaultJobOptions: JobOptions
    skipVersionCheck: bool
    skipWaitingForReady: bool


class RetryJobsOptions(TypedDict, total=False):
    """Which jobs to run again."""

    state: str
    """`failed` or `completed`."""
    count: int
    """How many to take at once."""
    timestamp: int
    """Only those that ended by then."""


class PromoteJobsOptions(TypedDict, total=False):
    """How to promote all delayed jobs."""

    count: int
    """How many to take at once."""


class RateLimiterOptions(TypedDict):
    """How many jobs may start."""

    max: int
    duration: int


class MetricsOptions(TypedDict, total=False):
    """Whether ended jobs are counted."""

    maxDataPoints: int
    """For how many minutes."""


class AdvancedOptions(TypedDict, total=False):
    """Functions of the user's."""

    backoffStrategy: Any
    """(attempts made, type, error, job) to milliseconds; -1 for no further attempt."""


class WorkerOptions(TypedDict, total=False):
    """What a worker may be given."""

    connection: ConnectionOptions
    prefix: str
    name: str
    autorun: bool
    concurrency: int
    lockDuration: int
    lockRenewTime: int
    stalledInterval: int
    maxStalledCount: int
    maxStartedAttempts: int
    drainDelay: int
    """Seconds."""
    runRetryDelay: int
    limiter: RateLimiterOptions
    metrics: MetricsOptions
    settings: AdvancedOptions
    removeOnComplete: KeepJobs
    removeOnFail: KeepJobs
    skipVersionCheck: bool
    skipWaitingForReady: bool


class QueueEventsOptions(TypedDict, total=False):
    """What a listener may be given."""

    connection: ConnectionOptions
    prefix: str
    autorun: bool
    blockingTimeout: int
    lastEventId: str
    skipVersionCheck: bool
    skipWaitingForReady: bool


class QueueEventsProducerOptions(TypedDict, total=False):
    """What a writer of events may be given."""

    connection: ConnectionOptions
    prefix: str
    skipVersionCheck: bool


class RepeatOptions(TypedDict, total=False):
    """When the jobs of a scheduler are due: `pattern` or `every`."""

    pattern: str
    """Five cron fields, or six with the seconds first."""
    every: int
    limit: int
    startDate: int | str | float
    endDate: int | str | float
    tz: str
    offset: int
    immediately: bool
    count: int


class JobSchedulerTemplateJson(TypedDict, total=False):
    """What the jobs of a scheduler are made of."""

    data: object
    opts: dict[str, Any]


class JobSchedulerJson(TypedDict, total=False):
    """A scheduler as it is read."""

    key: str
    name: str
    next: int | None
    id: str | None
    iterationCount: int
    limit: int
    startDate: int
    endDate: int
    tz: str
    pattern: str
    every: int
    offset: int
    template: JobSchedulerTemplateJson


__all__ = [
    "AdvancedOptions",
    "BackoffOptions",
    "ConnectionOptions",
    "DeduplicationOptions",
    "JobOptions",
    "JobSchedulerJson",
    "JobSchedulerTemplateJson",
    "KeepJobs",
    "MetricsOptions",
    "ParentOptions",
    "PromoteJobsOptions",
    "QueueBaseOptions",
    "QueueEventsOptions",
    "QueueEventsProducerOptions",
    "RateLimiterOptions",
    "RepeatOptions",
    "RetryJobsOptions",
    "WorkerOptions",
]
