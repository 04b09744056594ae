"""The twin test: one random program on two engines, whose full state must agree at every step."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import InvalidFlow
from oxherd.domain.flow import FlowJob
from oxherd.domain.keep import Keep
from oxherd.domain.lifecycle import EFFECTS, FINISHED, State, Transition
from oxherd.domain.options import JobOptions, OnFailure
from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
from oxherd.domain.rate_limit import RateLimit
from oxherd.domain.record import Edge, NewJob
from tests.conformance.invariants import legal_step
from tests.conformance.twins import LOCK_MS, NAMES_ALIKE, QUEUES, Twins

FULL = os.environ.get("OXHERD_TEST_PROFILE") == "full"
NAMES = [f"job-{letter}" for letter in "abcdefgh"]
ENDINGS = frozenset({Transition.SETTLE_PARENT, Transition.EVICT, Transition.ADD})
SIDE_EFFECTS: dict[Transition, frozenset[Transition]] = {
    Transition.ADD: frozenset({Transition.SETTLE_PARENT}),
    Transition.CLAIM: frozenset({Transition.PROMOTE_DUE}),
    Transition.COMPLETE: ENDINGS,
    Transition.FAIL: ENDINGS,
    Transition.REPROCESS: frozenset({Transition.WITHDRAW_FAILURE}),
    Transition.REMOVE: frozenset({Transition.SETTLE_PARENT}),
}
"""Which moves a verb may bring about besides its own."""
NOTHING: frozenset[Transition] = frozenset()
LONG = 600
"""Seconds: longer than all small steps of a program together, shorter than the long one."""

queues = st.sampled_from(QUEUES)
policies = st.sampled_from(list(OnFailure))
delays = st.sampled_from([0, 0, 0, 0.1, 1, 5])
keeps = st.sampled_from([Keep(), Keep(), Keep(count=0), Keep(count=2), Keep(age=3)])
options: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "delay": delays,
        "priority": st.sampled_from([0, 0, 0, 1, 2]),
        "lifo": st.booleans(),
        "attempts": st.sampled_from([1, 3]),
    },
    optional={"keep_logs": st.integers(0, 2)},
)
waits = st.sampled_from([0, 0, 100, 1_000])
metrics = st.sampled_from([0, 3])
rates = st.sampled_from([None, None, RateLimit(3, LONG)])
deduplications = st.builds(
    Deduplication,
    st.sampled_from(NAMES_ALIKE),
    ttl=st.sampled_from([None, LONG]),
    extend=st.booleans(),
    replace=st.booleans(),
    reschedule=st.booleans(),
)
kept = st.builds(replace, deduplications, keep_last_if_active=st.just(True))  # noqa: FBT003 - a field


class TwinProgram(RuleBasedStateMachine):
    """Plays the same calls on both engines, and compares after each."""

    redis_url: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins(self.redis_url, f"t{uuid.uuid4().hex[:12]}")
        self.hands: list[tuple[str, str, str]] = []
        self.resend: tuple[str, tuple[Any, ...]] | None = None
        self.numbers = 0
        self.fronted: set[tuple[str, str]] = set()
        # Both queues were used.
        firsts = [self.a_plain_job(queue) for queue in QUEUES]
        self.add_groups(tuple(firsts))

    def a_plain_job(self, queue: str) -> NewJob:
        options = JobOptions()
        return NewJob(
            queue=queue, id=self.fresh(), given=False, name="work", data="{}", options=options
        )

    def teardown(self) -> None:
        self.twins.end()

    # Playing.

    def play(self, moves: frozenset[Transition], verb: str, *args: Any, **kwargs: Any) -> Any:
        """Call `verb` on both, compare, and see that every job moved as the table allows."""
        self.twins.tick()
        before = self.twins.states
        answer = self.twins.call(verb, *args, **kwargs)
        self.twins.compare()
        after = self.twins.states
        for key in before.keys() | after.keys():
            assert legal_step(before.get(key), after.get(key), moves), (
                f"{verb}: {key} went from {before.get(key)} to {after.get(key)}"
            )
        return answer

    def move(self, transition: Transition, *args: Any, **kwargs: Any) -> Any:
        moves = SIDE_EFFECTS.get(transition, NOTHING) | {transition}
        return self.play(moves, transition.value, *args, **kwargs)

    def settle(self, transition: Transition, queue: str, items: list[Any], **more: Any) -> None:
        self.move(transition, queue, items, **more)
        self.resend = (transition.value, (queue, items))

    def add_groups(self, *groups: tuple[NewJob, ...]) -> None:
        jobs = [job for group in groups for job in group]
        alike = [job.options.deduplication for job in jobs if job.options.deduplication]
        moves = SIDE_EFFECTS[Transition.ADD] | {Transition.ADD}
        if any(isinstance(mode, Deduplication) and mode.replace for mode in alike):
            moves |= {Transition.REMOVE}
        self.play(moves, "add", groups)
        # Adding a given id, or a like job, again is another add, which writes its event.
        again = alike or any(job.given or job.numbered for job in jobs)
        self.resend = None if again else ("add", (groups,))

    def fresh(self) -> str:
        self.numbers += 1
        return f"fresh-{self.numbers:04}"

    # Drawing.

    def some_jobs(self, data: st.DataObject, *states: State) -> tuple[str, list[str]]:
        """A queue and ids in it: of these states mostly, or any."""
        queue = data.draw(queues)
        wanted = states if data.draw(st.integers(0, 4)) else ()
        known = sorted(
            job_id
            for (name, job_id), state in self.twins.states.items()
            if name == queue and (not wanted or state in wanted)
        )
        pool = known or [data.draw(st.sampled_from(NAMES))]
        return queue, data.draw(
            st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True)
        )

    def some_hands(self, data: st.DataObject, most: int = 3) -> tuple[str, list[tuple[str, str]]]:
        """A queue, and jobs with tokens: held ones mostly, sometimes lost or made up."""
        if not self.hands:
            queue, (job_id, *_) = self.some_jobs(data)
            return queue, [(job_id, "made up")]
        recent = self.hands[-6:] if data.draw(st.integers(0, 5)) else self.hands
        drawn = data.draw(st.lists(st.sampled_from(recent), min_size=1, max_size=most, unique=True))
        queue = drawn[0][0]
        return queue, [(job_id, token) for name, job_id, token in drawn if name == queue]

    def a_token(self, data: st.DataObject, queue: str, job_id: str) -> str | None:
        tokens = [token for name, each, token in self.hands if (name, each) == (queue, job_id)]
        return data.draw(st.sampled_from([None, "made up", *tokens[-2:]]))

    def an_outer_edge(self, data: st.DataObject) -> tuple[Edge, ...]:
        known = sorted(key for key, state in self.twins.states.items() if state not in FINISHED)
        if not data.draw(st.integers(0, 5)):
            known = sorted(self.twins.states)
        if not known or data.draw(st.booleans()):
            return ()
        queue, job_id = data.draw(st.sampled_from(known))
        return (Edge(self.twins.key(queue, job_id), data.draw(policies)),)

    def a_job(self, data: st.DataObject, **more: Any) -> NewJob:
        given = data.draw(st.booleans())
        job_id = data.draw(st.sampled_from(NAMES)) if given else self.fresh()
        alike = self.a_mode(data, child=bool(more.get("parents")))
        return NewJob(
            queue=data.draw(queues),
            id=job_id,
            given=given,
            numbered=not given and not data.draw(st.integers(0, 3)),
            name="work",
            data="{}",
            options=JobOptions(job_id=job_id if given else None, **data.draw(options), **alike),
            **more,
        )

    def a_mode(self, data: st.DataObject, *, child: bool) -> dict[str, Any]:
        """Deduplication, or none; what is kept of a child's edges is left open."""
        if not data.draw(st.integers(0, 2)):
            return {}
        return {"deduplication": data.draw(deduplications if child else deduplications | kept)}

    def order_is_left_open(self, queue: str, job_ids: list[str]) -> bool:
        """Whether prioritized jobs of one priority would be given back to the front twice.

        Their order among themselves is left open: the score of the front is one number.
        """
        jobs = self.twins.dump[queue].jobs
        self.fronted = {key for key in self.fronted if self.twins.states.get(key) == "prioritized"}
        in_front = {job_id for name, job_id in self.fronted if name == queue}
        back = {job_id for job_id in job_ids if job_id in jobs}
        priorities = [jobs[job_id].record.priority for job_id in in_front | back]
        counted = Counter(priority for priority in priorities if priority)
        if max(counted.values(), default=0) > 1:
            return True
        self.fronted |= {(queue, job_id) for job_id in back}
        return False

    # Rules: intake.

    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        jobs = [
            self.a_job(data, parents=self.an_outer_edge(data))
            for _ in range(data.draw(st.integers(1, 3)))
        ]
        self.add_groups(*((job,) for job in jobs))

    @rule(data=st.data(), size=st.integers(2, 6))
    def add_flow(self, data: st.DataObject, size: int) -> None:
        nodes: list[FlowJob] = []
        for number in range(size):
            below = st.lists(st.sampled_from(nodes), unique_by=id, max_size=3) if nodes else None
            children = data.draw(below) if below is not None else []
            if number == size - 1:
                children = children or nodes[-3:]
            given = data.draw(st.booleans())
            nodes.append(
                FlowJob(
                    "work",
                    queue=data.draw(queues),
                    children=children,
                    options=JobOptions(
                        job_id=data.draw(st.sampled_from(NAMES)) if given else None,
                        on_failure=data.draw(policies),
                        **data.draw(options),
                        **({} if children else self.a_mode(data, child=True)),
                    ),
                )
            )
        try:
            jobs = self.twins.planned(nodes[-1], self.fresh)
        except InvalidFlow:
            # Two of the ids drawn were the same.
            return
        self.add_groups(jobs)

    # Rules: work.

    @rule(queue=queues, limit=st.integers(0, 4), rate=rates)
    def claim(self, queue: str, limit: int, rate: RateLimit | None) -> None:
        token = self.fresh()
        claimed = self.move(
            Transition.CLAIM, queue, limit, token=token, lock_ms=LOCK_MS, worker="w", rate=rate
        )
        self.hands += [(queue, record.id, token) for record in claimed.jobs]

    @rule(data=st.data(), queue=queues)
    def work_off(self, data: st.DataObject, queue: str) -> None:
        """Claim what is there and end it, as a worker would: flows come to their ends."""
        token = self.fresh()
        claimed = self.move(Transition.CLAIM, queue, 4, token=token, lock_ms=LOCK_MS)
        keep = Keep()
        for record in claimed.jobs:
            reason = record.deferred_failure
            if reason is None and data.draw(st.booleans()):
                item = Completion(record.id, token, f'"{record.id}"', keep)
                self.settle(Transition.COMPLETE, queue, [item])
            else:
                failure = Failure(record.id, token, reason or "boom", '["trace"]', keep)
                self.settle(Transition.FAIL, queue, [failure])
            self.hands.append((queue, record.id, token))

    @rule(data=st.data(), keep=keeps, metrics=metrics)
    def complete(self, data: st.DataObject, keep: Keep, metrics: int) -> None:
        # What a count keeps of jobs that ended in one millisecond is left open: one at a time.
        queue, held = self.some_hands(data, most=1 if keep != Keep() else 3)
        items = [Completion(job_id, token, f'"{job_id}"', keep) for job_id, token in held]
        self.settle(Transition.COMPLETE, queue, items, metrics=metrics)

    @rule(data=st.data(), keep=keeps, metrics=metrics)
    def fail(self, data: st.DataObject, keep: Keep, metrics: int) -> None:
        queue, held = self.some_hands(data, most=1 if keep != Keep() else 3)
        items = [Failure(job_id, token, "boom", '["trace"]', keep) for job_id, token in held]
        self.settle(Transition.FAIL, queue, items, metrics=metrics)

    @rule(queue=queues, state=st.sampled_from(sorted(FINISHED)))
    def look_at_metrics(self, queue: str, state: State) -> None:
        self.play(NOTHING, "metrics", queue, state)

    @rule(data=st.data(), delay_ms=waits)
    def retry(self, data: st.DataObject, delay_ms: int) -> None:
        queue, held = self.some_hands(data)
        items = [Retrial(job_id, token, "again", "[]", delay_ms) for job_id, token in held]
        self.settle(Transition.RETRY, queue, items)

    @rule(data=st.data(), delay_ms=waits)
    def postpone(self, data: st.DataObject, delay_ms: int) -> None:
        queue, held = self.some_hands(data)
        items = [Postponement(job_id, token, delay_ms) for job_id, token in held]
        self.settle(Transition.POSTPONE, queue, items)

    @rule(data=st.data())
    def await_children(self, data: st.DataObject) -> None:
        queue, held = self.some_hands(data)
        self.settle(Transition.AWAIT_CHILDREN, queue, [Held(*each) for each in held])

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        queue, held = self.some_hands(data)
        if self.order_is_left_open(queue, [job_id for job_id, _ in held]):
            return
        self.settle(Transition.RELEASE, queue, [Held(*each) for each in held])

    @rule()
    def send_again(self) -> None:
        """As after a lost answer: the work is found done, and nothing changes."""
        if self.resend is None:
            return
        verb, args = self.resend
        before = self.twins.dump
        self.play(NOTHING, verb, *args)
        assert self.twins.dump == before

    @rule(data=st.data())
    def extend_locks(self, data: st.DataObject) -> None:
        queue, held = self.some_hands(data)
        self.play(NOTHING, "extend_locks", queue, [Held(*each) for each in held], LOCK_MS)

    @rule(queue=queues, limit=st.integers(0, 2))
    def rescue(self, queue: str, limit: int) -> None:
        lost = [
            job_id
            for job_id, job in self.twins.dump[queue].jobs.items()
            if job.state is State.ACTIVE and job.lock is None
        ]
        if self.order_is_left_open(queue, lost):
            return
        self.resend = None
        before = self.twins.states
        self.twins.rescue(queue, limit)
        self.twins.compare()
        after = self.twins.states
        for key, state in after.items():
            assert legal_step(before.get(key), state, {Transition.RESCUE})

    @rule(queue=queues)
    def promote_due(self, queue: str) -> None:
        self.move(Transition.PROMOTE_DUE, queue)

    # Rules: single jobs and queues.

    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        self.move(Transition.PROMOTE, *self.some_jobs(data, State.DELAYED))

    @rule(queue=queues, name=st.sampled_from(NAMES_ALIKE))
    def remove_deduplication_key(self, queue: str, name: str) -> None:
        self.play(NOTHING, "remove_deduplication_key", queue, name)

    @rule(data=st.data(), state=st.sampled_from(sorted(FINISHED)))
    def reprocess(self, data: st.DataObject, state: State) -> None:
        self.resend = None
        self.move(Transition.REPROCESS, *self.some_jobs(data, state), state)

    @rule(data=st.data(), children=st.booleans())
    def remove(self, data: st.DataObject, *, children: bool) -> None:
        self.resend = None
        self.move(Transition.REMOVE, *self.some_jobs(data), children=children)

    @rule(data=st.data())
    def update(self, data: st.DataObject) -> None:
        queue, (job_id, *_) = self.some_jobs(data, State.ACTIVE)
        token = self.a_token(data, queue, job_id)
        verb, value = data.draw(
            st.sampled_from(
                [("update_data", "[1]"), ("update_progress", "7"), ("append_log", ["x", "y"])]
            )
        )
        self.play(NOTHING, verb, queue, job_id, value, token)

    @rule(queue=queues, verb=st.sampled_from(["pause", "resume"]))
    def pause(self, queue: str, verb: str) -> None:
        self.play(NOTHING, verb, queue)

    @rule(milliseconds=st.sampled_from([1, 100, 1_000, 5_000, LOCK_MS + 1]))
    def pass_time(self, milliseconds: int) -> None:
        if milliseconds > LOCK_MS:
            self.resend = None
        self.twins.pass_time(milliseconds)


assert set(SIDE_EFFECTS) | EFFECTS <= set(Transition)


@pytest.mark.timeout(3_000 if FULL else 120)
def test_both_engines_agree_on_every_step(redis_url: str) -> None:
    class Program(TwinProgram):
        pass

    Program.redis_url = redis_url
    run_state_machine_as_test(
        Program,
        settings=settings(
            max_examples=600 if FULL else 40,
            stateful_step_count=80 if FULL else 40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
