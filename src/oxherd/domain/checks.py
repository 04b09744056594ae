"""Checks of single values; what is impossible is refused under the option's name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final, NoReturn

from oxherd.domain.errors import InvalidOption
from oxherd.domain.names import nearest

MAX_SECONDS: Final = 100 * 365 * 86_400.0
"""The longest duration of any kind: a century."""


def whole_number(name: str, value: object, *, low: int, high: int | None = None) -> int:
    """`value`, an integer from `low` to `high`, or raise `InvalidOption`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        refuse(name, value, f"a whole number, {low} or more")
    if high is not None and value > high:
        refuse(name, value, f"a whole number from {low} to {high}")
    return value


def number(name: str, value: object, *, high: float, wanted: str) -> float:
    """`value`, a finite number from 0 to `high`, or raise `InvalidOption`."""
    if (
        not isinstance(value, (int, float))
        or isinstance(value, bool)
        or not math.isfinite(value)
        or not 0 <= value <= high
    ):
        refuse(name, value, wanted)
    return float(value)


def seconds(name: str, value: object) -> float:
    """A duration in seconds, given as a number or a `timedelta`, or raise `InvalidOption`."""
    duration = value.total_seconds() if isinstance(value, timedelta) else value
    wanted = "seconds (a number or a timedelta) from 0 to a century"
    return number(name, duration, high=MAX_SECONDS, wanted=wanted)


def seconds_of_ms(name: str, value: object) -> float:
    """A duration in seconds, given in milliseconds, or raise `InvalidOption`."""
    wanted = "milliseconds from 0 to a century"
    return number(name, value, high=MAX_SECONDS * 1000, wanted=wanted) / 1000


def to_ms(duration: float | timedelta) -> int:
    """A duration that was checked, in milliseconds."""
    if not duration:
        return 0
    if isinstance(duration, timedelta):
        duration = duration.total_seconds()
    return round(duration * 1000)


def duration_ms(value: object) -> int:
    """A duration in milliseconds, given as `seconds` takes it, or raise `InvalidOption`."""
    return to_ms(seconds("delay", value))


def known_names(option: str, mapping: Mapping[Any, Any], known: Collection[str]) -> None:
    """Raise `InvalidOption` for a name that a mapping of this option cannot have."""
    for name in mapping:
        if name not in known:
            raise InvalidOption(f"unknown option '{option}.{name}'{nearest(str(name), known)}")


def refuse(name: str, value: object, wanted: str) -> NoReturn:
    """Raise `InvalidOption` for a value that is not what is wanted."""
    raise InvalidOption(f"option {name!r} must be {wanted}, not {value!r}")
