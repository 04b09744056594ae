"""What holds for every state that a store may be left in, whatever was done to it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from oxherd.domain.events import JobEvent
from oxherd.domain.lifecycle import (
    FINISHED,
    READY,
    TRANSITIONS,
    EventKind,
    Move,
    State,
    Transition,
)
from oxherd.domain.record import ChildStatus, JobKey
from oxherd.domain.schedule import has_ended, job_id_of, next_due

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from oxherd.domain.schedule import Schedule
    from tests.conformance.dump import Dump, JobDump, QueueDump

_AT_ANY_TIME = frozenset({EventKind.PROGRESS, EventKind.DUPLICATED})
_EVEN_WITHOUT_A_JOB = EventKind.DEDUPLICATED
"""It comes before `added` of a job that takes another's place, and names owners that are gone."""
_SWEEPING = frozenset({Transition.DRAIN, Transition.CLEAN, Transition.OBLITERATE})
"""They remove jobs and tell nothing of each."""


def check_all(
    state: Dump,
    truth: Mapping[tuple[str, str], Sequence[State]],
    acknowledged: Iterable[tuple[str, str]],
    *,
    trimmed: bool = False,
    swept: bool = False,
    timed: Collection[tuple[str, str]] | None = None,
    now_ms: int | None = None,
) -> None:
    """Assert what must hold between any two calls.

    `truth` is where the engine's own rows or keys have each job; `acknowledged` are the jobs
    whose add was answered. Jobs go without a word only where a test `swept` them away. The
    deduplication ids are judged if it is told which are owned for a time (`timed`), the schedules
    if the store's time is given: then every claimed job of one was fired.
    """
    moves = [move for each, move in TRANSITIONS.items() if swept or each not in _SWEEPING]
    jobs = {
        (queue, job_id): job for queue, part in state.items() for job_id, job in part.jobs.items()
    }
    _one_place_each(jobs, truth)
    _counts_are_true(state)
    _locks_belong_to_active_jobs(jobs)
    _parents_wait_for_something(jobs)
    _outcomes_are_recorded_once(jobs)
    _attempts_add_up(jobs)
    if timed is not None:
        _ids_are_owned_by_the_unfinished(state, timed)
    if now_ms is not None:
        _schedules_go_on(state, now_ms)
    if not trimmed:
        stories = _stories(state)
        _stories_are_legal(jobs, stories, moves)
        _nothing_acknowledged_is_lost(jobs, stories, acknowledged, moves)


def _one_place_each(
    jobs: Mapping[tuple[str, str], JobDump], truth: Mapping[tuple[str, str], Sequence[State]]
) -> None:
    listed = {key: [job.state] for key, job in jobs.items()}
    assert listed == {key: list(states) for key, states in truth.items()}


def _counts_are_true(state: Dump) -> None:
    for name, queue in state.items():
        counted = Counter(job.state for job in queue.jobs.values())
        assert dict(queue.counts) == {each: counted[each] for each in State}, name
        ready = [job.record.priority for job in queue.jobs.values() if job.state in READY]
        assert dict(queue.priorities) == Counter(ready), name
        for metrics in queue.metrics.values():
            assert metrics.total == len(metrics.points), name
            assert sum(metrics.points) <= metrics.previous_count <= metrics.count, name


def _locks_belong_to_active_jobs(jobs: Mapping[tuple[str, str], JobDump]) -> None:
    stray = {key for key, job in jobs.items() if job.lock and job.state is not State.ACTIVE}
    assert not stray


def _parents_wait_for_something(jobs: Mapping[tuple[str, str], JobDump]) -> None:
    for key, job in jobs.items():
        pending = [link for link in job.children if link.status is ChildStatus.PENDING]
        for link in pending:
            child = JobKey.parse(link.key)
            found = jobs.get((child.queue, child.id))
            assert found is not None, f"{key} waits for {link.key}, which does not exist"
            assert found.state is not State.COMPLETED, f"{key} waits for {link.key}: it is done"
        if job.state is State.WAITING_CHILDREN:
            assert pending, f"{key} waits for nothing"


def _outcomes_are_recorded_once(jobs: Mapping[tuple[str, str], JobDump]) -> None:
    for key, job in jobs.items():
        keys = [link.key for link in job.children]
        assert len(keys) == len(set(keys)), f"{key} has a child twice"
        for link in job.children:
            assert (link.value is not None) == (link.status is ChildStatus.PROCESSED), (key, link)
            assert (link.failure is not None) == (link.status is ChildStatus.IGNORED), (key, link)


