"""Keep: how long finished jobs stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from oxherd.domain.checks import known_names, refuse, seconds, to_ms, whole_number


@dataclass(frozen=True, slots=True)
class Keep:
    """How long finished jobs stay: the newest `count`, and none older than `age` seconds.

    `None` sets no bound; `count=0` removes a job as it finishes. `limit` bounds how many one
    finishing job may clear away by age (1,000 unless given).
    """

    count: int | None = None
    age: float | timedelta | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("count", "limit"):
            value = getattr(self, name)
            if value is not None:
                whole_number(f"keep.{name}", value, low=0)
        if self.age is not None:
            object.__setattr__(self, "age", seconds("keep.age", self.age))

    @property
    def age_ms(self) -> int | None:
        """The age in milliseconds."""
        return None if self.age is None else to_ms(self.age)


KEEP_ALL: Final = Keep()
KEEP_NONE: Final = Keep(count=0)


def as_keep(name: str, value: object) -> Keep | None:
    """A retention from whichever form a caller gave, or raise `InvalidOption`."""
    match value:
        case None | Keep():
            return value
        case True:
            return KEEP_NONE
        case False:
            return KEEP_ALL
        case int():
            return Keep(count=whole_number(name, value, low=0))
        case _:
            return refuse(name, value, "True, False, a number of jobs or a Keep")


def keep_from_mapping(name: str, value: object) -> object:
    """A retention in BullMQ's form, as one that `as_keep` knows, or raise `InvalidOption`."""
    if not isinstance(value, Mapping):
        return value
    known_names(name, value, {"count", "age", "limit"})
    # BullMQ's one duration in seconds (protocol, 2.2).
    return Keep(**{key: item for key, item in value.items() if item is not None})


def keep_mapping(keep: object) -> object:
    """BullMQ's form of a retention."""
    if not isinstance(keep, Keep):
        return None
    if keep == KEEP_ALL:
        return False
    if keep == KEEP_NONE:
        return True
    if keep.age is None and keep.limit is None:
        return keep.count
    mapping = {"age": keep.age, "count": keep.count, "limit": keep.limit}
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in mapping.items()
        if value is not None
    }
