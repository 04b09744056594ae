"""The writer: the one thread that owns a database's writing connection in this process."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.errors import Closed, OxherdError, StoreFull, StoreUnavailable
from oxherd.domain.lifecycle import Transition
from oxherd.engines.sqlite.connection import DatabaseFile, store_error
from oxherd.engines.sqlite.transaction import Memory, Transaction
from oxherd.engines.sqlite.transitions.add import Adding
from oxherd.engines.sqlite.wakeups import Ears, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from oxherd.engines.sqlite.wakeups import Ear
    from oxherd.store import Clock, FailPoint

FORKED: Final = "the store was opened before this process was forked; connect again here"

_QUICKEST_LOOK: Final = 0.001
_SLOWEST_LOOK: Final = 0.04
_SLOWING: Final = 1.2
_STEP_BACK_MS: Final = 5_000
"""The clock of the host may be set back this far without the store's time following."""

_CLAIM: Final = Transition.CLAIM.value
_PASSING: Final = frozenset({_CLAIM, "extend_locks"})
"""What a loss of power may undo: it ends whoever holds a job as well."""

_QUEUE_NAME: Final = "SELECT prefix, name FROM queues WHERE id = ?"


class Call:
    """One verb call on its way to the writer and back, to a future or to a waiting thread."""

    __slots__ = (
        "clock", "done", "error", "failpoint", "future", "loop", "prefix", "result", "verb",
        "work",
    )  # fmt: skip

    def __init__(
        self,
        verb: str,
        work: Callable[[Transaction], Any],
        *,
        prefix: str,
        clock: Clock | None,
        failpoint: FailPoint,
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.verb = verb
        self.work = work
        self.prefix = prefix
        self.clock = clock
        self.failpoint = failpoint
        self.loop = loop
        self.future: asyncio.Future[Any] | None = loop.create_future() if loop else None
        self.done = None if loop else threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    @property
    def is_abandoned_claim(self) -> bool:
        """Nobody waits for its jobs any more."""
        return self.verb == _CLAIM and self.future is not None and self.future.cancelled()

    def settle(self) -> None:
        """Hand over the answer; on the loop, when there is one."""
        if self.done is not None:
            self.done.set()
        elif self.future is not None and not self.future.done():
            if self.error is None:
                self.future.set_result(self.result)
            else:
                self.future.set_exception(self.error)


class Writer:
    """Takes all calls that are waiting, runs them in one transaction and answers after it."""

    def __init__(self, path: str) -> None:
        self.file = DatabaseFile(path)
        self.ears = Ears(None if self.file.in_memory else self._hurry)
        self.pid = os.getpid()
        self._condition = threading.Condition()
        self._urgent: list[Call] = []
        self._calls: list[Call] = []
        self._stopping = False
        self._is_full = False
        self._synchronous = ""
        self._connection: sqlite3.Connection | None = None
        self._queues: dict[tuple[str, str], int] = {}
        self._subjects: dict[int, tuple[str, str]] = {}
        self._version: int | None = None
        self._memory = Memory()
        self._pace = _QUICKEST_LOOK
        self._now_ms = 0
        self.is_open = False
        """The file and its schema are there."""
        self._thread = threading.Thread(target=self._work, name="oxherd-writer", daemon=True)
        self._thread.start()

    def submit(self, calls: Sequence[Call], *, urgent: bool = False) -> None:
        """Queue calls; one commit serves them all, and whatever else waits.

        Raises:
            Closed: the last store of this file was closed.
            StoreUnavailable: this process was forked from the one that opened the store.
        """
        if os.getpid() != self.pid:
            raise StoreUnavailable(FORKED)
        with self._condition:
            if self._stopping:
                raise Closed("the store is closed")
            (self._urgent if urgent else self._calls).extend(calls)
            self._condition.notify()

    def sync_fully(self) -> None:
        """A store asks that every commit survives a loss of power."""
        self._is_full = True

    def stop(self) -> None:
        """End once everything queued is done."""
        with self._condition:
            self._stopping = True
            self._condition.notify()

    def join(self) -> None:
        """Wait for the end of the thread."""
        self._thread.join()

    def _hurry(self) -> None:
        with self._condition:
            self._pace = _QUICKEST_LOOK
            self._condition.notify()

    # On the thread.

    def _work(self) -> None:
        while (calls := self._take()) is not None:
            if calls:
                self._serve(calls)
            else:
                self._look()
        self._drop_connection()
        self.file.close()

    def _take(self) -> list[Call] | None:
        """All that wait; nothing when it is time to look for others' commits; None at the end."""
        with self._condition:
            while not self._urgent and not self._calls:
                if self._stopping:
                    return None
                looks = self.ears.count > 0 and not self.file.in_memory
                if looks and self.ears.has_fresh:
                    return []
                if not self._condition.wait(self._pace if looks else None):
                    return []
            calls = [call for call in (*self._urgent, *self._calls) if not call.is_abandoned_claim]
            self._urgent.clear()
            self._calls.clear()
            return calls

    def _serve(self, calls: list[Call]) -> None:
        subjects: set[Subject] = set()
        try:
            self._commit(calls, subjects)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the callers are told
            self._roll_back(error)
            told = store_error(error, self.file.path)
            if isinstance(told, StoreFull) and len(calls) > 1:
                # There may be room for the small ones.
                for call in calls:
                    self._serve([call])
                return
            for call in calls:
                call.error = told
        self._answer(calls, self.ears.tell(subjects))

    def _commit(self, calls: list[Call], subjects: set[Subject]) -> None:
        connection = self._open()
        self._set_durability(connection, calls)
        with self.file.turn():
            self.file.check()
            connection.execute("BEGIN IMMEDIATE")
            others_wrote = self._others_wrote(connection)
            transaction = self._run_all(connection, calls)
            news = transaction.flush()
            for call in calls:
                call.failpoint(f"sqlite.{call.verb}.before_commit")
            subjects.update(Subject(*self._name(number)) for number in transaction.heard)
            subjects.update(Subject(*self._name(number), events=True) for number in news)
            connection.execute("COMMIT")
        self._queues.update(transaction.new_queues)
        if not any(call.error for call in calls):
            self._remember(connection, transaction.memory)
        for call in calls:
            call.failpoint(f"sqlite.{call.verb}.after_commit")
        if others_wrote:
            self._ring_concerned(connection, fresh=False)

    def _run_all(self, connection: sqlite3.Connection, calls: list[Call]) -> Transaction:
        """Run the calls; when one breaks, all again with savepoints, which otherwise only cost."""
        transaction = Transaction(connection, self._queues, self._recall(connection))
        try:
            for together in _adjoining(calls):
                self._run(transaction, together)
        except Exception:
            if len(calls) == 1 or not connection.in_transaction:
                raise
        else:
            return transaction
        connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection, self._queues, Memory())
        for call in calls:
            self._run_apart(connection, transaction, call)
        return transaction

    def _run(self, transaction: Transaction, calls: Sequence[Call]) -> None:
        """Run one call, or some adds of one store."""
        clock = calls[0].clock
        transaction.prefix = calls[0].prefix
        transaction.now_ms = self._wall_ms() if clock is None else clock()
        adds = [call.work for call in calls if isinstance(call.work, Adding)]
        if len(adds) > 1:
            results = Adding.together(transaction, adds)
        else:
            results = [call.work(transaction) for call in calls]
        transaction.write_waiting()
        for call, result in zip(calls, results, strict=True):
            call.result, call.error = result, None

    def _run_apart(
        self, connection: sqlite3.Connection, transaction: Transaction, call: Call
    ) -> None:
        mark = transaction.mark()
        connection.execute("SAVEPOINT verb")
        try:
            self._run(transaction, [call])
        except Exception as error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO verb")
            transaction.forget(mark)
            call.error = store_error(error, self.file.path)
        connection.execute("RELEASE verb")

    def _recall(self, connection: sqlite3.Connection) -> Memory:
        """What the last transaction knew, if nothing was written since."""
        memory, self._memory = self._memory, Memory()
        is_true = memory.seen == (self._version, connection.total_changes)
        return memory if is_true and not memory.is_worn else Memory()

    def _remember(self, connection: sqlite3.Connection, memory: Memory) -> None:
        memory.seen = (self._version, connection.total_changes)
        memory.commits += 1
        self._memory = memory

    def _answer(self, calls: Iterable[Call], rung: Iterable[Ear]) -> None:
        """One call into each event loop for the whole batch."""
        thunks: defaultdict[asyncio.AbstractEventLoop, list[Callable[[], None]]]
        thunks = defaultdict(list)
        for call in calls:
            if call.loop is None:
                call.settle()
            else:
                thunks[call.loop].append(call.settle)
        for ear in rung:
            thunks[ear.loop].append(ear.ring)
        for loop, each in thunks.items():
            try:
                loop.call_soon_threadsafe(_do_all, each)
            except RuntimeError:
                # The loop was closed, and with it whoever waited on it.
                continue

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self.file.open_writer()
            self.is_open = True
            self._synchronous = ""
            self._version = None
            self._memory = Memory()
        return self._connection

    def _set_durability(self, connection: sqlite3.Connection, calls: list[Call]) -> None:
        lasts = self._is_full and any(call.verb not in _PASSING for call in calls)
        wanted = "FULL" if lasts else "NORMAL"
        if wanted != self._synchronous:
            connection.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _roll_back(self, error: BaseException) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._drop_connection()
            return
        if isinstance(error, sqlite3.OperationalError) and (
            getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR
        ):
            # What such a connection believes about the file may be wrong.
            self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # Commits of other processes.

    def _others_wrote(self, connection: sqlite3.Connection) -> bool:
        """Whether another process committed since the last look: only that changes the version."""
        if self.file.in_memory:
            return False
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, version
        return before is not None and before != version

    def _look(self) -> None:
        try:
            connection = self._open()
            if self._others_wrote(connection):
                self._pace = _QUICKEST_LOOK
                self._ring_concerned(connection, fresh=False)
                return
            self._ring_concerned(connection, fresh=True)
        except (sqlite3.Error, OxherdError, OSError):
            # The next call gets the error; who waits, waits.
            self.ears.waiting(fresh=True)
        self._pace = min(self._pace * _SLOWING, _SLOWEST_LOOK)

    def _ring_concerned(self, connection: sqlite3.Connection, *, fresh: bool) -> None:
        try:
            rung = [ear for ear in self.ears.waiting(fresh=fresh) if ear.is_concerned(connection)]
        except sqlite3.Error:
            # The next call gets the error; who waits, waits.
            return
        self._answer((), rung)

    def _name(self, number: int) -> tuple[str, str]:
        found = self._subjects.get(number)
        if found is None:
            assert self._connection is not None
            found = self._subjects[number] = self._connection.execute(
                _QUEUE_NAME, (number,)
            ).fetchone()
        return found

    def _wall_ms(self) -> int:
        now_ms = time.time_ns() // 1_000_000
        if now_ms < self._now_ms <= now_ms + _STEP_BACK_MS:
            return self._now_ms
        self._now_ms = now_ms
        return now_ms


def _adjoining(calls: Iterable[Call]) -> Generator[list[Call]]:
    """The calls in their order, the adds among them together where none is between."""
    for (joins, *_), each in groupby(
        calls, lambda call: (isinstance(call.work, Adding), call.prefix, call.clock)
    ):
        if joins:
            yield list(each)
        else:
            yield from ([call] for call in each)


def _do_all(thunks: Iterable[Callable[[], None]]) -> None:
    for thunk in thunks:
        thunk()
