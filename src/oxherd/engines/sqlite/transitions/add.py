"""Adds groups of jobs, each all or none."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import OxherdError
from oxherd.domain.lifecycle import ADOPTIONS, Adoption, EventKind
from oxherd.domain.record import Added
from oxherd.engines.sqlite.batch import Insertion
from oxherd.engines.sqlite.codes import PENDING, PROCESSED, STATES, WAITING_CHILDREN
from oxherd.engines.sqlite.rows import NEW_JOBS, read_parents, write_options, write_parents
from oxherd.engines.sqlite.transitions.add_plan import Draft, Link, Unseen, draft
from oxherd.engines.sqlite.transitions.deduplicate import Newcomer, deduplicate
from oxherd.engines.sqlite.transitions.enqueue import place_new
from oxherd.engines.sqlite.transitions.ownership import owner_of
from oxherd.engines.sqlite.transitions.settle_parent import (
    RELEASE_IF_DONE,
    Demand,
    meet,
    record_failure,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.record import NewJob
    from oxherd.engines.sqlite.transaction import Row, Transaction

_NEW_EDGES: Final = Insertion(
    "INSERT INTO edges (parent, child, child_key, place, policy, status, settled_on, value)", 8
)
_PARENTS: Final = "UPDATE jobs SET parents = ? WHERE id = ?"
_TIMESTAMP: Final = "SELECT timestamp FROM jobs WHERE queue = ? AND job_id = ?"
_HAS_NUMBER: Final = "SELECT EXISTS (SELECT 1 FROM jobs WHERE queue = ? AND job_id = ?)"


class Adding:
    """`Intake.add` of some groups; several in a row are done as one, which costs hardly more."""

    __slots__ = ("groups",)

    def __init__(self, groups: Sequence[Sequence[NewJob]]) -> None:
        self.groups = groups

    def __call__(self, transaction: Transaction) -> list[tuple[Added, ...] | OxherdError]:
        return add(transaction, self.groups)

    @staticmethod
    def together(
        transaction: Transaction, several: Sequence[Adding]
    ) -> list[list[tuple[Added, ...] | OxherdError]]:
        """The answers to each."""
        answers = iter(add(transaction, [group for one in several for group in one.groups]))
        return [list(islice(answers, len(one.groups))) for one in several]


def add(
    transaction: Transaction, groups: Sequence[Sequence[NewJob]]
) -> list[tuple[Added, ...] | OxherdError]:
    """As `Intake.add`."""
    unseen = Unseen(transaction, groups)
    return [_add_group(transaction, group, unseen) for group in groups]


def _add_group(
    transaction: Transaction, group: Sequence[NewJob], unseen: Unseen
) -> tuple[Added, ...] | OxherdError:
    drafts = draft(transaction, group, unseen)
    if isinstance(drafts, OxherdError):
        return drafts
    if any(one.found and not one.job.given for one in drafts):
        return tuple(_answer_again(transaction, one) for one in drafts)
    _write_jobs(transaction, drafts)
    if any(one.links or one.job.children for one in drafts):
        _write_edges(transaction, drafts)
        _meet_parents(transaction, drafts)
    return tuple([_answer(transaction, one) for one in drafts])


def _meet_parents(transaction: Transaction, drafts: Sequence[Draft]) -> None:
    parents = [one.row for one in drafts if one.is_new and one.job.children]
    given = dict.fromkeys(link.parent for one in drafts for link in one.links)
    if all(one.is_new for one in drafts):
        # Who was given a new child has something to wait for.
        parents, given = [row for row in parents if row not in given], {}
    demands = _adopt_failed(transaction, drafts)
    for parent in dict.fromkeys((*parents, *given)):
        meet(transaction, parent, demands.get(parent, RELEASE_IF_DONE))


def _write_jobs(transaction: Transaction, drafts: Sequence[Draft]) -> None:
    nonce = next((each.id for each in drafts if each.is_fresh), None)
    for one in drafts:
        if one.is_below:
            continue
        number = transaction.used_queue(one.job.queue, one.job.prefix)
        count = transaction.next_number(number)
        if one.job.numbered:
            _number(transaction, one, number, count)
        if one.found:
            transaction.emit(number, EventKind.DUPLICATED, one.id)
            continue
        asked = one.job.options.deduplication
        if isinstance(asked, Deduplication):
            _deduplicate(transaction, one, number, asked, drafts)
        if one.is_new:
            row = _row(transaction, one, number, nonce if one.job.given else None)
            transaction.later(NEW_JOBS, row)


def _number(transaction: Transaction, one: Draft, queue: int, count: int) -> None:
    """Give the job its number for an id, and pass over those that there are."""
    while transaction.number(_HAS_NUMBER, queue, str(count)):
        count = transaction.next_number(queue)
    job_id = str(count)
    one.rename(job_id, transaction.key(one.job.queue, job_id, one.job.prefix))


def _deduplicate(
    transaction: Transaction, one: Draft, queue: int, asked: Deduplication, drafts: Sequence[Draft]
) -> None:
    job = one.job
    verdict = deduplicate(
        transaction,
        Newcomer(
            queue=queue,
            id=one.id,
            name=job.name,
            data=job.data,
            options=_options(job),
            timestamp=one.timestamp(transaction.now_ms),
            delay_ms=job.options.delay_ms,
            is_parent=bool(job.children),
            parents=write_parents([link.edge for link in one.links[:1]]),
            flow_id=job.flow_id,
        ),
        asked,
    )
    if verdict.dropped_for is not None:
        _drop(transaction, one, queue, verdict.dropped_for)
        _leave_below(one, drafts)
    if verdict.replaced is not None:
        for each in drafts:
            # What this group wanted of the one that made way is void.
            gone = each.row == verdict.replaced
            each.links = [
                link for link in each.links if not gone and link.parent != verdict.replaced
            ]
            if gone:
                each.is_new = False


def _drop(transaction: Transaction, one: Draft, queue: int, owner: str) -> None:
    one.drop(owner, transaction.number(_TIMESTAMP, queue, owner))


def _leave_below(dropped: Draft, drafts: Sequence[Draft]) -> None:
    """Jobs that are in the group only below a dropped one are not added either."""
    if not dropped.job.children:
        return
    without, keys = {dropped.key}, {each.key for each in drafts}
    for one in drafts:
        inner = {edge.parent for edge in one.job.parents} & keys
        if one.is_new and inner and inner <= without:
            without.add(one.key)
            one.is_new, one.is_below, one.is_duplicate, one.links = False, True, True, ()


def _row(transaction: Transaction, one: Draft, queue: int, added_with: str | None) -> Row:
    """The new row; its place in its state is taken, and its events are written."""
    job = one.job
    options, delay_ms = job.options, job.options.delay_ms
    timestamp = one.timestamp(transaction.now_ms)
    if job.children:
        state, rank = WAITING_CHILDREN, transaction.next_rank(queue, WAITING_CHILDREN)
        transaction.emit(queue, EventKind.ADDED, one.id, job.name)
        transaction.emit(queue, EventKind.WAITING_CHILDREN, one.id)
    else:
        state, rank = place_new(
            transaction,
            queue,
            one.id,
            job.name,
            due_ms=timestamp + delay_ms if delay_ms else None,
            priority=options.priority,
            lifo=options.lifo,
        )
    asked = options.deduplication
    return (
        one.row, queue, one.id, state, rank, job.name, job.data, _options(job), timestamp,
        delay_ms, options.priority, write_parents([link.edge for link in one.links]),
        job.flow_id, added_with, None, asked.id if isinstance(asked, Deduplication) else None,
    )  # fmt: skip


def _options(job: NewJob) -> str:
    return write_options(job.options) if job.raw_options is None else job.raw_options


def _write_edges(transaction: Transaction, drafts: Sequence[Draft]) -> None:
    """Each parent's edges in the order of its children's definition, and then the others."""
    by_key = {one.key: one for one in drafts}
    for parent in drafts:
        if not parent.is_new:
            continue
        for key in parent.job.children:
            child = by_key.get(key)
            links = child.links if child else ()
            for link in links:
                if child and link.is_listed and link.parent == parent.row:
                    transaction.later(_NEW_EDGES, _edge(transaction, child, link))
    for one in drafts:
        for link in one.links:
            if not link.is_listed:
                transaction.later(_NEW_EDGES, _edge(transaction, one, link))
        if one.found and one.links:
            known = read_parents(one.found[3]) if one.found[3] else ()
            text = write_parents((*known, *(link.edge for link in one.links)))
            transaction.run(_PARENTS, text, one.row)


def _edge(transaction: Transaction, child: Draft, link: Link) -> Row:
    value, status = None, PENDING
    if child.found and _adoption(child) is Adoption.RECORD_RESULT:
        value, status = child.found[5] or "null", PROCESSED
    settled_on = transaction.now_ms if status == PROCESSED else None
    return (
        link.parent, child.row, child.key, link.place, link.edge.on_failure.value, status,
        settled_on, value,
    )  # fmt: skip


def _adopt_failed(transaction: Transaction, drafts: Sequence[Draft]) -> dict[int, Demand]:
    """What the failed jobs among those that are there ask of their new parents."""
    demands: dict[int, Demand] = {}
    for one in drafts:
        if one.found and one.links and _adoption(one) is Adoption.APPLY_POLICY:
            for parent, demand in record_failure(transaction, one.row, one.found[6] or ""):
                known = demands.get(parent, RELEASE_IF_DONE)
                if demand.need >= known.need:
                    demands[parent] = demand
    return demands


def _adoption(one: Draft) -> Adoption:
    assert one.found
    return ADOPTIONS[STATES[one.found[1]]]


def _answer(transaction: Transaction, one: Draft) -> Added:
    timestamp = one.timestamp(transaction.now_ms)
    if one.dropped_for is not None:
        return Added(one.dropped_for, timestamp, deduplicated=True)
    return Added(one.id, timestamp, one.is_duplicate)


def _answer_again(transaction: Transaction, one: Draft) -> Added:
    """The answer to a job of a group that was added before."""
    asked = one.job.options.deduplication
    if one.found is None and isinstance(asked, Deduplication):
        number = transaction.used_queue(one.job.queue, one.job.prefix)
        owner = owner_of(transaction, number, asked.id)
        if owner is not None:
            _drop(transaction, one, number, owner[0])
    return _answer(transaction, one)
