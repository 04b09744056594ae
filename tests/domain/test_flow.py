"""Planning flows: what is checked, and in which order jobs come out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import InvalidFlow, InvalidOption, NotSerializable, PayloadTooLarge
from oxherd.domain.flow import FlowJob, Plan, chain, outer_edge, plan
from oxherd.domain.options import JobOptions, OnFailure, ParentJob
from oxherd.domain.record import Edge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def planned(flow: FlowJob | Mapping[str, Any], **defaults: JobOptions) -> Plan:
    numbers = itertools.count()
    return plan(
        flow,
        prefix="p",
        new_id=lambda: f"id-{next(numbers)}",
        defaults=lambda queue: defaults.get(queue, JobOptions()),
    )


def named(name: str, *children: FlowJob, **more: Any) -> FlowJob:
    """A job whose id is its name."""
    options = JobOptions(job_id=name, **more)
    return FlowJob(name, queue="q", children=children, options=options)


def names(flow: FlowJob) -> list[str]:
    return [job.name for job in planned(flow).jobs]


def test_a_tree_comes_out_breadth_first() -> None:
    flow = named("top", named("a", named("c"), named("d")), named("b", named("e")))
    assert names(flow) == ["top", "a", "b", "c", "d", "e"]


def test_edges_and_children_agree() -> None:
    result = planned(named("top", named("a", named("c")), named("b")))
    jobs = {job.name: job for job in result.jobs}
    assert result.key == "p:q:top"
    assert jobs["top"].children == ("p:q:a", "p:q:b")
    assert jobs["a"].children == ("p:q:c",)
    assert jobs["c"].parents == (Edge("p:q:a", OnFailure.FAIL_PARENT),)
    assert jobs["top"].parents == ()


def test_a_shared_job_comes_once_and_after_all_its_parents() -> None:
    shared = named("shared")
    flow = named("top", named("left", shared), named("right", named("deep", shared)))
    result = planned(flow)
    order = [job.name for job in result.jobs]
    assert order.count("shared") == 1
    assert order.index("shared") > max(order.index("left"), order.index("deep"))
    edges = {job.name: [edge.parent for edge in job.parents] for job in result.jobs}
    assert sorted(edges["shared"]) == ["p:q:deep", "p:q:left"]


def test_every_job_of_a_flow_has_its_flow_id() -> None:
    result = planned(FlowJob("top", queue="q", children=[FlowJob("a", queue="r")]))
    top, below = result.jobs
    assert top.flow_id == below.flow_id == top.id
    assert not top.given


def test_a_given_root_id_is_not_the_flow_id() -> None:
    first, second = planned(named("top")), planned(named("top"))
    assert first.jobs[0].flow_id not in {"top", None}
    assert first.jobs[0].given
    assert second.jobs[0].id == "top"


def test_the_policy_of_an_edge_is_the_childs() -> None:
    flow = named("top", FlowJob("a", queue="q", on_failure=OnFailure.IGNORE))
    (edge,) = planned(flow).jobs[1].parents
    assert edge.on_failure is OnFailure.IGNORE


def test_a_policy_given_twice_is_refused() -> None:
    job = FlowJob(
        "a", queue="q", on_failure=OnFailure.IGNORE, options={"failParentOnFailure": True}
    )
    with pytest.raises(InvalidOption, match="given twice"):
        planned(job)


def test_queue_defaults_apply_to_its_jobs_only() -> None:
    flow = FlowJob("a", queue="slow", children=[FlowJob("b", queue="fast")])
    top, below = planned(flow, slow=JobOptions(attempts=5)).jobs
    assert (top.options.attempts, below.options.attempts) == (5, 1)


def test_mappings_are_flows_too() -> None:
    result = planned(
        {
            "name": "top",
            "queueName": "q",
            "data": {"n": 1},
            "opts": {"jobId": "t", "priority": 3},
            "children": [{"name": "a", "queue_name": "r", "children": None}],
        }
    )
    top, below = result.jobs
    assert (top.id, top.data, top.options.priority) == ("t", '{"n":1}', 3)
    assert (below.name, below.queue, below.data) == ("a", "r", "{}")


def test_no_children_is_a_plain_job() -> None:
    (job,) = planned(FlowJob("a", queue="q", children=[])).jobs
    assert job.children == ()


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({"name": "a"}, "no queue"),
        ({"queue": "q"}, "no name"),
        ({"name": "a", "queue": "q", "childern": []}, "did you mean 'children'"),
        ({"name": "a", "queue": "q", "queueName": "q"}, "given twice"),
        ({"name": "a", "queue": "q", "children": {"name": "b"}}, "list of jobs"),
        ({"name": "a", "queue": "q", "children": "b"}, "list of jobs"),
        ({"name": "a", "queue": "q", "children": [7]}, r"flow\.children\[0\]"),
        ({"name": "a", "queue": "q", "children": [{"name": "b"}]}, r"flow\.children\[0\].*queue"),
        (7, "FlowJob or a mapping"),
    ],
)
def test_a_malformed_flow_is_refused(flow: Any, message: str) -> None:
    with pytest.raises(InvalidFlow, match=message):
        planned(flow)


@pytest.mark.parametrize(
    ("job", "kind"),
    [
        (FlowJob("", queue="q"), InvalidOption),
        (FlowJob("a", queue=""), InvalidOption),
        (FlowJob("a", queue="a:b"), InvalidOption),
        (FlowJob("a", queue="q", data={1: 2}), NotSerializable),
        (FlowJob("a", queue="q", data=float("nan")), NotSerializable),
        (FlowJob("a", queue="q", options={"atempts": 1}), InvalidOption),
        (FlowJob("a", queue="q", options={"jobId": "17"}), InvalidOption),
        (FlowJob("a", queue="q", data="xxxx", options={"sizeLimit": 3}), PayloadTooLarge),
    ],
)
def test_a_refused_job_is_named_by_its_path(job: FlowJob, kind: type[Exception]) -> None:
    flow = named("top", named("fine"), named("mid", job))
    with pytest.raises(kind, match=r"^flow\.children\[1\]\.children\[0\]: "):
        planned(flow)


def test_a_cycle_of_ids_is_refused_with_its_path() -> None:
    flow = named("a", named("b", named("c", FlowJob("a", queue="q", options={"jobId": "a"}))))
    with pytest.raises(InvalidFlow, match="a → b → c → a"):
        planned(flow)


def test_a_job_that_is_its_own_child_is_refused() -> None:
    with pytest.raises(InvalidFlow, match="a → a"):
        planned(named("a", FlowJob("a", queue="q", options={"jobId": "a"})))


def test_a_cycle_of_objects_is_refused() -> None:
    children: list[FlowJob] = []
    flow = FlowJob("a", queue="q", children=children)
    children.append(FlowJob("b", queue="q", children=[flow]))
    with pytest.raises(InvalidFlow, match="a → b → a"):
        planned(flow)


def test_a_cycle_of_mappings_is_refused() -> None:
    flow: dict[str, Any] = {"name": "a", "queue": "q"}
    flow["children"] = [{"name": "b", "queue": "q", "children": [flow]}]
    with pytest.raises(InvalidFlow, match="cycle"):
        planned(flow)


@pytest.mark.parametrize("parent", ["top", "leaf"])
def test_a_flow_cannot_hang_below_itself(parent: str) -> None:
    flow = named("top", named("leaf"), parent=ParentJob(parent, "q"))
    with pytest.raises(InvalidFlow, match="cycle"):
        planned(flow)


def test_two_jobs_of_one_id_must_be_the_same_job() -> None:
    def twice(again: FlowJob) -> FlowJob:
        first = FlowJob("x", queue="q", data={"n": 1}, options={"jobId": "x"})
        return named("top", named("a", first), named("b", again))

    same = FlowJob("x", queue="q", data={"n": 1}, options={"jobId": "x"})
    assert names(twice(same)).count("x") == 1
    short = FlowJob("x", queue="q", options={"jobId": "x"})
    assert names(twice(short)).count("x") == 1
    for other in (
        FlowJob("y", queue="q", options={"jobId": "x"}),
        FlowJob("x", queue="q", data={"n": 2}, options={"jobId": "x"}),
        FlowJob("x", queue="q", options={"jobId": "x", "priority": 1}),
    ):
        with pytest.raises(InvalidFlow, match="one id"):
            planned(twice(other))


def test_one_id_in_two_queues_is_two_jobs() -> None:
    flow = named("top", named("x"), FlowJob("x", queue="r", options={"jobId": "x"}))
    assert [job.queue for job in planned(flow).jobs] == ["q", "q", "r"]


def test_a_child_listed_twice_under_one_parent_is_refused() -> None:
    child = named("x")
    with pytest.raises(InvalidFlow, match="listed twice"):
        planned(named("top", child, child))
    with pytest.raises(InvalidFlow, match="listed twice"):
        planned(named("top", named("x"), named("x")))


@pytest.mark.parametrize("same_object", [False, True], ids=["by-id", "by-object"])
def test_so_is_one_that_was_met_under_another_before(*, same_object: bool) -> None:
    first, again = named("x"), named("x")
    once = planned(named("top", named("a", first), named("b", first))).jobs[-1]
    assert [edge.parent for edge in once.parents] == ["p:q:a", "p:q:b"]

    twice = named("b", first, first if same_object else again)
    with pytest.raises(InvalidFlow, match="listed twice under one parent"):
        planned(named("top", named("a", first), twice))


def test_a_live_parent_comes_before_the_flows_own() -> None:
    child = named("a", parent=ParentJob("live", "other:queue"))
    result = planned(named("top", child, parent=ParentJob("boss", "r")))
    top, below = result.jobs
    assert top.parents == (Edge("p:r:boss", OnFailure.FAIL_PARENT),)
    assert [edge.parent for edge in below.parents] == ["other:queue:live", "p:q:top"]


def test_an_outer_edge_has_the_jobs_policy() -> None:
    options = JobOptions(parent={"id": "a", "queue": "q"}, on_failure=OnFailure.BLOCK)
    assert outer_edge(options, "p") == (Edge("p:q:a", OnFailure.BLOCK),)
    assert outer_edge(JobOptions(), "p") == ()


def test_a_job_with_children_is_not_dropped_for_another() -> None:
    flow = named("top", named("mid", named("leaf"), deduplication=Deduplication("d")))
    with pytest.raises(InvalidFlow, match=r"flow\.children\[0\]: .* cannot have deduplication"):
        planned(flow)


def test_a_child_may_be_dropped_for_another_but_not_kept_for_later() -> None:
    assert names(named("top", named("leaf", deduplication=Deduplication("d", ttl=5))))
    kept = Deduplication("d", keep_last_if_active=True)
    assert names(named("alone", deduplication=kept))
    with pytest.raises(InvalidFlow, match=r"flow\.children\[0\]: .* keep_last_if_active"):
        planned(named("top", named("leaf", deduplication=kept)))


def test_a_chain_runs_in_the_order_given() -> None:
    flow = chain([named("one"), {"name": "two", "queue": "q"}, named("three", named("side"))])
    assert names(flow) == ["three", "side", "two", "one"]


def test_a_chain_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidFlow, match="at least one"):
        chain([])


def test_a_flow_of_many_levels_needs_no_recursion() -> None:
    flow = chain([FlowJob(f"n{number}", queue="q") for number in range(10_000)])
    jobs = planned(flow).jobs
    assert len(jobs) == 10_000
    assert jobs[0].name == "n9999"


def test_a_deep_cycle_is_found_without_recursion() -> None:
    children: list[FlowJob] = []
    deepest = FlowJob("deepest", queue="q", children=children)
    flow = chain([deepest, *(FlowJob(f"n{number}", queue="q") for number in range(3_000))])
    children.append(flow)
    with pytest.raises(InvalidFlow, match="cycle"):
        planned(flow)


def test_a_wide_flow_keeps_its_order() -> None:
    flow = named("top", *(named(f"n{number}") for number in range(5_000)))
    assert names(flow)[1:] == [f"n{number}" for number in range(5_000)]


@st.composite
def graphs(draw: st.DrawFn) -> Sequence[FlowJob]:
    nodes: list[FlowJob] = []
    for number in range(draw(st.integers(1, 12))):
        below = draw(st.lists(st.sampled_from(nodes), unique_by=id, max_size=4)) if nodes else []
        nodes.append(named(f"n{number}", *below))
    return nodes


@given(graphs())
def test_parents_always_come_before_their_children(nodes: Sequence[FlowJob]) -> None:
    jobs = planned(nodes[-1]).jobs
    place = {f"p:{job.queue}:{job.id}": index for index, job in enumerate(jobs)}
    assert len(place) == len(jobs)
    for index, job in enumerate(jobs):
        assert all(place[child] > index for child in job.children)
        assert all(place[edge.parent] < index for edge in job.parents)
        for child in job.children:
            assert any(edge.parent == f"p:q:{job.id}" for edge in jobs[place[child]].parents)
