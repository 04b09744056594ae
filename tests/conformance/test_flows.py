"""Trees and graphs of jobs: order, failure policies, what parents see."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import ChildStatus, Edge
from tests.conformance.flow_model import Shape, endings, random_flow
from tests.conformance.scenario import Scenario, node

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
