"""What a processor raises to say something other than "it failed"."""

from __future__ import annotations

from datetime import timedelta


class Signal(Exception):
    """The root of the signals; none of them is an error."""


class Unrecoverable(Signal):
    """Fail now, whatever attempts are left."""


class Postpone(Signal):
    """Run again after `delay` seconds; no attempt is spent."""

    def __init__(self, delay: float | timedelta) -> None:
        super().__init__(delay)
        self.delay = delay


class RateLimited(Signal):
    """Give the job back, and start no job of its queue for `duration` seconds."""

    def __init__(self, duration: float | timedelta) -> None:
        super().__init__(duration)
        self.duration = duration


class Settled(Signal):
    """The processor has settled the job itself, through the store; there is nothing left to do."""


class WaitForChildren(Signal):
    """Run again once the job's pending children are done; no attempt is spent."""


class Release(Signal):
    """Give the job back to the front of its queue; no attempt is spent."""
