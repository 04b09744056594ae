"""One job in each state, to see which of them a verb takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.lifecycle import State

if TYPE_CHECKING:
    from tests.conformance.scenario import Hand, Scenario


def named(state: State) -> str:
    """The id of the job in that state."""
    return f"in-{state}"


async def everywhere(scenario: Scenario) -> Hand:
    """Bring jobs into all states; the hand on the active one."""
    for state in (State.COMPLETED, State.FAILED):
        await scenario.job_in(state, named(state))
    hand = await scenario.job_in(State.ACTIVE, named(State.ACTIVE))
    assert hand is not None
    for state in (State.DELAYED, State.WAITING_CHILDREN, State.PRIORITIZED, State.WAITING):
        await scenario.job_in(state, named(state))
    return hand
