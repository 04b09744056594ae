"""Deduplication: refuse a second job alike while the first one is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from oxherd.domain.checks import known_names, refuse, seconds, seconds_of_ms, to_ms


@dataclass(frozen=True, slots=True)
class Deduplication:
    """What happens to a job whose deduplication `id` another job of the queue owns.

    Without more, the new one is dropped until the owner has finished or is removed. The modes
    are those of the BullMQ protocol, 4.12.

    Args:
        id: what makes two jobs alike.
        ttl: seconds for which the id is owned; then it outlives the owner's end (throttle).
        extend: each dropped job starts the `ttl` again (debounce).
        replace: while the owner is delayed, the new job takes its place.
        keep_last_if_active: while the owner runs, the newest of the dropped jobs is kept, and
            added when the owner ends. The `ttl` does not count then.
        reschedule: while the owner is delayed, the dropped job's delay becomes the owner's.

    Raises:
        InvalidOption: a value is impossible.
    """

    id: str
    ttl: float | timedelta | None = None
    extend: bool = False
    replace: bool = False
    keep_last_if_active: bool = False
    reschedule: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            refuse("deduplication.id", self.id, "text that is not empty")
        if self.ttl is not None:
            object.__setattr__(self, "ttl", seconds("deduplication.ttl", self.ttl))
        for name in _FLAGS:
            value = getattr(self, name)
            if not isinstance(value, bool):
                refuse(f"deduplication.{name}", value, "True or False")

    @property
    def ttl_ms(self) -> int:
        """The time to live in milliseconds; 0 without one."""
        return 0 if self.ttl is None else to_ms(self.ttl)

    def to_mapping(self) -> dict[str, Any]:
        """BullMQ's form, in milliseconds."""
        mapping: dict[str, Any] = {"id": self.id}
        if self.ttl is not None:
            mapping["ttl"] = self.ttl_ms
        return mapping | {key: True for name, key in _FLAGS.items() if getattr(self, name)}


_FLAGS: Final = {
    "extend": "extend",
    "replace": "replace",
    "keep_last_if_active": "keepLastIfActive",
    "reschedule": "reschedule",
}
_NAMES: Final = frozenset({"id", "ttl", *_FLAGS.values()})


def as_deduplication(value: object) -> Deduplication:
    """A deduplication from whichever form a caller gave.

    Raises:
        InvalidOption: an unknown name or an impossible value.
    """
    if isinstance(value, Deduplication):
        return value
    if not isinstance(value, Mapping):
        return refuse("deduplication", value, "a Deduplication or a mapping of BullMQ's names")
    known_names("deduplication", value, _NAMES)
    given: dict[str, Any] = {
        name: value[key] for name, key in _FLAGS.items() if value.get(key) is not None
    }
    if value.get("ttl") is not None:
        given["ttl"] = seconds_of_ms("deduplication.ttl", value["ttl"])
    return Deduplication(value.get("id", ""), **given)


def stored_deduplication(value: object) -> Deduplication | None:
    """A deduplication as any client stored it: what is unknown is passed over.

    Raises:
        InvalidOption: a value that cannot be read.
    """
    if not isinstance(value, Mapping) or not value.get("id"):
        return None
    given: dict[str, Any] = {name: bool(value.get(key)) for name, key in _FLAGS.items()}
    if value.get("ttl"):
        given["ttl"] = seconds_of_ms("deduplication.ttl", value["ttl"])
    return Deduplication(str(value["id"]), **given)
