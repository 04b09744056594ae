"""The full state of a store in domain terms, read through the port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxherd.domain.events import Event
    from oxherd.domain.record import ChildLink, JobRecord
    from oxherd.store import Store

_PAGE = 5_000


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
    """One queue: its jobs, the order of each state, and its log of events."""

    jobs: Mapping[str, JobDump]
    order: Mapping[State, tuple[str, ...]]
    counts: Mapping[State, int]
    paused: bool
    events: tuple[Event, ...]


Dump = dict[str, QueueDump]


async def dump(store: Store, locks: Mapping[tuple[str, str], str]) -> Dump:
    """Everything a store says about every queue under its prefix."""
    names = await store.queues()
    queues = await asyncio.gather(*(_queue(store, name, locks) for name in names))
    return dict(zip(names, queues, strict=True))


def without_events(state: Dump) -> Dump:
    """The same state with empty event logs."""
    return {name: replace(queue, events=()) for name, queue in state.items()}


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


async def _queue(store: Store, name: str, locks: Mapping[tuple[str, str], str]) -> QueueDump:
    lists, counts, paused, events = await asyncio.gather(
        asyncio.gather(*(store.list_jobs(name, state) for state in State)),
        store.counts(name),
        store.is_paused(name),
        all_events(store, name),
    )
    by_state = dict(zip(State, lists, strict=True))
    placed = [(state, record) for state, records in by_state.items() for record in records]
    hanging = await asyncio.gather(*(_hanging(store, name, record.id) for _, record in placed))
    jobs = {
        record.id: JobDump(state, record, *hangs, locks.get((name, record.id)))
        for (state, record), hangs in zip(placed, hanging, strict=True)
    }
    order = {state: tuple(record.id for record in records) for state, records in by_state.items()}
    return QueueDump(jobs, order, counts, paused, events)


async def _hanging(
    store: Store, queue: str, job_id: str
) -> tuple[tuple[ChildLink, ...], tuple[str, ...]]:
    children, logs = await asyncio.gather(store.children(queue, job_id), store.logs(queue, job_id))
    return children.links, logs.lines
