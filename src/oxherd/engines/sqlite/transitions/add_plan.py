"""Judges a group of jobs before anything of it is written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import InvalidFlow, OxherdError, WrongState
from oxherd.domain.lifecycle import FINISHED, Transition
from oxherd.domain.record import Edge, NewJob
from oxherd.engines.sqlite.batch import json_list
from oxherd.engines.sqlite.rows import read_parents
from oxherd.engines.sqlite.transitions.locate import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from oxherd.engines.sqlite.transaction import Row, Transaction

_FIND: Final = (
    "SELECT id, state, timestamp, parents, added_with, returnvalue, failed_reason FROM jobs"
    " WHERE queue = ? AND job_id = ?"
)
_SEEN: Final = (
    "SELECT job_id FROM json_each(?) AS asked"
    " CROSS JOIN jobs ON jobs.queue = ? AND jobs.job_id = asked.value"
)
_LINKED: Final = "SELECT EXISTS (SELECT 1 FROM edges WHERE child = ? AND parent = ?)"
_ABOVE: Final = "SELECT parent FROM edges WHERE child = ?"


@dataclass(frozen=True, slots=True)
class Link:
    """A new edge from a job of the group to a parent."""

    parent: int
    """The parent's row."""
    edge: Edge
    place: int
    """Which of the child's parents it is."""
    is_listed: bool
    """The parent is new and lists the child among its children."""


@dataclass(slots=True)
class Draft:
    """One job of the group, and what is to become of it."""

    job: NewJob
    id: str
    key: str
    found: Row | None
    """The job of this id that exists: its row of `_FIND`."""
    row: int = 0
    is_new: bool = False
    is_below: bool = False
    """It is in the group only below jobs that exist already: nothing is done."""
    is_duplicate: bool = False
    dropped_for: str | None = None
    """The job that owns its deduplication id."""
    owner_timestamp: int | None = None
    links: Sequence[Link] = ()

    @property
    def is_fresh(self) -> bool:
        """Its id was made for this add."""
        return not self.job.given and not self.job.numbered

    def rename(self, job_id: str, key: str) -> None:
        """Give it the id that it is stored under."""
        self.id, self.key = job_id, key

    def drop(self, owner: str, timestamp: int | None) -> None:
        """It is not stored, since another job owns its deduplication id."""
        self.is_new, self.links = False, ()
        self.dropped_for, self.owner_timestamp = owner, timestamp

    def timestamp(self, now_ms: int) -> int:
        """When it was created, or the one that stands for it."""
        if self.found:
            created: int = self.found[2]
            return created
        if self.owner_timestamp is not None:
            return self.owner_timestamp
        return now_ms if self.job.timestamp is None else self.job.timestamp


class Unseen:
    """The fresh ids of a call that no job had when it began, which is known of all at once."""

    __slots__ = ("_keys",)

    def __init__(self, transaction: Transaction, groups: Sequence[Sequence[NewJob]]) -> None:
        self._keys: set[str] = set()
        if len(groups) == 1 and len(groups[0]) == 1:
            # A lone job is found as quickly in its turn.
            return
        fresh: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
        for group in groups:
            for job in group:
                if not job.given and not job.numbered:
                    fresh[job.queue, job.prefix].add(job.id)
        for (queue, prefix), ids in fresh.items():
            number = transaction.queue(queue, prefix)
            if number is not None:
                seen = transaction.all(_SEEN, json_list(ids), number)
                ids.difference_update(job_id for (job_id,) in seen)
            self._keys.update(transaction.key(queue, job_id, prefix) for job_id in ids)

    def take(self, key: str) -> bool:
        """Whether the job is new for certain; asked again, it may be there by now."""
        if key not in self._keys:
            return False
        self._keys.remove(key)
        return True


def draft(
    transaction: Transaction, group: Sequence[NewJob], unseen: Unseen
) -> list[Draft] | OxherdError:
    """What is to become of each job, or why the group is refused; nothing is written."""
    drafts = [_find(transaction, job, unseen) for job in group]
    nonce = next((one.id for one in drafts if one.is_fresh), None)
    is_sent_again = any(one.found and not one.job.given for one in drafts)
    for one in drafts:
        # Sent again, a job with a given id is one of the first sending's unless it was older.
        is_ours = is_sent_again and bool(one.found) and one.found[4] == nonce  # type: ignore[index]
        one.is_duplicate = one.job.given and one.found is not None and not is_ours
    _choose(drafts)
    if is_sent_again:
        return drafts
    _number(transaction, drafts)
    if not any(one.job.parents for one in drafts):
        return drafts
    by_key = {one.key: one for one in drafts}
    listed = {(one.key, child) for one in drafts for child in one.job.children}
    for one in drafts:
        if not one.is_below:
            refusal = _link(transaction, one, by_key, listed)
            if refusal is not None:
                return refusal
    return _refuse_own_ancestors(transaction, drafts) or drafts


