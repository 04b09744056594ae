"""Intake: who adds jobs holds this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from oxherd.domain.errors import OxherdError
from oxherd.domain.record import Added, NewJob


class Intake(Protocol):
    """Who adds jobs holds this."""

    @property
    def prefix(self) -> str:
        """The first part of every job key of this store."""
        ...

    async def add(
        self, groups: Sequence[Sequence[NewJob]]
    ) -> list[tuple[Added, ...] | OxherdError]:
        """Add groups of jobs; a group is all or none, groups are independent.

        A group names each id once (`domain.group`). In it a parent comes before its children. A
        job with `children` in its group starts in waiting-children; else a delay makes it delayed,
        a priority prioritized (`lifo` is ignored there), and `lifo` puts a waiting job in front.
        Due time: timestamp + delay.

        A job with an edge to a parent outside the group is refused with `JobNotFound` when that
        parent does not exist, `WrongState` when it is finished. A parent's edges are in the order
        of `NewJob.children`; later ones follow.

        A `numbered` job gets the queue's next number for its id; it has no children, is no child
        of its group, and the call that adds it is not repeatable by the caller.

        `deduplication` (BullMQ protocol, 4.12, which has the table of modes): while another job
        owns the id, the new one is dropped, answered with the owner's id and `deduplicated`, and
        one `deduplicated` event is written; none when `replace` meets an owner that is not
        delayed. A delayed owner that is replaced is removed, with its `removed` event first. It
        is judged after the given id, and a dropped job is not attached to its parents. With
        `keep_last_if_active` the newest dropped job is kept and added when its owner ends or
        fails for good (`complete`, `fail`). An owner that ends frees an id without a `ttl`, one
        that is removed any id; retention frees none. An owner without a record owns nothing,
        unless a `ttl` runs.

        A given id that exists is answered by `ADOPTIONS`, with `Added.duplicate` and one
        `duplicated` event; jobs that are in the group only below it are not added (they are
        answered with what they would have had, and `duplicate`). Attaching it where it is its own
        ancestor refuses the group with `InvalidFlow`. A fresh id that exists is this add sent
        again: nothing is written.

        At the end, parents of the group with nothing pending are released (`settle_parent`).
        """
        ...
