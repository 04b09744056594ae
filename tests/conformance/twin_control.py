"""The rules of the twin test for steering queues and for schedules."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from oxherd.domain.lifecycle import FINISHED, State, Transition
from oxherd.domain.options import JobOptions
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.record import ChildStatus, JobKey
from oxherd.domain.schedule import Repeat, Schedule
from tests.conformance.twin_program import (
    NOTHING,
    PUTTING,
    SETTLING,
    SPAN_S,
    TwinProgram,
    deduplications,
    options,
    queues,
    worthwhile,
)
from tests.timing import START_MS

schedule_ids = st.sampled_from(["tick", "tock"])
_HOUR_MS = 3_600_000
_BRAKES: list[tuple[Any, ...]] = [
    ("pause",),
    ("limit_concurrency", 1),
    ("limit_concurrency", 3),
    ("limit_rate", RateLimit(2, SPAN_S)),
    ("hold", int(SPAN_S * 1000)),
]
_LIFTS: list[tuple[Any, ...]] = [
    ("resume",),
    ("limit_concurrency", None),
    ("limit_rate", None),
    ("hold", 0),
]
steering: st.SearchStrategy[tuple[Any, ...]] = st.sampled_from(_BRAKES) | st.sampled_from(_LIFTS)
_bounds = {
    "start_ms": st.sampled_from([START_MS, START_MS + 7_000]),
    "end_ms": st.sampled_from([START_MS + 2_000, START_MS + _HOUR_MS]),
    "limit": st.sampled_from([1, 3]),
}
_every: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"every_ms": st.sampled_from([100, 1_000, 60_000])},
    optional={"offset_ms": st.sampled_from([30, -20]), **_bounds},
)
_by_pattern: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"pattern": st.sampled_from(["*/2 * * * * *", "*/5 * * * *", "0 0 1 1 *"])},
    optional={
        "tz": st.sampled_from(["Europe/Paris", "America/New_York"]),
        "immediately": st.booleans(),
        **_bounds,
    },
)


class SteeringQueues(TwinProgram):
    """What those do who steer queues."""

    @rule(queue=queues, call=steering)
    def steer(self, queue: str, call: tuple[Any, ...]) -> None:
        verb, *values = call
        self.play(NOTHING, verb, queue, *values)

    @rule(data=st.data(), verb=st.sampled_from([*["clean"] * 5, "drain", "obliterate"]))
    def sweep_up(self, data: st.DataObject, verb: str) -> None:
        queue = data.draw(queues)
        match verb:
            case "clean":
                self.clean(data, queue)
            case "drain":
                moves = SETTLING | {Transition.DRAIN}
                self.sweep(moves, verb, queue, delayed=data.draw(st.booleans()))
            case _:
                self.obliterate(queue, force=data.draw(st.booleans()))

    def clean(self, data: st.DataObject, queue: str) -> None:
        states = sorted(set(self.twins.states.values()))
        state = data.draw(st.sampled_from(states or list(State)))
        limit = data.draw(st.sampled_from([1, 2, 0]))
        if self.oldest_are_left_open(queue, state, limit):
            return
        grace_ms = data.draw(st.sampled_from([0, 0, 5, 1_000]))
        moves = SETTLING | {Transition.CLEAN}
        self.sweep(moves, "clean", queue, state, grace_ms=grace_ms, limit=limit)

    def oldest_are_left_open(self, queue: str, state: State, limit: int) -> bool:
        """Whether it matters which goes first of jobs of one age that have no order."""
        if state not in FINISHED | {State.WAITING_CHILDREN}:
            return False
        if state is State.COMPLETED and not limit:
            return False
        return self.share_an_age(queue, state)

    def obliterate(self, queue: str, *, force: bool) -> None:
        jobs = self.twins.dump[queue].jobs.values()
        is_running = any(job.state is State.ACTIVE for job in jobs)
        # Without `force` it is refused then, by raising.
        if self.other_parents_waiting_for(queue) > 1 or (is_running and not force):
            return
        self.sweep(SETTLING | {Transition.OBLITERATE}, "obliterate", queue, force=force)
        self.use(queue)

    def other_parents_waiting_for(self, queue: str) -> int:
        return sum(
            any(
                link.status is not ChildStatus.PROCESSED and JobKey.parse(link.key).queue == queue
                for link in job.children
            )
            for name, part in self.twins.dump.items()
            if name != queue
            for job in part.jobs.values()
        )

    @rule(data=st.data(), queue=queues, schedule_id=schedule_ids)
    def put_schedule(self, data: st.DataObject, queue: str, schedule_id: str) -> None:
        repeat = data.draw(st.one_of(_every, _by_pattern))
        if repeat.get("immediately"):
            repeat.pop("start_ms", None)
        template: dict[str, Any] = data.draw(options) | {"delay": 0}
        if not data.draw(st.integers(0, 3)):
            template["deduplication"] = data.draw(deduplications)
        schedule = Schedule(
            id=schedule_id,
            repeat=Repeat(**repeat),
            name="tick",
            data=data.draw(st.sampled_from(["{}", "[1]"])),
            options=JobOptions(**template),
        )
        self.sweep(PUTTING, "put_schedule", queue, schedule)

    @worthwhile(lambda program: any(part.schedules for part in program.twins.dump.values()))
    @rule(queue=queues, schedule_id=schedule_ids)
    def remove_schedule(self, queue: str, schedule_id: str) -> None:
        self.resend = None
        moves = SETTLING | {Transition.REMOVE}
        self.play(moves, "remove_schedule", queue, schedule_id)
