"""EventEmitter: listeners by the name of an event."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

Listener = Callable[..., Any]


class EventEmitter:
    """Calls functions when something happens; what a coroutine function does is not awaited."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Listener]] = {}
        self._once: set[tuple[str, Listener]] = set()
        self._tasks: set[asyncio.Future[Any]] = set()

    def on(self, event_name: str, function: Listener) -> Listener:
        """Call `function` each time; answers it, so that it can be given to `off`."""
        self._callbacks[event_name] = [*self._callbacks.get(event_name, []), function]
        return function

    def once(self, event_name: str, function: Listener) -> Listener:
        """Call `function` the next time, and no more."""
        self._once.add((event_name, function))
        return self.on(event_name, function)

    def off(self, event_name: str, function: Listener) -> None:
        """Call `function` no more.

        Raises:
            ValueError: it was not called before either.
        """
        left = list(self._callbacks.get(event_name, []))
        left.remove(function)
        self._callbacks[event_name] = left

    def emit(self, event_name: str, *args: Any, **kwargs: Any) -> None:
        """Call the listeners, in the order in which they came."""
        for function in self._callbacks.get(event_name, []):
            if (event_name, function) in self._once:
                self._once.discard((event_name, function))
                self.off(event_name, function)
            result = function(*args, **kwargs)
            if inspect.iscoroutine(result):
                # Held until it ends, since the loop holds tasks only weakly.
                task = asyncio.ensure_future(result)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)


__all__ = ["EventEmitter"]
