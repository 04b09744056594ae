"""JobView: the attributes of a job, as they were when it was read."""

from __future__ import annotations

from typing import Any, Final, Generic

from typing_extensions import TypeVar

from oxherd.domain.codec import decode
from oxherd.domain.options import JobOptions, ParentJob
from oxherd.domain.record import JobKey, JobRecord

D = TypeVar("D", default=dict[str, Any])
R = TypeVar("R", default=Any)


class JobView(Generic[D, R]):
    """What `Job` and `BlockingJob` have in common. JSON is decoded when it is first asked for."""

    __slots__ = ("_data", "_prefix", "_progress", "_record")

    def __init__(self, record: JobRecord, prefix: str) -> None:
        self._record = record
        self._prefix = prefix
        self._data: Any = _UNREAD
        self._progress: Any = _UNREAD

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {self.id!r} of queue {self.queue_name!r}>"

    @property
    def id(self) -> str:
        """The id, unique in its queue."""
        return self._record.id

    @property
    def name(self) -> str:
        """The name, by which a worker picks the processor."""
        return self._record.name

    @property
    def queue_name(self) -> str:
        """The queue."""
        return self._record.queue

    @property
    def key(self) -> str:
        """The full key, `prefix:queue:id`."""
        return str(JobKey(self._prefix, self._record.queue, self._record.id))

    @property
    def data(self) -> D:
        """The input.

        Raises:
            NotSerializable: another client stored what is not JSON.
        """
        if self._data is _UNREAD:
            self._data = decode(self._record.data)
        return self._data  # type: ignore[no-any-return]

    @property
    def opts(self) -> JobOptions:
        """The options it was added with."""
        return self._record.options

    @property
    def flow_id(self) -> str | None:
        """The id of the flow it belongs to, None for a plain job."""
        return self._record.flow_id

    @property
    def schedule_id(self) -> str | None:
        """The schedule that made it (BullMQ's `repeatJobKey`), None for a plain job."""
        return self._record.schedule_id

    @property
    def deduplication_id(self) -> str | None:
        """The deduplication id that it was added with."""
        return self._record.deduplication_id

    @property
    def timestamp(self) -> int:
        """When it was added, milliseconds since the epoch."""
        return self._record.timestamp

    @property
    def delay(self) -> float:
        """The seconds of its current wait, 0 when it is not delayed."""
        return self._record.delay / 1000

    @property
    def priority(self) -> int:
        """The priority, 0 when it has none."""
        return self._record.priority

    @property
    def attempts_made(self) -> int:
        """How many attempts have ended."""
        return self._record.attempts_made

    @property
    def attempts_started(self) -> int:
        """How many times a worker has claimed it."""
        return self._record.attempts_started

    @property
    def stalled_count(self) -> int:
        """How many times it was taken back from a worker that lost its lock."""
        return self._record.stalled_count

    @property
    def processed_on(self) -> int | None:
        """When it was last claimed, milliseconds since the epoch."""
        return self._record.processed_on

    @property
    def processed_by(self) -> str | None:
        """The name of the worker that last claimed it."""
        return self._record.processed_by

    @property
    def finished_on(self) -> int | None:
        """When it ended, milliseconds since the epoch."""
        return self._record.finished_on

    @property
    def progress(self) -> Any:
        """What the processor last told, a number or a mapping; 0 before that."""
        if self._progress is _UNREAD:
            text = self._record.progress
            self._progress = decode(text) if text else 0
        return self._progress

    @property
    def returnvalue(self) -> R | None:
        """The result, once completed."""
        text = self._record.returnvalue
        return None if text is None else decode(text)

    @property
    def failed_reason(self) -> str | None:
        """What the last failed attempt ended with."""
        return self._record.failed_reason

    @property
    def deferred_failure(self) -> str | None:
        """Why the next worker to claim it will fail it; None in the ordinary case."""
        return self._record.deferred_failure

    @property
    def stacktrace(self) -> list[str]:
        """The stack traces of failed attempts, oldest first."""
        return decode(self._record.stacktrace or "[]")  # type: ignore[no-any-return]

    @property
    def parent_key(self) -> str | None:
        """The full key of the first parent."""
        return self._record.parents[0].parent if self._record.parents else None

    @property
    def parent(self) -> ParentJob | None:
        """The first parent."""
        return _parent(self._record.parents[0].parent) if self._record.parents else None

    @property
    def parents(self) -> tuple[ParentJob, ...]:
        """All parents, in the order of definition."""
        return tuple(_parent(edge.parent) for edge in self._record.parents)


_UNREAD: Final[Any] = object()


def _parent(key: str) -> ParentJob:
    parsed = JobKey.parse(key)
    return ParentJob(parsed.id, f"{parsed.prefix}:{parsed.queue}")
