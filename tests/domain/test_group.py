"""A call whose jobs share an id."""

from __future__ import annotations

import pytest

from oxherd import InvalidFlow, JobOptions, OnFailure
from oxherd.domain.group import Group
from oxherd.domain.record import Added, Edge, NewJob


def job(job_id: str, *parents: str, children: tuple[str, ...] = (), data: str = "{}") -> NewJob:
    edges = tuple(Edge(f"bull:q:{parent}", OnFailure.IGNORE) for parent in parents)
    return NewJob(
        queue="q", id=job_id, given=True, name="task", data=data, options=JobOptions(),
        parents=edges, children=children,
    )  # fmt: skip


def parents_of(job: NewJob) -> list[str]:
    return [edge.parent.rpartition(":")[2] for edge in job.parents]


def test_distinct_jobs_are_the_group_as_they_are() -> None:
    new = [job("a"), job("b")]
    group = Group.of(new)
    assert (group.jobs, group.places) == (tuple(new), (0, 1))


def test_the_first_mention_counts_and_the_order_stays() -> None:
    group = Group.of([job("x", data="1"), job("y"), job("x", data="2")])
    assert [(one.id, one.data) for one in group.jobs] == [("x", "1"), ("y", "{}")]
    added = [Added("x", 5), Added("y", 6)]
    answers = [(one.id, one.duplicate) for one in group.answers(added)]
    assert answers == [("x", False), ("y", False), ("x", True)]


def test_a_job_of_two_flows_has_both_parents_and_stands_below_them() -> None:
    group = Group.of([job("a"), job("x", "a"), job("b"), job("x", "b")])
    assert [one.id for one in group.jobs] == ["a", "b", "x"]
    assert parents_of(group.jobs[2]) == ["a", "b"]
    assert group.places == (0, 2, 1, 2)


def test_a_job_with_children_stands_once() -> None:
    with pytest.raises(InvalidFlow, match="'x' of queue 'q' stands 2 times"):
        Group.of([job("x", children=("bull:q:c",)), job("c", "x"), job("x")])
