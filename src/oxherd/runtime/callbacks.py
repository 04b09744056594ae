"""Callbacks by the name of what happened; one that raises harms nobody."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from oxherd.domain.errors import InvalidOption
from oxherd.domain.names import nearest

_log: Final = logging.getLogger("oxherd.callbacks")

Callback = Callable[..., Any]


class Callbacks:
    """What a user registered with `on(name, callback)`; plain or `async def` functions."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._callbacks: dict[str, list[Callback]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, name: str, callback: Callback) -> None:
        """Call `callback` whenever `name` happens.

        Raises:
            InvalidOption: nothing of that name ever happens.
        """
        if name not in self._names:
            raise InvalidOption(f"there is no event {name!r}{nearest(name, self._names)}")
        self._callbacks[name].append(callback)

    def wanted(self, name: str) -> bool:
        """Whether anybody listens."""
        return name in self._callbacks

    def emit(self, name: str, *arguments: object) -> None:
        """Call everybody who listens to `name`, asynchronous ones as tasks."""
        for callback in self._callbacks.get(name, ()):
            try:
                answer = callback(*arguments)
            except (Exception, asyncio.CancelledError):  # noqa: BLE001 - the user's; its caller lives on
                _log.exception("a callback of %r failed", name)
            else:
                if inspect.isawaitable(answer):
                    task = asyncio.ensure_future(_finish(name, answer))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    def is_running(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether `task` is an asynchronous callback that is under way."""
        return task in self._tasks

    async def settle(self, seconds: float) -> None:
        """Wait for the other asynchronous callbacks that are under way, but not for ever."""
        tasks = self._tasks - {asyncio.current_task()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                _log.warning("a callback takes longer than %.0f s and is cancelled", seconds)
                task.cancel()


async def _finish(name: str, answer: Any) -> None:
    try:
        await answer
    except Exception:  # noqa: BLE001 - the user's
        _log.exception("a callback of %r failed", name)
