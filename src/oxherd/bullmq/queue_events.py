"""QueueEvents: what happens to a queue's jobs, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, Final

from oxherd.bullmq.queue_base import QueueBase
from oxherd.domain.events import Drained, Event, Removed, Unknown
from oxherd.domain.lifecycle import State

_NEW: Final = "$"
_DEFAULTS: Final[Mapping[str, Any]] = {
    "blockingTimeout": 10_000,
    "lastEventId": _NEW,
    "autorun": True,
}
_DECODED: Final = frozenset({"data", "returnvalue"})
_ABOUT_THE_ENTRY: Final = frozenset({"id", "queue"})


class QueueEvents(QueueBase):
    """Emits each event of a queue: `on("completed", listener)`, `on("completed:<job id>", …)`.

    A listener gets a dictionary of the event's fields and the event's id; of `drained` only the
    id. Begins at once unless `autorun` is false.

    Args:
        name: the queue's name.
        opts: `connection`, `prefix`, `lastEventId` ("$": only what is new), `blockingTimeout`
            (milliseconds), `autorun`.
    """

    def __init__(self, name: str, opts: Mapping[str, Any] | None = None) -> None:
        super().__init__(name, {**_DEFAULTS, **(opts or {})})
        self.running = False
        self.closed = False
        self._consumer_task: asyncio.Task[Any] | None = None
        if self.opts["autorun"]:
            self._consumer_task = asyncio.ensure_future(self._run_and_tell())

    async def run(self) -> None:
        """Emit events until this is closed.

        Raises:
            Exception: it runs already.
        """
        if self.running:
            raise Exception("QueueEvents is already running.")  # noqa: TRY002 - the official class
        if self._consumer_task is None:
            self._consumer_task = asyncio.current_task()
        self.running = True
        try:
            await self._consume()
        finally:
            self.running = False

    async def close(self) -> None:
        """Stop. Harmless when repeated."""
        if self.closing or self.closed:
            return
        self.closing = True
        task = self._consumer_task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        await self.connection.close()
        self.closed = True

    async def _run_and_tell(self) -> None:
        try:
            await self.run()
        except Exception as error:  # noqa: BLE001 - told, as the official package does
            self.emit("error", error)

    async def _consume(self) -> None:
        store = self.connection.store
        cursor = self.opts["lastEventId"]
        if cursor == _NEW:
            cursor = await store.last_event_id(self.name)
        while not self.closing:
            page = await store.read_events(
                self.name, cursor, block_ms=int(self.opts["blockingTimeout"])
            )
            cursor = page.cursor
            for event in page.events:
                self._tell(event)

    def _tell(self, event: Event) -> None:
        if isinstance(event, Drained):
            self.emit("drained", event.id)
            return
        if isinstance(event, Unknown):
            name, values = event.name, dict(event.values)
        else:
            assert event.kind is not None
            name, values = event.kind.value, _values(event)
        self.emit(name, values, event.id)
        job_id = values.get("jobId")
        if job_id:
            self.emit(f"{name}:{job_id}", values, event.id)


def _values(event: Event) -> dict[str, Any]:
    """The fields as the wire has them: text, but for what is JSON."""
    values: dict[str, Any] = {}
    for one in fields(event):
        value = getattr(event, one.name)
        if one.name in _ABOUT_THE_ENTRY or (value is None and one.name not in _DECODED):
            continue
        values[_camel(one.name)] = value if one.name in _DECODED else str(value)
    if isinstance(event, Removed) and event.prev == State.WAITING:
        # The name of the list, which only this event tells.
        values["prev"] = "wait"
    return values


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)


__all__ = ["QueueEvents"]
