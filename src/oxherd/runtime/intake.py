"""Adding the jobs of one call, all or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oxherd.domain.errors import OxherdError
from oxherd.domain.group import Group

if TYPE_CHECKING:
    from oxherd.domain.record import Added, NewJob
    from oxherd.store import Intake


async def add_group(store: Intake, new: Sequence[NewJob]) -> list[Added]:
    """Add jobs as one group; an id that stands several times is one job.

    Raises:
        OxherdError: the group was refused, and nothing was written.
    """
    group = Group.of(new)
    answer = (await store.add([group.jobs]))[0]
    if isinstance(answer, OxherdError):
        raise answer
    return group.answers(answer)
