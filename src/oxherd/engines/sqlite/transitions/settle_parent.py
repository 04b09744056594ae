"""What a child's end does to its parents: each edge has its own policy."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from oxherd.domain.options import OnFailure
from oxherd.engines.sqlite.codes import (
    CHILD_FAILED,
    COMPLETED,
    DELAYED,
    FAILED,
    IGNORED,
    NAMES,
    PROCESSED,
    WAITING_CHILDREN,
)
from oxherd.engines.sqlite.transitions.enqueue import Movable, make_delayed, make_runnable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oxherd.engines.sqlite.transaction import Transaction

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


def settle_completed(transaction: Transaction, child: int, value: str) -> None:
    """The child in this row completed: its parents get the value, and run if it was the last."""
    for edge, parent, _, _ in transaction.all(_PENDING_EDGES, child):
        transaction.run(_SETTLE, PROCESSED, transaction.now_ms, value, None, edge)
        settle_parent(transaction, parent)


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
    if row is None or row[4] != WAITING_CHILDREN:
        return
    if not at_once and has_pending(transaction, parent):
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
