"""Oxherd: durable job flows for Python, on SQLite or on Redis in BullMQ's own data layout."""

from __future__ import annotations

import logging

from oxherd.domain.backoff import Backoff
from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import (
    BelongsToSchedule,
    Closed,
    HasFailedChildren,
    HasPendingChildren,
    InvalidFlow,
    InvalidOption,
    JobFailed,
    JobNotFound,
    JobRemoved,
    LockLost,
    MissingExtra,
    NotSerializable,
    OxherdError,
    PayloadTooLarge,
    RemoteError,
    StoreFull,
    StoreMoved,
    StoreUnavailable,
    WrongLoop,
    WrongState,
)
from oxherd.domain.events import (
    Active,
    Added,
    Cleaned,
    Completed,
    Deduplicated,
    Delayed,
    Drained,
    Duplicated,
    Event,
    Failed,
    JobEvent,
    Paused,
    Progress,
    Removed,
    Resumed,
    RetriesExhausted,
    Stalled,
    Unknown,
    Waiting,
    WaitingChildren,
)
from oxherd.domain.flow import FlowJob, chain
from oxherd.domain.keep import Keep
from oxherd.domain.lifecycle import State
from oxherd.domain.options import JobOptions, OnFailure, ParentJob
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.record import ChildStatus, JobKey
from oxherd.domain.signals import (
    Postpone,
    RateLimited,
    Release,
    Settled,
    Unrecoverable,
    WaitForChildren,
)
from oxherd.runtime.blocking_job import BlockingJob
from oxherd.runtime.cancellation import Cancellation
from oxherd.runtime.children import ChildResult, Dependencies
from oxherd.runtime.flow import Flow, JobNode
from oxherd.runtime.flow_producer import FlowProducer
from oxherd.runtime.job import Job
from oxherd.runtime.job_scheduler import JobScheduler
from oxherd.runtime.queue import Queue
from oxherd.runtime.queue_events import QueueEvents
from oxherd.runtime.tenancy import connect
from oxherd.runtime.worker import Worker
from oxherd.runtime.worker_options import WorkerOptions
from oxherd.store import Metrics, Store

# A program that configures no logging sees nothing of ours.
logging.getLogger("oxherd").addHandler(logging.NullHandler())

__all__ = [
    "Active",
    "Added",
    "Backoff",
    "BelongsToSchedule",
    "BlockingJob",
    "Cancellation",
    "ChildResult",
    "ChildStatus",
    "Cleaned",
    "Closed",
    "Completed",
    "Deduplicated",
    "Deduplication",
    "Delayed",
    "Dependencies",
    "Drained",
    "Duplicated",
    "Event",
    "Failed",
    "Flow",
    "FlowJob",
    "FlowProducer",
    "HasFailedChildren",
    "HasPendingChildren",
    "InvalidFlow",
    "InvalidOption",
    "Job",
    "JobEvent",
    "JobFailed",
    "JobKey",
    "JobNode",
    "JobNotFound",
    "JobOptions",
    "JobRemoved",
    "JobScheduler",
    "Keep",
    "LockLost",
    "Metrics",
    "MissingExtra",
    "NotSerializable",
    "OnFailure",
    "OxherdError",
    "ParentJob",
    "Paused",
    "PayloadTooLarge",
    "Postpone",
    "Progress",
    "Queue",
    "QueueEvents",
    "RateLimit",
    "RateLimited",
    "Release",
    "RemoteError",
    "Removed",
    "Resumed",
    "RetriesExhausted",
    "Settled",
    "Stalled",
    "State",
    "Store",
    "StoreFull",
    "StoreMoved",
    "StoreUnavailable",
    "Unknown",
    "Unrecoverable",
    "WaitForChildren",
    "Waiting",
    "WaitingChildren",
    "Worker",
    "WorkerOptions",
    "WrongLoop",
    "WrongState",
    "chain",
    "connect",
]
