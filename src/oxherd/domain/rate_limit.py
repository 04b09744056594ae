"""RateLimit: how many jobs may start in a span of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from oxherd.domain.checks import known_names, refuse, seconds, seconds_of_ms, to_ms, whole_number
from oxherd.domain.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `max` jobs start in a window of `duration` seconds (BullMQ protocol, 4.4).

    The window opens with the first job, for all workers of the queue together.
    """

    max: int
    duration: float | timedelta

    def __post_init__(self) -> None:
        whole_number("limiter.max", self.max, low=1)
        object.__setattr__(self, "duration", seconds("limiter.duration", self.duration))
        if not self.duration_ms:
            refuse("limiter.duration", self.duration, "a millisecond or more")

    @property
    def duration_ms(self) -> int:
        """The window in milliseconds."""
        return to_ms(self.duration)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> RateLimit:
        """A limit in BullMQ's form: `{"max": …, "duration": milliseconds}`.

        Raises:
            InvalidOption: an unknown or missing name, or an impossible value.
        """
        known = {"max", "duration"}
        known_names("limiter", mapping, known)
        for name in sorted(known - mapping.keys()):
            raise InvalidOption(f"option 'limiter.{name}' is missing")
        return cls(mapping["max"], seconds_of_ms("limiter.duration", mapping["duration"]))
