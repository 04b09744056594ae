"""Making jobs again and again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oxherd.engines.sqlite.calls import Calls
from oxherd.engines.sqlite.transitions.fire_schedule import fire_schedule
from oxherd.engines.sqlite.transitions.put_schedule import put_schedule
from oxherd.engines.sqlite.transitions.remove_schedule import remove_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.record import JobRecord
    from oxherd.domain.schedule import Schedule


class SqliteSchedules(Calls):
    """The port's `Schedules`."""

    async def put_schedule(self, queue: str, schedule: Schedule) -> str | OxherdError | None:
        work = partial(put_schedule, queue=queue, schedule=schedule)
        return await self._write("put_schedule", work)

    async def fire_schedule(self, queue: str, jobs: Sequence[JobRecord]) -> list[str | None]:
        return await self._write("fire_schedule", partial(fire_schedule, queue=queue, jobs=jobs))

    async def remove_schedule(self, queue: str, schedule_id: str) -> bool:
        work = partial(remove_schedule, queue=queue, schedule_id=schedule_id)
        return await self._write("remove_schedule", work)
