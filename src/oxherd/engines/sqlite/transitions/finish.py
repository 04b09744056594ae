"""What `complete` and `fail` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.codes import ACTIVE, PRIORITIZED
from oxherd.engines.sqlite.transitions.count_ended import count_ended
from oxherd.engines.sqlite.transitions.evict import evict, forget_oldest

if TYPE_CHECKING:
    from oxherd.domain.keep import Keep
    from oxherd.engines.sqlite.transaction import Transaction

_LEFT: Final = (
    "SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = ?1 AND state <= ?2)"
    " OR EXISTS (SELECT 1 FROM jobs WHERE queue = ?1 AND state = ?3),"
    " concurrency FROM queues WHERE id = ?1"
)


class Finishing:
    """The jobs of one call that have come to one state of one queue, for what follows them."""

    def __init__(self, transaction: Transaction, queue: int, state: int, metrics: int) -> None:
        self._transaction = transaction
        self.queue = queue
        self._state = state
        self._keep: Keep | None = None
        self._stored = 0
        self._has_gone = False
        self._metrics = metrics
        self._ended = 0

    def add(self, keep: Keep, *, stored: bool) -> None:
        """One more has finished; jobs that ask for the same retention are served together."""
        self._ended += 1
        if not stored:
            self._has_gone = True
            return
        if self._keep != keep:
            self._evict()
            self._keep, self._stored = keep, 0
        self._stored += 1

    def close(self) -> None:
        """All have: apply the retention, and tell when the queue is drained."""
        self._evict()
        if not self._ended:
            return
        if self._has_gone:
            forget_oldest(self._transaction)
        if self._metrics:
            count_ended(self._transaction, self.queue, self._state, self._ended, most=self._metrics)
        left = self._transaction.one(_LEFT, self.queue, PRIORITIZED, ACTIVE)
        is_busy, concurrency = left or (False, None)
        if not is_busy:
            self._transaction.emit(self.queue, EventKind.DRAINED)
        if concurrency is not None:
            # A slot is free.
            self._transaction.hear(self.queue)

    def _evict(self) -> None:
        if self._keep is not None and (self._keep.count or self._keep.age is not None):
            evict(self._transaction, self.queue, self._state, self._keep, self._stored)
