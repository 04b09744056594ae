"""What a processor raises to say something other than "it failed"."""

from __future__ import annotations

from typing import Final

RATE_LIMIT_ERROR: Final = "bullmq:rateLimitExceeded"
"""The text by which every client knows a `RateLimitError`."""


class UnrecoverableError(Exception):
    """Fail now, whatever attempts are left."""


class DelayedError(Exception):
    """The processor moved its job to the delayed ones with `moveToDelayed`."""


class WaitingError(Exception):
    """The processor gave its job back with `moveToWait`."""


class WaitingChildrenError(Exception):
    """The processor has its job wait for children, by `moveToWaitingChildren`."""


class RateLimitError(Exception):
    """Give the job back; the processor has called `Queue.rateLimit` before."""

    def __init__(self, message: str = RATE_LIMIT_ERROR) -> None:
        super().__init__(message)


__all__ = [
    "RATE_LIMIT_ERROR",
    "DelayedError",
    "RateLimitError",
    "UnrecoverableError",
    "WaitingChildrenError",
    "WaitingError",
]
