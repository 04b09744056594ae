"""WIRE: schedules and their jobs as another client stores them (BullMQ protocol, 4.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from oxherd.domain.errors import OxherdError
from oxherd.domain.schedule import Repeat, Schedule, has_ended, job_id_of, next_due
from oxherd.engines.redis import option_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxherd.domain.record import JobRecord

COUNT_FIELD: Final = "ic"
"""What tells a schedule from what older clients left under its key."""

_NUMBERS: Final = ("every", "limit", "startDate", "endDate", "offset")
_TEXTS: Final = ("pattern", "tz")
_EMPTY: Final = "{}"

UNREADABLE: Final = (msgspec.MsgspecError, OxherdError, ValueError, TypeError, OverflowError)
"""What reading another client's schedule may raise."""


def read_repeat(values: Mapping[str, Any]) -> Repeat:
    """When the jobs of a stored schedule are due.

    Raises:
        InvalidOption: not in a way that we know.
    """
    numbers = {name: int(float(values[name])) for name in _NUMBERS if values.get(name)}
    texts = {name: values[name] for name in _TEXTS if values.get(name)}
    return Repeat.from_mapping(numbers | texts)


def read_schedule(schedule_id: str, due: str, fields: Mapping[str, str]) -> Schedule | None:
    """A stored schedule; None for one that is not there, an older client's, or unreadable."""
    if not due or COUNT_FIELD not in fields:
        return None
    try:
        return Schedule(
            id=schedule_id,
            repeat=read_repeat(fields),
            name=fields["name"],
            data=fields.get("data", _EMPTY),
            options=option_wire.read_options(fields.get("opts", _EMPTY)),
            raw_options=fields.get("opts"),
            next_ms=int(float(due)),
            count=int(fields[COUNT_FIELD]),
        )
    except (*UNREADABLE, KeyError):
        return None


def definition(schedule: Schedule, *, offset: int | None, count: int) -> list[str | int]:
    """The fields of a schedule, with their names, as the arguments of HSET."""
    fields = _repeat_mapping(schedule.repeat) | {
        "offset": offset,
        "data": None if schedule.data == _EMPTY else schedule.data,
        "opts": _own_options(schedule),
        COUNT_FIELD: count,
    }
    flat: list[str | int] = ["name", schedule.name]
    for name, value in fields.items():
        if value is not None:
            flat += [name, value]
    return flat


def first_job(schedule: Schedule, *, due: int, now: int, count: int) -> dict[str, Any]:
    """The job that a schedule gets when it is stored, as the scripts take it."""
    options = option_wire.mapping_of(_own_options(schedule) or _EMPTY)
    options["repeat"] = _repeat_mapping(schedule.repeat) | {"count": count}
    return _job(schedule.id, schedule.name, schedule.data, options, due, now)


def next_job(
    job: JobRecord, fields: Mapping[str, str], *, now: int, after: int
) -> dict[str, Any] | None:
    """The job that follows one, due after that time; None when there is none.

    Raises:
        UNREADABLE: another client's schedule is not to be read.
    """
    options = option_wire.mapping_of(job.raw_options)
    told = options.get("repeat")
    told = told if isinstance(told, dict) else {}
    repeat = read_repeat(fields if fields.keys() & {"every", "pattern"} else told)
    count = int(told.get("count") or fields.get(COUNT_FIELD) or 0)
    due = next_due(repeat, previous_ms=after, now_ms=now)
    if due is None or has_ended(repeat, count=count, now_ms=now):
        return None
    options["repeat"] = (told or _repeat_mapping(repeat)) | {"count": count + 1}
    name, data = fields.get("name", job.name), fields.get("data", _EMPTY)
    return _job(job.schedule_id or "", name, data, options, due, now)


def _job(  # noqa: PLR0917 - a job's parts
    schedule_id: str, name: str, data: str, options: dict[str, Any], due: int, now: int
) -> dict[str, Any]:
    job_id = job_id_of(schedule_id, due)
    delay = max(0, due - now)
    options |= {"jobId": job_id, "delay": delay, "timestamp": now, "repeatJobKey": schedule_id}
    if "pattern" in options["repeat"]:
        options["prevMillis"] = due
    alike = options.get("de")
    return {
        "id": job_id,
        "due": due,
        "name": name,
        "data": data,
        "options": msgspec.json.encode(options).decode(),
        "delay": delay,
        "priority": options.get("priority") or 0,
        "lifo": options.get("lifo") is True,
        "deduplication_id": alike.get("id") if isinstance(alike, dict) else None,
    }


def _repeat_mapping(repeat: Repeat) -> dict[str, Any]:
    """What is stored of it: that the first job was due at once is told to nobody."""
    return {name: value for name, value in repeat.to_mapping().items() if name != "immediately"}


def _own_options(schedule: Schedule) -> str | None:
    """The template's options, None when there are none."""
    if schedule.raw_options is not None:
        return None if schedule.raw_options == _EMPTY else schedule.raw_options
    mapping = option_wire.options_mapping(schedule.options)
    return msgspec.json.encode(mapping).decode() if mapping else None