def _attempts_add_up(jobs: Mapping[tuple[str, str], JobDump]) -> None:
    for key, job in jobs.items():
        record = job.record
        if record.unreadable is not None:
            continue
        assert record.attempts_made <= record.attempts_started, key
        assert (record.finished_on is not None) == (job.state in FINISHED), key
        assert (record.returnvalue is not None) == (job.state is State.COMPLETED), key
        if job.state is State.ACTIVE:
            assert record.processed_on is not None, key


def _ids_are_owned_by_the_unfinished(state: Dump, timed: Collection[tuple[str, str]]) -> None:
    """Nobody but a job that goes on frees an id that is not owned for a time."""
    for name, queue in state.items():
        for deduplication_id, owner in queue.owners.items():
            if (name, deduplication_id) in timed:
                continue
            job = queue.jobs.get(owner)
            assert job is not None, f"{deduplication_id} of {name} is owned by {owner}: it is gone"
            assert job.state not in FINISHED, f"{deduplication_id} of {name}: {owner} has ended"
            assert job.record.deduplication_id == deduplication_id, owner


def _schedules_go_on(state: Dump, now_ms: int) -> None:
    for name, queue in state.items():
        for schedule in queue.schedules:
            assert _goes_on(queue, schedule, now_ms), f"{schedule.id} of {name} has stopped"


def _goes_on(queue: QueueDump, schedule: Schedule, now_ms: int) -> bool:
    """Whether a schedule's job is there, or none is to follow."""
    assert schedule.next_ms is not None
    job = queue.jobs.get(job_id_of(schedule.id, schedule.next_ms))
    if job is not None and job.state not in FINISHED:
        return True
    return (
        has_ended(schedule.repeat, count=schedule.count, now_ms=now_ms)
        or next_due(schedule.repeat, previous_ms=schedule.next_ms, now_ms=now_ms) is None
    )


def _stories(state: Dump) -> dict[tuple[str, str], list[EventKind]]:
    stories: defaultdict[tuple[str, str], list[EventKind]] = defaultdict(list)
    for name, queue in state.items():
        for event in queue.events:
            if isinstance(event, JobEvent):
                assert event.kind is not None
                stories[name, event.job_id].append(event.kind)
    return stories


def _stories_are_legal(
    jobs: Mapping[tuple[str, str], JobDump],
    stories: Mapping[tuple[str, str], list[EventKind]],
    moves: Sequence[Move],
) -> None:
    for key, story in stories.items():
        job = jobs.get(key)
        ends = _ends_of(story, moves)
        end = job.state if job else None
        told = [kind.value for kind in story]
        assert end in ends, f"{key} is {end}, but its events {told} lead to {ends}"
    assert jobs.keys() <= stories.keys(), "a job without an event"


def _ends_of(story: Sequence[EventKind], moves: Sequence[Move]) -> set[State | None]:
    """Every state to which the table lets these events lead."""
    reached: set[tuple[int, State | None]] = set()
    todo: list[tuple[int, State | None]] = [(0, None)]
    while todo:
        spot = todo.pop()
        if spot in reached:
            continue
        reached.add(spot)
        at, state = spot
        if at < len(story) and _is_aside(story[at], state):
            todo.append((at + 1, state))
        for move in moves:
            if state not in move.sources:
                continue
            for target, events in move.targets.items():
                if tuple(story[at : at + len(events)]) == events:
                    todo.append((at + len(events), target))
    return {state for at, state in reached if at == len(story)}


def _is_aside(kind: EventKind, state: State | None) -> bool:
    if kind is EventKind.RETRIES_EXHAUSTED:
        return state is State.FAILED
    if kind is _EVEN_WITHOUT_A_JOB:
        return True
    return kind in _AT_ANY_TIME and state is not None


def _nothing_acknowledged_is_lost(
    jobs: Mapping[tuple[str, str], JobDump],
    stories: Mapping[tuple[str, str], list[EventKind]],
    acknowledged: Iterable[tuple[str, str]],
    moves: Sequence[Move],
) -> None:
    for key in acknowledged:
        story = stories.get(key, [])
        # Only a removal and retention end a job; both leave their mark in its events.
        gone = None in _ends_of(story, moves) and EventKind.ADDED in story
        assert key in jobs or gone, f"{key} was acknowledged and is lost"


def legal_step(
    before: State | None, after: State | None, transitions: Iterable[Transition]
) -> bool:
    """Whether moves of these transitions, one or several, lead from `before` to `after`."""
    moves = [TRANSITIONS[transition] for transition in transitions]
    seen: set[State | None] = set()
    todo = [before]
    while todo:
        state = todo.pop()
        if state == after:
            return True
        if state not in seen:
            seen.add(state)
            todo.extend(
                target for move in moves if state in move.sources for target in move.targets
            )
    return False
