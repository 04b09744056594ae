"""What a child's end does to its parents: each edge has its own policy."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from oxherd.domain.options import OnFailure
from oxherd.engines.sqlite.batch import Repetition, json_list
from oxherd.engines.sqlite.codes import (
    CHILD_FAILED,
    COMPLETED,
    DELAYED,
    FAILED,
    IGNORED,
    NAMES,
    WAITING_CHILDREN,
)
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_delayed, make_runnable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from oxherd.engines.sqlite.transaction import Row, Transaction

_EDGES_OF_ALL: Final = (
    "SELECT edges.child, edges.id, edges.parent FROM json_each(?) AS asked"
    " CROSS JOIN edges ON edges.child = asked.value WHERE edges.status = 0"
    " ORDER BY edges.child, edges.place"
)
# A parent may have any number of children; it is enough to know whether there are more.
_PARENTS_OF_ALL: Final = (
    "SELECT queue, jobs.id, job_id, priority, state, delay, (SELECT count(*) FROM"
    " (SELECT 1 FROM edges WHERE edges.parent = jobs.id AND edges.status = 0 LIMIT ?))"
    " FROM json_each(?) AS asked CROSS JOIN jobs ON jobs.id = asked.value"
)
_PROCESSED: Final = Repetition(
    "UPDATE edges SET status = 1, settled_on = ?, value = ?, failure = NULL WHERE id = ?"
)
_PENDING_EDGES: Final = (
    "SELECT id, parent, policy, child_key FROM edges WHERE child = ? AND status = 0 ORDER BY place"
)
_SETTLE: Final = "UPDATE edges SET status = ?, settled_on = ?, value = ?, failure = ? WHERE id = ?"
_FORGET: Final = "DELETE FROM edges WHERE id = ?"
_PARENT: Final = "SELECT queue, id, job_id, priority, state, delay FROM jobs WHERE id = ?"
_HAS_PENDING: Final = "SELECT EXISTS (SELECT 1 FROM edges WHERE parent = ? AND status = 0)"
_DEFER: Final = "UPDATE jobs SET deferred_failure = ? WHERE id = ?"


class Need(IntEnum):
    """What a child's end may ask of a parent; the greater wins."""

    RELEASE_IF_DONE = 0
    RELEASE = 1
    FAIL = 2


class Demand(NamedTuple):
    """What a child asks of a parent."""

    need: Need
    child_key: str = ""


RELEASE_IF_DONE: Final = Demand(Need.RELEASE_IF_DONE)


def child_failed(key: str) -> str:
    """The deferred failure of a parent whose child failed for good."""
    return f"child {key} failed"


class Settling:
    """The children of one call that complete, whose parents are looked at together.

    Args:
        transaction: the call's.
        children: rows of children that are about to complete.
    """

    def __init__(self, transaction: Transaction, children: Sequence[int]) -> None:
        self._transaction = transaction
        self._ahead = children
        self._edges: dict[int, list[tuple[int, int]]] = {}
        self._parents: dict[int, Row] = {}
        self._pending: dict[int, int] = {}

    def complete(self, child: int, value: str) -> None:
        """Give the value to the child's parents, and let those run whose last child it was."""
        if child not in self._edges:
            ahead, self._ahead = self._ahead, ()
            self._look(ahead if child in ahead else (child,))
        for edge, parent in self._edges.pop(child):
            row = (self._transaction.now_ms, value, edge)
            self._transaction.later(_PROCESSED, row)
            self._pending[parent] -= 1
            if not self._pending[parent]:
                _let_run(self._transaction, self._parents[parent])

    def forget(self) -> None:
        """Edges or parents have changed otherwise: look at each child in its turn from now on."""
        self._ahead = ()
        self._edges.clear()

    def _look(self, children: Sequence[int]) -> None:
        self._edges = {child: [] for child in children}
        edges = self._transaction.all(_EDGES_OF_ALL, json_list(children))
        for child, edge, parent in edges:
            self._edges[child].append((edge, parent))
        asked = json_list({parent for _, _, parent in edges})
        found = self._transaction.all(_PARENTS_OF_ALL, len(edges) + 1, asked)
        self._parents = {row[1]: row for row in found}
        self._pending = {row[1]: row[6] for row in found}


def settle_failed(transaction: Transaction, child: int, reason: str) -> None:
    """The child in this row failed for good: each edge's policy is applied."""
    for parent, demand in record_failure(transaction, child, reason):
        meet(transaction, parent, demand)


def record_failure(
    transaction: Transaction, child: int, reason: str
) -> Iterator[tuple[int, Demand]]:
    """Settle the failed child's edges; gives what each parent is to do."""
    for edge, parent, policy, key in transaction.all(_PENDING_EDGES, child):
        on_failure = OnFailure(policy)
        match on_failure:
            case OnFailure.FAIL_PARENT:
                transaction.run(_SETTLE, CHILD_FAILED, transaction.now_ms, None, reason, edge)
                yield parent, Demand(Need.FAIL, key)
            case OnFailure.CONTINUE_PARENT:
                transaction.run(_SETTLE, IGNORED, transaction.now_ms, None, reason, edge)
                yield parent, Demand(Need.RELEASE, key)
            case OnFailure.IGNORE:
                transaction.run(_SETTLE, IGNORED, transaction.now_ms, None, reason, edge)
                yield parent, RELEASE_IF_DONE
            case OnFailure.REMOVE:
                transaction.run(_FORGET, edge)
                yield parent, RELEASE_IF_DONE
            case OnFailure.BLOCK:
                continue
            case _:
                assert_never(on_failure)


def meet(transaction: Transaction, parent: int, demand: Demand) -> None:
    """Let the parent in this row do what its child's end asks of it."""
    if demand.need is Need.FAIL:
        _fail_parent(transaction, parent, child_failed(demand.child_key))
    else:
        settle_parent(transaction, parent, at_once=demand.need is Need.RELEASE)


def settle_parent(transaction: Transaction, parent: int, *, at_once: bool = False) -> None:
    """Let a waiting parent run when nothing is pending, or `at_once`, as its options ask."""
    row = transaction.one(_PARENT, parent)
    if row is not None and (at_once or not has_pending(transaction, parent)):
        _let_run(transaction, row)


def _let_run(transaction: Transaction, row: Row) -> None:
    if row[4] != WAITING_CHILDREN:
        return
    job, delay = Movable(*row[:4]), row[5]
    if isinstance(delay, int) and delay > 0:
        make_delayed(transaction, job, delay)
    else:
        # Among the prioritized it is behind those of its priority, as on the wire.
        make_runnable(transaction, job, prev=NAMES[WAITING_CHILDREN], front=not job.priority)


def has_pending(transaction: Transaction, parent: int) -> bool:
    """Whether the job in this row has a pending child."""
    return bool(transaction.number(_HAS_PENDING, parent))


def _fail_parent(transaction: Transaction, parent: int, reason: str) -> None:
    """The parent is claimed next and failed by its worker, unless it is running or finished."""
    row = transaction.one(_PARENT, parent)
    if row is None or row[4] in (COMPLETED, FAILED):
        return
    transaction.run(_DEFER, reason, parent)
    job, state = Movable(*row[:4]), row[4]
    if state in (WAITING_CHILDREN, DELAYED):
        make_runnable(
            transaction,
            job,
            prev=NAMES[state],
            front=not job.priority,
            delay=0 if state == DELAYED else None,
        )
