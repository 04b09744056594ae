"""Job schedulers: when their jobs are due, what the jobs are like, what ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.interop.goldens.compare import Difference
from tests.interop.goldens.scene import DELAYED_TOO, DRAINED, HOUR, Scene
from tests.interop.goldens.side import START_MS

if TYPE_CHECKING:
    from tests.interop.goldens.side import Side

TOCK: Final[dict[str, Any]] = {"name": "tock", "data": {"a": 1, "returns": 1}}


async def every_second(side: Side) -> None:
    await side.schedule("sch", "tick", {"every": 1_000}, TOCK)
    side.look()
    await side.advance(16)
    await side.work("sch")
    side.look()
    await side.advance(1_000)
    await side.work("sch")
    side.look()
    await side.advance(3_700)
    await side.work("sch")
    side.look()
    await side.queue("sch", "removeJobScheduler", "tick")
    side.look()


async def every_second_moved_within_its_grid(side: Side) -> None:
    await side.schedule("sch", "tick", {"every": 1_000, "offset": 100}, TOCK)
    side.look()
    await side.advance(700)
    await side.work("sch")
    side.look()
    await side.advance(2_950)
    await side.work("sch")
    side.look()


async def between_two_dates(side: Side) -> None:
    repeat = {"every": 1_000, "startDate": START_MS + 500, "endDate": START_MS + 2_000}
    await side.schedule("sch", "tick", repeat, {})
    side.look()
    for pause in (500, 1_000, 1_000, 1_000):
        await side.advance(pause)
        await side.work("sch")
        side.look()


async def a_number_of_times(side: Side) -> None:
    await side.schedule("sch", "tick", {"every": 1_000, "limit": 2}, TOCK)
    for _ in range(3):
        await side.work("sch")
        side.look()
        await side.advance(1_000)


async def by_a_pattern(side: Side) -> None:
    await side.schedule("sch", "cron", {"pattern": "*/10 * * * * *", "tz": "Europe/Paris"}, TOCK)
    side.look()
    for pause in (10_000, 10_000, 35_000):
        await side.advance(pause)
        await side.work("sch")
        side.look()


async def by_a_pattern_of_five_fields(side: Side) -> None:
    repeat = {
        "pattern": "30 4 * * 1-5", "tz": "America/New_York", "limit": 5,
        "startDate": START_MS + 48 * HOUR, "endDate": START_MS + 1_000 * HOUR,
    }  # fmt: skip
    await side.schedule("sch", "cron", repeat, TOCK)
    side.look()
    await side.advance(200 * HOUR)
    await side.work("sch")
    side.look()


async def by_a_pattern_and_at_once(side: Side) -> None:
    await side.schedule("sch", "cron", {"pattern": "0 0 1 1 *", "immediately": True}, TOCK)
    side.look()
    await side.work("sch")
    side.look()


async def options_of_the_template(side: Side) -> None:
    template = {
        "data": {"fails": 9},
        "opts": {"priority": 4, "attempts": 2, "backoff": {"type": "fixed", "delay": 400},
                 "removeOnFail": 10, "keepLogs": 3},
    }  # fmt: skip
    await side.schedule("sch", "tick", {"every": 5_000}, template)
    side.look()
    await side.work("sch")
    side.look()
    await side.advance(400)
    await side.work("sch")
    side.look()


async def putting_it_again(side: Side) -> None:
    await side.schedule("sch", "tick", {"every": 1_000}, TOCK)
    await side.work("sch")
    await side.advance(300)
    await side.schedule("sch", "tick", {"every": 1_000}, {"name": "tuck", "data": {"b": 2}})
    side.look()
    await side.schedule("sch", "tick", {"every": 7_000}, TOCK)
    side.look()
    await side.schedule("sch", "tick", {"pattern": "0 0 1 1 *"}, TOCK)
    side.look()
    await side.schedule("sch", "tick", {"every": 1_000}, TOCK)
    side.look()


async def putting_it_again_while_its_job_waits(side: Side) -> None:
    await side.schedule("sch", "tick", {"every": 1_000}, {"opts": {"priority": 2}})
    await side.advance(100)
    await side.schedule("sch", "tick", {"every": 1_000}, {})
    side.look()
    await side.advance(100)
    await side.schedule("sch", "tick", {"every": 2_000}, {})
    side.look()


async def putting_it_again_while_its_job_runs(side: Side) -> None:
    await side.schedule("sch", "tick", {"every": 1_000}, {"data": {"hold": True}})
    async with side.holding("sch"):
        side.look()
        await side.advance(100)
        await side.schedule("sch", "tick", {"every": 1_000}, TOCK)
        side.look()


async def putting_it_again_while_the_queue_is_paused(side: Side) -> None:
    await side.schedule("sch", "tick", {"every": 1_000}, TOCK)
    await side.queue("sch", "pause")
    await side.advance(100)
    await side.schedule("sch", "tick", {"every": 2_000}, TOCK)
    side.look()


async def removing_it_while_its_job_waits(side: Side) -> None:
    await side.schedule("sch", "tick", {"every": 1_000}, TOCK)
    await side.queue("sch", "removeJobScheduler", "tick")
    await side.queue("sch", "removeJobScheduler", "unknown")
    side.look()
    await side.work("sch")
    side.look()


async def several_in_a_queue_that_is_drained(side: Side) -> None:
    await side.schedule("sch", "a", {"every": 1_000}, TOCK)
    await side.schedule("sch", "b:c", {"pattern": "0 0 1 1 *"}, TOCK)
    await side.add("sch", "other", delay=HOUR)
    await side.queue("sch", "drain", DELAYED_TOO)
    side.look()


COUNTS_ON: Final = Difference(
    "putting a schedule again does not begin its count anew, as in the options of BullMQ's jobs",
    r"bull:sch:repeat:tick:\d+",
    r"opts = .*",
)

REPLACES_IN_PAUSE: Final = tuple(
    Difference("a waiting job of a schedule is found in a paused queue too", *place)
    for place in (
        (r"bull:sch:repeat:tick", r"offset = .*"),
        (r"bull:sch:repeat:tick:1800000000445", r".*"),
        (r"bull:sch:wait", r"repeat:tick:1800000000445"),
    )
)

SCENES: Final = (
    Scene(every_second, (DRAINED,)),
    Scene(every_second_moved_within_its_grid, (DRAINED,)),
    Scene(between_two_dates, (DRAINED,)),
    Scene(a_number_of_times, (DRAINED,)),
    Scene(by_a_pattern, (DRAINED,)),
    Scene(by_a_pattern_of_five_fields, (DRAINED,)),
    Scene(by_a_pattern_and_at_once, (DRAINED,)),
    Scene(options_of_the_template, (DRAINED,)),
    Scene(putting_it_again, (DRAINED, COUNTS_ON)),
    Scene(putting_it_again_while_its_job_waits),
    Scene(putting_it_again_while_its_job_runs, (COUNTS_ON,)),
    Scene(putting_it_again_while_the_queue_is_paused, REPLACES_IN_PAUSE),
    Scene(removing_it_while_its_job_waits),
    Scene(several_in_a_queue_that_is_drained),
)
