"""The verdict on a storm: what the store says at the end against the plan and the oracle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxherd.domain.codec import decode
from oxherd.domain.lifecycle import FINISHED
from tests.chaos.plan import Expected, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oxherd.domain.lifecycle import State
    from oxherd.domain.record import JobRecord
    from tests.chaos.oracle import Entry


@dataclass(frozen=True, slots=True)
class Ended:
    """A job at the end of a storm; None for one that the store does not know."""

    state: State | None
    record: JobRecord | None


def judge(
    plan: Plan,
    ends: Mapping[tuple[str, str], Ended],
    entries: Sequence[Entry],
    *,
    kills: int,
    slots: int,
) -> list[str]:
    """What is wrong, in words; nothing when all is well.

    `slots` is how many jobs one worker process runs at once: that many may run again for a kill.
    """
    found = [f"{key[0]}/{key[1]} {what}" for key, what in _jobs(plan, ends, entries)]
    starts = sum(entry.kind == "start" for entry in entries)
    allowed = sum(expected.attempts for expected in plan.expected.values()) + kills * slots
    if starts > allowed:
        found.append(f"{starts} starts are more than the {allowed} that {kills} kills explain")
    return found


def _jobs(
    plan: Plan, ends: Mapping[tuple[str, str], Ended], entries: Sequence[Entry]
) -> Iterator[tuple[tuple[str, str], str]]:
    starts = Counter((entry.queue, entry.job_id) for entry in entries if entry.kind == "start")
    finishes = Counter((entry.queue, entry.job_id) for entry in entries if entry.kind == "end")
    first: dict[tuple[str, str], int] = {}
    for entry in entries:
        first.setdefault((entry.queue, entry.job_id), entry.at_ms)
    for key, expected in plan.expected.items():
        end = ends.get(key)
        if end is None or end.state is None or end.record is None:
            yield key, "is lost"
            continue
        if end.state not in FINISHED:
            yield key, f"is stuck: {end.state}"
            continue
        if expected.runs and not finishes[key]:
            yield key, f"is {end.state}, but never ran to its end"
        if not expected.runs and starts[key]:
            yield key, "ran, though a child had failed it"
        for what in _one(expected, end.state, end.record, starts[key]):
            yield key, what
        if key in first and first[key] < end.record.timestamp + expected.due_after_ms:
            yield key, "started before it was due"


def _one(expected: Expected, state: State, record: JobRecord, starts: int) -> Iterator[str]:
    if state is not expected.state:
        yield f"is {state} instead of {expected.state}: {record.failed_reason}"
        return
    if record.returnvalue is not None and decode(record.returnvalue) != expected.value:
        yield f"has the result {record.returnvalue} instead of {expected.value}"
    if record.finished_on is None or (record.returnvalue is None) == (expected.value is not None):
        yield "has no result"
    if expected.value is None and expected.reason not in (record.failed_reason or ""):
        yield f"failed because of {record.failed_reason!r}"
    if record.attempts_made != expected.attempts:
        yield f"has {record.attempts_made} attempts instead of {expected.attempts}"
    if record.attempts_started != record.attempts_made + record.stalled_count:
        yield (
            f"was claimed {record.attempts_started} times for {record.attempts_made} attempts"
            f" and {record.stalled_count} rescues"
        )
    if starts > record.attempts_started:
        yield f"ran {starts} times, but was claimed {record.attempts_started} times"
