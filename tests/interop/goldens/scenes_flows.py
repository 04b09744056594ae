"""Parents and children: adding, releasing, failing, removing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.interop.goldens.compare import Difference
from tests.interop.goldens.scene import DRAINED, HOUR, NO_TRACE, REMOVED_FROM_BELOW, Scene
from tests.interop.goldens.side import node

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.interop.goldens.side import Side

FRESH: Final = {"resetAttemptsMade": True, "resetAttemptsStarted": True}
POLICIES: Final = (
    "failParentOnFailure", "ignoreDependencyOnFailure", "removeDependencyOnFailure",
    "continueParentOnFailure",
)  # fmt: skip
FAILS: Final = {"fails": 1}


async def a_flow_of_three_levels(side: Side) -> None:
    leaf = node("low", "L", data={"n": 1, "returns": {"leaf": "done"}})
    middle = node("mid", "M", leaf, failParentOnFailure=True)
    await side.add_flow(node("top", "R", middle, data={"a": 1}))
    side.look()
    for queue in ("low", "mid", "top"):
        await side.advance(10)
        await side.work(queue)
        side.look()


async def a_flow_in_one_queue(side: Side) -> None:
    branches = [
        node("q", "a", node("q", "x", data={"returns": 1}), node("q", "y", data={"returns": 2})),
        node("q", "b", data={"returns": [3]}, priority=2),
    ]
    await side.add_flow(node("q", "r", *branches))
    side.look()
    await side.work("q")
    side.look()


async def ids_that_flows_make(side: Side) -> None:
    """Only where they are the root's, which the add answers, may they differ."""
    await side.add_flow(node("par", "P", node("chi", "C"), node("chi", "D", lifo=True)))
    side.look()


async def a_parent_with_a_delay_and_a_priority(side: Side) -> None:
    await side.add_flow(node("par", "P", node("chi", "A"), delay=500, priority=4))
    await side.add_flow(node("par", "Q", node("chi", "B"), priority=4))
    await side.add_flow(node("par", "S", node("chi", "C"), delay=500))
    side.look()
    await side.advance(20)
    await side.work("chi")
    side.look()
    await side.advance(500)
    await side.work("par")
    side.look()


async def children_with_delays_priorities_and_attempts(side: Side) -> None:
    children = [
        node("chi", "a", delay=300),
        node("chi", "b", priority=2),
        node("chi", "c", data=FAILS, attempts=2, backoff=100),
        node("chi", "d", data={"progress": 1}, removeOnComplete=True),
    ]
    await side.add_flow(node("par", "P", *children))
    await side.work("chi")
    side.look()
    await side.advance(300)
    await side.work("chi")
    side.look()


def a_policy(name: str | None) -> Callable[[Side], Awaitable[None]]:
    policy = {name: True} if name else {}

    async def play(side: Side) -> None:
        failing = node("chi", "C1", data=FAILS, stackTraceLimit=0, **policy)
        later = node("chi", "C2", delay=600_000, **policy)
        await side.add_flow(node("par", "P", failing, later, stackTraceLimit=0))
        side.look()
        await side.advance(15)
        await side.work("chi")
        side.look()
        await side.advance(200)
        if name == "failParentOnFailure":
            await side.work("par")
            side.look()

    play.__name__ = f"policy_{name}"
    return play


def the_last_child_under(name: str | None) -> Callable[[Side], Awaitable[None]]:
    policy = {name: True} if name else {}

    async def play(side: Side) -> None:
        good = node("chi", "good", data={"returns": 1})
        bad = node("chi", "bad", data=FAILS, **policy)
        await side.add_flow(node("par", "P", good, bad))
        await side.work("chi", "par")
        side.look()

    play.__name__ = f"the_last_child_under_{name}"
    return play


async def several_children_fail_one_parent(side: Side) -> None:
    children = [node("chi", name, data=FAILS, failParentOnFailure=True) for name in "ab"]
    await side.add_flow(node("par", "P", *children, priority=3, delay=HOUR))
    await side.work("chi")
    side.look()
    await side.work("par")
    side.look()


async def a_continued_parent_fails_while_it_is_delayed(side: Side) -> None:
    children = [
        node("chi", "a", data=FAILS, continueParentOnFailure=True),
        node("chi", "b", data=FAILS, failParentOnFailure=True, delay=100),
    ]
    await side.add_flow(node("par", "P", *children, priority=4, delay=HOUR))
    await side.work("chi")
    side.look()
    await side.advance(100)
    await side.work("chi")
    side.look()


async def a_continued_parent_runs_to_its_end(side: Side) -> None:
    children = [
        node("chi", "a", data=FAILS, continueParentOnFailure=True),
        node("chi", "b", delay=HOUR),
    ]
    await side.add_flow(node("par", "P", *children, data={"returns": 1}))
    await side.work("chi", "par")
    side.look()


