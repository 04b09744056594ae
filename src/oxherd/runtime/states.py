"""The names of states, as callers give them."""

from __future__ import annotations

from collections.abc import Sequence

from oxherd.domain.errors import InvalidFlow, InvalidOption
from oxherd.domain.lifecycle import FINISHED, State
from oxherd.domain.names import nearest


def state_of(name: State | str) -> State:
    """The state of that name.

    Raises:
        InvalidOption: there is none.
    """
    if name not in set(State):
        raise InvalidOption(f"there is no state {name!r}{nearest(str(name), set(State))}")
    return State(name)


def states_of(names: Sequence[State | str] | State | str | None) -> list[State]:
    """The states of these names; every one for None.

    Raises:
        InvalidOption: there is no such state.
    """
    if names is None:
        return list(State)
    return [state_of(name) for name in ([names] if isinstance(names, str) else names)]


def finished(name: State | str, verb: str = "run again") -> State:
    """A finished state from its name.

    Raises:
        InvalidFlow: it is none.
    """
    if name not in FINISHED:
        raise InvalidFlow(f"only completed or failed jobs {verb}, not {name!r} ones")
    return State(name)
