"""Every scene leaves the same keys, whether BullMQ or Oxherd plays it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.interop.goldens import (
    scenes_deduplication,
    scenes_flows,
    scenes_jobs,
    scenes_schedules,
    scenes_steering,
)
from tests.interop.goldens.compare import Difference, compare

if TYPE_CHECKING:
    from tests.interop.goldens.node_side import NodeSide
    from tests.interop.goldens.oxherd_side import OxherdSide
    from tests.interop.goldens.scene import Scene

pytestmark = pytest.mark.timeout(60)

SCENES: Final = (
    *scenes_jobs.SCENES,
    *scenes_flows.SCENES,
    *scenes_steering.SCENES,
    *scenes_deduplication.SCENES,
    *scenes_schedules.SCENES,
)


def test_a_difference_that_nobody_listed_is_told() -> None:
    listed = Difference("one of a kind", "bull:q:a", "atm = .*")
    theirs = {"bull:q:a": ["hash", "atm = 1", "name = x"], "bull:q:b": ["hash", "atm = 1"]}
    for ours, unexplained, used in (
        (theirs, [], set()),
        ({**theirs, "bull:q:a": ["hash", "name = x"]}, [], {listed}),
        ({**theirs, "bull:q:a": ["hash", "name = y"]}, ["bull:q:a"], {listed}),
        ({**theirs, "bull:q:b": ["hash", "atm = 2"]}, ["bull:q:b"], set()),
        ({"bull:q:a": theirs["bull:q:a"]}, ["bull:q:b"], set()),
    ):
        found = compare(theirs, ours, [listed])
        keys = [line for line in found.unexplained.splitlines() if line.startswith("bull")]
        assert (keys, found.used) == (unexplained, used)


def _sampled() -> list[Any]:
    """Every other scene is in the sample."""
    return [
        pytest.param(scene, id=scene.name, marks=[pytest.mark.slow] if number % 2 else [])
        for number, scene in enumerate(SCENES)
    ]


@pytest.mark.parametrize("scene", _sampled())
async def test_both_sides_leave_the_same(scene: Scene, theirs: NodeSide, ours: OxherdSide) -> None:
    await scene.play(theirs)
    await scene.play(ours)
    used: set[Difference] = set()
    for number, (one, other) in enumerate(zip(theirs.dumps, ours.dumps, strict=True), 1):
        found = compare(one, other, scene.differences)
        assert not found.unexplained, f"look {number} (- BullMQ, + Oxherd)\n{found.unexplained}"
        used |= found.used
    assert used >= set(scene.differences), "a listed difference is gone: take it off the list"
