"""A scene: what is done, and in what the two key spaces may differ after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.interop.goldens.compare import Difference

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.interop.goldens.side import Side

HOUR: Final = 3_600_000
DELAYED_TOO: Final = True
"""What `drain` is given to take delayed jobs away as well."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`differences` are those of this scene; each must be needed."""

    play: Callable[[Side], Awaitable[None]]
    differences: tuple[Difference, ...] = ()

    @property
    def name(self) -> str:
        """What happens in it."""
        return self.play.__name__.replace("_", " ")


DRAINED: Final = Difference(
    "BullMQ's worker asks for its next job as it ends one, and says nothing when one is delayed",
    r"bull:\w+:events",
    r"event=drained",
)
NO_TRACE: Final = Difference(
    "BullMQ writes a trace of its own code for a job that is failed without running",
    r"bull:\w+:\w+",
    r"stacktrace = [01] traces",
)
REMOVED_FROM_BELOW: Final = tuple(
    Difference("what goes with its parent goes first, and does not release it on the way", *place)
    for place in (
        (r"bull:(chi|par):events", r"event=(removed|waiting) .*"),
        (r"bull:(chi|par):marker", r".*"),
    )
)
