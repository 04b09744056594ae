"""The rules of the twin test for looking after single jobs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from oxherd.domain.lifecycle import FINISHED, READY, State, Transition
from tests.conformance.twin_program import (
    NOTHING,
    SETTLING,
    TwinProgram,
    priorities,
    where,
    worthwhile,
)

_UPDATES: list[tuple[str, Any]] = [
    ("update_data", "[1]"),
    ("update_progress", "7"),
    ("append_log", ["x", "y"]),
    ("append_log", ["x", "y"]),
    ("clear_logs", 0),
    ("clear_logs", 1),
]


class TendingJobs(TwinProgram):
    """What processors and dashboards do to single jobs."""

    @where(State.DELAYED)
    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        self.move(Transition.PROMOTE, *self.some_jobs(data, State.DELAYED))

    @where(*FINISHED)
    @rule(data=st.data(), state=st.sampled_from(sorted(FINISHED)), flags=st.integers(0, 3))
    def reprocess(self, data: st.DataObject, state: State, flags: int) -> None:
        self.resend = None
        self.move(
            Transition.REPROCESS,
            *self.some_jobs(data, state),
            state,
            attempts_made=flags != 1,
            # The attempts made never outnumber those started.
            attempts_started=flags == 0,
        )

    @rule(data=st.data(), children=st.booleans())
    def remove(self, data: st.DataObject, *, children: bool) -> None:
        self.resend = None
        self.move(Transition.REMOVE, *self.some_jobs(data), children=children)

    @where(State.ACTIVE)
    @rule(data=st.data(), update=st.sampled_from(_UPDATES))
    def update(self, data: st.DataObject, update: tuple[str, Any]) -> None:
        verb, value = update
        queue, job_id = self.a_job_of(data, State.ACTIVE)
        if verb == "clear_logs":
            self.play(NOTHING, verb, queue, job_id, keep=value)
        else:
            self.play(NOTHING, verb, queue, job_id, value, self.a_token(data, queue, job_id))

    @where(State.DELAYED)
    @rule(data=st.data(), delay_ms=st.sampled_from([0, 100, 3_000]))
    def change_delay(self, data: st.DataObject, delay_ms: int) -> None:
        queue, job_id = self.a_job_of(data, State.DELAYED)
        self.move(Transition.CHANGE_DELAY, queue, job_id, delay_ms)

    @where(*READY)
    @rule(data=st.data(), priority=priorities, lifo=st.booleans())
    def change_priority(self, data: st.DataObject, priority: int, *, lifo: bool) -> None:
        queue, job_id = self.a_job_of(data, *READY)
        if (
            lifo
            and self.twins.states.get((queue, job_id)) in READY
            and self.order_is_left_open(queue, {job_id: priority})
        ):
            return
        self.move(Transition.CHANGE_PRIORITY, queue, job_id, priority, lifo=lifo)

    @where(State.WAITING_CHILDREN)
    @rule(data=st.data(), whole=st.booleans())
    def lose_children(self, data: st.DataObject, *, whole: bool) -> None:
        self.resend = None
        if whole:
            queue, job_id = self.a_job_of(data, State.WAITING_CHILDREN, State.ACTIVE)
            moves = SETTLING | {Transition.REMOVE}
            self.play(moves, "remove_unprocessed_children", queue, job_id)
        else:
            self.play(SETTLING, "remove_child_dependency", *self.an_edge(data))

    def an_edge(self, data: st.DataObject) -> tuple[str, str, str]:
        """A queue, a job in it and the full key of a parent of it, or of somebody else."""
        edges = [
            (queue, job_id, edge.parent)
            for queue, part in sorted(self.twins.dump.items())
            for job_id, job in part.jobs.items()
            for edge in job.record.parents
        ]
        mostly = data.draw(st.integers(0, 5)) > 0
        if edges and mostly:
            return data.draw(st.sampled_from(edges))
        queue, job_id = self.a_job_of(data)
        return queue, job_id, self.twins.key(*self.a_job_of(data, State.WAITING_CHILDREN))

    @worthwhile(lambda program: any(part.owners for part in program.twins.dump.values()))
    @rule(data=st.data())
    def remove_deduplication_key(self, data: st.DataObject) -> None:
        owned = [
            (queue, name, owner)
            for queue, part in sorted(self.twins.dump.items())
            for name, owner in part.owners.items()
        ]
        queue, name, owner = data.draw(st.sampled_from(owned or [("q", "like", "nobody")]))
        job_id = data.draw(st.sampled_from([None, owner, "somebody else"]))
        self.freed |= self.play(NOTHING, "remove_deduplication_key", queue, name, job_id)