async def a_continued_parent_lets_go_of_the_others(side: Side) -> None:
    children = [
        node("chi", "a", data=FAILS, continueParentOnFailure=True),
        node("chi", "b", delay=HOUR),
    ]
    await side.add_flow(node("par", "P", *children, data={"detach": True, "returns": 1}))
    await side.work("chi", "par")
    side.look()


async def a_blocking_child_is_not_to_stay(side: Side) -> None:
    await side.add_flow(node("par", "P", node("chi", "C", data=FAILS, removeOnFail=True)))
    await side.work("chi")
    side.look()


async def a_failure_through_three_levels(side: Side) -> None:
    leaf = node("low", "L", data=FAILS, failParentOnFailure=True)
    middle = node("mid", "M", leaf, ignoreDependencyOnFailure=True, attempts=3)
    await side.add_flow(node("top", "R", middle))
    await side.work("low", "mid", "top")
    side.look()


async def a_child_removed_as_it_fails(side: Side) -> None:
    child = node("chi", "C", data=FAILS, ignoreDependencyOnFailure=True, removeOnFail=True)
    await side.add_flow(node("par", "P", child))
    await side.work("chi")
    side.look()


async def children_from_the_processor(side: Side) -> None:
    children = [
        {"queueName": "chi", "name": "task", "data": {"returns": n}, "opts": {"jobId": f"c{n}"}}
        for n in (1, 2)
    ]
    await side.add("par", "P", data={"children": children, "returns": "end"}, priority=6)
    await side.work("par")
    side.look()
    await side.advance(7)
    await side.work("chi")
    side.look()
    await side.work("par")
    side.look()


async def a_child_for_a_parent_that_lives(side: Side) -> None:
    await side.add_flow(node("par", "P", node("chi", "a", delay=HOUR)))
    parent = {"id": "P", "queue": f"{side.prefix}:par"}
    await side.add("chi", "b", data={"returns": 2}, parent=parent, failParentOnFailure=True)
    side.look()
    await side.work("chi")
    side.look()


async def a_completed_child_in_a_new_flow(side: Side) -> None:
    await side.add("chi", "C", data={"returns": {"n": 5}})
    await side.work("chi")
    await side.advance(10)
    await side.add_flow(node("par", "P", node("chi", "C")))
    side.look()


async def a_waiting_child_in_a_new_flow(side: Side) -> None:
    await side.add("chi", "C")
    await side.add_flow(node("par", "P", node("chi", "C"), node("chi", "D")))
    side.look()


async def retrying_a_child_of_a_completed_parent(side: Side) -> None:
    ignored = node("chi", "D", data=FAILS, ignoreDependencyOnFailure=True)
    await side.add_flow(node("par", "P", ignored, node("chi", "E")))
    await side.work("chi", "par")
    await side.job("chi", "D", "retry", "failed", FRESH)
    await side.job("chi", "E", "retry", "completed", FRESH)
    side.look()


async def a_child_of_two_parents(side: Side) -> None:
    await side.add_flow(node("par", "P", node("chi", "C", data={"returns": 1})))
    await side.add_flow(node("par", "Q", node("chi", "C"), node("chi", "D")))
    side.look()
    await side.work("chi")
    side.look()


async def retrying_a_child_of_a_parent_that_waits(side: Side) -> None:
    failing = node("chi", "C", data=FAILS, failParentOnFailure=True)
    ignored = node("chi", "D", data=FAILS, ignoreDependencyOnFailure=True)
    good = node("chi", "E", data={"returns": 1})
    await side.add_flow(node("par", "P", ignored, good, node("chi", "F", delay=HOUR)))
    await side.work("chi")
    await side.job("chi", "D", "retry", "failed", FRESH)
    await side.job("chi", "E", "retry", "completed", FRESH)
    side.look()
    await side.work("chi")
    side.look()
    await side.add_flow(node("par", "Q", failing))
    await side.work("chi", "par")
    await side.job("chi", "C", "updateData", {"returns": "well"})
    await side.job("chi", "C", "retry", "failed", FRESH)
    side.look()
    await side.work("chi")
    await side.job("par", "Q", "retry", "failed", FRESH)
    await side.work("par")
    side.look()


async def removing_a_flow(side: Side) -> None:
    children = [
        node("chi", "a", node("low", "x")),
        node("chi", "b"),
        node("chi", "c", data=FAILS, ignoreDependencyOnFailure=True),
        node("chi", "d", delay=HOUR),
    ]
    await side.add_flow(node("par", "P", *children))
    await side.work("chi")
    await side.queue("par", "remove", "P")
    side.look()


async def removing_a_parent_alone(side: Side) -> None:
    await side.add_flow(node("par", "P", node("chi", "a"), node("chi", "b", delay=HOUR)))
    await side.work("chi")
    await side.queue("par", "remove", "P", {"removeChildren": False})
    side.look()


