"""Oxherd: durable job flows for Python, on SQLite or on Redis in BullMQ's own data layout."""

from __future__ import annotations

import logging

from oxherd.domain.backoff import Backoff
from oxherd.domain.errors import (
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
    Completed,
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
from oxherd.domain.record import ChildStatus, JobKey
from oxherd.domain.signals import Postpone, Release, Unrecoverable, WaitForChildren
from oxherd.runtime.blocking_job import BlockingJob
from oxherd.runtime.cancellation import Cancellation
from oxherd.runtime.flow import Flow, JobNode
from oxherd.runtime.flow_producer import FlowProducer
from oxherd.runtime.job import ChildResult, Dependencies, Job
from oxherd.runtime.queue import Queue
from oxherd.runtime.queue_events import QueueEvents
from oxherd.runtime.tenancy import connect
from oxherd.runtime.worker import Worker
from oxherd.runtime.worker_options import WorkerOptions
from oxherd.store import Store

# A program that configures no logging sees nothing of ours.
logging.getLogger("oxherd").addHandler(logging.NullHandler())

__all__ = [
    "Active",
    "Added",
    "Backoff",
    "BlockingJob",
    "Cancellation",
    "ChildResult",
    "ChildStatus",
    "Closed",
    "Completed",
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
    "Keep",
    "LockLost",
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
    "Release",
    "RemoteError",
    "Removed",
    "Resumed",
    "RetriesExhausted",
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
