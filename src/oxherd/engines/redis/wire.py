"""WIRE: jobs and events as another client stores them (BullMQ protocol, 2 and 5).

`lua/include/fields.lua` is the twin of the names here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import msgspec

from oxherd.domain.errors import OxherdError
from oxherd.domain.events import Event, read_event
from oxherd.domain.keep import Keep
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import DEFAULT_OPTIONS, OnFailure
from oxherd.domain.record import Edge, JobKey, JobRecord, NewJob
from oxherd.engines.redis import option_wire

FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "attempts_made": "atm",
        "attempts_started": "ats",
        "data": "data",
        "deduplication_id": "deid",
        "deferred_failure": "defa",
        "delay": "delay",
        "failed_reason": "failedReason",
        "finished_on": "finishedOn",
        "legacy_attempts": "attemptsMade",
        "name": "name",
        "options": "opts",
        "parent": "parent",
        "parent_key": "parentKey",
        "priority": "priority",
        "processed_by": "pb",
        "processed_on": "processedOn",
        "progress": "progress",
        "returnvalue": "returnvalue",
        "scheduler": "rjk",
        "stacktrace": "stacktrace",
        "stalled_count": "stc",
        "timestamp": "timestamp",
        # Ours: optional, and passed over by other clients.
        "children_order": "oxc",
        "continuations": "oxg",
        "flow_id": "oxf",
        "further_parents": "oxp",
        "nonce": "oxn",
        "progress_nonce": "oxq",
        "retention": "oxk",
        "settled": "oxt",
    }
)
"""The fields of a job's hash, by our name."""

SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "concurrency": "concurrency",
        "duration": "duration",
        "event_cap": "opts.maxLenEvents",
        "max": "max",
        "paused": "paused",
        "version": "version",
    }
)
"""The fields of a queue's settings, by our name."""

POLICY_FLAGS: Final[Mapping[str, OnFailure]] = MappingProxyType(
    {
        "cpof": OnFailure.CONTINUE_PARENT,
        "fpof": OnFailure.FAIL_PARENT,
        "idof": OnFailure.IGNORE,
        "rdof": OnFailure.REMOVE,
    }
)
"""The flags of an edge; `BLOCK` is none of them."""

STRUCTURES: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.WAITING: "wait",
        State.PRIORITIZED: "prioritized",
        State.DELAYED: "delayed",
        State.WAITING_CHILDREN: "waiting-children",
        State.ACTIVE: "active",
        State.COMPLETED: "completed",
        State.FAILED: "failed",
    }
)
"""Where the ids of each state are."""

STATES: Final[Mapping[str, State]] = MappingProxyType(
    {name: state for state, name in STRUCTURES.items()} | {"paused": State.WAITING}
)
"""The state of an id by where it is; an older client's pause put waiting jobs aside."""

_READ: Final = (
    "name", "data", "options", "timestamp", "delay", "priority", "attempts_made",
    "attempts_started", "stalled_count", "processed_on", "processed_by", "finished_on",
    "progress", "returnvalue", "failed_reason", "stacktrace", "deferred_failure", "parent_key",
    "parent", "further_parents", "flow_id", "retention", "legacy_attempts", "scheduler",
    "deduplication_id",
)  # fmt: skip
_RECORD_FIELDS: Final = tuple(FIELDS[name] for name in _READ)
"""The fields that make a record, in the order in which `_record` takes them."""

_FLAGS: Final = {policy: flag for flag, policy in POLICY_FLAGS.items()}
_EVENT_FIELDS: Final = {
    "jobId": "job_id",
    "failedReason": "failed_reason",
    "attemptsMade": "attempts_made",
    "deduplicationId": "deduplication_id",
    "deduplicatedJobId": "deduplicated_job_id",
}
_KINDS: Final = frozenset(EventKind)
_DEFAULT_KEEP_LIMIT: Final = 1000

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_check_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A new job as the script `add` reads it; what is left out is nil there."""

    base: str
    id: str
    name: str
    data: str
    options: str
    given: bool = False
    numbered: bool = False
    timestamp: int | None = None
    delay: int = 0
    priority: int = 0
    lifo: bool = False
    flow_id: str | None = None
    parents: list[tuple[str, str, str, str]] = []
    """For each edge: the parent's key, the policy, the field `parent`, an item of `oxp`."""
    is_parent: bool = False
    children_order: str | None = None
    retention: str | None = None
    deduplication: dict[str, Any] | None = None


def entry(job: NewJob, base: str) -> Entry:
    """A new job for the script."""
    options = job.options
    entry = Entry(
        base=base,
        id=job.id,
        given=job.given,
        numbered=job.numbered,
        name=job.name,
        data=job.data,
        options=option_wire.options_text(job),
        timestamp=job.timestamp,
        delay=options.delay_ms,
        priority=options.priority,
        lifo=options.lifo,
        flow_id=job.flow_id,
    )
    if job.parents:
        entry.parents = [_edge(edge) for edge in job.parents]
        if len(job.parents) > 1:
            entry.retention = option_wire.retention_text(options)
    if job.children:
        entry.is_parent = True
        if len(job.children) > 1:
            entry.children_order = _list_of(job.children)
    if options.deduplication is not None:
        entry.deduplication = option_wire.deduplication(options)
    return entry


def keep(bounds: Keep) -> tuple[int, int, int]:
    """Retention as the scripts read it: count and age in milliseconds (-1 for none), limit."""
    return (
        -1 if bounds.count is None else bounds.count,
        -1 if bounds.age_ms is None else bounds.age_ms,
        _DEFAULT_KEEP_LIMIT if bounds.limit is None else bounds.limit,
    )


