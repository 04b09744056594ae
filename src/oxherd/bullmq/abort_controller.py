"""AbortController and its signal: how a processor is asked to stop, and why."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


class AbortError(Exception):
    """What a processor raises that stops because it was asked to; `reason` says why."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or "The operation was aborted")
        self.reason = reason


@dataclass(slots=True)
class _Abortion:
    """What a controller and its signal share."""

    happened: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str | None = None


class AbortSignal:
    """What the processor looks at, or waits for."""

    def __init__(self, abortion: _Abortion | None = None) -> None:
        self._abortion = abortion or _Abortion()

    @property
    def aborted(self) -> bool:
        """Whether the processor should stop."""
        return self._abortion.happened.is_set()

    @property
    def reason(self) -> str | None:
        """Why, if a reason was given."""
        return self._abortion.reason

    async def wait(self) -> None:
        """Return once the processor should stop."""
        await self._abortion.happened.wait()

    def throw_if_aborted(self) -> None:
        """Raise `AbortError` once the processor should stop."""
        if self.aborted:
            raise AbortError(self._abortion.reason)


class AbortController:
    """Who asks; the first reason counts."""

    def __init__(self) -> None:
        self._abortion = _Abortion()
        self.signal = AbortSignal(self._abortion)

    def abort(self, reason: str | None = None) -> None:
        """Ask the holder of the signal to stop. Harmless when repeated."""
        if not self.signal.aborted:
            self._abortion.reason = reason
            self._abortion.happened.set()


__all__ = ["AbortController", "AbortError", "AbortSignal"]
