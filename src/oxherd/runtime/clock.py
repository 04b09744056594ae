"""Time as the runtime sees it; nothing else in the package reads a clock of the host."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds that never run backwards."""
    return time.monotonic()  # noqa: TID251 - this is the one place
