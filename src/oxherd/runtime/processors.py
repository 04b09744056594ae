"""Which function runs a job, and where: on the loop, in a thread, in a process."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from oxherd.domain.errors import InvalidOption
from oxherd.domain.signals import Unrecoverable
from oxherd.runtime.worker_options import RunIn

Place = Literal["loop", "thread", "process"]
_MOST_ARGUMENTS: Final = 3


@dataclass(frozen=True, slots=True)
class Target:
    """Where a fresh interpreter finds a function: a module or the main script, and its name."""

    module: str
    qualname: str
    script: str | None
    """The path of the main script, when the function is defined there."""


@dataclass(frozen=True, slots=True)
class Processor:
    """One function of the user's."""

    function: Callable[..., Any]
    place: Place
    arguments: int
    """How many it takes of (job, token, cancellation)."""
    target: Target | None = None
    """Set when the place is a process."""


class Processors:
    """The processor of a worker, or one for each job name."""

    def __init__(
        self, processor: Callable[..., Any] | Mapping[str, Callable[..., Any]], run_in: RunIn
    ) -> None:
        self._by_name: Mapping[str, Processor] | None = None
        self._only: Processor | None = None
        if isinstance(processor, Mapping):
            if not processor:
                raise InvalidOption("a worker needs at least one processor; the mapping is empty")
            self._by_name = {
                name: _inspect(function, run_in) for name, function in processor.items()
            }
        else:
            self._only = _inspect(processor, run_in)

    def pick(self, name: str) -> Processor:
        """The processor for a job name.

        Raises:
            Unrecoverable: there is none; the message names those that are known.
        """
        if self._only is not None:
            return self._only
        known = self._by_name or {}
        found = known.get(name)
        if found is None:
            names = ", ".join(sorted(known))
            raise Unrecoverable(f"no processor for job name {name!r}; this worker has: {names}")
        return found


def _inspect(function: Callable[..., Any], run_in: RunIn) -> Processor:
    if not callable(function):
        raise InvalidOption(f"a processor is a function, not {function!r}")
    is_async = _is_async(function)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidOption(f"processor {function!r} is a generator; return a value instead")
    place: Place
    if run_in == "auto":
        place = "loop" if is_async else "thread"
    elif is_async != (run_in == "loop"):
        kind = "async def" if is_async else "a plain function"
        raise InvalidOption(
            f"processor {function!r} is {kind}, which cannot run in {run_in!r};"
            " 'loop' is for async def, 'thread' and 'process' are for plain functions"
        )
    else:
        place = run_in
    target = _target(function) if place == "process" else None
    return Processor(function, place, _arguments(function), target)


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    return inspect.iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004 - its kind is asked, not whether


def _arguments(function: Callable[..., Any]) -> int:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return 1
    kinds = inspect.Parameter
    positional = 0
    for parameter in signature.parameters.values():
        if parameter.kind is kinds.VAR_POSITIONAL:
            positional = _MOST_ARGUMENTS
        elif parameter.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD):
            # Further arguments with a default are the user's own.
            if positional == 0 or parameter.default is kinds.empty:
                positional += 1
        elif parameter.kind is kinds.KEYWORD_ONLY and parameter.default is kinds.empty:
            raise InvalidOption(
                f"processor {function!r} has the argument {parameter.name!r},"
                " which no worker gives it; it gets (job, token, cancellation)"
            )
    if not 1 <= positional <= _MOST_ARGUMENTS:
        raise InvalidOption(
            f"processor {function!r} takes {positional} arguments;"
            " it gets (job), (job, token) or (job, token, cancellation)"
        )
    return positional


def _target(function: Callable[..., Any]) -> Target:
    module = getattr(function, "__module__", None)
    qualname = getattr(function, "__qualname__", None)
    if not module or not qualname or "<" in qualname:
        raise InvalidOption(
            f"processor {function!r} cannot run in a process of its own, which must be able to"
            " import it: define it with `def` at the top of a module"
        )
    script = None
    if module == "__main__":
        script = getattr(sys.modules["__main__"], "__file__", None)
        if script is None:
            raise InvalidOption(
                f"processor {function!r} is defined in an interactive session, which a process of"
                " its own cannot import; put it into a file"
            )
        script = str(Path(script).resolve())
    return Target(module, qualname, script)
