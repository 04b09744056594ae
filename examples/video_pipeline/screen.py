"""What the person sees: a bar per step on a terminal, a line per change elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Protocol, Self


class Screen(Protocol):
    """Shows steps by their label."""

    def __enter__(self) -> Self:
        """Start showing."""
        ...

    def __exit__(self, *error: object) -> None:
        """Stop showing."""
        ...

    def show(self, step: str, mark: str, percent: int, note: str = "") -> None:
        """Say how a step is doing."""
        ...


def open_screen(steps: Sequence[str]) -> Screen:
    """Bars if there is a terminal and `rich` is installed, else lines."""
    if not sys.stdout.isatty():
        return Lines(steps)
    try:
        from examples.video_pipeline.bars import Bars  # noqa: PLC0415 - rich is optional
    except ImportError:
        return Lines(steps)
    return Bars(steps)


class Lines:
    """One line per change, and per ten percent."""

    def __init__(self, steps: Sequence[str]) -> None:
        self._width = max(map(len, steps))
        self._last: dict[str, tuple[str, int, str]] = {}
        self._start = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, step: str, mark: str, percent: int, note: str = "") -> None:
        """Print a line, unless it says nothing new."""
        now = (mark, percent // 10, note)
        if self._last.get(step) == now or (mark == "·" and not self._last.get(step)):
            return
        self._last[step] = now
        seconds = time.perf_counter() - self._start
        print(
            f"{seconds:6.1f} s  {mark} {step:<{self._width}} {percent:>3}%  {note}".rstrip(),
            flush=True,
        )
