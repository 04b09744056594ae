"""How a flow ends, worked out without a store: what each job becomes and what it sees below it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence


@dataclass(eq=False)
class Shape:
    """A job of a flow: its children, each with the policy of that edge, and whether it breaks."""

    name: str
    children: list[tuple[Shape, OnFailure]] = field(default_factory=list)
    breaks: bool = False

    @property
    def level(self) -> int:
        """How many jobs hang below it at most; its queue is named for that."""
        return max((child.level + 1 for child, _ in self.children), default=0)

    @property
    def queue(self) -> str:
        return f"level-{self.level}"


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a job is when nothing moves any more, and the status of each child it knows."""

    state: State
    children: Mapping[str, ChildStatus]


def endings(shapes: Sequence[Shape]) -> dict[str, Ending]:
    """The endings of jobs given children first, when every job runs after those below it."""
    found: dict[str, Ending] = {}
    for shape in shapes:
        found[shape.name] = _ending(shape, found)
    return found


def _ending(shape: Shape, found: Mapping[str, Ending]) -> Ending:
    seen: dict[str, ChildStatus] = {}
    fails = goes_on = False
    for child, policy in shape.children:
        state = found[child.name].state
        if state is State.COMPLETED:
            seen[child.name] = ChildStatus.PROCESSED
        elif state is not State.FAILED or policy is OnFailure.BLOCK:
            seen[child.name] = ChildStatus.PENDING
        elif policy is OnFailure.FAIL_PARENT:
            seen[child.name] = ChildStatus.FAILED
            fails = True
        elif policy is not OnFailure.REMOVE:
            seen[child.name] = ChildStatus.IGNORED
            goes_on = goes_on or policy is OnFailure.CONTINUE_PARENT
    if fails:
        return Ending(State.FAILED, seen)
    if ChildStatus.PENDING in seen.values() and not goes_on:
        return Ending(State.WAITING_CHILDREN, seen)
    if shape.breaks:
        return Ending(State.FAILED, seen)
    cut_off = {name: each for name, each in seen.items() if each is not ChildStatus.PENDING}
    return Ending(State.COMPLETED, cut_off)


def random_flow(chance: random.Random, size: int) -> list[Shape]:
    """A flow of up to `size` jobs with one root, children first; some have several parents."""
    shapes: list[Shape] = []
    free: list[Shape] = []
    for number in range(size - 1):
        shape = Shape(f"job-{number}", breaks=chance.random() < 0.3)
        known = shapes[:]
        chance.shuffle(known)
        for child in known[: chance.choice((0, 0, 1, 2, 3))]:
            shape.children.append((child, chance.choice(list(OnFailure))))
            if child in free:
                free.remove(child)
        shapes.append(shape)
        free.append(shape)
    root = Shape("root")
    root.children = [(child, chance.choice(list(OnFailure))) for child in free]
    return [*shapes, root]
