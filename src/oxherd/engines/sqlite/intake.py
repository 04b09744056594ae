"""Bringing jobs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.engines.sqlite.calls import Calls
from oxherd.engines.sqlite.transitions.add import Adding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.record import Added, NewJob


class SqliteIntake(Calls):
    """The port's `Intake`."""

    async def add(
        self, groups: Sequence[Sequence[NewJob]]
    ) -> list[tuple[Added, ...] | OxherdError]:
        return await self._write("add", Adding(groups))
