"""The page that says what both sides were seen to agree on, from the data of the wire tests."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.interop import cases, steering

_PROVEN: Final = "yes"
_WHO: Final = ("Node adds, Oxherd works", "Oxherd adds, Node works", "workers of both")
_STEERS: Final = ("Node begins, Oxherd joins in", "Oxherd begins, Node joins in")


def sections() -> Iterable[tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]]:
    """Each section's title, the head of its table, and its rows."""
    for title, found in cases.SECTIONS.items():
        rows = [
            (case.name, _PROVEN, _PROVEN, "in order of one worker" if case.order else _PROVEN)
            for case in found
        ]
        yield title, ("case", *_WHO), rows
    for title, scenes in steering.SECTIONS.items():
        yield title, ("case", *_STEERS), [(scene.name, _PROVEN, _PROVEN) for scene in scenes]


def count() -> int:
    """How many cases there are, whoever does what."""
    return len(cases.CASES) + len(steering.SCENES)
