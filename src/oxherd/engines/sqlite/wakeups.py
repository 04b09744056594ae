"""How those who wait hear of news: within the process at the commit, from others by looking."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from oxherd.engines.sqlite.codes import ACTIVE, DELAYED, PRIORITIZED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

_READY: Final = (
    "SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = queues.id AND state <= ?),"
    " (SELECT min(rank) FROM jobs WHERE queue = queues.id AND state = ?)"
    " FROM queues WHERE prefix = ? AND name = ? AND NOT paused AND (concurrency IS NULL OR"
    " (SELECT count(*) FROM jobs WHERE queue = queues.id AND state = ?) < concurrency)"
)
_NEWS: Final = (
    "SELECT EXISTS (SELECT 1 FROM events WHERE queue = queues.id AND id > ?)"
    " FROM queues WHERE prefix = ? AND name = ?"
)


class Subject(NamedTuple):
    """What somebody waits for: jobs of a queue, or its events."""

    prefix: str
    queue: str
    events: bool = False


class Ears:
    """All who wait for news of one database in this process; used from any thread."""

    def __init__(self, nudge: Callable[[], None] | None) -> None:
        """`nudge` tells the writer that somebody waits; None where no other process can write."""
        self._nudge = nudge
        self._lock = threading.Lock()
        self._news: defaultdict[Subject, int] = defaultdict(int)
        self._waiting: defaultdict[Subject, set[Ear]] = defaultdict(set)
        self._fresh: list[Ear] = []
        self.count = 0
        """How many wait now."""

    @property
    def has_fresh(self) -> bool:
        """Somebody began to wait since the last look."""
        return bool(self._fresh)

    def told(self, subject: Subject) -> int:
        """How often there was news."""
        with self._lock:
            return self._news[subject]

    def enter(self, ear: Ear) -> bool:
        """Begin to wait; False when there was news since `ear.heard`, and then it does not."""
        with self._lock:
            if self._news[ear.subject] != ear.heard:
                ear.heard = self._news[ear.subject]
                return False
            self._waiting[ear.subject].add(ear)
            self.count += 1
            if self._nudge is not None:
                self._fresh.append(ear)
        if self._nudge is not None:
            self._nudge()
        return True

    def leave(self, ear: Ear) -> None:
        """Wait no more."""
        with self._lock:
            ear.heard = self._news[ear.subject]
            waiting = self._waiting[ear.subject]
            if ear in waiting:
                waiting.remove(ear)
                self.count -= 1
            if not waiting:
                del self._waiting[ear.subject]

    def tell(self, subjects: Iterable[Subject]) -> list[Ear]:
        """There is news; answers who waits for it, to be rung."""
        rung: list[Ear] = []
        with self._lock:
            for subject in subjects:
                self._news[subject] += 1
                rung.extend(self._waiting.get(subject, ()))
        return rung

    def waiting(self, *, fresh: bool) -> list[Ear]:
        """Who waits, or of them those whom nobody looked for yet."""
        with self._lock:
            found = self._fresh if fresh else [e for each in self._waiting.values() for e in each]
            self._fresh = []
            return found


class Ear:
    """One who waits, on one event loop."""

    def __init__(self, ears: Ears, subject: Subject, loop: asyncio.AbstractEventLoop) -> None:
        self.subject = subject
        self.loop = loop
        self.heard = ears.told(subject)
        self._ears = ears
        self._rung: asyncio.Future[None] | None = None

    async def wait(self, seconds: float) -> None:
        """Return when there is news since the last return, or after a time."""
        if seconds <= 0 or not self._ears.enter(self):
            await asyncio.sleep(0)
            return
        self._rung = self.loop.create_future()
        try:
            await asyncio.wait((self._rung,), timeout=seconds)
        finally:
            self._ears.leave(self)

    def ring(self) -> None:
        """End the wait; called on the loop."""
        if self._rung is not None and not self._rung.done():
            self._rung.set_result(None)

    def is_concerned(self, connection: sqlite3.Connection) -> bool:
        """Whether there is what it waits for, whoever wrote it."""
        raise NotImplementedError


class JobsEar(Ear):
    """Waits for jobs to claim."""

    _earliest: int | None = None

    def is_concerned(self, connection: sqlite3.Connection) -> bool:
        """As in `Ear`."""
        row = connection.execute(
            _READY, (PRIORITIZED, DELAYED, self.subject.prefix, self.subject.queue, ACTIVE)
        ).fetchone()
        ready, earliest = row or (False, None)
        # A worker knows when the earliest delayed job is due; an earlier one is news to it.
        known, self._earliest = self._earliest, earliest
        is_earlier = earliest is not None and (known is None or earliest < known)
        return bool(ready) or is_earlier


class EventsEar(Ear):
    """Waits for events behind `cursor`."""

    cursor = 0

    def is_concerned(self, connection: sqlite3.Connection) -> bool:
        """As in `Ear`."""
        row = connection.execute(
            _NEWS, (self.cursor, self.subject.prefix, self.subject.queue)
        ).fetchone()
        return row is not None and bool(row[0])


class JobsWakeup:
    """A `Wakeup`, which connects when it is first used."""

    def __init__(self, listen: Callable[[JobsEar | None], JobsEar]) -> None:
        self._listen = listen
        self._ear: JobsEar | None = None
        self._closed = False

    def attend(self) -> None:
        """Nothing: this store shows no workers."""

    async def wait(self, timeout_ms: int) -> None:
        """As the port says."""
        if self._closed:
            return
        is_first = self._ear is None
        self._ear = self._listen(self._ear)
        if is_first:
            # What appeared before there was an ear may have been missed.
            return
        await self._ear.wait(timeout_ms / 1000)

    async def aclose(self) -> None:
        """As the port says."""
        self._closed = True
        if self._ear is not None:
            self._ear.ring()
