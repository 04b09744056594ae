"""JobRecord: what is stored about a job; and the names by which jobs are known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from oxherd.domain.errors import InvalidOption
from oxherd.domain.options import JobOptions, OnFailure

_OF_SCHEDULE: Final = re.compile(r"(.+?):([^:]+):(repeat:.+:\d+)")


class JobKey(NamedTuple):
    """The full name of a job: `prefix:queue:id` (BullMQ protocol, 1.3)."""

    prefix: str
    queue: str
    id: str

    def __str__(self) -> str:
        return f"{self.prefix}:{self.queue}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> JobKey:
        """Split at the last two colons, as a prefix may hold some; jobs of schedules hold more.

        Raises:
            InvalidOption: `text` is not `prefix:queue:id`.
        """
        if ":repeat:" in text and (found := _OF_SCHEDULE.fullmatch(text)):
            return cls(*found.groups())
        match text.rsplit(":", 2):
            case [prefix, queue, job_id] if prefix and queue and job_id:
                return cls(prefix, queue, job_id)
            case _:
                raise InvalidOption(f"{text!r} is not a job key; a job key is prefix:queue:id")


class Edge(msgspec.Struct, frozen=True, gc=False):
    """A link from a job to one of its parents, with the policy for when the job fails."""

    parent: str
    """The parent's full key, `prefix:queue:id`."""
    on_failure: OnFailure


class JobRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One stored job. A msgspec struct, since a busy worker builds tens of thousands a second.

    `data`, `returnvalue`, `progress` are JSON text; times are milliseconds since the epoch.
    """

    queue: str
    id: str
    name: str
    data: str
    options: JobOptions
    timestamp: int
    delay: int = 0
    priority: int = 0
    attempts_made: int = 0
    attempts_started: int = 0
    stalled_count: int = 0
    processed_on: int | None = None
    processed_by: str | None = None
    finished_on: int | None = None
    progress: str | None = None
    returnvalue: str | None = None
    failed_reason: str | None = None
    stacktrace: str | None = None
    """A JSON array of strings, oldest first; None when no attempt failed."""
    deferred_failure: str | None = None
    """Set when a worker must fail the job at once, with this reason, without running it."""
    parents: tuple[Edge, ...] = ()
    flow_id: str | None = None
    schedule_id: str | None = None
    """The schedule that made the job; a worker that claims it has the next one made."""
    deduplication_id: str | None = None
    raw_options: str = "{}"
    """The options as they are stored: JSON text, in the store's own format."""
    unreadable: str | None = None
    """Why the stored row could not be parsed; such a job is failed when it is claimed."""


class ChildStatus(StrEnum):
    """What a parent knows about one of its children."""

    PENDING = "pending"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ChildLink:
    """One child as its parent sees it; it outlives the child's own record."""

    key: str
    """The child's full key, `prefix:queue:id`."""
    status: ChildStatus
    value: str | None = None
    """The result as JSON text, once processed."""
    failure: str | None = None
    """The failure's reason, when ignored; None for a failed child (read it from the child)."""


class NewJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A job to add: everything is checked and encoded before a store sees it."""

    queue: str
    id: str
    given: bool
    """The id was chosen by the caller; a fresh id is also the nonce of its add."""
    numbered: bool = False
    """The job gets the queue's next number for its id; `id` is only the nonce of its add."""
    name: str
    data: str
    options: JobOptions
    timestamp: int | None = None
    """Milliseconds since the epoch; None for the store's time."""
    flow_id: str | None = None
    parents: tuple[Edge, ...] = ()
    """The first is the one that a BullMQ client sees."""
    children: tuple[str, ...] = ()
    """Full keys of its children in the same group, in the order of definition."""
    prefix: str | None = None
    """Another prefix than the store's; on Redis only, for a door whose flows may span several."""
    raw_options: str | None = None
    """What is stored for the options instead of `options`, in the store's own format; for a door
    that carries another program's options through."""


class Added(msgspec.Struct, frozen=True, gc=False):
    """The answer to one `NewJob`; `id` is that of the job which is there now."""

    id: str
    timestamp: int
    duplicate: bool = False
    """A job with this given id existed already and was left as it was."""
    deduplicated: bool = False
    """The job was dropped: `id` is the one that owns its deduplication id."""


__all__ = [
    "Added",
    "ChildLink",
    "ChildStatus",
    "Edge",
    "JobKey",
    "JobRecord",
    "NewJob",
]
