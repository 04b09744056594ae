"""Single jobs, from the add to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.interop.goldens.compare import Difference
from tests.interop.goldens.scene import DRAINED, HOUR, Scene
from tests.interop.goldens.side import task

if TYPE_CHECKING:
    from tests.interop.goldens.side import Side


async def a_standard_life(side: Side) -> None:
    await side.add("paint", "wall", data={"returns": {"ok": True}, "hold": True})
    side.look()
    await side.advance(15)
    async with side.holding("paint", name="w1"):
        side.look()
        await side.advance(300)
    side.look()


async def numbers_for_ids(side: Side) -> None:
    for number in (1, 2):
        side.call(await side.add("paint"), str(number))
    bulk = [{"name": "task", "data": {}, "opts": {"priority": 3}}] * 2
    for number, job_id in enumerate(await side.add_bulk("paint", bulk)):
        side.call(job_id, str(number + 3))
    side.look()


async def ids_of_ones_own(side: Side) -> None:
    await side.add("paint", "a", data={"n": 1})
    await side.add("paint", "a", data={"n": 2}, delay=HOUR)
    side.look()
    await side.work("paint")
    await side.advance(5)
    await side.add("paint", "a", priority=3)
    side.look()


async def values_of_many_kinds(side: Side) -> None:
    values = (None, True, 0, -2.5, 'ü/"', [], [1, [None]], {"ü": {"a/b": [1.5]}}, "")
    for number, value in enumerate(values):
        await side.add("paint", f"v{number}", data={"returns": value, "given": value})
    await side.work("paint")
    side.look()


async def last_in_first_out(side: Side) -> None:
    await side.add("paint", "a")
    await side.add("paint", "b")
    await side.add("paint", "c", lifo=True)
    await side.add("paint", "d", lifo=True)
    side.look()
    await side.work("paint")
    side.look()


async def priorities(side: Side) -> None:
    await side.add("paint", "a", priority=2)
    await side.add("paint", "b", priority=1)
    await side.add("paint", "c", priority=2)
    await side.add("paint", "d", priority=2, lifo=True)
    await side.add("paint", "e", priority=2_097_151)
    await side.add("paint", "f")
    side.look()
    await side.work("paint")
    side.look()


async def delays(side: Side) -> None:
    for name in "abc":
        await side.add("paint", name, delay=2_000)
    await side.add("paint", "d", delay=1_000)
    await side.add("paint", "e", delay=500, priority=7)
    await side.add("paint", "f", delay=700, lifo=True)
    await side.add("paint", "g", delay=HOUR, timestamp=side.now_ms - 5)
    side.look()
    await side.advance(999)
    await side.work("paint")
    side.look()
    await side.advance(1_002)
    await side.work("paint")
    side.look()


async def delayed_and_prioritized_while_paused(side: Side) -> None:
    await side.add("dq", "x", data={"returns": "r"}, delay=2_000, priority=7)
    await side.queue("dq", "pause")
    side.look()
    await side.advance(2_000)
    await side.work("dq")
    side.look()
    await side.queue("dq", "resume")
    side.look()
    await side.work("dq")
    side.look()


async def pausing(side: Side) -> None:
    await side.queue("paint", "pause")
    side.look()
    await side.add("paint", "a")
    await side.add("paint", "b", priority=1)
    await side.add("paint", "c", delay=HOUR)
    side.look()
    await side.queue("paint", "resume")
    side.look()
    await side.queue("paint", "pause")
    await side.queue("paint", "pause")
    await side.queue("paint", "resume")
    await side.work("paint")
    side.look()
    await side.queue("paint", "pause")
    await side.queue("paint", "resume")
    side.look()


async def attempts_at_once(side: Side) -> None:
    await side.add("paint", "a", data={"fails": 2, "returns": 1}, attempts=3)
    await side.add("paint", "b", data={"fails": 9}, attempts=2, priority=4)
    await side.add("paint", "c", data={"fails": 1}, attempts=2, lifo=True)
    await side.work("paint")
    side.look()


async def a_fixed_backoff(side: Side) -> None:
    await side.add(
        "paint", "a", data={"fails": 9}, attempts=3, backoff={"type": "fixed", "delay": 700}
    )
    await side.work("paint")
    side.look()
    for _ in range(2):
        await side.advance(700)
        await side.work("paint")
        side.look()


async def an_exponential_backoff(side: Side) -> None:
    backoff = {"type": "exponential", "delay": 1_000}
    await side.add("paint", "a", data={"fails": 3, "returns": 1}, attempts=5, backoff=backoff)
    for pause in (1_000, 2_000, 4_000):
        await side.work("paint")
        side.look()
        await side.advance(pause)
    await side.work("paint")
    side.look()


async def a_backoff_as_a_number(side: Side) -> None:
    await side.add("paint", "a", data={"fails": 1}, attempts=2, backoff=300, priority=2)
    await side.work("paint")
    side.look()
    await side.advance(300)
    await side.work("paint")
    side.look()


async def failures_for_good(side: Side) -> None:
    await side.add("paint", "a", data={"fails": 9})
    await side.add("paint", "b", data={"unrecoverable": "never"}, attempts=5)
    await side.add("paint", "c", data={"fails": 9}, stackTraceLimit=0)
    await side.add("paint", "d", data={"fails": 9}, attempts=4, stackTraceLimit=2)
    await side.work("paint")
    side.look()


async def removal_at_the_end(side: Side) -> None:
    await side.add("paint", "a", removeOnComplete=True)
    await side.add("paint", "b", data={"fails": 9}, removeOnFail=True)
    await side.add(
        "paint", "c", data={"logs": ["x"], "fails": 1}, attempts=2, removeOnComplete=True
    )
    await side.work("paint")
    side.look()


async def how_many_stay(side: Side) -> None:
    for number in range(4):
        await side.add("paint", f"c{number}", removeOnComplete={"count": 2})
        await side.add("paint", f"f{number}", data={"fails": 9}, removeOnFail=1)
        await side.work("paint")
        await side.advance(10)
    side.look()
    await side.add("paint", "last", removeOnComplete=True)
    await side.add("paint", "all", removeOnComplete=False)
    await side.work("paint")
    side.look()


async def how_long_they_stay(side: Side) -> None:
    for number in range(4):
        await side.add("paint", f"c{number}", removeOnComplete={"age": 20, "limit": 1})
        await side.work("paint")
        await side.advance(9_000)
    await side.advance(30_000)
    await side.add("paint", "last", removeOnComplete={"age": 20, "count": 10})
    await side.work("paint")
    side.look()


async def what_the_worker_keeps(side: Side) -> None:
    for number in range(3):
        await side.add("paint", f"c{number}")
        await side.add("paint", f"f{number}", data={"fails": 9})
        await side.advance(10)
    await side.work("paint", removeOnComplete={"count": 1}, removeOnFail={"count": 2})
    side.look()


async def progress_and_logs(side: Side) -> None:
    told = {"progress": {"part": "ü", "of": 3}, "logs": ["1", "ä 2", "3"]}
    await side.add("paint", "a", data=told, keepLogs=2)
    await side.add("paint", "b", data={"progress": 42.5, "logs": ["x"]})
    await side.work("paint")
    side.look()
    await side.job("paint", "a", "updateProgress", 100)
    await side.job("paint", "a", "log", "after")
    await side.job("paint", "a", "updateData", {"new": [1]})
    side.look()


async def postponed_from_inside(side: Side) -> None:
    await side.add("paint", "a", data={"postpone": 4_000, "returns": 1})
    await side.add("paint", "b", data={"postpone": 4_000}, priority=2, delay=100)
    await side.work("paint")
    side.look()
    await side.advance(100)
    await side.work("paint")
    side.look()
    await side.advance(4_000)
    await side.work("paint")
    side.look()


async def given_back_from_inside(side: Side) -> None:
    await side.add("paint", "a", data={"release": True})
    await side.add("paint", "b", data={"release": True}, priority=2)
    await side.add("paint", "c", priority=2)
    await side.work("paint")
    side.look()


async def promotion_by_hand(side: Side) -> None:
    await side.add("paint", "a", delay=HOUR)
    await side.add("paint", "b", delay=HOUR, priority=3)
    await side.add("paint", "c", delay=HOUR)
    await side.job("paint", "a", "promote")
    side.look()
    await side.job("paint", "b", "promote")
    side.look()
    await side.work("paint")
    side.look()


async def promotion_of_all(side: Side) -> None:
    await side.add_bulk("paint", [task(name, delay=HOUR) for name in "abc"])
    await side.queue("paint", "promoteJobs")
    side.look()


async def retrying_by_hand(side: Side) -> None:
    await side.add("paint", "a", data={"fails": 1, "logs": ["x"]})
    await side.add("paint", "b", data={"fails": 1}, priority=5)
    await side.add("paint", "c", data={"returns": 7})
    await side.work("paint", name="w1")
    fresh = {"resetAttemptsMade": True, "resetAttemptsStarted": True}
    for name in "ab":
        await side.job("paint", name, "retry", "failed", fresh)
    await side.job("paint", "c", "retry", "completed", fresh)
    side.look()
    await side.advance(10)
    await side.work("paint")
    side.look()


async def removing_in_every_state(side: Side) -> None:
    await side.add("paint", "a")
    await side.add("paint", "b", data={"fails": 9, "logs": ["x"]})
    await side.work("paint")
    await side.add("paint", "c")
    await side.add("paint", "d", delay=HOUR)
    await side.add("paint", "e", priority=1)
    for name in "abcde":
        await side.job("paint", name, "remove")
    side.look()


SCENES: Final = (
    Scene(a_standard_life),
    Scene(numbers_for_ids),
    Scene(ids_of_ones_own),
    Scene(values_of_many_kinds),
    Scene(last_in_first_out),
    Scene(priorities),
    Scene(delays, (DRAINED,)),
    Scene(delayed_and_prioritized_while_paused),
    Scene(pausing, (DRAINED,)),
    Scene(attempts_at_once),
    Scene(a_fixed_backoff),
    Scene(an_exponential_backoff),
    Scene(a_backoff_as_a_number),
    Scene(failures_for_good),
    Scene(removal_at_the_end),
    Scene(how_many_stay),
    Scene(how_long_they_stay),
    Scene(what_the_worker_keeps),
    Scene(progress_and_logs),
    Scene(postponed_from_inside),
    Scene(given_back_from_inside),
    Scene(promotion_by_hand, (DRAINED,)),
    Scene(
        promotion_of_all,
        (
            Difference(
                "BullMQ's promotion in bulk leaves the delay of what is not delayed any more",
                r"bull:paint:[abc]",
                r"delay = \d+",
            ),
        ),
    ),
    Scene(retrying_by_hand),
    Scene(removing_in_every_state),
)
