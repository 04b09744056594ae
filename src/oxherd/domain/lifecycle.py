"""The life of a job, as data: the states, the transitions and the events each writes.

No code here moves a job. The engines do, one file per transition; the conformance grid,
the twin test and the lifecycle page are generated from this table or checked against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where a job is. A job that is gone has no state (`None`)."""

    WAITING = "waiting"
    PRIORITIZED = "prioritized"
    DELAYED = "delayed"
    WAITING_CHILDREN = "waiting-children"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"


class EventKind(StrEnum):
    """What a transition writes into the event log, in BullMQ's words."""

    ADDED = "added"
    WAITING = "waiting"
    DELAYED = "delayed"
    WAITING_CHILDREN = "waiting-children"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    RETRIES_EXHAUSTED = "retries-exhausted"
    STALLED = "stalled"
    PROGRESS = "progress"
    DUPLICATED = "duplicated"
    DEDUPLICATED = "deduplicated"
    REMOVED = "removed"
    DRAINED = "drained"
    CLEANED = "cleaned"
    PAUSED = "paused"
    RESUMED = "resumed"


class Transition(StrEnum):
    """A move between states; the value is its name in every layer below the public API."""

    ADD = "add"
    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"
    POSTPONE = "postpone"
    AWAIT_CHILDREN = "await_children"
    RELEASE = "release"
    RESCUE = "rescue"
    PROMOTE = "promote"
    PROMOTE_DUE = "promote_due"
    REPROCESS = "reprocess"
    CHANGE_DELAY = "change_delay"
    CHANGE_PRIORITY = "change_priority"
    REMOVE = "remove"
    DRAIN = "drain"
    CLEAN = "clean"
    OBLITERATE = "obliterate"
    SETTLE_PARENT = "settle_parent"
    WITHDRAW_FAILURE = "withdraw_failure"
    EVICT = "evict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Which states a transition leaves, and for each state it may reach, the events in order.

    `None` stands for "no such job". `on_occasion` are events that follow only when their
    condition holds (the port's docstring says when).
    """

    sources: frozenset[State | None]
    targets: Mapping[State | None, tuple[EventKind, ...]]
    on_occasion: tuple[EventKind, ...] = ()


READY: Final = frozenset({State.WAITING, State.PRIORITIZED})
"""A worker may claim it."""

FINISHED: Final = frozenset({State.COMPLETED, State.FAILED})
"""It moves no more unless it is reprocessed or removed."""

_ANY: Final = frozenset(State)
_TO_READY: Final[dict[State | None, tuple[EventKind, ...]]] = {
    State.WAITING: (EventKind.WAITING,),
    State.PRIORITIZED: (EventKind.WAITING,),
}
_TO_DELAYED: Final[dict[State | None, tuple[EventKind, ...]]] = {
    State.DELAYED: (EventKind.DELAYED,)
}
_TO_WAITING_CHILDREN: Final[dict[State | None, tuple[EventKind, ...]]] = {
    State.WAITING_CHILDREN: (EventKind.WAITING_CHILDREN,)
}


def _from(*states: State) -> frozenset[State | None]:
    return frozenset(states)


TRANSITIONS: Final[Mapping[Transition, Move]] = {
    Transition.ADD: Move(
        sources=frozenset({None}),
        targets={
            target: (EventKind.ADDED, *events)
            for target, events in (_TO_READY | _TO_DELAYED | _TO_WAITING_CHILDREN).items()
        },
        on_occasion=(EventKind.DUPLICATED, EventKind.REMOVED, EventKind.DEDUPLICATED),
    ),
    Transition.CLAIM: Move(
        sources=_from(State.WAITING, State.PRIORITIZED),
        targets={State.ACTIVE: (EventKind.ACTIVE,)},
    ),
    Transition.COMPLETE: Move(
        sources=_from(State.ACTIVE),
        targets={State.COMPLETED: (EventKind.COMPLETED,)},
        on_occasion=(EventKind.DRAINED,),
    ),
    Transition.FAIL: Move(
        sources=_from(State.ACTIVE),
        targets={State.FAILED: (EventKind.FAILED,)},
        on_occasion=(EventKind.RETRIES_EXHAUSTED, EventKind.DRAINED),
    ),
    Transition.RETRY: Move(sources=_from(State.ACTIVE), targets=_TO_READY | _TO_DELAYED),
    Transition.POSTPONE: Move(sources=_from(State.ACTIVE), targets=_TO_DELAYED),
    Transition.AWAIT_CHILDREN: Move(sources=_from(State.ACTIVE), targets=_TO_WAITING_CHILDREN),
    Transition.RELEASE: Move(sources=_from(State.ACTIVE), targets=_TO_READY),
    Transition.RESCUE: Move(
        sources=_from(State.ACTIVE),
        targets={
            State.WAITING: (EventKind.WAITING, EventKind.STALLED),
            State.PRIORITIZED: (EventKind.WAITING, EventKind.STALLED),
        },
    ),
    Transition.PROMOTE: Move(sources=_from(State.DELAYED), targets=_TO_READY),
    Transition.PROMOTE_DUE: Move(sources=_from(State.DELAYED), targets=_TO_READY),
    Transition.REPROCESS: Move(
        sources=_from(State.COMPLETED, State.FAILED),
        targets=_TO_READY | _TO_WAITING_CHILDREN,
    ),
    Transition.CHANGE_DELAY: Move(sources=_from(State.DELAYED), targets=_TO_DELAYED),
    Transition.CHANGE_PRIORITY: Move(
        sources=_from(State.WAITING, State.PRIORITIZED),
        targets={State.WAITING: (), State.PRIORITIZED: ()},
    ),
    Transition.REMOVE: Move(sources=frozenset(_ANY), targets={None: (EventKind.REMOVED,)}),
    Transition.DRAIN: Move(
        sources=_from(State.WAITING, State.PRIORITIZED, State.DELAYED), targets={None: ()}
    ),
    Transition.CLEAN: Move(sources=frozenset(_ANY), targets={None: ()}),
    Transition.OBLITERATE: Move(sources=frozenset(_ANY), targets={None: ()}),
    Transition.SETTLE_PARENT: Move(
        sources=_from(State.WAITING_CHILDREN, State.DELAYED),
        targets=_TO_READY | _TO_DELAYED,
    ),
    Transition.WITHDRAW_FAILURE: Move(
        sources=_from(State.WAITING, State.PRIORITIZED), targets=_TO_WAITING_CHILDREN
    ),
    Transition.EVICT: Move(sources=_from(State.COMPLETED, State.FAILED), targets={None: ()}),
}

EFFECTS: Final = frozenset(
    {Transition.SETTLE_PARENT, Transition.WITHDRAW_FAILURE, Transition.EVICT}
)
"""Moves that no caller asks for: they happen inside another transition.

`settle_parent`: a child ended or was removed. `withdraw_failure`: a failed child runs again
before its parent's worker acted on the deferred failure. `evict`: retention.
"""


class Adoption(StrEnum):
    """What becomes of the edge when a new parent names a job that exists already."""

    ATTACH = "attach"
    RECORD_RESULT = "record-result"
    APPLY_POLICY = "apply-policy"


ADOPTIONS: Final[Mapping[State, Adoption]] = {
    State.WAITING: Adoption.ATTACH,
    State.PRIORITIZED: Adoption.ATTACH,
    State.DELAYED: Adoption.ATTACH,
    State.WAITING_CHILDREN: Adoption.ATTACH,
    State.ACTIVE: Adoption.ATTACH,
    State.COMPLETED: Adoption.RECORD_RESULT,
    State.FAILED: Adoption.APPLY_POLICY,
}
"""The one table of outcomes for a job id that exists already.

The existing job is never changed but for its parents, and children listed under it in the new
flow are not added. With a new parent the edge is judged by the existing job's state: `ATTACH`
waits for it, `RECORD_RESULT` counts its stored result at once, `APPLY_POLICY` treats it as
failing now. So a parent is never left waiting for something that already happened. Each such
add writes one `duplicated` event, except that a fresh (not given) id found again is the same
add sent twice: it is answered as the first was, and nothing is written.
"""
