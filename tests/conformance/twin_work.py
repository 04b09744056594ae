"""The rules of the twin test for running jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from oxherd.domain.keep import Keep
from oxherd.domain.lifecycle import READY, State, Transition
from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
from oxherd.domain.rate_limit import RateLimit
from tests.conformance.invariants import legal_step
from tests.conformance.twin_program import NOTHING, SPAN_S, TwinProgram, queues, where, worthwhile
from tests.conformance.twins import LOCK_MS

if TYPE_CHECKING:
    from oxherd.domain.record import JobRecord

keeps = st.sampled_from([Keep(), Keep(), Keep(count=0), Keep(count=2), Keep(age=3)])
waits = st.sampled_from([0, 0, 100, 1_000])
points = st.sampled_from([0, 0, 2, 5])
rates = st.sampled_from([None, None, None, RateLimit(1, SPAN_S), RateLimit(3, SPAN_S)])


class RunningJobs(TwinProgram):
    """What workers do."""

    @where(*READY, State.DELAYED)
    @rule(queue=queues, limit=st.integers(0, 4), rate=rates)
    def claim(self, queue: str, limit: int, rate: RateLimit | None) -> None:
        self.take(queue, limit, worker="w", rate=rate)

    @where(*READY, State.DELAYED)
    @rule(data=st.data(), queue=queues)
    def work_off(self, data: st.DataObject, queue: str) -> None:
        """Claim what is there and end it, as a worker would: flows come to their ends."""
        for record in self.take(queue, 4).jobs:
            self.end(data, queue, record)

    def end(self, data: st.DataObject, queue: str, record: JobRecord) -> None:
        token = self.hands[-1][-1]
        reason = record.deferred_failure
        if reason is None and data.draw(st.booleans()):
            item = Completion(record.id, token, f'"{record.id}"', Keep())
            self.settle(Transition.COMPLETE, queue, [item])
        else:
            failure = Failure(record.id, token, reason or "boom", '["trace"]', Keep())
            self.settle(Transition.FAIL, queue, [failure])

    def hands_to_end(
        self, data: st.DataObject, keep: Keep, state: State
    ) -> tuple[str, list[tuple[str, str]]]:
        """Which to end: none if it were left open what a count keeps."""
        queue, held = self.some_hands(data, most=1 if keep != Keep() else 3)
        if keep.count and self.share_an_age(queue, state):
            return queue, []
        return queue, held

    @worthwhile(TwinProgram.holds_some)
    @rule(data=st.data(), keep=keeps, metrics=points)
    def complete(self, data: st.DataObject, keep: Keep, metrics: int) -> None:
        queue, held = self.hands_to_end(data, keep, State.COMPLETED)
        items = [Completion(job_id, token, f'"{job_id}"', keep) for job_id, token in held]
        self.settle(Transition.COMPLETE, queue, items, metrics=metrics)

    @worthwhile(TwinProgram.holds_some)
    @rule(data=st.data(), keep=keeps, metrics=points)
    def fail(self, data: st.DataObject, keep: Keep, metrics: int) -> None:
        queue, held = self.hands_to_end(data, keep, State.FAILED)
        items = [Failure(job_id, token, "boom", '["trace"]', keep) for job_id, token in held]
        self.settle(Transition.FAIL, queue, items, metrics=metrics)

    @worthwhile(TwinProgram.holds_some)
    @rule(data=st.data(), delay_ms=waits)
    def retry(self, data: st.DataObject, delay_ms: int) -> None:
        queue, held = self.some_hands(data)
        items = [Retrial(job_id, token, "again", "[]", delay_ms) for job_id, token in held]
        self.settle(Transition.RETRY, queue, items)

    @worthwhile(TwinProgram.holds_some)
    @rule(data=st.data(), delay_ms=waits)
    def postpone(self, data: st.DataObject, delay_ms: int) -> None:
        queue, held = self.some_hands(data)
        items = [Postponement(job_id, token, delay_ms) for job_id, token in held]
        self.settle(Transition.POSTPONE, queue, items)

    @worthwhile(TwinProgram.holds_some)
    @rule(data=st.data())
    def await_children(self, data: st.DataObject) -> None:
        queue, held = self.some_hands(data)
        self.settle(Transition.AWAIT_CHILDREN, queue, [Held(*each) for each in held])

    @worthwhile(TwinProgram.holds_some)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        queue, held = self.some_hands(data)
        back = self.priorities_of(queue, [job_id for job_id, _ in held])
        if self.order_is_left_open(queue, back):
            return
        self.settle(Transition.RELEASE, queue, [Held(*each) for each in held])

    @precondition(lambda program: program.resend is not None)
    @rule()
    def send_again(self) -> None:
        """As after a lost answer: the work is found done, and nothing changes."""
        assert self.resend is not None
        verb, args = self.resend
        # Since then time may have run out for what has a time.
        self.twins.compare()
        before = self.twins.dump
        self.play(NOTHING, verb, *args)
        assert self.twins.dump == before

    @worthwhile(TwinProgram.holds_some)
    @rule(data=st.data())
    def extend_locks(self, data: st.DataObject) -> None:
        queue, held = self.some_hands(data)
        self.play(NOTHING, "extend_locks", queue, [Held(*each) for each in held], LOCK_MS)

    @where(State.ACTIVE)
    @rule(queue=queues, limit=st.integers(0, 2))
    def rescue(self, queue: str, limit: int) -> None:
        lost = [
            job_id
            for job_id, job in self.twins.dump[queue].jobs.items()
            if job.state is State.ACTIVE and job.lock is None
        ]
        if self.order_is_left_open(queue, self.priorities_of(queue, lost)):
            return
        self.resend = None
        before = self.twins.states
        self.twins.rescue(queue, limit)
        self.twins.compare()
        after = self.twins.states
        for key, state in after.items():
            assert legal_step(before.get(key), state, {Transition.RESCUE})

    @where(State.DELAYED)
    @rule(queue=queues)
    def promote_due(self, queue: str) -> None:
        self.move(Transition.PROMOTE_DUE, queue)

    @rule(milliseconds=st.sampled_from([1, 100, 1_000, 5_000, 60_000, LOCK_MS + 1]))
    def pass_time(self, milliseconds: int) -> None:
        if milliseconds > LOCK_MS:
            self.resend = None
        self.twins.pass_time(milliseconds)
