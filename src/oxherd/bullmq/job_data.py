"""JobData: what a job is, in BullMQ's names; values are as they were when it was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from oxherd.bullmq import options
from oxherd.domain.codec import decode
from oxherd.domain.errors import NotSerializable
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import JobKey
from oxherd.engines import redis_options
from oxherd.runtime.clock import wall_ms

if TYPE_CHECKING:
    from oxherd.bullmq.connection import Connection
    from oxherd.domain.record import JobRecord

STATES: Final[Mapping[str, State]] = {state.value: state for state in State} | {
    "wait": State.WAITING
}
"""The states, by all the names that programs have for them."""

_FLAGS = {
    OnFailure.FAIL_PARENT: "fpof",
    OnFailure.REMOVE: "rdof",
    OnFailure.IGNORE: "idof",
    OnFailure.CONTINUE_PARENT: "cpof",
}


class JobQueue(Protocol):
    """Where a job is: a `Queue`, a `Worker`, or a queue that a flow names."""

    name: str
    opts: dict[str, Any]
    qualifiedName: str

    @property
    def connection(self) -> Connection:
        """The server, and the prefix."""
        ...


class JobData:
    """The attributes of a job. Times are milliseconds since the epoch, durations milliseconds.

    Args:
        queue: where it is.
        name: its name.
        data: any JSON value.
        opts: options.
        job_id: its id; `opts["jobId"]` goes before it.

    Raises:
        ValueError: more than one policy for the parent.
    """

    def __init__(
        self,
        queue: JobQueue,
        name: str,
        data: Any,
        opts: options.Options | None = None,
        job_id: str | None = None,
    ) -> None:
        given: Mapping[str, Any] = opts or {}
        self.queue = queue
        self.name = name
        self.data = data
        self.opts: dict[str, Any] = options.complete(given)
        self.given: Mapping[str, Any] = given
        """The options without those that have a default."""
        self.id: str = _id_of(given.get("jobId"), job_id)
        self.queueQualifiedName = queue.qualifiedName
        self.timestamp: int = given.get("timestamp") or wall_ms()
        self.delay: int = given.get("delay") or 0
        self.priority: int = given.get("priority") or 0
        self.attempts: int = given.get("attempts", 1)
        self.removeOnComplete: Any = given.get("removeOnComplete", True)
        self.removeOnFail: Any = given.get("removeOnFail", False)
        self.progress: Any = 0
        self.attemptsMade = 0
        self.attemptsStarted = 0
        self.stalledCounter = 0
        self.processedOn = 0
        self.finishedOn: int | None = 0
        self.processedBy: str | None = None
        self.returnvalue: Any = None
        self.failedReason: str | None = None
        self.deferredFailure: str | None = None
        self.stacktrace: list[str] = []
        self.repeatJobKey: str | None = None
        self.discarded = False
        self.token: str | None = None
        self.parentKey, self.parent = _parent_of(given)
        deduplication = given.get("deduplication")
        self.deduplication_id: str | None = (
            deduplication.get("id") if isinstance(deduplication, Mapping) else None
        )

    def __repr__(self) -> str:
        return f"<Job {self.name!r} {self.id!r} of queue {self.queue.name!r}>"

    @classmethod
    def of(cls, queue: JobQueue, record: JobRecord, token: str | None = None) -> Self:
        """The job of a record that a store answered."""
        opts = cls.optsFromJSON(record.raw_options)
        job = cls(queue, record.name, _value_of(record.data), opts)
        job.id = record.id
        job.token = token
        job.timestamp = record.timestamp
        job.delay = record.delay
        job.priority = record.priority
        job.progress = _value_of(record.progress or "0")
        job.attemptsMade = record.attempts_made
        job.attemptsStarted = record.attempts_started
        job.stalledCounter = record.stalled_count
        job.processedOn = record.processed_on or 0
        job.processedBy = record.processed_by
        job.finishedOn = record.finished_on or 0
        job.failedReason = record.failed_reason
        job.deferredFailure = record.deferred_failure
        job.repeatJobKey = record.schedule_id
        job.deduplication_id = record.deduplication_id or job.deduplication_id
        if record.returnvalue is not None:
            job.returnvalue = _value_of(record.returnvalue)
        traces = _value_of(record.stacktrace or "[]")
        job.stacktrace = traces if isinstance(traces, list) else []
        # The options go on naming a parent that the job was unlinked from.
        job.parentKey = job.parent = None
        if record.parents:
            edge = record.parents[0]
            key = JobKey.parse(edge.parent)
            job.parentKey = edge.parent
            flags = {_FLAGS[edge.on_failure]: True} if edge.on_failure in _FLAGS else {}
            job.parent = {"id": key.id, "queueKey": f"{key.prefix}:{key.queue}", **flags}
        return job

    @classmethod
    def fromJSON(
        cls, queue: JobQueue, rawData: Mapping[str, Any], jobId: str | None = None
    ) -> Self:
        """The job of a stored hash.

        Args:
            queue: where it is.
            rawData: the fields of the hash.
            jobId: its id; the field `id` unless given.
        """
        fields = {_text(name): _text(value) for name, value in rawData.items()}
        job_id = jobId or fields.get("id") or ""
        return cls.of(queue, queue.connection.server.record(queue.name, job_id, fields))

    @staticmethod
    def optsFromJSON(rawOpts: str | Mapping[str, Any] = "{}") -> dict[str, Any]:
        """Stored options under their long names."""
        return redis_options(rawOpts if isinstance(rawOpts, str) else options.to_json(rawOpts))

    @property
    def queueName(self) -> str:
        """The queue's name."""
        return self.queue.name

    @property
    def prefix(self) -> str:
        """The first part of the queue's keys."""
        return prefix_of(self.queue)

    @property
    def deduplicationId(self) -> str | None:
        """The deduplication id that it was added with."""
        return self.deduplication_id

    def asJSON(self) -> dict[str, Any]:
        """The job as a dictionary; what is JSON there is text, and nothing is None."""
        values: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "data": options.to_json(self.data),
            "opts": dict(self.opts),
            "parent": None if self.parent is None else dict(self.parent),
            "parentKey": self.parentKey,
            "progress": self.progress,
            "attemptsMade": self.attemptsMade,
            "attemptsStarted": self.attemptsStarted,
            "stalledCounter": self.stalledCounter,
            "finishedOn": self.finishedOn or None,
            "processedOn": self.processedOn or None,
            "timestamp": self.timestamp,
            "delay": self.delay,
            "priority": self.priority,
            "failedReason": options.to_json(self.failedReason),
            "stacktrace": options.to_json(self.stacktrace),
            "deduplicationId": self.deduplication_id,
            "repeatJobKey": self.repeatJobKey,
            "returnvalue": options.to_json(self.returnvalue),
        }
        return {name: value for name, value in values.items() if value is not None}

    def toJSON(self) -> dict[str, Any]:
        """The attributes as a dictionary."""
        return {
            **self.asJSON(),
            "data": self.data,
            "failedReason": self.failedReason,
            "stacktrace": list(self.stacktrace),
            "returnvalue": self.returnvalue,
        }


def prefix_of(queue: JobQueue) -> str:
    """The first part of a queue's keys."""
    return queue.qualifiedName.removesuffix(f":{queue.name}")


def _id_of(*ids: object) -> str:
    for job_id in ids:
        if job_id not in (None, ""):
            return str(job_id)
    return ""


def _parent_of(opts: Mapping[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    parent = opts.get("parent")
    if not parent:
        return None, None
    link: dict[str, Any] = {"id": parent.get("id"), "queueKey": parent.get("queue")}
    policy = options.policy_of(opts)
    if policy in _FLAGS:
        link[_FLAGS[policy]] = True
    return f"{parent.get('queue')}:{parent.get('id')}", link


def _value_of(text: str) -> Any:
    """The value of JSON text; what is not JSON is taken for text."""
    try:
        return decode(text)
    except NotSerializable:
        return text


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


__all__ = ["STATES", "JobData", "JobQueue", "prefix_of"]
