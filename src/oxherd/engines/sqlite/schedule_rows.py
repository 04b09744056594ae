"""A schedule as a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from oxherd.domain.schedule import Repeat, Schedule
from oxherd.engines.sqlite.rows import UNREADABLE, read_options

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Row

SCHEDULE: Final = "id, repetition, name, data, options, next_ms, count"
"""The columns of which `read_schedule` makes a schedule, in its order."""

_EMPTY: Final = "{}"


def read_schedule(row: Row) -> Schedule | None:
    """The schedule of a row's `SCHEDULE` columns; None when it cannot be read."""
    schedule_id, repetition, name, data, text, next_ms, count = row
    try:
        return Schedule(
            id=schedule_id,
            repeat=Repeat.from_mapping(msgspec.json.decode(repetition, type=dict[str, Any])),
            name=name,
            data=data,
            options=read_options(text),
            raw_options=None if text == _EMPTY else text,
            next_ms=next_ms,
            count=count,
        )
    except UNREADABLE:
        return None


def write_repetition(repeat: Repeat, offset_ms: int | None) -> str:
    """The text of a row's repetition; that the first job was due at once is told to nobody."""
    mapping = repeat_mapping(repeat)
    if offset_ms is not None:
        mapping["offset"] = offset_ms
    return msgspec.json.encode(mapping).decode()


def repeat_mapping(repeat: Repeat) -> dict[str, Any]:
    """What is stored of a repetition, also with its jobs."""
    return {name: value for name, value in repeat.to_mapping().items() if name != "immediately"}
