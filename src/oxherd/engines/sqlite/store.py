"""SqliteStore: the port on one database file, one short method per verb."""

from __future__ import annotations

from oxherd.engines.sqlite.control import SqliteControl
from oxherd.engines.sqlite.event_log import SqliteEventLog
from oxherd.engines.sqlite.inspect import SqliteInspect
from oxherd.engines.sqlite.intake import SqliteIntake
from oxherd.engines.sqlite.schedules import SqliteSchedules
from oxherd.engines.sqlite.tend import SqliteTend
from oxherd.engines.sqlite.work import SqliteWork


class SqliteStore(
    SqliteIntake,
    SqliteWork,
    SqliteTend,
    SqliteControl,
    SqliteSchedules,
    SqliteInspect,
    SqliteEventLog,
):
    """A store in one file, or in memory for `:memory:`, which no other store shares."""

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        for ear in list(self._ears):
            ear.ring()
        await self._disconnect()
