"""Jobs that are alike: each mode of deduplication, and what frees an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.interop.goldens.scene import DRAINED, HOUR, Scene

if TYPE_CHECKING:
    from tests.interop.goldens.side import Side


def alike(**options: Any) -> dict[str, Any]:
    return {"deduplication": {"id": "dd", **options}}


async def dropped_until_the_end(side: Side) -> None:
    await side.add("paint", "a", data={"returns": 1}, **alike())
    await side.add("paint", "b", **alike())
    await side.add("paint", "other", deduplication={"id": "ee"})
    side.look()
    await side.work("paint")
    side.look()
    await side.add("paint", "c", **alike())
    side.look()


async def dropped_until_the_last_attempt(side: Side) -> None:
    await side.add("paint", "a", data={"fails": 9}, attempts=2, backoff=500, **alike())
    await side.work("paint")
    await side.add("paint", "b", **alike())
    side.look()
    await side.advance(500)
    await side.work("paint")
    await side.add("paint", "c", **alike())
    side.look()


async def throttled(side: Side) -> None:
    same = alike(ttl=HOUR)
    await side.add("paint", "a", **same)
    await side.add("paint", "b", **same)
    await side.work("paint")
    await side.add("paint", "c", **same)
    side.look()


async def debounced(side: Side) -> None:
    await side.add("paint", "a", delay=1_000, **alike(ttl=HOUR, extend=True))
    await side.add("paint", "b", delay=1_000, **alike(ttl=100 * HOUR, extend=True))
    side.look()


async def replaced_while_delayed(side: Side) -> None:
    for options in ({"replace": True}, {"replace": True, "ttl": HOUR}):
        queue = f"q{len(options)}"
        await side.add(queue, "a", data={"n": 1, "logs": ["x"]}, delay=1_000, **alike(**options))
        await side.advance(10)
        await side.add(queue, "b", data={"n": 2}, delay=2_000, **alike(**options))
        await side.add(queue, "c", data={"n": 3}, priority=3, **alike(**options))
        side.look()
        await side.add(queue, "d", **alike(**options))
        side.look()


async def replaced_with_a_new_time_to_live(side: Side) -> None:
    await side.add("paint", "a", delay=1_000, **alike(replace=True, extend=True, ttl=HOUR))
    await side.add("paint", "b", delay=1_000, **alike(replace=True, extend=True, ttl=100 * HOUR))
    side.look()
    await side.advance(1_000)
    await side.work("paint")
    side.look()


async def the_last_one_is_kept_while_one_runs(side: Side) -> None:
    same = alike(keepLastIfActive=True)
    await side.add("paint", "a", data={"hold": True, "n": 1}, **same)
    async with side.holding("paint"):
        await side.add("paint", "b", data={"n": 2}, **same)
        await side.add("paint", "c", data={"n": 3}, priority=3, **same)
        side.look()
    side.look()


async def the_kept_one_follows_a_failure(side: Side) -> None:
    same = alike(keepLastIfActive=True, ttl=HOUR)
    await side.add("paint", "a", data={"hold": True, "fails": 9}, **same)
    async with side.holding("paint"):
        await side.add("paint", "b", data={"n": 2}, delay=5_000, **same)
        side.look()
    side.look()
    await side.advance(5_000)
    await side.work("paint")
    side.look()


async def nothing_is_kept_while_one_waits(side: Side) -> None:
    same = alike(keepLastIfActive=True)
    await side.add("paint", "a", **same)
    await side.add("paint", "b", **same)
    side.look()
    await side.work("paint")
    side.look()


async def put_off_by_the_next(side: Side) -> None:
    await side.add("paint", "a", delay=1_000, **alike(reschedule=True))
    await side.advance(100)
    await side.add("paint", "b", delay=3_000, **alike(reschedule=True))
    side.look()
    await side.add("paint", "c", **alike(reschedule=True))
    side.look()
    await side.work("paint")
    side.look()


async def delayed_prioritized_and_throttled(side: Side) -> None:
    same = alike(ttl=HOUR)
    await side.add("dq", "x", data={"returns": "r"}, delay=2_000, priority=7, **same)
    await side.add("dq", "y", delay=2_000, priority=7, **same)
    side.look()
    await side.queue("dq", "pause")
    await side.advance(2_000)
    await side.work("dq")
    side.look()
    await side.queue("dq", "resume")
    await side.work("dq")
    side.look()


async def what_frees_an_id(side: Side) -> None:
    await side.add("paint", "a", **alike())
    await side.job("paint", "a", "remove")
    side.look()
    await side.add("paint", "b", **alike())
    await side.queue("paint", "removeDeduplicationKey", "dd")
    side.look()
    await side.add("paint", "c", **alike())
    await side.job("paint", "b", "removeDeduplicationKey")
    side.look()
    await side.job("paint", "c", "removeDeduplicationKey")
    side.look()


async def a_timed_id_is_freed_by_removal(side: Side) -> None:
    await side.add("paint", "a", **alike(ttl=HOUR))
    await side.job("paint", "a", "remove")
    side.look()


async def retention_does_not_free_a_timed_id(side: Side) -> None:
    await side.add("paint", "a", removeOnComplete=True, **alike(ttl=HOUR))
    await side.work("paint")
    side.look()


async def an_owner_without_a_record_owns_nothing(side: Side) -> None:
    await side.add("paint", "a", **alike())
    side.server.delete(f"{side.prefix}:paint:a")
    side.server.delete(f"{side.prefix}:paint:wait")
    await side.add("paint", "b", **alike())
    side.look()


async def a_given_id_goes_first(side: Side) -> None:
    await side.add("paint", "a", **alike())
    await side.add("paint", "a", **alike())
    await side.add("paint", "a")
    side.look()


SCENES: Final = (
    Scene(the_kept_one_follows_a_failure, (DRAINED,)),
    *(
        Scene(play)
        for play in (
            dropped_until_the_end,
            dropped_until_the_last_attempt,
            throttled,
            debounced,
            replaced_while_delayed,
            replaced_with_a_new_time_to_live,
            the_last_one_is_kept_while_one_runs,
            nothing_is_kept_while_one_waits,
            put_off_by_the_next,
            delayed_prioritized_and_throttled,
            what_frees_an_id,
            a_timed_id_is_freed_by_removal,
            retention_does_not_free_a_timed_id,
            an_owner_without_a_record_owns_nothing,
            a_given_id_goes_first,
        )
    ),
)
