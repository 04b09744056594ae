"""Every transition from every state, generated from the table: reached, or refused whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from oxherd.domain.errors import JobNotFound, LockLost, OxherdError, WrongState
from oxherd.domain.events import Cleaned, JobEvent, Waiting
from oxherd.domain.lifecycle import EFFECTS, TRANSITIONS, EventKind, State, Transition
from oxherd.domain.options import OnFailure
from tests.conformance.scenario import LOCK_MS, Hand, Scenario

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Call = Callable[[Scenario, Hand], Awaitable[object]]

NOBODY = "a token of nobody's"


async def stand_in(scenario: Scenario, state: State | None, **options: Any) -> Hand:
    """A hand on `job` in `state`: the real one while it is active, else one that holds nothing."""
    if state is None:
        from oxherd.domain.record import JobRecord  # noqa: PLC0415 - only here

        empty = JobRecord(
            queue="q", id="job", name="work", data="{}",
            options=scenario.job("job").options, timestamp=0,
        )  # fmt: skip
        return Hand(empty, NOBODY)
    hand = await scenario.job_in(state, **options)
    if hand is not None and state is State.ACTIVE:
        return hand
    return Hand(await scenario.record("job"), NOBODY)


async def _add(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.add([[scenario.job("job")]]))[0]


async def _claim(scenario: Scenario, hand: Hand) -> object:
    return await scenario.claim_many(1)


async def _complete(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.complete("q", [hand.completion()]))[0]


async def _fail(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.fail("q", [hand.failure()]))[0]


async def _retry(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.retry("q", [hand.retrial()]))[0]


async def _retry_later(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.retry("q", [hand.retrial(1_000)]))[0]


async def _postpone(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.postpone("q", [hand.postponement(1_000)]))[0]


async def _await_children(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.await_children("q", [hand.held]))[0]


async def _await_a_child(scenario: Scenario, hand: Hand) -> object:
    await scenario.add(scenario.job("child", queue="below", parents=(scenario.edge("job"),)))
    return None if await _await_children(scenario, hand) is True else "nothing was pending"


async def _release(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.release("q", [hand.held]))[0]


async def _rescue(scenario: Scenario, hand: Hand) -> object:
    return await scenario.rescue()


async def _rescue_lost(scenario: Scenario, hand: Hand) -> object:
    await scenario.pass_time(LOCK_MS + 1)
    return None if await scenario.rescue() == ["job"] else "it was not rescued"


async def _promote(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.promote("q", ["job"]))[0]


async def _promote_due(scenario: Scenario, hand: Hand) -> object:
    return await scenario.store.promote_due("q")


async def _promote_due_later(scenario: Scenario, hand: Hand) -> object:
    await scenario.pass_time(60_000)
    return None if await scenario.store.promote_due("q") == 1 else "it was not due"


async def _reprocess(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.reprocess("q", ["job"], State.COMPLETED))[0]


async def _reprocess_found(scenario: Scenario, hand: Hand) -> object:
    state = await scenario.state("job")
    assert state is not None
    return (await scenario.store.reprocess("q", ["job"], state))[0]


async def _remove(scenario: Scenario, hand: Hand) -> object:
    return (await scenario.store.remove("q", ["job"], children=False))[0]


async def _remove_unlocked(scenario: Scenario, hand: Hand) -> object:
    await scenario.pass_time(LOCK_MS + 1)
    return await _remove(scenario, hand)


async def _change_delay(scenario: Scenario, hand: Hand) -> object:
    return await scenario.store.change_delay("q", "job", 5_000)


async def _make_urgent(scenario: Scenario, hand: Hand) -> object:
    return await scenario.store.change_priority("q", "job", 1)


async def _make_usual(scenario: Scenario, hand: Hand) -> object:
    return await scenario.store.change_priority("q", "job", 0)


async def _drain(scenario: Scenario, hand: Hand) -> object:
    scenario.swept = True
    await scenario.store.drain("q", delayed=True)
    return None


async def _drain_nothing(scenario: Scenario, hand: Hand) -> object:
    await scenario.store.drain("q", delayed=True)
    return []


async def _clean(scenario: Scenario, hand: Hand) -> object:
    scenario.swept = True
    await scenario.pass_time(LOCK_MS + 1)
    state = await scenario.state("job")
    assert state is not None
    cleaned = await scenario.store.clean("q", state, grace_ms=0)
    return None if cleaned == ["job"] else cleaned


async def _obliterate(scenario: Scenario, hand: Hand) -> object:
    scenario.trimmed = True
    await scenario.store.obliterate("q", force=True)
    return None


PRIORITY = {"priority": 5}
DELAY = {"delay": 60}
Case: TypeAlias = "tuple[Transition, State | None, State | None, Call, dict[str, Any]]"
REACHED: list[Case] = [
    (Transition.CLAIM, State.WAITING, State.ACTIVE, _claim, {}),
    (Transition.CLAIM, State.PRIORITIZED, State.ACTIVE, _claim, PRIORITY),
    (Transition.COMPLETE, State.ACTIVE, State.COMPLETED, _complete, {}),
    (Transition.FAIL, State.ACTIVE, State.FAILED, _fail, {}),
    (Transition.RETRY, State.ACTIVE, State.WAITING, _retry, {}),
    (Transition.RETRY, State.ACTIVE, State.PRIORITIZED, _retry, PRIORITY),
    (Transition.RETRY, State.ACTIVE, State.DELAYED, _retry_later, {}),
    (Transition.POSTPONE, State.ACTIVE, State.DELAYED, _postpone, {}),
    (
        Transition.AWAIT_CHILDREN, State.ACTIVE, State.WAITING_CHILDREN, _await_a_child, {},
    ),
    (Transition.RELEASE, State.ACTIVE, State.WAITING, _release, {}),
    (Transition.RELEASE, State.ACTIVE, State.PRIORITIZED, _release, PRIORITY),
    (Transition.RESCUE, State.ACTIVE, State.WAITING, _rescue_lost, {}),
    (Transition.RESCUE, State.ACTIVE, State.PRIORITIZED, _rescue_lost, PRIORITY),
    (Transition.PROMOTE, State.DELAYED, State.WAITING, _promote, DELAY),
    (Transition.PROMOTE, State.DELAYED, State.PRIORITIZED, _promote, DELAY | PRIORITY),
    (Transition.PROMOTE_DUE, State.DELAYED, State.WAITING, _promote_due_later, DELAY),
    (
        Transition.PROMOTE_DUE, State.DELAYED, State.PRIORITIZED, _promote_due_later,
        DELAY | PRIORITY,
    ),
    *(
        (Transition.REPROCESS, source, target, _reprocess_found, options)
        for source in (State.COMPLETED, State.FAILED)
        for target, options in ((State.WAITING, {}), (State.PRIORITIZED, PRIORITY))
    ),
    (Transition.CHANGE_DELAY, State.DELAYED, State.DELAYED, _change_delay, DELAY),
    *(
        (Transition.CHANGE_PRIORITY, source, target, call, {})
        for source in (State.WAITING, State.PRIORITIZED)
        for target, call in (
            (State.WAITING, _make_usual), (State.PRIORITIZED, _make_urgent),
        )
    ),
    *(
        (Transition.DRAIN, state, None, _drain, {})
        for state in (State.WAITING, State.PRIORITIZED, State.DELAYED)
    ),
    *(
        (transition, state, None, call, {})
        for transition, call in (
            (Transition.REMOVE, _remove_unlocked),
            (Transition.CLEAN, _clean),
            (Transition.OBLITERATE, _obliterate),
        )
        for state in State
    ),
]  # fmt: skip

REFUSED: dict[Transition, tuple[Call, type[OxherdError] | None]] = {
    Transition.CLAIM: (_claim, None),
    Transition.COMPLETE: (_complete, LockLost),
    Transition.FAIL: (_fail, LockLost),
    Transition.RETRY: (_retry, LockLost),
    Transition.POSTPONE: (_postpone, LockLost),
    Transition.AWAIT_CHILDREN: (_await_children, LockLost),
    Transition.RELEASE: (_release, LockLost),
    Transition.RESCUE: (_rescue, None),
    Transition.PROMOTE: (_promote, WrongState),
    Transition.PROMOTE_DUE: (_promote_due, None),
    Transition.REPROCESS: (_reprocess, WrongState),
    Transition.CHANGE_DELAY: (_change_delay, WrongState),
    Transition.DRAIN: (_drain_nothing, None),
    Transition.REMOVE: (_remove, WrongState),
}
"""How each verb is tried where the table has no move, and the error it answers (None: none)."""


@pytest.mark.parametrize(
    "case", REACHED, ids=[f"{verb}-{source}-{target}" for verb, source, target, _, _ in REACHED]
)
async def test_an_allowed_move_reaches_its_target_with_exactly_its_events(
    scenario: Scenario, case: Case
) -> None:
    transition, source, target, call, options = case
    if transition is Transition.CLAIM and source is State.PRIORITIZED:
        options = {}
    hand = await stand_in(scenario, source, **options)
    seen = len(await scenario.events())

    answer = await call(scenario, hand)

    if transition is not Transition.CLAIM:
        assert answer is None
    assert await scenario.state("job") == target
    move = TRANSITIONS[transition]
    told = (await scenario.events())[seen:]
    # How many were cleaned is told of the call, not of a job.
    new = [event.kind for event in told if not isinstance(event, Cleaned)]
    promised = list(move.targets[target])
    assert new[: len(promised)] == promised
    assert [kind for kind in new[len(promised) :] if kind not in move.on_occasion] == []


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (State.WAITING, {}),
        (State.WAITING, {"lifo": True}),
        (State.PRIORITIZED, {"priority": 5}),
        (State.DELAYED, {"delay": 60}),
        (State.WAITING_CHILDREN, {}),
    ],
)
async def test_a_new_job_reaches_its_state_with_exactly_its_events(
    scenario: Scenario, target: State, options: dict[str, Any]
) -> None:
    await scenario.job_in(target, **options)

    assert await scenario.state("job") == target
    assert await scenario.kinds("job") == list(TRANSITIONS[Transition.ADD].targets[target])


def _refused() -> list[Any]:
    cases = []
    for transition, (call, error) in REFUSED.items():
        for state in (*State, None):
            allowed = state in TRANSITIONS[transition].sources
            if allowed and transition not in {Transition.RESCUE, Transition.REMOVE}:
                continue
            if transition is Transition.REMOVE and state not in {State.ACTIVE, None}:
                continue
            expected = JobNotFound if state is None and error is not None else error
            cases.append(
                pytest.param(transition, state, call, expected, id=f"{transition}-{state}")
            )
    return cases


@pytest.mark.parametrize(("transition", "state", "call", "error"), _refused())
async def test_a_move_that_is_not_in_the_table_is_refused_and_changes_nothing(
    scenario: Scenario,
    transition: Transition,
    state: State | None,
    call: Call,
    error: type[OxherdError] | None,
) -> None:
    hand = await stand_in(scenario, state)
    before = await scenario.dump()

    answer = await call(scenario, hand)

    if transition is Transition.RESCUE:
        # A healthy worker holds it: only the clock moved.
        assert answer == []
    assert await scenario.dump() == before
    if error is None:
        assert answer in ([], 0)
    else:
        assert type(answer) is error
        assert isinstance(answer, JobNotFound | WrongState)
        assert (answer.job_id, answer.queue) == ("job", "q")
        if isinstance(answer, WrongState):
            assert answer.state == state


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "transition", [t for t, (_, error) in REFUSED.items() if error is LockLost]
)
async def test_a_token_that_never_held_the_job_moves_nothing(
    scenario: Scenario, transition: Transition, state: State
) -> None:
    hand = (await stand_in(scenario, state)).stolen()
    before = await scenario.dump()

    answer = await REFUSED[transition][0](scenario, hand)

    assert type(answer) is LockLost
    assert answer.state == state
    assert await scenario.dump() == before


@pytest.mark.parametrize("state", list(State))
async def test_adding_an_id_that_exists_changes_nothing_but_the_log(
    scenario: Scenario, state: State
) -> None:
    await scenario.job_in(state)
    before = await scenario.still_dump()
    seen = len(await scenario.events())

    (added,) = await scenario.add(scenario.job("job", data='{"other":1}', priority=9))

    assert added.duplicate
    assert await scenario.still_dump() == before
    new = (await scenario.events())[seen:]
    assert [event.kind for event in new] == [EventKind.DUPLICATED]
    assert all(isinstance(event, JobEvent) and event.job_id == "job" for event in new)


EFFECTS_SEEN = {
    (State.WAITING_CHILDREN, State.WAITING): {},
    (State.WAITING_CHILDREN, State.PRIORITIZED): {"priority": 5},
    (State.WAITING_CHILDREN, State.DELAYED): {"delay": 60},
}


@pytest.mark.parametrize(("move", "options"), EFFECTS_SEEN.items())
async def test_a_parent_is_settled_into_the_state_that_its_options_ask_for(
    scenario: Scenario, move: tuple[State, State], options: dict[str, Any]
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, **options)
    seen = len(await scenario.events())

    await scenario.run("job-child", queue="below")

    target = move[1]
    assert await scenario.state("job") == target
    expected = list(TRANSITIONS[Transition.SETTLE_PARENT].targets[target])
    assert [event.kind for event in (await scenario.events())[seen:]] == expected


@pytest.mark.parametrize(
    ("options", "target"),
    [({"delay": 60}, State.WAITING), ({"delay": 60, "priority": 5}, State.PRIORITIZED)],
)
async def test_a_failing_child_brings_a_delayed_parent_to_the_front(
    scenario: Scenario, options: dict[str, Any], target: State
) -> None:
    await scenario.job_in(State.DELAYED, **options)
    await scenario.add(
        scenario.job("child", queue="below", parents=(scenario.edge("job", OnFailure.FAIL_PARENT),))
    )
    seen = len(await scenario.events())

    await scenario.break_down("child", queue="below")

    assert await scenario.state("job") == target
    (event,) = (await scenario.events())[seen:]
    assert isinstance(event, Waiting)
    assert (event.job_id, event.prev) == ("job", "delayed")
    assert (await scenario.record("job")).delay == 0


@pytest.mark.parametrize(
    ("options", "source"), [({}, State.WAITING), ({"priority": 5}, State.PRIORITIZED)]
)
async def test_a_withdrawn_failure_takes_the_parent_back_to_its_children(
    scenario: Scenario, options: dict[str, Any], source: State
) -> None:
    await scenario.job_in(State.WAITING_CHILDREN, **options)
    await scenario.break_down("job-child", queue="below")
    assert await scenario.state("job") == source
    seen = len(await scenario.events())

    await scenario.reprocess("job-child", State.FAILED, queue="below")

    assert await scenario.state("job") == State.WAITING_CHILDREN
    assert [event.kind for event in (await scenario.events())[seen:]] == [
        EventKind.WAITING_CHILDREN
    ]


def test_the_grid_covers_every_move_of_the_table() -> None:
    tried = {(verb, source, target) for verb, source, target, _, _ in REACHED}
    for transition, move in TRANSITIONS.items():
        if transition in EFFECTS | {Transition.ADD}:
            continue
        missing = {
            (transition, source, target) for source in move.sources for target in move.targets
        } - tried
        # A parent's own way back to its children is tried in test_flows.py.
        assert not {case for case in missing if case[2] is not State.WAITING_CHILDREN}
