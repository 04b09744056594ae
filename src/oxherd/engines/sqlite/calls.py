"""How a verb reaches the writer, or a read one of the readers."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakSet

from oxherd.domain.errors import Closed, OxherdError, StoreUnavailable, WrongLoop
from oxherd.engines.sqlite.connection import MEMORY
from oxherd.engines.sqlite.readers import Readers
from oxherd.engines.sqlite.writer import FORKED, Call, Writer
from oxherd.engines.sqlite.writers import WRITERS
from oxherd.store import no_failpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from oxherd.engines.sqlite.readers import Reading
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.engines.sqlite.wakeups import Ear
    from oxherd.store import Clock, FailPoint

T = TypeVar("T")

_FULL: Final = "full"


class Calls:
    """What every part of the store stands on: the file's one writer, and readers of its own."""

    def __init__(
        self,
        path: str,
        *,
        prefix: str,
        durability: str,
        clock: Clock | None = None,
        failpoint: FailPoint = no_failpoint,
    ) -> None:
        self._path = path if path == MEMORY else os.path.realpath(path)
        self._prefix = prefix
        self._is_full = durability == _FULL
        self._clock = clock
        self._failpoint = failpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._gathered: list[Call] = []
        self._is_closed = False
        self._ears: WeakSet[Ear] = WeakSet()

    @property
    def prefix(self) -> str:
        return self._prefix

    def _connect(self) -> Writer:
        if self._is_closed:
            raise Closed("the store is closed; connect again")
        if self._writer is None:
            self._writer = WRITERS.acquire(self._path)
            if self._is_full:
                self._writer.sync_fully()
        return self._writer

    def _enter(self) -> tuple[Writer, asyncio.AbstractEventLoop]:
        if self._writer is not None and self._writer.pid != os.getpid():
            raise StoreUnavailable(FORKED)
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise WrongLoop("this store belongs to another event loop; connect once for each loop")
        return self._connect(), loop

    def _write(
        self, verb: str, work: Callable[[Transaction], T], *, urgent: bool = False
    ) -> asyncio.Future[T]:
        """Send a call; those of one tick of the loop go together, so that one commit has them."""
        writer, loop = self._enter()
        call = self._call(verb, work, loop)
        if urgent:
            writer.submit([call], urgent=True)
        else:
            if not self._gathered:
                loop.call_soon(self._hand_over)
            self._gathered.append(call)
        assert call.future is not None
        return call.future

    def _hand_over(self) -> None:
        calls, self._gathered = self._gathered, []
        if not calls or self._writer is None:
            return
        try:
            self._writer.submit(calls)
        except OxherdError as error:
            for call in calls:
                call.error = error
                call.settle()

    def _call(
        self,
        verb: str,
        work: Callable[[Transaction], Any],
        loop: asyncio.AbstractEventLoop | None,
    ) -> Call:
        return Call(
            verb,
            work,
            prefix=self._prefix,
            clock=self._clock,
            failpoint=self._failpoint,
            loop=loop,
        )

    async def _read(self, work: Callable[[Reading], T]) -> T:
        writer, loop = self._enter()
        if writer.file.in_memory:
            return await self._write("read", work)
        if not writer.is_open:
            # The writer makes the file and its schema.
            await self._write("open", _nothing)
        if self._readers is None:
            self._readers = Readers(self._path, self._clock)
        reading = partial(self._readers.read, writer.file, self._prefix, work)
        return await loop.run_in_executor(self._readers.threads, reading)

    def _write_blocking(self, verb: str, work: Callable[[Transaction], T]) -> T:
        """As an urgent `_write`, from a thread of the caller's."""
        writer = self._connect()
        call = self._call(verb, work, None)
        writer.submit([call], urgent=True)
        assert call.done is not None
        call.done.wait()
        if call.error is not None:
            raise call.error
        answer: T = call.result
        return answer

    async def _disconnect(self) -> None:
        self._hand_over()
        writer, readers = self._writer, self._readers
        if readers is not None:
            await asyncio.to_thread(readers.close)
        if writer is not None and writer.pid == os.getpid() and WRITERS.release(writer):
            writer.stop()
            await asyncio.to_thread(writer.join)


def _nothing(_transaction: Transaction) -> None:
    """Opens the store, and no more."""
