"""The full state of a store in domain terms, read through the port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import msgspec

from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from oxherd.domain.events import Event
    from oxherd.domain.record import ChildLink, JobRecord
    from oxherd.domain.schedule import Schedule
    from oxherd.store import Limits, Metrics, Store

_PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class JobDump:
    """One job: where it is, its record, and what hangs on it."""

    state: State
    record: JobRecord
    children: tuple[ChildLink, ...] = ()
    logs: tuple[str, ...] = ()
    lock: str | None = None
    """The token under which it is held, while the lock lives."""


@dataclass(frozen=True, slots=True)
class QueueDump:
    """One queue: its jobs, the order of each state, what steers it, and its log of events."""

    jobs: Mapping[str, JobDump]
    order: Mapping[State, tuple[str, ...]]
    counts: Mapping[State, int]
    priorities: Mapping[int, int]
    """How many jobs are ready with each of the priorities that ready jobs have."""
    paused: bool
    limits: Limits
    """Without `window_ms`, which goes by the server's own clock."""
    metrics: Mapping[State, Metrics]
    schedules: tuple[Schedule, ...]
    owners: Mapping[str, str]
    """Who owns each deduplication id that was looked up and is not free."""
    events: tuple[Event, ...]
    window_ms: int = field(default=0, compare=False)


Dump = dict[str, QueueDump]


async def dump(
    store: Store, locks: Mapping[tuple[str, str], str], deduplication_ids: Collection[str] = ()
) -> Dump:
    """Everything a store says about every queue under its prefix.

    Deduplication ids are looked up if a job has them, or if they are given.
    """
    names = await store.queues()
    queues = await asyncio.gather(
        *(_queue(store, name, locks, deduplication_ids) for name in names)
    )
    return dict(zip(names, queues, strict=True))


def without_events(state: Dump) -> Dump:
    """The same state with empty event logs."""
    return {name: replace(queue, events=()) for name, queue in state.items()}


def comparable_record(record: JobRecord) -> JobRecord:
    """The record without what is in the store's own format."""
    return msgspec.structs.replace(record, raw_options="{}")


async def all_events(store: Store, queue: str) -> tuple[Event, ...]:
    """A queue's whole event log."""
    found: list[Event] = []
    cursor = "0"
    while True:
        page = await store.read_events(queue, cursor, limit=_PAGE)
        found.extend(page.events)
        cursor = page.cursor
        if len(page.events) < _PAGE:
            return tuple(found)


async def _queue(
    store: Store,
    name: str,
    locks: Mapping[tuple[str, str], str],
    deduplication_ids: Collection[str],
) -> QueueDump:
    lists, counts, events, paused, limits = await asyncio.gather(
        asyncio.gather(*(store.list_jobs(name, state) for state in State)),
        store.counts(name),
        all_events(store, name),
        store.is_paused(name),
        store.limits(name),
    )
    records = [record for found in lists for record in found]
    completed, failed, schedules, owners, priorities, hanging = await asyncio.gather(
        store.metrics(name, State.COMPLETED),
        store.metrics(name, State.FAILED),
        store.schedules(name),
        _owners(store, name, records, deduplication_ids),
        _priorities(store, name, records),
        asyncio.gather(*(_hanging(store, name, record.id) for record in records)),
    )
    states = [state for state, found in zip(State, lists, strict=True) for _ in found]
    jobs = {
        record.id: JobDump(state, comparable_record(record), *hangs, locks.get((name, record.id)))
        for state, record, hangs in zip(states, records, hanging, strict=True)
    }
    return QueueDump(
        jobs=jobs,
        order={
            state: tuple(record.id for record in found)
            for state, found in zip(State, lists, strict=True)
        },
        counts=counts,
        priorities=priorities,
        paused=paused,
        limits=replace(limits, window_ms=0),
        metrics={State.COMPLETED: completed, State.FAILED: failed},
        schedules=tuple(replace(schedule, raw_options=None) for schedule in schedules),
        owners=owners,
        events=events,
        window_ms=limits.window_ms,
    )


async def _hanging(
    store: Store, queue: str, job_id: str
) -> tuple[tuple[ChildLink, ...], tuple[str, ...]]:
    children, logs = await asyncio.gather(store.children(queue, job_id), store.logs(queue, job_id))
    return children.links, logs.lines


async def _owners(
    store: Store, queue: str, records: Iterable[JobRecord], given: Collection[str]
) -> dict[str, str]:
    named = {record.deduplication_id for record in records if record.deduplication_id is not None}
    names = sorted(named.union(given))
    owners = await asyncio.gather(*(store.deduplication_job_id(queue, name) for name in names))
    return {name: owner for name, owner in zip(names, owners, strict=True) if owner is not None}


async def _priorities(store: Store, queue: str, records: Iterable[JobRecord]) -> dict[int, int]:
    known = sorted({record.priority for record in records})
    counts = await store.counts_by_priority(queue, known) if known else []
    return {priority: count for priority, count in zip(known, counts, strict=True) if count}
