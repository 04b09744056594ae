"""What `complete` and `fail` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.lifecycle import EventKind
from oxherd.engines.sqlite.codes import ACTIVE, PRIORITIZED
from oxherd.engines.sqlite.transitions.evict import evict

if TYPE_CHECKING:
    from oxherd.domain.keep import Keep
    from oxherd.engines.sqlite.transaction import Transaction

_BUSY: Final = (
    "SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = ?1 AND state <= ?2)"
    " OR EXISTS (SELECT 1 FROM jobs WHERE queue = ?1 AND state = ?3)"
)


class Finishing:
    """The jobs of one call that have come to one state of one queue, for what follows them."""

    def __init__(self, transaction: Transaction, queue: int, state: int) -> None:
        self._transaction = transaction
        self._queue = queue
        self._state = state
        self._keep: Keep | None = None
        self._stored = 0
        self._any = False

    def add(self, keep: Keep, *, stored: bool) -> None:
        """One more has finished; jobs that ask for the same retention are served together."""
        self._any = True
        if not stored:
            return
        if self._keep != keep:
            self._evict()
            self._keep, self._stored = keep, 0
        self._stored += 1

    def close(self) -> None:
        """All have: apply the retention, and tell when the queue is drained."""
        self._evict()
        if not self._any:
            return
        if not self._transaction.number(_BUSY, self._queue, PRIORITIZED, ACTIVE):
            self._transaction.emit(self._queue, EventKind.DRAINED)

    def _evict(self) -> None:
        if self._keep is not None and (self._keep.count or self._keep.age is not None):
            evict(self._transaction, self._queue, self._state, self._keep, self._stored)
