"""Cancellation: how a running processor learns that it should stop."""

from __future__ import annotations

import threading


class Cancellation:
    """Given to a processor as its third argument; may be read from any thread.

    A coroutine is cancelled anyway; a plain function in a thread has only this to go by.
    """

    __slots__ = ("_waiting", "reason")

    def __init__(self) -> None:
        self._waiting: list[threading.Event] = []
        self.reason: str | None = None
        """Why, once it is set."""

    def is_set(self) -> bool:
        """Whether the processor should stop."""
        return self.reason is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it is set or `timeout` seconds have passed; answers whether it is set."""
        # Made here, for few jobs wait. Who sets it gives the reason first, then looks who waits.
        waiting = threading.Event()
        self._waiting.append(waiting)
        try:
            return self.is_set() or waiting.wait(timeout)
        finally:
            self._waiting.remove(waiting)

    def set(self, reason: str) -> None:
        """Ask the processor to stop."""
        if self.reason is None:
            self.reason = reason
            for waiting in list(self._waiting):
                waiting.set()
