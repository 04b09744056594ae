"""Trees and graphs of jobs: order, failure policies, what parents see."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.errors import HasPendingChildren
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus, Edge
from tests.conformance.flow_model import Shape, endings, random_flow
from tests.conformance.scenario import LOCK_MS, Scenario, node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.record import NewJob

POLICIES = list(OnFailure)


def jobs_of(scenario: Scenario, shapes: Sequence[Shape], tag: str) -> list[NewJob]:
    """The group that adds a flow of shapes (children first); ids end with `tag`."""

    def key(shape: Shape) -> str:
        return scenario.key(f"{shape.name}{tag}", shape.queue)

    parents: dict[str, list[Edge]] = {shape.name: [] for shape in shapes}
    for shape in reversed(shapes):
        for child, policy in shape.children:
            parents[child.name].append(Edge(key(shape), policy))
    return [
        scenario.job(
            f"{shape.name}{tag}",
            queue=shape.queue,
            parents=tuple(parents[shape.name]),
            children=tuple(key(child) for child, _ in shape.children),
        )
        for shape in reversed(shapes)
    ]


async def run_levels(scenario: Scenario, shapes: Sequence[Shape], tag: str, keep: Keep) -> None:
    """Run every job that comes up, lowest level first, as a worker would."""
    breaking = {f"{shape.name}{tag}" for shape in shapes if shape.breaks}
    for level in range(max(shape.level for shape in shapes) + 1):
        while hands := await scenario.claim_many(100, f"level-{level}"):
            good, bad = [], []
            for hand in hands:
                reason = hand.record.deferred_failure
                if reason is not None or hand.id in breaking:
                    bad.append(hand.failure(reason or "broke", keep))
                else:
                    good.append(hand.completion(f'"{hand.id}"', keep))
            if good:
                assert set(await scenario.store.complete(f"level-{level}", good)) == {None}
            if bad:
                assert set(await scenario.store.fail(f"level-{level}", bad)) == {None}


async def assert_ends_as_modelled(
    scenario: Scenario, shapes: Sequence[Shape], tag: str, keep: Keep = KEEP_ALL
) -> None:
    await scenario.add(*jobs_of(scenario, shapes, tag))
    await run_levels(scenario, shapes, tag, keep)
    for shape, (name, ending) in zip(shapes, endings(shapes).items(), strict=True):
        assert name == shape.name
        if keep is KEEP_ALL:
            assert await scenario.state(f"{name}{tag}", shape.queue) == ending.state, name
            seen = await scenario.children(f"{name}{tag}", shape.queue)
            statuses = {each: link.status for each, link in seen.items()}
            assert statuses == {f"{c}{tag}": status for c, status in ending.children.items()}
            for child, link in seen.items():
                if link.status is ChildStatus.PROCESSED:
                    assert link.value == f'"{child}"'
    root = shapes[-1]
    ending = endings(shapes)[root.name]
    found = await scenario.state(f"{root.name}{tag}", root.queue)
    assert found == ending.state or (keep is KEEP_NONE and found is None)


@pytest.mark.parametrize("first", POLICIES)
async def test_every_mix_of_policies_over_three_levels(
    scenario: Scenario, first: OnFailure
) -> None:
    for number, (second, third) in enumerate(itertools.product(POLICIES, POLICIES)):
        leaf = Shape("leaf", breaks=True)
        low = Shape("low", [(leaf, third), (Shape("low-side"), first)])
        mid = Shape("mid", [(Shape("mid-side"), first), (low, second)])
        root = Shape("root", [(mid, first), (Shape("root-side"), first)])
        shapes = [
            leaf, low.children[1][0], low, mid.children[0][0], mid, root.children[1][0], root,
        ]  # fmt: skip
        await assert_ends_as_modelled(scenario, shapes, f"-{number}")


async def test_every_pair_of_policies_when_both_children_fail(scenario: Scenario) -> None:
    for number, (one, two) in enumerate(itertools.product(POLICIES, POLICIES)):
        left, right = Shape("left", breaks=True), Shape("right", breaks=True)
        root = Shape("root", [(left, one), (right, two), (Shape("good"), one)])
        await assert_ends_as_modelled(
            scenario, [left, right, root.children[2][0], root], f"-{number}"
        )


async def test_two_parents_of_one_child_each_follow_their_own_policy(scenario: Scenario) -> None:
    for number, (one, two) in enumerate(itertools.product(POLICIES, POLICIES)):
        child = Shape("child", breaks=True)
        left, right = Shape("left", [(child, one)]), Shape("right", [(child, two)])
        root = Shape("root", [(left, OnFailure.IGNORE), (right, OnFailure.IGNORE)])
        await assert_ends_as_modelled(scenario, [child, left, right, root], f"-{number}")


@pytest.mark.parametrize("seed", range(4))
async def test_random_graphs_end_as_the_model_says(scenario: Scenario, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(15):
        await assert_ends_as_modelled(
            scenario, random_flow(chance, chance.randint(2, 12)), f"-{number}"
        )


async def test_children_run_before_their_parent_and_its_parent(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("mid", node("a"), node("b")), node("c")))
    ran = []
    while hands := await scenario.claim_many(1):
        ran.append(hands[0].id)
        await scenario.complete(hands[0])

    assert sorted(ran) == ["a", "b", "c", "mid", "top"]
    assert ran.index("mid") > max(ran.index("a"), ran.index("b"))
    assert ran[-1] == "top"


async def test_a_released_parent_goes_in_front(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.put("other")
    await scenario.put("lifo", lifo=True)

    await scenario.run("top-child", queue="below")

    assert await scenario.claim_order() == ["top", "lifo", "other"]


async def test_a_released_prioritized_parent_goes_behind_its_priority(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top", priority=3)
    await scenario.put("same", priority=3)
    await scenario.put("later", priority=4)

    await scenario.run("top-child", queue="below")

    assert sorted((await scenario.claim_order())[:2]) == ["same", "top"]


async def test_a_released_parent_with_a_delay_waits_from_now(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top", delay=5)
    await scenario.pass_time(20_000)

    await scenario.run("top-child", queue="below")

    assert await scenario.state("top") == State.DELAYED
    await scenario.pass_time(4_999)
    assert await scenario.claim_many(1) == []
    await scenario.pass_time(1)
    await scenario.run("top")


async def test_a_parent_sees_values_in_the_order_of_definition(scenario: Scenario) -> None:
    names = ["c", "a", "b"]
    await scenario.flow(node("top", *(node(name, queue="below") for name in names)))
    for hand in reversed(await scenario.claim_many(3, "below")):
        await scenario.complete(hand, f'"{hand.id}!"')

    page = await scenario.store.children("q", "top")
    assert [link.value for link in page.links] == ['"c!"', '"a!"', '"b!"']


async def test_all_parents_see_the_value_of_a_shared_child(scenario: Scenario) -> None:
    shared = node("shared", queue="below")
    await scenario.flow(node("root", *(node(f"p{n}", shared) for n in range(5))))

    await scenario.run("shared", '{"n":1}', queue="below")

    for number in range(5):
        assert (await scenario.children(f"p{number}"))["shared"].value == '{"n":1}'
        assert await scenario.state(f"p{number}") == State.WAITING


async def test_a_diamond_runs_its_root_once(scenario: Scenario) -> None:
    shared = node("shared")
    await scenario.flow(node("root", node("left", shared), node("right", shared)))
    ran = []
    while hands := await scenario.claim_many(5):
        for hand in hands:
            ran.append(hand.id)
            await scenario.complete(hand)

    assert sorted(ran) == ["left", "right", "root", "shared"]


@pytest.mark.parametrize("policy", POLICIES)
async def test_retention_never_changes_what_a_parent_gets(
    scenario: Scenario, policy: OnFailure
) -> None:
    for tag, keep in (("-kept", KEEP_ALL), ("-gone", KEEP_NONE)):
        top = node(
            f"top{tag}",
            node(f"bad{tag}", queue="bad", on_failure=policy),
            node(f"good{tag}", queue="below"),
        )
        await scenario.flow(top)
        await scenario.fail(await scenario.claim("bad"), "no luck", keep)
        await scenario.complete(await scenario.claim("below"), "7", keep)

    kept, gone = await scenario.children("top-kept"), await scenario.children("top-gone")
    assert [(name.removesuffix("-kept"), link.status, link.value, link.failure)
            for name, link in kept.items()] == [
        (name.removesuffix("-gone"), link.status, link.value, link.failure)
        for name, link in gone.items()
    ]  # fmt: skip
    assert await scenario.state("top-kept") == await scenario.state("top-gone")
    deferred = [(await scenario.record(f"top{tag}")).deferred_failure for tag in ("-kept", "-gone")]
    assert (deferred[0] is None) == (deferred[1] is None)


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_whole_flow_without_retention_ends_the_same(
    scenario: Scenario, policy: OnFailure
) -> None:
    leaf = Shape("leaf", breaks=True)
    mid = Shape("mid", [(leaf, policy), (Shape("side"), policy)])
    root = Shape("root", [(mid, policy)])
    await assert_ends_as_modelled(scenario, [leaf, mid.children[1][0], mid, root], "-x", KEEP_NONE)


# A child fails for good: what its parent does, in every state.


async def test_a_failing_child_is_named_in_its_parents_reason(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.put("other")

    await scenario.break_down("top-child", queue="below")

    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure == f"child {scenario.key('top-child', 'below')} failed"


async def test_the_parent_fails_although_its_other_children_are_pending(
    scenario: Scenario,
) -> None:
    await scenario.flow(node("top", node("bad", queue="below"), node("slow", queue="slow")))
    await scenario.break_down("bad", queue="below")
    hand = await scenario.claim(job_id="top")
    await scenario.fail(hand, hand.record.deferred_failure or "")
    before = await scenario.record("top")

    await scenario.run("slow", queue="slow")

    assert await scenario.state("top") == State.FAILED
    assert await scenario.record("top") == before


async def test_a_later_failing_child_is_the_one_that_is_named(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.break_down("a", queue="below")
    await scenario.break_down("b", queue="below")

    record = await scenario.record("top")
    assert record.deferred_failure == f"child {scenario.key('b', 'below')} failed"
    assert (await scenario.kinds("top")).count(EventKind.WAITING) == 1


@pytest.mark.parametrize(
    ("state", "options", "after"),
    [
        (State.WAITING, {}, State.WAITING),
        (State.PRIORITIZED, {}, State.PRIORITIZED),
        (State.DELAYED, {}, State.WAITING),
        (State.DELAYED, {"priority": 3}, State.PRIORITIZED),
        (State.ACTIVE, {}, State.ACTIVE),
        (State.WAITING_CHILDREN, {}, State.WAITING),
        (State.WAITING_CHILDREN, {"priority": 3}, State.PRIORITIZED),
        (State.WAITING_CHILDREN, {"delay": 60}, State.WAITING),
    ],
)
@pytest.mark.parametrize("paused", [False, True])
async def test_a_parent_fails_in_every_state(
    scenario: Scenario, state: State, options: dict[str, Any], after: State, *, paused: bool
) -> None:
    hand = await scenario.job_in(state, "top", **options)
    await scenario.add(scenario.job("late", queue="late", parents=(scenario.edge("top"),)))
    if paused:
        await scenario.store.pause("q")

    await scenario.break_down("late", queue="late")

    assert await scenario.state("top") == after
    reason = f"child {scenario.key('late', 'late')} failed"
    assert (await scenario.record("top")).deferred_failure == reason
    await scenario.store.resume("q")
    if hand is None:
        hand = await scenario.claim(job_id="top")
        assert hand.record.deferred_failure == reason
    await scenario.fail(hand, reason)
    assert await scenario.state("top") == State.FAILED


async def test_a_failed_parent_is_not_touched(scenario: Scenario) -> None:
    await scenario.put("top")
    hand = await scenario.claim()
    await scenario.add(scenario.job("late", queue="late", parents=(scenario.edge("top"),)))
    await scenario.fail(hand)

    await scenario.break_down("late", queue="late")

    record = await scenario.record("top")
    assert (record.failed_reason, record.deferred_failure) == ("boom", None)


@pytest.mark.parametrize("policy", [OnFailure.IGNORE, OnFailure.CONTINUE_PARENT])
async def test_an_active_parent_only_hears_of_a_child_that_may_fail(
    scenario: Scenario, policy: OnFailure
) -> None:
    await scenario.put("top")
    hand = await scenario.claim()
    await scenario.add(scenario.job("late", queue="late", parents=(scenario.edge("top", policy),)))

    await scenario.break_down("late", "no luck", queue="late")

    assert await scenario.state("top") == State.ACTIVE
    link = (await scenario.children("top"))["late"]
    assert (link.status, link.failure, link.value) == (ChildStatus.IGNORED, "no luck", None)
    await scenario.complete(hand)


async def test_continuing_releases_a_parent_before_its_other_children(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("bad", queue="below", on_failure=OnFailure.CONTINUE_PARENT),
            node("slow", queue="slow"),
        )
    )

    await scenario.break_down("bad", queue="below")

    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure is None
    assert (await scenario.children("top"))["slow"].status is ChildStatus.PENDING


async def test_ignoring_waits_for_the_other_children(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("bad", queue="below", on_failure=OnFailure.IGNORE),
            node("slow", queue="slow"),
        )
    )

    await scenario.break_down("bad", queue="below")
    assert await scenario.state("top") == State.WAITING_CHILDREN

    await scenario.run("slow", queue="slow")
    assert await scenario.state("top") == State.WAITING


async def test_a_blocked_parent_goes_on_when_its_child_succeeds_at_last(
    scenario: Scenario,
) -> None:
    await scenario.flow(node("top", node("bad", queue="below", on_failure=OnFailure.BLOCK)))
    await scenario.break_down("bad", queue="below")
    assert await scenario.state("top") == State.WAITING_CHILDREN

    await scenario.reprocess("bad", State.FAILED, queue="below")
    await scenario.run("bad", "1", queue="below")

    await scenario.run("top")
    assert (await scenario.children("top"))["bad"].value == "1"


async def test_a_stalled_child_fails_its_parent_like_any_other(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.claim("below")
    await scenario.pass_time(LOCK_MS + 1)
    await scenario.rescue("below", max_stalled_count=0)
    hand = await scenario.claim("below")
    await scenario.fail(hand, hand.record.deferred_failure or "")

    assert (await scenario.claim(job_id="top")).record.deferred_failure is not None


# A failed child runs again.


async def test_a_deferred_failure_is_withdrawn_when_its_child_runs_again(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")

    await scenario.reprocess("top-child", State.FAILED, queue="below")

    record = await scenario.record("top")
    assert record.deferred_failure is None
    assert await scenario.state("top") == State.WAITING_CHILDREN
    assert (await scenario.children("top"))["top-child"].status is ChildStatus.PENDING
    await scenario.run("top-child", "1", queue="below")
    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure is None
    await scenario.complete(hand)


async def test_a_withdrawn_failure_does_not_use_up_the_parents_delay(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top", delay=60)
    await scenario.break_down("top-child", queue="below")
    await scenario.reprocess("top-child", State.FAILED, queue="below")

    await scenario.run("top-child", queue="below")

    assert await scenario.state("top") == State.DELAYED
    assert (await scenario.record("top")).delay == 60_000


async def test_another_failed_child_is_named_instead(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.break_down("a", queue="below")
    await scenario.break_down("b", queue="below")

    await scenario.reprocess("b", State.FAILED, queue="below")

    record = await scenario.record("top")
    assert record.deferred_failure == f"child {scenario.key('a', 'below')} failed"
    assert await scenario.state("top") == State.WAITING


async def test_a_child_that_is_not_named_withdraws_nothing(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.break_down("a", queue="below")
    await scenario.break_down("b", queue="below")

    await scenario.reprocess("a", State.FAILED, queue="below")

    record = await scenario.record("top")
    assert record.deferred_failure == f"child {scenario.key('b', 'below')} failed"
    assert (await scenario.children("top"))["a"].status is ChildStatus.PENDING


async def test_a_failed_parent_stays_failed_until_it_runs_again_itself(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    await scenario.break_down("top")

    await scenario.reprocess("top-child", State.FAILED, queue="below")
    await scenario.run("top-child", '"at last"', queue="below")
    assert await scenario.state("top") == State.FAILED

    await scenario.reprocess("top", State.FAILED)
    assert (await scenario.children("top"))["top-child"].value == '"at last"'
    await scenario.run("top")


async def test_a_parent_that_runs_again_first_waits_for_its_child(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    await scenario.break_down("top")
    await scenario.reprocess("top-child", State.FAILED, queue="below")

    await scenario.reprocess("top", State.FAILED)

    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("top-child", queue="below")
    await scenario.run("top")


async def test_a_parent_that_runs_again_while_its_child_is_failed_fails_again(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.break_down("top-child", queue="below")
    await scenario.break_down("top")

    await scenario.reprocess("top", State.FAILED)

    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure == f"child {scenario.key('top-child', 'below')} failed"


async def test_a_completed_child_that_runs_again_is_waited_for(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("a", queue="below"), node("b", queue="below")))
    await scenario.run("a", "1", queue="below")

    await scenario.reprocess("a", State.COMPLETED, queue="below")
    assert (await scenario.children("top"))["a"].status is ChildStatus.PENDING
    await scenario.run("b", "2", queue="below")
    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("a", "3", queue="below")

    assert await scenario.state("top") == State.WAITING
    assert (await scenario.children("top"))["a"].value == "3"


async def test_an_active_parent_cannot_complete_before_a_child_that_runs_again(
    scenario: Scenario,
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.run("top-child", queue="below")
    hand = await scenario.claim(job_id="top")

    await scenario.reprocess("top-child", State.COMPLETED, queue="below")

    (answer,) = await scenario.store.complete("q", [hand.completion()])
    assert isinstance(answer, HasPendingChildren)
    await scenario.run("top-child", queue="below")
    await scenario.complete(hand)


async def test_a_completed_parent_keeps_what_it_got(scenario: Scenario) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, "top")
    await scenario.run("top-child", "1", queue="below")
    await scenario.run("top")
    before = await scenario.children("top")

    await scenario.reprocess("top-child", State.COMPLETED, queue="below")
    await scenario.run("top-child", "2", queue="below")

    assert await scenario.children("top") == before
    assert await scenario.state("top") == State.COMPLETED


async def test_an_ignored_child_that_runs_again_is_waited_for(scenario: Scenario) -> None:
    await scenario.flow(
        node(
            "top",
            node("bad", queue="below", on_failure=OnFailure.IGNORE),
            node("slow", queue="slow"),
        )
    )
    await scenario.break_down("bad", queue="below")
    await scenario.reprocess("bad", State.FAILED, queue="below")
    await scenario.run("slow", queue="slow")
    assert await scenario.state("top") == State.WAITING_CHILDREN

    await scenario.run("bad", "1", queue="below")

    assert (await scenario.children("top"))["bad"].value == "1"
    await scenario.run("top")


async def test_a_child_of_two_parents_is_waited_for_by_both_again(scenario: Scenario) -> None:
    child = node("child", queue="below")
    await scenario.flow(node("root", node("left", child), node("right", child)))
    await scenario.break_down("child", queue="below")

    await scenario.reprocess("child", State.FAILED, queue="below")

    assert await scenario.store.states("q", ["left", "right"]) == [State.WAITING_CHILDREN] * 2
    await scenario.run("child", queue="below")
    assert await scenario.store.states("q", ["left", "right"]) == [State.WAITING] * 2


# A job id that exists already becomes a child.


@pytest.mark.parametrize("state", [s for s in State if s not in {State.COMPLETED, State.FAILED}])
async def test_a_live_job_is_attached_and_waited_for(scenario: Scenario, state: State) -> None:
    hand = await scenario.job_in(state, "known", "below")
    before = await scenario.record("known", "below")

    await scenario.flow(node("top", node("known", queue="below", on_failure=OnFailure.IGNORE)))

    assert await scenario.state("top") == State.WAITING_CHILDREN
    assert await scenario.state("known", "below") == state
    after = await scenario.record("known", "below")
    assert after.parents == (scenario.edge("top", OnFailure.IGNORE),)
    assert (after.data, after.attempts_started) == (before.data, before.attempts_started)
    if state is State.WAITING_CHILDREN:
        await scenario.run("known-child", queue="below")
    await scenario.pass_time(60_000 if state is State.DELAYED else 0)
    await scenario.complete(hand or await scenario.claim("below", job_id="known"), "5")
    assert (await scenario.children("top"))["known"].value == "5"
    assert await scenario.state("top") == State.WAITING


async def test_a_completed_job_counts_at_once(scenario: Scenario) -> None:
    await scenario.job_in(State.COMPLETED, "known", "below")

    await scenario.flow(node("top", node("known", queue="below"), node("new", queue="new")))

    link = (await scenario.children("top"))["known"]
    assert (link.status, link.value) == (ChildStatus.PROCESSED, '"done"')
    assert await scenario.state("known", "below") == State.COMPLETED
    await scenario.run("new", queue="new")
    await scenario.run("top")


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_failed_job_counts_as_failing_now(scenario: Scenario, policy: OnFailure) -> None:
    await scenario.job_in(State.FAILED, "known", "below")

    await scenario.flow(node("top", node("known", queue="below", on_failure=policy)))

    state = await scenario.state("top")
    record = await scenario.record("top")
    children = await scenario.children("top")
    if policy is OnFailure.BLOCK:
        assert state == State.WAITING_CHILDREN
        assert children["known"].status is ChildStatus.PENDING
        return
    assert state == State.WAITING
    if policy is OnFailure.FAIL_PARENT:
        assert record.deferred_failure == f"child {scenario.key('known', 'below')} failed"
        assert children["known"].status is ChildStatus.FAILED
    elif policy is OnFailure.REMOVE:
        assert children == {}
    else:
        assert (children["known"].status, children["known"].failure) == (
            ChildStatus.IGNORED, "boom",
        )  # fmt: skip


async def test_a_failed_job_that_is_adopted_may_still_succeed(scenario: Scenario) -> None:
    await scenario.job_in(State.FAILED, "known", "below")
    await scenario.flow(node("top", node("known", queue="below")))

    await scenario.reprocess("known", State.FAILED, queue="below")

    assert await scenario.state("top") == State.WAITING_CHILDREN
    await scenario.run("known", queue="below")
    hand = await scenario.claim(job_id="top")
    assert hand.record.deferred_failure is None


async def test_a_child_of_one_parent_is_shared_with_a_second(scenario: Scenario) -> None:
    await scenario.flow(node("first", node("known", queue="below", on_failure=OnFailure.IGNORE)))

    await scenario.flow(node("second", node("known", queue="below", on_failure=OnFailure.BLOCK)))

    assert (await scenario.record("known", "below")).parents == (
        scenario.edge("first", OnFailure.IGNORE),
        scenario.edge("second", OnFailure.BLOCK),
    )
    await scenario.break_down("known", queue="below")
    assert await scenario.state("first") == State.WAITING
    assert await scenario.state("second") == State.WAITING_CHILDREN


@pytest.mark.parametrize("state", list(State))
async def test_an_existing_job_is_attached_to_a_live_parent(
    scenario: Scenario, state: State
) -> None:
    await scenario.job_in(state, "known", "below")
    await scenario.put("slow", queue="slow")
    await scenario.flow(node("top", node("slow", queue="slow")))

    (added,) = await scenario.add(
        scenario.job("known", queue="below", parents=(scenario.edge("top", OnFailure.IGNORE),))
    )

    assert added.duplicate
    assert await scenario.state("known", "below") == state
    assert await scenario.state("top") == State.WAITING_CHILDREN
    expected = {
        State.COMPLETED: ChildStatus.PROCESSED,
        State.FAILED: ChildStatus.IGNORED,
    }.get(state, ChildStatus.PENDING)
    assert (await scenario.children("top"))["known"].status is expected


async def test_the_same_child_is_attached_once(scenario: Scenario) -> None:
    await scenario.flow(node("top", node("known", queue="below")))
    before = await scenario.still_dump()

    await scenario.add(scenario.job("known", queue="below", parents=(scenario.edge("top"),)))

    assert await scenario.still_dump() == before


# Large ones.


async def run_chain(scenario: Scenario, length: int) -> None:
    top = node("job-0")
    for number in range(1, length):
        top = node(f"job-{number}", top)
    await scenario.flow(top)
    for number in range(length):
        await scenario.run(f"job-{number}", str(number))

    root = f"job-{length - 1}"
    assert await scenario.state(root) == State.COMPLETED
    assert (await scenario.children(root))[f"job-{length - 2}"].value == str(length - 2)


async def fail_chain(scenario: Scenario, length: int) -> None:
    top = node("job-0")
    for number in range(1, length):
        top = node(f"job-{number}", top)
    await scenario.flow(top)
    await scenario.break_down("job-0")
    for number in range(1, length):
        hand = await scenario.claim(job_id=f"job-{number}")
        reason = f"child {scenario.key(f'job-{number - 1}')} failed"
        assert hand.record.deferred_failure == reason
        await scenario.fail(hand, reason)

    assert (await scenario.store.counts("q"))[State.FAILED] == length


async def run_star(scenario: Scenario, width: int) -> None:
    await scenario.flow(node("top", *(node(f"job-{n}", queue="below") for n in range(width))))
    while hands := await scenario.claim_many(500, "below"):
        answers = await scenario.store.complete(
            "below", [hand.completion(f'"{hand.id}"') for hand in hands]
        )
        assert set(answers) == {None}
    page = await scenario.store.children("q", "top")
    assert [link.value for link in page.links] == [f'"job-{n}"' for n in range(width)]
    await scenario.run("top")


async def test_a_chain_of_many_runs_to_its_root(scenario: Scenario) -> None:
    await run_chain(scenario, 300)


async def test_a_failure_climbs_a_chain_of_many(scenario: Scenario) -> None:
    await fail_chain(scenario, 100)


async def test_a_thousand_children_of_one_parent(scenario: Scenario) -> None:
    await run_star(scenario, 1_000)


async def test_a_thousand_failing_children_fail_their_parent_once(scenario: Scenario) -> None:
    await scenario.flow(node("top", *(node(f"job-{n}", queue="below") for n in range(1_000))))
    while hands := await scenario.claim_many(500, "below"):
        await scenario.store.fail("below", [hand.failure() for hand in hands])

    assert (await scenario.kinds("top")).count(EventKind.WAITING) == 1
    hand = await scenario.claim(job_id="top")
    await scenario.fail(hand, hand.record.deferred_failure or "")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_chain_of_thousands(scenario: Scenario) -> None:
    scenario.trimmed = True
    await run_chain(scenario, 10_000)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ten_thousand_children_of_one_parent(scenario: Scenario) -> None:
    scenario.trimmed = True
    await run_star(scenario, 10_000)
