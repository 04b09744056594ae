"""A job ended: the deduplication id that it owns is free, and the job kept for it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.lifecycle import FINISHED, EventKind
from oxherd.domain.options import DEFAULT_OPTIONS
from oxherd.domain.record import Edge
from oxherd.engines.sqlite.codes import PENDING
from oxherd.engines.sqlite.rows import NEW_JOBS, read_parents, write_parents
from oxherd.engines.sqlite.transitions.enqueue import place_new
from oxherd.engines.sqlite.transitions.locate import Located, locate
from oxherd.engines.sqlite.transitions.lock import options_of
from oxherd.engines.sqlite.transitions.ownership import drop_kept, free, own, owner_of

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Row, Transaction

_KEPT: Final = (
    "SELECT job_id, name, data, options, parents, flow_id FROM kept_jobs"
    " WHERE queue = ? AND deduplication_id = ?"
)
_EXISTS: Final = "SELECT 1 FROM jobs WHERE queue = ? AND job_id = ?"
_EDGE: Final = (
    "INSERT INTO edges (parent, child, child_key, place, policy, status) VALUES (?, ?, ?, ?, ?, ?)"
)


def end_deduplication(transaction: Transaction, queue: int, job_id: str, name: str) -> None:
    """Free an id unless it is owned for a time, and add the job that was kept for its owner."""
    owner = owner_of(transaction, queue, name)
    if owner is not None and owner[0] != job_id:
        return
    if owner is not None and owner[1] is None:
        free(transaction, queue, job_id, name)
    kept = transaction.one(_KEPT, queue, name)
    if kept is not None:
        drop_kept(transaction, queue, name)
        _add_kept(transaction, queue, name, kept)


def _add_kept(transaction: Transaction, queue: int, deduplication_id: str, kept: Row) -> None:
    job_id, name, data, text, parents, flow_id = kept
    transaction.next_number(queue)
    if transaction.one(_EXISTS, queue, job_id) is not None:
        # Somebody added a job of that id meanwhile.
        transaction.emit(queue, EventKind.DUPLICATED, job_id)
        return
    options = options_of(text) or DEFAULT_OPTIONS
    asked = options.deduplication
    if not isinstance(asked, Deduplication) or asked.id != deduplication_id:
        asked = Deduplication(deduplication_id)
    own(transaction, queue, job_id, asked)
    now_ms, delay_ms = transaction.now_ms, options.delay_ms
    state, rank = place_new(
        transaction,
        queue,
        job_id,
        name,
        due_ms=now_ms + delay_ms if delay_ms else None,
        priority=options.priority,
        lifo=options.lifo,
    )
    edges = _live(transaction, read_parents(parents)) if parents else []
    row = transaction.new_row()
    values = (
        row, queue, job_id, state, rank, name, data, text, now_ms, delay_ms, options.priority,
        write_parents([edge for _, edge in edges]), flow_id, None, None, deduplication_id,
    )  # fmt: skip
    transaction.later(NEW_JOBS, values)
    key = str(transaction.key_of(queue, job_id))
    transaction.many(
        _EDGE,
        [
            (parent, row, key, place, edge.on_failure.value, PENDING)
            for place, (parent, edge) in enumerate(edges)
        ],
    )


def _live(transaction: Transaction, edges: tuple[Edge, ...]) -> list[tuple[int, Edge]]:
    """The links to parents that have not ended, with those parents' rows."""
    found = ((locate(transaction, edge.parent), edge) for edge in edges)
    return [
        (parent.row, edge)
        for parent, edge in found
        if isinstance(parent, Located) and parent.state not in FINISHED
    ]
