"""The work of a storm, drawn from a seed, with what must have become of each job.

Jobs and flows are in BullMQ's form, so that any client can add them; what a job does is written
in its data, as tests/interop/processing.py has it.
"""

from __future__ import annotations

import os
import random
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from oxherd import FlowProducer, Queue, State

if TYPE_CHECKING:
    from oxherd.store import Store

WORK: Final = "work"
PARENTS: Final = "parents"
QUEUES: Final = (WORK, PARENTS)
REASON: Final = "this one is meant to fail"
_KINDS: Final = 20
_FATAL: Final = 0
_CHILDREN: Final = 5

_FAIL: Final = "failParentOnFailure"
_CONTINUE: Final = "continueParentOnFailure"
_IGNORE: Final = "ignoreDependencyOnFailure"
_REMOVE: Final = "removeDependencyOnFailure"
_LEVELS: Final = "three levels"
_PLAIN: Final = "plain"
_SHAPES: Final = (_PLAIN, _LEVELS, _PLAIN, _FAIL, _LEVELS, _CONTINUE, _PLAIN, _IGNORE, _REMOVE)


@dataclass(frozen=True, slots=True)
class Expected:
    """How a job must end."""

    state: State
    value: Any = None
    attempts: int = 1
    due_after_ms: int = 0
    """How long after its creation it may start, at the earliest."""
    reason: str = ""
    """What the reason of its failure must contain."""
    runs: bool = True
    """False for a parent that a child fails: no processor sees it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Jobs and flows to add, and the end of each, by queue and id."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    flows: list[dict[str, Any]] = field(default_factory=list)
    diamonds: list[dict[str, Any]] = field(default_factory=list)
    """Flows with a job that has two parents, which Oxherd alone can add."""
    expected: dict[tuple[str, str], Expected] = field(default_factory=dict)


def seed_of_run() -> int:
    """`OXHERD_CHAOS_SEED` repeats the storm of a run that printed it."""
    seed = int(os.environ.get("OXHERD_CHAOS_SEED") or secrets.randbits(32))
    print(f"OXHERD_CHAOS_SEED={seed}")  # noqa: T201 - shown with a failure
    return seed


def draw(chance: random.Random, *, jobs: int, flows: int, longest: float) -> Plan:
    """A plan of plain jobs, flows, and a diamond for every five of these; times in seconds."""
    drawing = _Drawing(chance, Plan(), longest)
    for number, kind in enumerate(drawing.shuffled(range(_KINDS), jobs)):
        job = drawing.job(WORK, f"j-{number}", number, kind)
        drawing.plan.jobs.append(job)
    for number, shape in enumerate(drawing.shuffled(_SHAPES, flows)):
        drawing.plan.flows.append(drawing.flow(f"f-{number}", shape))
    for number in range(flows // 5):
        drawing.plan.diamonds.append(drawing.diamond(f"d-{number}"))
    return drawing.plan


async def add(plan: Plan, store: Store) -> None:
    """Add it all; every job is acknowledged when this returns."""
    async with Queue(WORK, store=store) as queue, FlowProducer(store=store) as flows:
        await queue.add_bulk(plan.jobs)
        await flows.add_bulk([*plan.flows, *plan.diamonds])


@dataclass(frozen=True, slots=True)
class _Drawing:
    chance: random.Random
    plan: Plan
    longest: float

    def shuffled(self, kinds: Any, count: int) -> list[Any]:
        """Every kind as often as it should come, so that each verb is needed in any draw."""
        found = [kinds[number % len(kinds)] for number in range(count)]
        self.chance.shuffle(found)
        return found

    def job(self, queue: str, job_id: str, value: Any, kind: int, **more: Any) -> dict[str, Any]:
        data: dict[str, Any] = {"takes": self._takes(), "returns": value}
        options: dict[str, Any] = {"jobId": job_id, **more}
        expected = Expected(State.COMPLETED, value)
        match kind:
            case 0:
                data["unrecoverable"] = REASON
                expected = Expected(State.FAILED, reason=REASON)
            case 1 | 2:
                fails = data["fails"] = self.chance.randint(1, 2)
                wait = self.chance.randint(10, 300)
                options |= {"attempts": 3, "backoff": {"type": "fixed", "delay": wait}}
                expected = Expected(State.COMPLETED, value, attempts=fails + 1)
            case 3 | 4:
                delay = options["delay"] = self.chance.randint(50, 2_000)
                expected = Expected(State.COMPLETED, value, due_after_ms=delay)
            case 5 | 6:
                options["priority"] = self.chance.randint(1, 5)
            case _:
                pass
        self.plan.expected[queue, job_id] = expected
        return {"name": "task", "data": data, "opts": options}

    def flow(self, root: str, shape: str) -> dict[str, Any]:
        if shape == _LEVELS:
            return self._levels(root)
        if shape == _CONTINUE:
            return self._continued(root)
        values = {f"{root}-{number}": number for number in range(_CHILDREN)}
        policy = _FAIL if shape == _PLAIN else shape
        children = [self._leaf(job_id, value, policy) for job_id, value in values.items()]
        if shape == _PLAIN:
            return self._gathering(root, children, values)
        lost = f"{root}-{self.chance.randrange(_CHILDREN)}"
        at = list(values).index(lost)
        children[at] = self._leaf(lost, values.pop(lost), policy, _FATAL)
        node = self._gathering(root, children, values, {lost: REASON} if shape == _IGNORE else {})
        if shape == _FAIL:
            reason = f":{WORK}:{lost} failed"
            self.plan.expected[PARENTS, root] = Expected(State.FAILED, reason=reason, runs=False)
        return node

    def diamond(self, root: str) -> dict[str, Any]:
        """The mappings of one job id are one job."""
        shared = self._leaf(f"{root}-x", "x", _FAIL)
        sides: list[dict[str, Any]] = []
        values: dict[str, Any] = {}
        for number in range(2):
            own, side = f"{root}-{number}-0", f"{root}-{number}"
            low = {f"{root}-x": "x", own: number}
            sides.append(self._gathering(side, [shared, self._leaf(own, number, _FAIL)], low))
            values[side] = {"values": low, "ignored": {}}
        return self._gathering(root, sides, values)

    def _levels(self, root: str) -> dict[str, Any]:
        low = {f"{root}-2-{number}": number for number in range(2)}
        middle = self._gathering(
            f"{root}-2", [self._leaf(job_id, value, _FAIL) for job_id, value in low.items()], low
        )
        top = {f"{root}-{number}": number for number in range(2)}
        children = [self._leaf(job_id, value, _FAIL) for job_id, value in top.items()]
        return self._gathering(
            root, [*children, middle], {**top, f"{root}-2": {"values": low, "ignored": {}}}
        )

    def _continued(self, root: str) -> dict[str, Any]:
        """The root runs early: as soon as its only child, a parent itself, has failed."""
        low = {f"{root}-0-{number}": number for number in range(4)}
        leaves = [self._leaf(job_id, value, _FAIL) for job_id, value in low.items()]
        middle = self._gathering(f"{root}-0", leaves, low, policy=_CONTINUE)
        middle["data"]["unrecoverable"] = REASON
        self.plan.expected[PARENTS, f"{root}-0"] = Expected(State.FAILED, reason=REASON)
        return self._gathering(root, [middle], {}, {f"{root}-0": REASON})

    def _leaf(
        self, job_id: str, value: Any, policy: str, kind: int | None = None
    ) -> dict[str, Any]:
        if kind is None:
            kind = self.chance.randrange(_FATAL + 1, _KINDS)
        return {"queueName": WORK, **self.job(WORK, job_id, value, kind, **{policy: True})}

    def _gathering(
        self,
        job_id: str,
        children: list[dict[str, Any]],
        values: dict[str, Any],
        ignored: dict[str, str] | None = None,
        policy: str = _FAIL,
    ) -> dict[str, Any]:
        value = {"values": values, "ignored": ignored or {}}
        self.plan.expected[PARENTS, job_id] = Expected(State.COMPLETED, value)
        return {
            "name": "gather",
            "queueName": PARENTS,
            "data": {"takes": self._takes(), "gather": True},
            "opts": {"jobId": job_id, policy: True},
            "children": children,
        }

    def _takes(self) -> int:
        return round(self.chance.uniform(10, self.longest * 1_000))
