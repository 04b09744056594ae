"""What is done to queues and to jobs from outside: moving, limiting, clearing away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.interop.goldens.compare import Difference
from tests.interop.goldens.scene import (
    DELAYED_TOO,
    DRAINED,
    HOUR,
    NO_TRACE,
    REMOVED_FROM_BELOW,
    Scene,
)
from tests.interop.goldens.side import node, task

if TYPE_CHECKING:
    from tests.interop.goldens.side import Side


async def changing_a_delay(side: Side) -> None:
    await side.add("paint", "a", delay=HOUR)
    await side.add("paint", "b", delay=HOUR, priority=2)
    await side.advance(50)
    await side.job("paint", "a", "changeDelay", 5_000)
    await side.job("paint", "b", "changeDelay", 5_000)
    side.look()
    await side.job("paint", "a", "changeDelay", 0)
    side.look()
    await side.advance(5_000)
    await side.work("paint")
    side.look()


async def changing_priorities(side: Side) -> None:
    for name in "ab":
        await side.add("paint", name)
    for name in "cdef":
        await side.add("paint", name, priority=3)
    await side.add("paint", "g", delay=1_000)
    await side.job("paint", "a", "changePriority", {"priority": 2})
    side.look()
    await side.job("paint", "c", "changePriority", {"priority": 0})
    await side.job("paint", "d", "changePriority", {"priority": 0, "lifo": True})
    await side.job("paint", "f", "changePriority", {"priority": 3, "lifo": True})
    await side.job("paint", "b", "changePriority", {"lifo": True})
    await side.job("paint", "g", "changePriority", {"priority": 1})
    side.look()
    await side.advance(1_000)
    await side.work("paint")
    side.look()


async def clearing_logs(side: Side) -> None:
    for name in "ab":
        await side.add("paint", name, data={"logs": ["1", "2", "3"]})
    await side.work("paint")
    await side.job("paint", "a", "clearLogs", 2)
    await side.job("paint", "b", "clearLogs")
    side.look()


async def leaving_the_parent(side: Side) -> None:
    await side.add_flow(node("par", "P", node("chi", "a"), node("chi", "b", delay=HOUR)))
    await side.job("chi", "b", "removeChildDependency")
    side.look()
    await side.job("chi", "a", "removeChildDependency")
    side.look()


async def removing_unprocessed_children(side: Side) -> None:
    below = node("low", "x", delay=HOUR)
    children = [node("chi", "a"), node("chi", "b", below), node("chi", "c", delay=HOUR)]
    await side.add_flow(node("par", "P", *children))
    await side.work("chi")
    await side.job("par", "P", "removeUnprocessedChildren")
    side.look()


async def draining(side: Side) -> None:
    await side.add("paint", "a")
    await side.add("paint", "b", data={"logs": ["x"]}, priority=2)
    await side.add("paint", "c", delay=HOUR)
    await side.add("paint", "d", data={"fails": 1}, lifo=True)
    await side.queue("paint", "drain")
    side.look()
    await side.add("paint", "e")
    await side.queue("paint", "drain", DELAYED_TOO)
    side.look()


async def draining_children_of_another_queue(side: Side) -> None:
    await side.add_flow(node("par", "P", node("chi", "a"), node("chi", "b")))
    await side.queue("chi", "drain")
    side.look()


async def draining_the_last_child_in_its_parents_queue(side: Side) -> None:
    await side.add_flow(node("q", "P", node("q", "a")))
    await side.queue("q", "drain")
    side.look()


async def cleaning_what_has_ended(side: Side) -> None:
    for number in range(4):
        await side.add("paint", f"c{number}", data={"logs": ["x"]})
        await side.add("paint", f"f{number}", data={"fails": 9})
        await side.work("paint")
        await side.advance(1_000)
    await side.queue("paint", "clean", 1_500, 2, "completed")
    side.look()
    await side.queue("paint", "clean", 1_500, 0, "failed")
    side.look()
    await side.queue("paint", "clean", HOUR, 0, "completed")
    side.look()


async def cleaning_what_has_not_run(side: Side) -> None:
    for number in range(3):
        await side.add("paint", f"w{number}")
        await side.add("paint", f"p{number}", priority=number + 1)
        await side.add("paint", f"d{number}", delay=HOUR)
        await side.advance(1_000)
    for state in ("wait", "prioritized", "delayed"):
        await side.queue("paint", "clean", 1_500, 1, state)
    side.look()
    for state in ("wait", "prioritized", "delayed"):
        await side.queue("paint", "clean", 1_500, 0, state)
    side.look()


async def obliterating(side: Side) -> None:
    await side.add("paint", "a", data={"fails": 1, "logs": ["x"]})
    await side.add("paint", "b")
    await side.work("paint", metrics={"maxDataPoints": 5})
    await side.add_bulk("paint", [task("c"), task("d", priority=2), task("e", delay=HOUR)])
    await side.queue("paint", "obliterate", {"force": False})
    side.look()


async def obliterating_parents_that_wait(side: Side) -> None:
    await side.add_flow(node("q", "P", node("chi", "a")))
    await side.queue("q", "obliterate", {"force": False})
    side.look()


async def promoting_and_retrying_all_with_priorities(side: Side) -> None:
    await side.add("paint", "a", data={"fails": 1}, priority=4)
    await side.work("paint")
    await side.add("paint", "b", delay=HOUR, priority=3)
    await side.queue("paint", "retryJobs", {"state": "failed"})
    await side.queue("paint", "promoteJobs")
    side.look()


async def retrying_all(side: Side) -> None:
    for name in "abc":
        await side.add("paint", name, data={"fails": 1}, attempts=2 if name == "c" else 1)
    await side.work("paint")
    await side.advance(10)
    await side.queue("paint", "retryJobs", {"state": "completed"})
    side.look()
    await side.queue("paint", "retryJobs", {"state": "failed"})
    side.look()


async def keeping_the_counts_in_a_retry(side: Side) -> None:
    await side.add("paint", "a", data={"fails": 2}, attempts=2)
    await side.work("paint")
    await side.job("paint", "a", "retry", "failed")
    side.look()
    await side.work("paint")
    side.look()


async def a_limit_of_concurrency(side: Side) -> None:
    await side.queue("paint", "setGlobalConcurrency", 1)
    await side.add("paint", "a", data={"hold": True})
    async with side.holding("paint"):
        await side.add("paint", "b", delay=1_000)
        side.look()
    await side.queue("paint", "removeGlobalConcurrency")
    side.look()


async def a_limit_of_the_queues_own(side: Side) -> None:
    await side.queue("paint", "setGlobalRateLimit", 2, HOUR)
    for name in "abc":
        await side.add("paint", name)
    await side.work("paint", left=1)
    side.look()
    await side.queue("paint", "removeGlobalRateLimit")
    side.look()


async def a_limit_of_the_workers(side: Side) -> None:
    for name in "abc":
        await side.add("paint", name)
    await side.work("paint", left=1, limiter={"max": 2, "duration": HOUR})
    side.look()


async def a_limit_within_bounds(side: Side) -> None:
    for name in "ab":
        await side.add("paint", name)
    await side.work("paint", limiter={"max": 5, "duration": HOUR})
    side.look()


async def holding_a_queue(side: Side) -> None:
    await side.queue("paint", "rateLimit", HOUR)
    await side.add("paint", "a")
    side.look()


async def limited_from_inside(side: Side) -> None:
    await side.add("paint", "a", data={"limited": HOUR})
    await side.work("paint", left=1, limiter={"max": 5, "duration": 1_000})
    side.look()


async def metrics(side: Side) -> None:
    for number, pause in enumerate((0, 1_000, 60_000, 180_000, 60_000)):
        await side.advance(pause)
        await side.add("paint", f"c{number}")
        await side.add("paint", f"f{number}", data={"fails": 9})
        await side.work("paint", metrics={"maxDataPoints": 3})
        side.look()


async def a_stalled_job(side: Side) -> None:
    await side.add("paint", "a", data={"returns": 1})
    await side.crash("paint", "a")
    await side.work("paint", stalledInterval=60, maxStalledCount=1)
    await side.forget_the_check("paint")
    side.look()


async def a_job_that_stalled_too_often(side: Side) -> None:
    await side.add("paint", "a", attempts=3)
    await side.crash("paint", "a")
    await side.work("paint", stalledInterval=60, maxStalledCount=0)
    await side.forget_the_check("paint")
    side.look()


SAYS_SO: Final = Difference(
    "a parent that a drain releases says so",
    r"bull:(par|q):events",
    r"event=waiting jobId=P prev=waiting-children",
)
NOTHING_STAYS: Final = tuple(
    Difference(
        "BullMQ leaves jobs that wait for their children, and their children's links", *place
    )
    for place in (
        (r"bull:q:(P(:dependencies)?|waiting-children)", r".*"),
        (r"bull:chi:a", r"parent(Key)? = .*"),
    )
)
KEEPS_PRIORITIES: Final = tuple(
    Difference("in bulk too jobs go where their priority says, and are not delayed", *place)
    for place in (
        (r"bull:paint:(pc|prioritized|wait)", r".*"),
        (r"bull:paint:b", r"delay = .*"),
    )
)
FRESH_ATTEMPTS: Final = Difference(
    "who is retried has all its attempts again, in bulk too",
    r"bull:paint:\w",
    r"at[ms] = .*",
)

SCENES: Final = (
    Scene(changing_a_delay),
    Scene(changing_priorities),
    Scene(clearing_logs),
    Scene(leaving_the_parent),
    Scene(removing_unprocessed_children, (DRAINED, *REMOVED_FROM_BELOW)),
    Scene(draining),
    Scene(draining_children_of_another_queue, (SAYS_SO,)),
    Scene(draining_the_last_child_in_its_parents_queue, (SAYS_SO,)),
    Scene(cleaning_what_has_ended),
    Scene(cleaning_what_has_not_run),
    Scene(obliterating),
    Scene(obliterating_parents_that_wait, NOTHING_STAYS),
    Scene(promoting_and_retrying_all_with_priorities, (FRESH_ATTEMPTS, *KEEPS_PRIORITIES)),
    Scene(retrying_all, (FRESH_ATTEMPTS,)),
    Scene(keeping_the_counts_in_a_retry),
    Scene(a_limit_of_concurrency, (DRAINED,)),
    Scene(a_limit_of_the_queues_own),
    Scene(a_limit_of_the_workers),
    Scene(a_limit_within_bounds),
    Scene(holding_a_queue),
    Scene(limited_from_inside),
    Scene(metrics),
    Scene(a_stalled_job),
    Scene(a_job_that_stalled_too_often, (NO_TRACE,)),
)
