"""Moments, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(time_ms: int) -> str:
    """The moment in local time, with its distance to UTC."""
    time = datetime.fromtimestamp(time_ms / 1000, tz=UTC).astimezone()
    return time.isoformat(sep=" ", timespec="milliseconds")
