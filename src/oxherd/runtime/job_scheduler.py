"""JobScheduler: what makes a job again and again, as it is given and as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from oxherd.domain.checks import refuse, seconds, to_ms, whole_number
from oxherd.domain.codec import decode, encode
from oxherd.domain.errors import InvalidOption
from oxherd.domain.names import check_job_name, check_schedule_id
from oxherd.domain.options import DEFAULT_OPTIONS, JobOptions, as_options, merge
from oxherd.domain.schedule import Repeat, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class JobScheduler:
    """A schedule as it was read. Times are milliseconds since the epoch, durations seconds."""

    id: str
    name: str
    """The name of its jobs."""
    data: Any
    """The data of its jobs."""
    opts: JobOptions
    """The options of its jobs."""
    every: float | None
    pattern: str | None
    tz: str | None
    offset: float | None
    start: int | None
    end: int | None
    limit: int | None
    next: int | None
    """When the pending job is due, or the running one was."""
    iteration_count: int
    """How many jobs it has made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When the jobs of a schedule are due, as a caller gives it; see `upsert_job_scheduler`."""

    every: float | timedelta | None = None
    pattern: str | None = None
    tz: str | None = None
    offset: float | timedelta | None = None
    start: int | datetime | None = None
    end: int | datetime | None = None
    limit: int | None = None
    immediately: bool = False

    def repeat(self) -> Repeat:
        """The same for a store.

        Raises:
            InvalidOption: both or none of `every` and `pattern`, or an impossible value.
        """
        return Repeat(
            every_ms=None if self.every is None else to_ms(seconds("every", self.every)),
            pattern=self.pattern,
            tz=self.tz,
            offset_ms=None if self.offset is None else _offset_ms(self.offset),
            start_ms=_moment("start", self.start),
            end_ms=_moment("end", self.end),
            limit=self.limit,
            immediately=self.immediately,
        )


def new_schedule(
    schedule_id: str,
    timing: Timing,
    *,
    name: str | None,
    data: Any,
    options: JobOptions | Mapping[str, Any] | None,
    defaults: JobOptions,
) -> Schedule:
    """A schedule to store, checked and encoded.

    Raises:
        InvalidOption, NotSerializable, PayloadTooLarge: it is refused.
    """
    given = as_options(options)
    for option, why in _NOT_IN_A_TEMPLATE.items():
        if getattr(given, option) != getattr(DEFAULT_OPTIONS, option):
            raise InvalidOption(f"a job of a schedule cannot have the option {option!r}: {why}")
    neutral = {option: getattr(DEFAULT_OPTIONS, option) for option in _NOT_IN_A_TEMPLATE}
    template = merge(replace(defaults, **neutral), given)
    check_schedule_id(schedule_id)
    return Schedule(
        id=schedule_id,
        repeat=timing.repeat(),
        name=check_job_name(schedule_id if name is None else name),
        data=encode({} if data is None else data, "data", template.size_limit),
        options=template,
    )


def as_job_scheduler(schedule: Schedule) -> JobScheduler:
    """A stored schedule as callers read it."""
    repeat = schedule.repeat
    return JobScheduler(
        id=schedule.id,
        name=schedule.name,
        data=decode(schedule.data),
        opts=schedule.options,
        every=None if repeat.every_ms is None else repeat.every_ms / 1000,
        pattern=repeat.pattern,
        tz=repeat.tz,
        offset=None if repeat.offset_ms is None else repeat.offset_ms / 1000,
        start=repeat.start_ms,
        end=repeat.end_ms,
        limit=repeat.limit,
        next=schedule.next_ms,
        iteration_count=schedule.count,
    )


_NOT_IN_A_TEMPLATE: Final = {
    "delay": "the schedule says when it is due",
    "timestamp": "the schedule says when it is due",
    "job_id": "its id is made of the schedule's and its time",
    "parent": "a parent waits for one job, not for a row of them",
    "deduplication": "each of them is to run",
}


def _offset_ms(offset: float | timedelta) -> int:
    value = offset.total_seconds() if isinstance(offset, timedelta) else offset
    if not isinstance(value, (int, float)):
        refuse("offset", offset, "seconds (a number or a timedelta)")
    size = to_ms(seconds("offset", abs(value)))
    return -size if value < 0 else size


def _moment(name: str, value: int | datetime | None) -> int | None:
    """A time in milliseconds since the epoch, from it or from a `datetime` with its zone."""
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            refuse(name, value, "a datetime with a time zone")
        return round(value.timestamp() * 1000)
    return whole_number(name, value, low=0)
