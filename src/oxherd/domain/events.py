"""One frozen class per kind of event, as a reader of the event log gets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, Final

from oxherd.domain.codec import decode
from oxherd.domain.errors import NotSerializable
from oxherd.domain.lifecycle import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has: `id` orders the log of one queue and can be resumed from."""

    kind: ClassVar[EventKind | None] = None
    id: str
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(Event):
    """An event about one job."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Added(JobEvent):
    """A job was stored."""

    kind = EventKind.ADDED
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(JobEvent):
    """A job may be claimed (waiting or prioritized); `prev` is where it was, None when new."""

    kind = EventKind.WAITING
    prev: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delayed(JobEvent):
    """A job may not run before `delay`, in milliseconds since the epoch."""

    kind = EventKind.DELAYED
    delay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingChildren(JobEvent):
    """A job waits for its children; `prev` is `active` when its processor asked for that."""

    kind = EventKind.WAITING_CHILDREN
    prev: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Active(JobEvent):
    """A worker claimed a job."""

    kind = EventKind.ACTIVE
    prev: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(JobEvent):
    """A job ended well, with this result."""

    kind = EventKind.COMPLETED
    returnvalue: Any
    prev: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(JobEvent):
    """A job ended badly, for good."""

    kind = EventKind.FAILED
    failed_reason: str
    prev: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetriesExhausted(JobEvent):
    """A failed job had no attempt left."""

    kind = EventKind.RETRIES_EXHAUSTED
    attempts_made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled(JobEvent):
    """A job's lock was lost and it was taken back."""

    kind = EventKind.STALLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(JobEvent):
    """A processor told how far it is."""

    kind = EventKind.PROGRESS
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated(JobEvent):
    """A job with an id that exists already was added; the existing one stays as it was."""

    kind = EventKind.DUPLICATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplicated(JobEvent):
    """A job was dropped for another: `job_id` stays, `deduplicated_job_id` does not."""

    kind = EventKind.DEDUPLICATED
    deduplication_id: str
    deduplicated_job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed(JobEvent):
    """A job was removed; `prev` is where it was."""

    kind = EventKind.REMOVED
    prev: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained(Event):
    """Nothing waits and nothing runs any more."""

    kind = EventKind.DRAINED


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned(Event):
    """A queue was cleaned of `count` jobs."""

    kind = EventKind.CLEANED
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Event):
    """The queue stopped giving jobs."""

    kind = EventKind.PAUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """The queue gives jobs again."""

    kind = EventKind.RESUMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(Event):
    """An event of another client's, of a kind that Oxherd does not write."""

    name: str
    values: Mapping[str, str]


_CLASSES: Final[Mapping[str, type[Event]]] = {
    cls.kind.value: cls
    for cls in (
        Added, Waiting, Delayed, WaitingChildren, Active, Completed, Failed, RetriesExhausted,
        Stalled, Progress, Duplicated, Deduplicated, Removed, Drained, Cleaned, Paused, Resumed,
    )
    if cls.kind is not None
}  # fmt: skip
_JSON_FIELDS: Final = frozenset({"returnvalue", "data"})
_INTEGER_FIELDS: Final = frozenset({"delay", "attempts_made", "count"})
_NAMES: Final = {cls: frozenset(f.name for f in fields(cls)) for cls in _CLASSES.values()}


def read_event(event_id: str, queue: str, kind: str, values: Mapping[str, str]) -> Event:
    """The event of a stored log entry; `values` are text, under the names of the fields.

    An entry that does not fit its kind (another client wrote it) comes back as `Unknown`.
    """
    cls = _CLASSES.get(kind)
    if cls is None:
        return Unknown(id=event_id, queue=queue, name=kind, values=MappingProxyType(dict(values)))
    try:
        return cls(
            id=event_id,
            queue=queue,
            **{name: _value(name, text) for name, text in values.items() if name in _NAMES[cls]},
        )
    except (NotSerializable, TypeError, ValueError):
        return Unknown(id=event_id, queue=queue, name=kind, values=MappingProxyType(dict(values)))


def _value(name: str, text: str) -> Any:
    if name in _JSON_FIELDS:
        return decode(text)
    return int(text) if name in _INTEGER_FIELDS else text
