"""SqliteStore: the port on one database file, one short method per verb."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakSet

from oxherd.domain.errors import Closed, StoreUnavailable, WrongLoop
from oxherd.engines.sqlite import reads
from oxherd.engines.sqlite.connection import MEMORY
from oxherd.engines.sqlite.readers import Readers
from oxherd.engines.sqlite.transitions import extend_locks as locks
from oxherd.engines.sqlite.transitions.add import add
from oxherd.engines.sqlite.transitions.append_log import append_log
from oxherd.engines.sqlite.transitions.await_children import await_children
from oxherd.engines.sqlite.transitions.claim import claim
from oxherd.engines.sqlite.transitions.complete import complete
from oxherd.engines.sqlite.transitions.fail import fail
from oxherd.engines.sqlite.transitions.pause import pause
from oxherd.engines.sqlite.transitions.postpone import postpone
from oxherd.engines.sqlite.transitions.promote import promote
from oxherd.engines.sqlite.transitions.promote_due import promote_due
from oxherd.engines.sqlite.transitions.release import release
from oxherd.engines.sqlite.transitions.remove import Removal, go_on, remove
from oxherd.engines.sqlite.transitions.reprocess import reprocess
from oxherd.engines.sqlite.transitions.rescue import rescue
from oxherd.engines.sqlite.transitions.resume import resume
from oxherd.engines.sqlite.transitions.retry import retry
from oxherd.engines.sqlite.transitions.update_data import update_data
from oxherd.engines.sqlite.transitions.update_progress import update_progress
from oxherd.engines.sqlite.wakeups import Ear, EventsEar, JobsEar, JobsWakeup, Subject
from oxherd.engines.sqlite.writer import FORKED, WRITERS, Call, Writer
from oxherd.store import EventPage, no_failpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.lifecycle import State
    from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
    from oxherd.domain.record import Added, JobRecord, NewJob
    from oxherd.engines.sqlite.readers import Reading
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import (
        ChildPage,
        Claimed,
        Clock,
        FailPoint,
        LockKeeper,
        LogPage,
        Refusal,
        Wakeup,
    )

T = TypeVar("T")

_FULL: Final = "full"


class SqliteStore:
    """A store in one file, or in memory for `:memory:`, which no other store shares."""

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
        self._is_open = False
        self._is_closed = False
        self._ears: WeakSet[Ear] = WeakSet()

    @property
    def prefix(self) -> str:
        return self._prefix

    # Intake.

    async def add(
        self, groups: Sequence[Sequence[NewJob]]
    ) -> list[tuple[Added, ...] | OxherdError]:
        return await self._write("add", partial(add, groups=groups))

    # Work.

    async def claim(
        self, queue: str, limit: int, *, token: str, lock_ms: int, worker: str | None = None
    ) -> Claimed:
        work = partial(claim, queue=queue, limit=limit, token=token, lock_ms=lock_ms, worker=worker)
        return await self._write("claim", work)

    async def complete(self, queue: str, items: Sequence[Completion]) -> list[Refusal]:
        return await self._write("complete", partial(complete, queue=queue, items=items))

    async def fail(self, queue: str, items: Sequence[Failure]) -> list[Refusal]:
        return await self._write("fail", partial(fail, queue=queue, items=items))

    async def retry(self, queue: str, items: Sequence[Retrial]) -> list[Refusal]:
        return await self._write("retry", partial(retry, queue=queue, items=items))

    async def postpone(self, queue: str, items: Sequence[Postponement]) -> list[Refusal]:
        return await self._write("postpone", partial(postpone, queue=queue, items=items))

    async def await_children(self, queue: str, items: Sequence[Held]) -> list[OxherdError | bool]:
        work = partial(await_children, queue=queue, items=items)
        return await self._write("await_children", work)

    async def release(self, queue: str, items: Sequence[Held]) -> list[Refusal]:
        return await self._write("release", partial(release, queue=queue, items=items))

    async def extend_locks(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[Refusal]:
        work = partial(locks.extend_locks, queue=queue, items=items, lock_ms=lock_ms)
        return await self._write("extend_locks", work, urgent=True)

    async def rescue(self, queue: str, *, max_stalled_count: int, interval_ms: int) -> list[str]:
        del interval_ms
        work = partial(rescue, queue=queue, max_stalled_count=max_stalled_count)
        return await self._write("rescue", work)

    async def promote_due(self, queue: str) -> int:
        return await self._write("promote_due", partial(promote_due, queue=queue))

    def wakeup(self, queue: str, worker: str | None = None) -> Wakeup:
        del worker
        return JobsWakeup(partial(self._listen, queue))

    def lock_keeper(self) -> LockKeeper:
        return _LockKeeper(self._renew)

    # Tend.

    async def update_data(
        self, queue: str, job_id: str, data: str, token: str | None = None
    ) -> Refusal:
        work = partial(update_data, queue=queue, job_id=job_id, data=data, token=token)
        return await self._write("update_data", work)

    async def update_progress(
        self, queue: str, job_id: str, progress: str, token: str | None = None
    ) -> Refusal:
        work = partial(update_progress, queue=queue, job_id=job_id, progress=progress, token=token)
        return await self._write("update_progress", work)

    async def append_log(
        self, queue: str, job_id: str, lines: Sequence[str], token: str | None = None
    ) -> int | OxherdError:
        work = partial(append_log, queue=queue, job_id=job_id, lines=lines, token=token)
        return await self._write("append_log", work)

    async def promote(self, queue: str, job_ids: Sequence[str]) -> list[Refusal]:
        return await self._write("promote", partial(promote, queue=queue, job_ids=job_ids))

    async def reprocess(self, queue: str, job_ids: Sequence[str], state: State) -> list[Refusal]:
        work = partial(reprocess, queue=queue, job_ids=job_ids, state=state)
        return await self._write("reprocess", work)

    async def remove(self, queue: str, job_ids: Sequence[str], *, children: bool) -> list[Refusal]:
        begin = partial(remove, queue=queue, job_ids=job_ids, children=children)
        answers: list[Refusal | Removal] = await self._write("remove", begin)
        done: list[Refusal] = []
        for answer in answers:
            left = answer
            while isinstance(left, Removal):
                left = await self._write("remove", partial(go_on, removal=left))
            done.append(left)
        return done

    # Control.

    async def pause(self, queue: str) -> None:
        await self._write("pause", partial(pause, queue=queue))

    async def resume(self, queue: str) -> None:
        await self._write("resume", partial(resume, queue=queue))

    # Inspect.

    async def jobs(self, queue: str, job_ids: Sequence[str]) -> list[JobRecord | None]:
        return await self._read(partial(reads.jobs, queue=queue, job_ids=job_ids))

    async def states(self, queue: str, job_ids: Sequence[str]) -> list[State | None]:
        return await self._read(partial(reads.states, queue=queue, job_ids=job_ids))

    async def list_jobs(
        self, queue: str, state: State, start: int = 0, end: int = -1, *, ascending: bool = True
    ) -> list[JobRecord]:
        work = partial(
            reads.list_jobs, queue=queue, state=state, start=start, end=end, ascending=ascending
        )
        return await self._read(work)

    async def counts(self, queue: str) -> dict[State, int]:
        return await self._read(partial(reads.counts, queue=queue))

    async def children(
        self, queue: str, job_id: str, start: int = 0, count: int | None = None
    ) -> ChildPage:
        work = partial(reads.children, queue=queue, job_id=job_id, start=start, count=count)
        return await self._read(work)

    async def logs(self, queue: str, job_id: str, start: int = 0, end: int = -1) -> LogPage:
        work = partial(reads.logs, queue=queue, job_id=job_id, start=start, end=end)
        return await self._read(work)

    async def is_paused(self, queue: str) -> bool:
        return await self._read(partial(reads.is_paused, queue=queue))

    async def queues(self) -> list[str]:
        return await self._read(reads.queues)

    # EventLog.

    async def last_event_id(self, queue: str) -> str:
        return await self._read(partial(reads.last_event_id, queue=queue))

    async def read_events(
        self, queue: str, cursor: str, *, limit: int = 100, block_ms: int = 0
    ) -> EventPage:
        after = reads.read_cursor(cursor)
        work = partial(reads.events, queue=queue, cursor=after, limit=limit)
        writer, loop = self._enter()
        subject = Subject(self._prefix, queue, events=True)
        ear = EventsEar(writer.ears, subject, loop)
        ear.cursor = after
        until = loop.time() + block_ms / 1000
        self._ears.add(ear)
        try:
            while True:
                page: EventPage = await self._read(work)
                left = until - loop.time()
                if page.events or left <= 0:
                    return page
                self._enter()
                await ear.wait(left)
        finally:
            self._ears.discard(ear)

    # Life.

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        for ear in list(self._ears):
            ear.ring()
        writer, readers = self._writer, self._readers
        if readers is not None:
            await asyncio.to_thread(readers.close)
        if writer is not None and writer.pid == os.getpid() and WRITERS.release(writer):
            writer.stop()
            await asyncio.to_thread(writer.join)

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

    async def _write(
        self, verb: str, work: Callable[[Transaction], T], *, urgent: bool = False
    ) -> T:
        writer, loop = self._enter()
        call = self._call(verb, work, loop)
        writer.submit(call, urgent=urgent)
        assert call.future is not None
        answer: T = await call.future
        self._is_open = True
        return answer

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
        if not self._is_open:
            # The writer makes the file and its schema.
            await self._write("open", _nothing)
        if self._readers is None:
            self._readers = Readers(self._path)
        reading = partial(self._readers.read, writer.file, self._prefix, work)
        return await loop.run_in_executor(self._readers.threads, reading)

    def _listen(self, queue: str, ear: JobsEar | None) -> JobsEar:
        writer, loop = self._enter()
        if ear is None:
            ear = JobsEar(writer.ears, Subject(self._prefix, queue), loop)
            self._ears.add(ear)
        return ear

    def _renew(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[bool]:
        """Blocks; called from a thread of the caller's."""
        writer = self._connect()
        work = partial(locks.extend_locks, queue=queue, items=items, lock_ms=lock_ms)
        call = self._call("extend_locks", work, None)
        writer.submit(call, urgent=True)
        assert call.done is not None
        call.done.wait()
        if call.error is not None:
            raise call.error
        answers: list[Refusal] = call.result
        return [answer is None for answer in answers]


class _LockKeeper:
    """Renews through the writer, ahead of what the event loop has queued."""

    def __init__(self, renew: Callable[[str, Sequence[Held], int], list[bool]]) -> None:
        self._renew = renew

    def extend_locks(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[bool]:
        return self._renew(queue, items, lock_ms)

    def close(self) -> None:
        """Nothing: the connection is the store's."""


def _nothing(_transaction: Transaction) -> None:
    """Opens the store, and no more."""
