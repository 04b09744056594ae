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


class WaitForChildren(Signal):
    """Run again once the job's pending children are done; no attempt is spent."""


class Release(Signal):
    """Give the job back to the front of its queue; no attempt is spent."""