def _find(transaction: Transaction, job: NewJob, unseen: Unseen) -> Draft:
    key = transaction.key(job.queue, job.id, job.prefix)
    if unseen.take(key):
        return Draft(job, job.id, key, None)
    number = None if job.numbered else transaction.queue(job.queue, job.prefix)
    found = None if number is None else transaction.one(_FIND, number, job.id)
    return Draft(job, job.id, key, found)


def _choose(drafts: Sequence[Draft]) -> None:
    """Which are new, and which stand only below a duplicate; parents come before children."""
    reached: dict[str, bool] = {}
    for one in drafts:
        one.is_below = not reached.get(one.key, True)
        one.is_duplicate = one.is_duplicate or one.is_below
        one.is_new = one.found is None and not one.is_below
        leads_on = not one.is_below and not one.is_duplicate
        for child in one.job.children:
            reached[child] = reached.get(child, False) or leads_on


def _number(transaction: Transaction, drafts: Sequence[Draft]) -> None:
    """Give each new job its row."""
    for one in drafts:
        if one.found:
            one.row = one.found[0]
        elif one.is_new:
            one.row = transaction.new_row()


def _link(
    transaction: Transaction,
    one: Draft,
    by_key: dict[str, Draft],
    listed: set[tuple[str, str]],
) -> OxherdError | None:
    """Find the parents to which the job gets an edge, or why one cannot have it."""
    known, links = _parents_of(one), list[Link]()
    for edge in one.job.parents:
        above = by_key.get(edge.parent)
        is_listed = (edge.parent, one.key) in listed
        if above is not None and is_listed and not above.is_new:
            continue
        if above is not None and above.is_new:
            if above.row >= one.row and one.is_new:
                return InvalidFlow(
                    f"job {one.key} has the parent {edge.parent}, which comes after it; no job"
                    " of the cycle could start"
                )
            parent: int | OxherdError = above.row
        else:
            parent = _outside(transaction, edge.parent)
        if isinstance(parent, OxherdError):
            return parent
        if one.found and _is_linked(transaction, one.row, parent):
            continue
        links.append(Link(parent, edge, known + len(links), is_listed))
    one.links = links
    return None


def _parents_of(one: Draft) -> int:
    return len(read_parents(one.found[3])) if one.found and one.found[3] else 0


def _outside(transaction: Transaction, key: str) -> int | OxherdError:
    """The row of a parent that is not new."""
    parent = locate(transaction, key)
    if isinstance(parent, OxherdError):
        return parent
    if parent.state in FINISHED:
        return WrongState(parent.key.id, parent.key.queue, Transition.ADD.value, parent.state)
    return parent.row


def _is_linked(transaction: Transaction, child: int, parent: int) -> bool:
    return bool(transaction.number(_LINKED, child, parent))


def _refuse_own_ancestors(transaction: Transaction, drafts: Sequence[Draft]) -> InvalidFlow | None:
    """Only a job that exists can be above itself: new ones are below what they are given."""
    adopted = [one for one in drafts if one.found and one.links]
    if not adopted:
        return None
    new_edges: defaultdict[int, list[int]] = defaultdict(list)
    for one in drafts:
        new_edges[one.row].extend(link.parent for link in one.links)
    fresh = {one.row for one in drafts if one.is_new}
    for one in adopted:
        if one.row in _above(transaction, one.row, new_edges, fresh):
            return InvalidFlow(
                f"job {one.key} cannot go below {one.links[0].edge.parent}, which is below it:"
                " no job of the cycle could start"
            )
    return None


def _above(
    transaction: Transaction, row: int, new_edges: dict[int, list[int]], fresh: set[int]
) -> Iterator[int]:
    """All ancestors of a row, as the group would have them."""
    seen: set[int] = set()
    todo = list(new_edges[row])
    while todo:
        parent = todo.pop()
        yield parent
        if parent in seen:
            continue
        seen.add(parent)
        todo.extend(new_edges.get(parent, ()))
        if parent not in fresh:
            todo.extend(each for (each,) in transaction.all(_ABOVE, parent))