def listed_record(queue: str, listed: Sequence[str]) -> JobRecord:
    """The record of a job as scripts answer it: names and values in turn, the id last."""
    return record(queue, listed[-1], _fields(listed))


def claimed_record(queue: str, listed: Sequence[str], now: int, worker: str | None) -> JobRecord:
    """The record of a job that was claimed now, listed as it was before."""
    fields = _fields(listed)
    started = fields.get(FIELDS["attempts_started"], "0")
    fields[FIELDS["attempts_started"]] = str(int(started) + 1 if started.isdecimal() else 1)
    fields[FIELDS["processed_on"]] = str(now)
    if worker:
        fields[FIELDS["processed_by"]] = worker
    return record(queue, listed[-1], fields)


def record(queue: str, job_id: str, fields: Mapping[str, str]) -> JobRecord:
    """The record of a job's hash; unreadable rather than an error."""
    try:
        return _record(queue, job_id, [*map(fields.get, _RECORD_FIELDS)])
    except (msgspec.MsgspecError, OxherdError, ValueError, TypeError, OverflowError) as error:
        return JobRecord(
            queue=queue,
            id=job_id,
            name=fields.get(FIELDS["name"], ""),
            data="{}",
            options=DEFAULT_OPTIONS,
            timestamp=0,
            unreadable=f"the stored job cannot be read: {error}",
        )


def event(event_id: str, queue: str, values: Mapping[str, str]) -> Event:
    """An event of the log's under the names that the domain gives its fields."""
    kind = values.get("event", "")
    # A caller's own event comes back as it was written.
    names = _EVENT_FIELDS if kind in _KINDS else {}
    named = {names.get(name, name): text for name, text in values.items() if name != "event"}
    if kind in _KINDS and named.get("prev") in STATES:
        named["prev"] = STATES[named["prev"]].value
    return read_event(event_id, queue, kind, named)


def _fields(listed: Sequence[str]) -> dict[str, str]:
    turns = iter(listed)
    return dict(zip(turns, turns, strict=False))


def _record(queue: str, job_id: str, values: Sequence[str | None]) -> JobRecord:
    (
        name, data, options, timestamp, delay, priority, made, started, stalled, processed_on,
        processed_by, finished_on, progress, returnvalue, reason, stacktrace, deferred,
        parent_key, parent, further, flow_id, retention, legacy_made, schedule_id,
        deduplication_id,
    ) = values  # fmt: skip
    if name is None:
        raise ValueError("it has no name")
    if data:
        _check_json(data)
    if progress:
        _check_json(progress)
    decoded = option_wire.read_options(options or "{}")
    if retention is not None:
        decoded = option_wire.with_retention(decoded, retention)
    return JobRecord(
        queue=queue,
        id=job_id,
        name=name,
        data=data or "{}",
        options=decoded,
        timestamp=_number(timestamp) or 0,
        delay=_number(delay) or 0,
        priority=_number(priority) or 0,
        attempts_made=_number(made if made is not None else legacy_made) or 0,
        attempts_started=_number(started) or 0,
        stalled_count=_number(stalled) or 0,
        processed_on=_number(processed_on),
        processed_by=processed_by,
        finished_on=_number(finished_on),
        progress=progress or None,
        returnvalue=returnvalue,
        failed_reason=reason,
        stacktrace=stacktrace,
        deferred_failure=deferred,
        parents=_edges(parent_key, parent, further) if parent_key or further else (),
        flow_id=flow_id,
        schedule_id=schedule_id,
        deduplication_id=deduplication_id,
        raw_options=options or "{}",
    )


@lru_cache(maxsize=4096)
def _number(text: str | None) -> int | None:
    if not text:
        return None
    return int(text) if text.isdecimal() else int(float(text))


def _edges(parent_key: str | None, parent: str | None, further: str | None) -> tuple[Edge, ...]:
    edges: list[Edge] = []
    if parent_key:
        flags = option_wire.mapping_of(parent) if parent else {}
        policies = [policy for flag, policy in POLICY_FLAGS.items() if flags.get(flag) is True]
        edges.append(Edge(parent_key, policies[0] if policies else OnFailure.BLOCK))
    if further:
        edges += [
            Edge(f"{item['queueKey']}:{item['id']}", OnFailure(item["policy"]))
            for item in msgspec.json.decode(further, type=list[dict[str, str]])
        ]
    return tuple(edges)


@lru_cache(maxsize=1024)
def _edge(edge: Edge) -> tuple[str, str, str, str]:
    key = JobKey.parse(edge.parent)
    parent: dict[str, Any] = {"id": key.id, "queueKey": f"{key.prefix}:{key.queue}"}
    further = parent | {"policy": edge.on_failure.value}
    if edge.on_failure in _FLAGS:
        parent[_FLAGS[edge.on_failure]] = True
    return edge.parent, edge.on_failure.value, _encode(parent).decode(), _encode(further).decode()


def _list_of(keys: Sequence[str]) -> str:
    """A JSON list without its brackets, to which a script can append."""
    return _encode(keys)[1:-1].decode()


__all__ = [
    "FIELDS",
    "POLICY_FLAGS",
    "SETTINGS",
    "STATES",
    "STRUCTURES",
    "Entry",
    "entry",
    "event",
    "keep",
    "listed_record",
    "record",
]