async def removing_the_last_child(side: Side) -> None:
    await side.add_flow(node("par", "P", node("chi", "a"), node("chi", "b", delay=HOUR)))
    await side.work("chi")
    await side.queue("chi", "remove", "b")
    side.look()


KEEPS_ORDER: Final = Difference(
    "parents released with a delay keep their order within a millisecond; BullMQ's tie",
    r"bull:par:delayed",
    r"S @ .*",
)
FAILS_AT_ONCE: Final = tuple(
    Difference("a doomed parent does not wait for its own delay first, as BullMQ's does", *place)
    for place in (
        (r"bull:par:P", r"delay = \d+"),
        (r"bull:par:events", r"event=delayed jobId=P .*"),
        (r"bull:par:marker", r"1 @ .*"),
    )
)
WHAT_A_COMPLETED_PARENT_HAS: Final = Difference(
    "a parent that has completed keeps what it got; BullMQ's waits for the child once more",
    r"bull:par:P:(dependencies|failed|processed)",
    r".*",
)
WAS_DELAYED: Final = Difference(
    "a doomed parent says that it was delayed; BullMQ's says always that it waited for children",
    r"bull:par:events",
    r"event=waiting jobId=P prev=.*",
)
IS_CUT_OFF: Final = tuple(
    Difference(
        "a parent that goes on is cut off from its children; BullMQ's fails for them", *place
    )
    for place in (
        (r"bull:par:P", r"(failedReason|returnvalue|stacktrace) = .*"),
        (r"bull:par:P:dependencies", r".*"),
        (r"bull:par:(completed|failed)", r".*"),
        (r"bull:par:events", r"event=(completed|failed|retries-exhausted) .*"),
        (r"bull:chi:b", r"parent(Key)? = .*"),
    )
)
BLOCKS_ALL_THE_SAME: Final = tuple(
    Difference("a failed child that its parent waits for stays; BullMQ's parent forgets it", *place)
    for place in (
        (r"bull:chi:(C|failed)", r".*"),
        (r"bull:par:P:dependencies", r".*"),
        (r"bull:par:(marker|wait|waiting-children)", r".*"),
        (r"bull:par:events", r"event=waiting .*"),
    )
)
SEVERAL_PARENTS: Final = tuple(
    Difference("a job may have several parents; BullMQ leaves it to the first", *place)
    for place in (
        (r"bull:chi:events", r"event=duplicated jobId=C"),
        (r"bull:par:Q:(dependencies|processed)", r"bull:chi:C.*"),
    )
)
UNLINKED: Final = Difference(
    "a child whose parent was removed does not name it any more",
    r"bull:chi:[ab]",
    r"parent(Key)? = .*",
)


def _scene(play: Callable[[Side], Awaitable[Any]], *differences: Difference) -> Scene:
    return Scene(play, differences)


SCENES: Final = (
    _scene(a_flow_of_three_levels),
    _scene(a_flow_in_one_queue),
    _scene(ids_that_flows_make),
    _scene(a_parent_with_a_delay_and_a_priority, KEEPS_ORDER),
    _scene(children_with_delays_priorities_and_attempts, DRAINED),
    *(_scene(a_policy(name), DRAINED) for name in (None, *POLICIES)),
    *(_scene(the_last_child_under(name)) for name in (None, *POLICIES[1:])),
    _scene(the_last_child_under(POLICIES[0]), NO_TRACE),
    _scene(several_children_fail_one_parent, NO_TRACE, *FAILS_AT_ONCE),
    _scene(a_continued_parent_fails_while_it_is_delayed, DRAINED, WAS_DELAYED),
    _scene(a_continued_parent_runs_to_its_end, DRAINED, *IS_CUT_OFF),
    _scene(a_continued_parent_lets_go_of_the_others, DRAINED),
    _scene(a_blocking_child_is_not_to_stay, *BLOCKS_ALL_THE_SAME),
    _scene(a_failure_through_three_levels, NO_TRACE),
    _scene(a_child_removed_as_it_fails),
    _scene(children_from_the_processor),
    _scene(a_child_for_a_parent_that_lives, DRAINED),
    _scene(a_completed_child_in_a_new_flow),
    _scene(a_waiting_child_in_a_new_flow),
    _scene(a_child_of_two_parents, *SEVERAL_PARENTS),
    _scene(retrying_a_child_of_a_parent_that_waits, DRAINED, NO_TRACE),
    _scene(retrying_a_child_of_a_completed_parent, WHAT_A_COMPLETED_PARENT_HAS),
    _scene(removing_a_flow, DRAINED, *REMOVED_FROM_BELOW),
    _scene(removing_a_parent_alone, DRAINED, UNLINKED),
    _scene(removing_the_last_child, DRAINED),
)
