"""Adds groups of jobs, each all or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import ADOPTIONS, Adoption, EventKind
from oxherd.domain.record import Added
from oxherd.engines.sqlite.codes import DELAYED, PENDING, PROCESSED, STATES, WAITING_CHILDREN
from oxherd.engines.sqlite.rows import read_parents, write_options, write_parents
from oxherd.engines.sqlite.transitions.add_plan import Draft, Link, draft
from oxherd.engines.sqlite.transitions.enqueue import place
from oxherd.engines.sqlite.transitions.settle_parent import settle_failed, settle_parent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.record import NewJob
    from oxherd.engines.sqlite.transaction import Row, Transaction

_INSERT: Final = (
    "INSERT INTO jobs (id, queue, job_id, state, rank, name, data, options, timestamp, delay,"
    " priority, parents, flow_id, added_with)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_EDGE: Final = (
    "INSERT INTO edges (parent, child, child_key, place, policy, status, settled_on, value)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_PARENTS: Final = "UPDATE jobs SET parents = ? WHERE id = ?"


def add(
    transaction: Transaction, groups: Sequence[Sequence[NewJob]]
) -> list[tuple[Added, ...] | OxherdError]:
    """As `Intake.add`."""
    return [_add_group(transaction, group) for group in groups]


def _add_group(
    transaction: Transaction, group: Sequence[NewJob]
) -> tuple[Added, ...] | OxherdError:
    drafts = draft(transaction, group)
    if isinstance(drafts, OxherdError):
        return drafts
    if any(one.found and not one.job.given for one in drafts):
        return tuple(_answer(transaction, one) for one in drafts)
    _write_jobs(transaction, group, drafts)
    _write_edges(transaction, drafts)
    for one in drafts:
        if one.found and one.links and _adoption(one) is Adoption.APPLY_POLICY:
            settle_failed(transaction, one.row, one.found[6] or "")
    parents = [one.row for one in drafts if one.is_new and one.job.children]
    outside = [link.parent for one in drafts for link in one.links]
    for parent in dict.fromkeys((*parents, *outside)):
        settle_parent(transaction, parent)
    return tuple(_answer(transaction, one) for one in drafts)


def _write_jobs(transaction: Transaction, group: Sequence[NewJob], drafts: Sequence[Draft]) -> None:
    first_fresh = next((job.id for job in group if not job.given), None)
    rows: list[Row] = []
    for one in drafts:
        if one.is_new:
            rows.append(_row(transaction, one, first_fresh if one.job.given else None))
        elif one.found and not one.is_below:
            number = transaction.used_queue(one.job.queue)
            transaction.emit(number, EventKind.DUPLICATED, one.job.id)
    transaction.many(_INSERT, rows)


def _row(transaction: Transaction, one: Draft, added_with: str | None) -> Row:
    """The new row; its place in its state is taken, and its events are written."""
    job = one.job
    options = job.options
    number = transaction.used_queue(job.queue)
    timestamp = one.timestamp(transaction.now_ms)
    due_ms = timestamp + options.delay_ms
    transaction.emit(number, EventKind.ADDED, job.id, job.name)
    if job.children:
        state, rank = WAITING_CHILDREN, transaction.next_rank(number, WAITING_CHILDREN)
        transaction.emit(number, EventKind.WAITING_CHILDREN, job.id)
    elif options.delay_ms:
        state, rank = DELAYED, transaction.next_rank_at(number, DELAYED, due_ms)
        transaction.emit(number, EventKind.DELAYED, job.id, str(due_ms))
        transaction.hear(number)
    else:
        is_first = options.lifo and not options.priority
        state, rank = place(transaction, number, options.priority, front=is_first)
        transaction.emit(number, EventKind.WAITING, job.id)
        transaction.hear(number)
    parents = write_parents([link.edge for link in one.links])
    return (
        one.row, number, job.id, state, rank, job.name, job.data, write_options(options),
        timestamp, options.delay_ms, options.priority, parents, job.flow_id,
        added_with,
    )  # fmt: skip


def _write_edges(transaction: Transaction, drafts: Sequence[Draft]) -> None:
    """Each parent's edges in the order of its children's definition, and then the others."""
    by_key = {one.key: one for one in drafts}
    rows: list[Row] = []
    for parent in drafts:
        if not parent.is_new:
            continue
        for key in parent.job.children:
            child = by_key.get(key)
            links = child.links if child else []
            rows.extend(
                _edge(transaction, child, link)
                for link in links
                if child and link.is_listed and link.parent == parent.row
            )
    for one in drafts:
        rows.extend(_edge(transaction, one, link) for link in one.links if not link.is_listed)
        if one.found and one.links:
            known = read_parents(one.found[3]) if one.found[3] else ()
            text = write_parents((*known, *(link.edge for link in one.links)))
            transaction.run(_PARENTS, text, one.row)
    transaction.many(_INSERT_EDGE, rows)


def _edge(transaction: Transaction, child: Draft, link: Link) -> Row:
    value, status = None, PENDING
    if child.found and _adoption(child) is Adoption.RECORD_RESULT:
        value, status = child.found[5] or "null", PROCESSED
    settled_on = transaction.now_ms if status == PROCESSED else None
    return (
        link.parent, child.row, child.key, link.place, link.edge.on_failure.value, status,
        settled_on, value,
    )  # fmt: skip


def _adoption(one: Draft) -> Adoption:
    assert one.found
    return ADOPTIONS[STATES[one.found[1]]]


def _answer(transaction: Transaction, one: Draft) -> Added:
    if one.found:
        return Added(one.job.id, one.found[2], one.is_duplicate)
    return Added(one.job.id, one.timestamp(transaction.now_ms), one.is_duplicate)
