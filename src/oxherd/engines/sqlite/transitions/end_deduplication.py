"""A job ended: the deduplication id that it owns is free, and the job kept for it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import InvalidOption
from oxherd.domain.lifecycle import FINISHED, EventKind
from oxherd.domain.options import DEFAULT_OPTIONS
from oxherd.domain.record import Edge, JobKey
from oxherd.engines.sqlite.codes import PENDING, STATES
from oxherd.engines.sqlite.rows import INSERT_JOB, read_parents, write_parents
from oxherd.engines.sqlite.transitions.deduplicate import own, owner_of
from oxherd.engines.sqlite.transitions.enqueue import place_new
from oxherd.engines.sqlite.transitions.lock import options_of

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Row, Transaction

_FREE: Final = "DELETE FROM deduplications WHERE queue = ? AND id = ?"
_KEPT: Final = (
    "SELECT job_id, name, data, options, parents, flow_id FROM kept_jobs"
    " WHERE queue = ? AND deduplication_id = ?"
)
_DROP_KEPT: Final = "DELETE FROM kept_jobs WHERE queue = ? AND deduplication_id = ?"
_FIND: Final = "SELECT id, state FROM jobs WHERE queue = ? AND job_id = ?"
_EDGE: Final = (
    "INSERT INTO edges (parent, child, child_key, place, policy, status) VALUES (?, ?, ?, ?, ?, ?)"
)


def end_deduplication(transaction: Transaction, queue: int, job_id: str, name: str) -> None:
    """Free an id unless it is owned for a time, and add the job that was kept for its owner."""
    owner = owner_of(transaction, queue, name)
    if owner is not None and owner[0] != job_id:
        return
    if owner is not None and owner[1] is None:
        transaction.run(_FREE, queue, name)
    kept = transaction.one(_KEPT, queue, name)
    if kept is not None:
        transaction.run(_DROP_KEPT, queue, name)
        _add_kept(transaction, queue, name, kept)


def _add_kept(transaction: Transaction, queue: int, deduplication_id: str, kept: Row) -> None:
    job_id, name, data, text, parents, flow_id = kept
    transaction.next_number(queue)
    if transaction.one(_FIND, queue, job_id) is not None:
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
    row = transaction.insert(
        INSERT_JOB,
        None, queue, job_id, state, rank, name, data, text, now_ms, delay_ms, options.priority,
        write_parents([edge for _, edge in edges]), flow_id, None, None, deduplication_id,
    )  # fmt: skip
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
    live: list[tuple[int, Edge]] = []
    for edge in edges:
        try:
            parent = JobKey.parse(edge.parent)
        except InvalidOption:
            continue
        number = transaction.queue(parent.queue, parent.prefix)
        row = None if number is None else transaction.one(_FIND, number, parent.id)
        if row is not None and STATES[row[1]] not in FINISHED:
            live.append((row[0], edge))
    return live
