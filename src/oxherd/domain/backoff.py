"""Backoff: how long until the next attempt (BullMQ protocol, 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from oxherd.domain.checks import (
    MAX_SECONDS,
    known_names,
    number,
    refuse,
    seconds,
    seconds_of_ms,
    to_ms,
)
from oxherd.domain.errors import InvalidOption
from oxherd.domain.names import nearest

MAX_BACKOFF_MS: Final = int(MAX_SECONDS * 1000)
"""The longest wait, whatever the arithmetic says."""


class BackoffKind(StrEnum):
    """The backoffs that need no function of the user's."""

    FIXED = "fixed"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long until the next attempt; durations in seconds.

    `kind` is `"fixed"`, `"exponential"`, or with `custom=True` the name of a function that the
    worker has in `WorkerOptions.backoffs`.
    """

    kind: str
    delay: float | timedelta = 1.0
    jitter: float = 0.0
    max: float | timedelta | None = None
    custom: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or not self.kind:
            refuse("backoff", self.kind, "'fixed', 'exponential' or the name of a function")
        if not self.custom and self.kind not in set(BackoffKind):
            message = (
                f"unknown backoff {self.kind!r}{nearest(self.kind, BackoffKind)}"
                f" (a function of the worker's is Backoff({self.kind!r}, custom=True))"
            )
            raise InvalidOption(message)
        object.__setattr__(self, "delay", seconds("backoff.delay", self.delay))
        number("backoff.jitter", self.jitter, high=1, wanted="a number from 0 to 1")
        if self.max is not None:
            object.__setattr__(self, "max", seconds("backoff.max", self.max))

    @property
    def delay_ms(self) -> int:
        """The delay in milliseconds."""
        return to_ms(self.delay)

    @property
    def max_ms(self) -> int | None:
        """The longest wait in milliseconds."""
        return None if self.max is None else to_ms(self.max)


def backoff_ms(backoff: Backoff | None, attempt: int, chance: float) -> int:
    """Milliseconds to wait after attempt number `attempt` (from 1) failed.

    `fixed` waits `delay` each time; `exponential` waits `2 ** (attempt - 1) * delay`. A jitter of
    `j` draws evenly between `(1 - j)` of that and all of it, by `chance` in [0, 1). `max` caps it.
    """
    if backoff is None:
        return 0
    whole = backoff.delay_ms
    if backoff.kind == BackoffKind.EXPONENTIAL:
        # The cap keeps 2 ** attempt small: past it the result is the maximum anyway.
        whole = whole << min(attempt - 1, 48)
    if backoff.max_ms is not None:
        whole = min(whole, backoff.max_ms)
    if backoff.jitter:
        whole = int(whole * (1 - backoff.jitter) + chance * whole * backoff.jitter)
    return min(whole, MAX_BACKOFF_MS)


def as_backoff(value: object) -> Backoff:
    """A backoff from whichever form a caller gave, or raise `InvalidOption`."""
    match value:
        case Backoff():
            return value
        case str():
            return Backoff(value)
        case Mapping():
            return backoff_from_mapping(value)
        case _:
            return Backoff(BackoffKind.FIXED, seconds("backoff", value))


def backoff_from_mapping(value: object) -> Backoff:
    """A backoff from BullMQ's form: milliseconds, a name, or a mapping with `type`."""
    if isinstance(value, str):
        return Backoff(value)
    if not isinstance(value, Mapping):
        return Backoff(BackoffKind.FIXED, seconds_of_ms("backoff", value))
    known_names("backoff", value, {"type", "delay", "jitter", "max", "custom"})
    kwargs: dict[str, Any] = {"kind": value.get("type"), "custom": bool(value.get("custom"))}
    if value.get("delay") is not None:
        kwargs["delay"] = seconds_of_ms("backoff.delay", value["delay"])
    if value.get("jitter") is not None:
        kwargs["jitter"] = value["jitter"]
    if value.get("max") is not None:
        kwargs["max"] = seconds_of_ms("backoff.max", value["max"])
    return Backoff(**kwargs)


def backoff_mapping(backoff: object) -> dict[str, Any] | None:
    """BullMQ's form of a backoff."""
    if not isinstance(backoff, Backoff):
        return None
    mapping: dict[str, Any] = {"type": str(backoff.kind), "delay": backoff.delay_ms}
    if backoff.jitter:
        mapping["jitter"] = backoff.jitter
    if backoff.custom:
        mapping["custom"] = True
    if backoff.max_ms is not None:
        mapping["max"] = backoff.max_ms
    return mapping
