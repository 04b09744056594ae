"""Schedule: what makes a job again and again, and when the next one is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from oxherd.domain.checks import refuse, whole_number
from oxherd.domain.errors import InvalidOption
from oxherd.domain.names import nearest
from oxherd.domain.options import DEFAULT_OPTIONS, JobOptions

_LONGEST_MS: Final = 100 * 365 * 86_400_000
_EPOCH: Final = datetime.fromtimestamp(0, tz=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """When the jobs of a schedule are due: every so often, or by a cron pattern.

    Times are milliseconds since the epoch, durations milliseconds.

    Args:
        every_ms: the time from one job to the next.
        pattern: five cron fields, or six with the seconds first.
        tz: the IANA name of the pattern's time zone; UTC unless given.
        offset_ms: moves `every` within its grid.
        start_ms: no job is due before.
        end_ms: no job follows after.
        limit: the number of jobs in all.
        immediately: the first job of a pattern is due at once.

    Raises:
        InvalidOption: both or none of `every` and `pattern`, or an impossible value.
    """

    every_ms: int | None = None
    pattern: str | None = None
    tz: str | None = None
    offset_ms: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int | None = None
    immediately: bool = False

    def __post_init__(self) -> None:
        if (self.every_ms is None) == (self.pattern is None):
            raise InvalidOption("a schedule has either 'every' or 'pattern'; give one of them")
        if self.every_ms is not None:
            whole_number("every", self.every_ms, low=1, high=_LONGEST_MS)
        for name in ("start_ms", "end_ms"):
            if getattr(self, name) is not None:
                whole_number(name.removesuffix("_ms"), getattr(self, name), low=0)
        if self.offset_ms is not None:
            whole_number("offset", self.offset_ms, low=-_LONGEST_MS, high=_LONGEST_MS)
        if self.limit is not None:
            whole_number("limit", self.limit, low=1)
        if self.immediately and self.start_ms is not None:
            raise InvalidOption("'immediately' and 'start' exclude each other; give one of them")
        if self.pattern is not None:
            _cron(self.pattern, self.tz, 0)

    def to_mapping(self) -> dict[str, Any]:
        """BullMQ's form, in milliseconds; only what was given."""
        values = {key: getattr(self, name) for name, key in _NAMES.items()}
        return {key: value for key, value in values.items() if value not in (None, False)}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Repeat:
        """A repetition under BullMQ's names, in milliseconds.

        Raises:
            InvalidOption: an unknown name or an impossible value.
        """
        known = set(_NAMES.values())
        for key in mapping:
            if key not in known:
                raise InvalidOption(f"unknown option '{key}' of a schedule{nearest(key, known)}")
        return cls(
            **{name: mapping[key] for name, key in _NAMES.items() if mapping.get(key) is not None}
        )


_NAMES: Final = {
    "every_ms": "every",
    "pattern": "pattern",
    "tz": "tz",
    "offset_ms": "offset",
    "start_ms": "startDate",
    "end_ms": "endDate",
    "limit": "limit",
    "immediately": "immediately",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as it is stored: when, and the template of the jobs it makes."""

    id: str
    repeat: Repeat
    name: str
    """The jobs' name; the schedule's id unless given."""
    data: str = "{}"
    """JSON text."""
    options: JobOptions = DEFAULT_OPTIONS
    raw_options: str | None = None
    """As in `NewJob`: the template's options as the store's own format has them."""
    next_ms: int | None = None
    """When the pending job is due, or the running one was; None before it is stored."""
    count: int = 0
    """How many jobs it has made."""


def job_id_of(schedule_id: str, due_ms: int) -> str:
    """The id of the job that is due then (BullMQ protocol, 4.13)."""
    return f"repeat:{schedule_id}:{due_ms}"


def next_due(repeat: Repeat, *, previous_ms: int | None, now_ms: int) -> int | None:
    """When the next job is due; None when there is no further one.

    Args:
        repeat: when.
        previous_ms: when the last one was due; None for the first, and after `every` changed.
        now_ms: the store's time.
    """
    if repeat.pattern is not None:
        return _next_of_pattern(repeat, previous_ms, now_ms)
    assert repeat.every_ms is not None
    every, offset = repeat.every_ms, repeat.offset_ms or 0
    if previous_ms is None:
        if repeat.start_ms is not None:
            return max(repeat.start_ms, now_ms)
        if offset <= 0:
            return now_ms
        due = now_ms // every * every + offset
        return due if due > now_ms else due + every
    due = previous_ms + every
    if due >= now_ms:
        return due
    due = now_ms // every * every + offset
    return due if due > now_ms else due + every


def has_ended(repeat: Repeat, *, count: int, now_ms: int) -> bool:
    """Whether no job follows the `count` that were made."""
    return (repeat.limit is not None and count >= repeat.limit) or (
        repeat.end_ms is not None and now_ms > repeat.end_ms
    )


def _next_of_pattern(repeat: Repeat, previous_ms: int | None, now_ms: int) -> int | None:
    if repeat.immediately and previous_ms is None:
        return now_ms
    assert repeat.pattern is not None
    after = max(now_ms, previous_ms or 0, repeat.start_ms or 0)
    due = _cron(repeat.pattern, repeat.tz, after)
    if due is None or (repeat.end_ms is not None and due > repeat.end_ms):
        return None
    return max(due, now_ms)


def _cron(pattern: object, tz: object, after_ms: int) -> int | None:
    """The first time after `after_ms` that fits the pattern."""
    if not isinstance(pattern, str):
        refuse("pattern", pattern, "text")
    start = (_EPOCH + after_ms * _MILLISECOND).astimezone(_zone(tz))
    try:
        found = next(CronSim(_as_bullmq_reads_it(pattern), start), None)
    except CronSimError as error:
        raise InvalidOption(
            f"pattern {pattern!r} is not five or six cron fields: {error}"
        ) from None
    return None if found is None else (found.astimezone(UTC) - _EPOCH) // _MILLISECOND


def _as_bullmq_reads_it(pattern: str) -> str:
    """The same for `CronSim`, which does not know `?`, and takes `*/2` for any day.

    A day of the month and one of the week that are both given fit if either does.
    """
    fields = _PREDEFINED.get(pattern.strip().lower(), pattern.upper().replace("?", "*")).split()
    if len(fields) >= _MINUTE_FIELDS:
        for at, days in ((-3, "1-31"), (-1, "0-6")):
            if fields[at].startswith("*/"):
                fields[at] = days + fields[at].removeprefix("*")
    return " ".join(fields)


_MINUTE_FIELDS: Final = 5
_PREDEFINED: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
    "@minutely": "* * * * *",
    "@secondly": "* * * * * *",
    "@weekdays": "0 0 * * 1-5",
    "@weekends": "0 0 * * 0,6",
}


@lru_cache(maxsize=64)
def _zone(name: str | None) -> tzinfo:
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InvalidOption(f"there is no time zone {name!r}; use an IANA name") from None
