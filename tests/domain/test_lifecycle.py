"""The table of transitions is well-formed."""

from __future__ import annotations

import pytest

from oxherd.domain.lifecycle import (
    ADOPTIONS,
    EFFECTS,
    FINISHED,
    READY,
    TRANSITIONS,
    Adoption,
    EventKind,
    Move,
    State,
    Transition,
)

STATE_EVENTS = {
    State.WAITING: EventKind.WAITING,
    State.PRIORITIZED: EventKind.WAITING,
    State.DELAYED: EventKind.DELAYED,
    State.WAITING_CHILDREN: EventKind.WAITING_CHILDREN,
    State.ACTIVE: EventKind.ACTIVE,
    State.COMPLETED: EventKind.COMPLETED,
    State.FAILED: EventKind.FAILED,
}

SILENT = frozenset(
    {
        Transition.CHANGE_PRIORITY,
        Transition.DRAIN,
        Transition.CLEAN,
        Transition.OBLITERATE,
        Transition.EVICT,
    }
)
"""They tell nothing about single jobs, as BullMQ does not (BullMQ protocol, 4.10, 4.11)."""


def test_every_transition_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Transition)


def test_every_existing_state_has_an_adoption() -> None:
    assert set(ADOPTIONS) == set(State)
    live = set(State) - FINISHED
    assert {ADOPTIONS[state] for state in live} == {Adoption.ATTACH}


@pytest.mark.parametrize("transition", Transition)
def test_a_move_has_sources_and_targets(transition: Transition) -> None:
    move = TRANSITIONS[transition]
    assert move.sources
    assert move.targets


@pytest.mark.parametrize("transition", Transition)
def test_a_move_into_a_state_tells_that_state(transition: Transition) -> None:
    for target, events in TRANSITIONS[transition].targets.items():
        if transition in SILENT:
            assert events == ()
        elif target is not None:
            assert STATE_EVENTS[target] in events
        else:
            assert events == (EventKind.REMOVED,)


def test_only_a_worker_that_holds_a_job_ends_it() -> None:
    for transition, move in TRANSITIONS.items():
        if move.targets.keys() & FINISHED:
            assert move.sources == {State.ACTIVE}, transition


def test_only_claiming_makes_a_job_active() -> None:
    active = {each for each, move in TRANSITIONS.items() if State.ACTIVE in move.targets}
    assert active == {Transition.CLAIM}
    assert TRANSITIONS[Transition.CLAIM].sources == READY


def test_only_adding_makes_a_job() -> None:
    makers = {each for each, move in TRANSITIONS.items() if None in move.sources}
    assert makers == {Transition.ADD}


def test_every_state_can_be_reached_and_left() -> None:
    targets = {target for move in TRANSITIONS.values() for target in move.targets}
    sources = {source for move in TRANSITIONS.values() for source in move.sources}
    assert targets == sources == {None, *State}


def test_effects_are_no_verbs() -> None:
    assert {Transition.SETTLE_PARENT, Transition.WITHDRAW_FAILURE, Transition.EVICT} == EFFECTS


def test_a_move_is_frozen() -> None:
    move = TRANSITIONS[Transition.CLAIM]
    assert isinstance(move, Move)
    with pytest.raises(AttributeError):
        move.sources = frozenset()  # type: ignore[misc] # that is what is tried
