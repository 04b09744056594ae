"""What holds a queue back, as callers ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oxherd.store import Limits


def seconds_held(limits: Limits, max_jobs: int | None) -> float:
    """For how many seconds no further job may start; 0 when one may.

    Args:
        limits: the queue's.
        max_jobs: the number to compare with; that of the queue's rate limit unless given.
    """
    most = max_jobs
    if most is None and limits.rate is not None:
        most = limits.rate.max
    reached = limits.used > 0 if most is None else limits.used >= most
    return limits.window_ms / 1000 if reached else 0.0
