"""The rules of the twin test for adding jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from oxherd.domain.errors import InvalidFlow
from oxherd.domain.flow import FlowJob
from oxherd.domain.lifecycle import Transition
from oxherd.domain.options import JobOptions
from oxherd.domain.record import NewJob
from tests.conformance.twin_program import (
    NAMES,
    TwinProgram,
    deduplications,
    options,
    policies,
    queues,
)

if TYPE_CHECKING:
    from oxherd.domain.record import Edge

_OF_A_FLOW = deduplications.filter(lambda asked: not asked.keep_last_if_active)


class AddingJobs(TwinProgram):
    """What producers do."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.add_flow(data, 5)
        self.add_alike(data)
        self.add(data)

    def add(self, data: st.DataObject) -> None:
        jobs = [
            self.a_job(data, parents=self.an_outer_edge(data))
            for _ in range(data.draw(st.integers(1, 4)))
        ]
        groups = tuple((job,) for job in jobs)
        self.move(Transition.ADD, groups)
        self.resend_add(groups)

    def add_alike(self, data: st.DataObject) -> None:
        jobs = [
            self.a_job(data, parents=self.an_outer_edge(data), deduplication=deduplications)
            for _ in range(data.draw(st.integers(1, 2)))
        ]
        self.resend = None
        self.move(Transition.ADD, tuple((job,) for job in jobs))

    @rule(data=st.data(), size=st.integers(2, 6))
    def add_a_flow(self, data: st.DataObject, size: int) -> None:
        self.add_flow(data, size)

    @rule(data=st.data())
    def add_some(self, data: st.DataObject) -> None:
        self.add(data)

    @rule(data=st.data())
    def add_some_alike(self, data: st.DataObject) -> None:
        self.add_alike(data)

    def add_flow(self, data: st.DataObject, size: int) -> None:
        nodes: list[FlowJob] = []
        for number in range(size):
            below = st.lists(st.sampled_from(nodes), unique_by=id, max_size=3) if nodes else None
            children = data.draw(below) if below is not None else []
            if number == size - 1:
                children = children or nodes[-3:]
            nodes.append(self.a_node(data, children))
        try:
            jobs = self.twins.planned(nodes[-1], self.fresh)
        except InvalidFlow:
            # Two of the ids drawn were the same.
            return
        self.move(Transition.ADD, (jobs,))
        self.resend_add((jobs,))

    def a_node(self, data: st.DataObject, children: list[FlowJob]) -> FlowJob:
        given = data.draw(st.booleans())
        alike = None
        if not children and not data.draw(st.integers(0, 4)):
            alike = data.draw(_OF_A_FLOW)
        return FlowJob(
            "work",
            queue=data.draw(queues),
            children=children,
            options=JobOptions(
                job_id=data.draw(st.sampled_from(NAMES)) if given else None,
                on_failure=data.draw(policies),
                deduplication=alike,
                **data.draw(options),
            ),
        )

    def a_job(
        self,
        data: st.DataObject,
        *,
        parents: tuple[Edge, ...],
        deduplication: st.SearchStrategy[Any] = st.none(),  # noqa: B008 - it never changes
    ) -> NewJob:
        given = data.draw(st.booleans())
        numbered = not given and not data.draw(st.integers(0, 2))
        job_id = data.draw(st.sampled_from(NAMES)) if given else self.fresh()
        return NewJob(
            queue=data.draw(queues),
            id=job_id,
            given=given,
            numbered=numbered,
            name="work",
            data="{}",
            options=JobOptions(
                job_id=job_id if given else None,
                deduplication=data.draw(deduplication),
                **data.draw(options),
            ),
            parents=parents,
        )

    def resend_add(self, groups: tuple[tuple[NewJob, ...], ...]) -> None:
        """Only jobs with fresh ids and without deduplication are added once however often."""
        jobs = [job for group in groups for job in group]
        once = not any(job.given or job.numbered or job.options.deduplication for job in jobs)
        self.resend = ("add", (groups,)) if once else None
