"""Two dumps must be equal, but for differences that are listed with their reasons."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.interop.goldens.dump import Dump


@dataclass(frozen=True, slots=True)
class Difference:
    """Lines that one side has and the other has not; both patterns must match wholly."""

    reason: str
    key: str
    line: str

    def covers(self, key: str, line: str) -> bool:
        return bool(re.fullmatch(self.key, key) and re.fullmatch(self.line, line))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found."""

    unexplained: str
    """For people; empty when there is nothing."""
    used: frozenset[Difference]
    """The differences that were needed."""


def compare(theirs: Dump, ours: Dump, known: Sequence[Difference]) -> Comparison:
    """Look at every key of both dumps."""
    report: list[str] = []
    used: set[Difference] = set()
    for key in sorted(theirs.keys() | ours.keys()):
        one, other = theirs.get(key, []), ours.get(key, [])
        if one == other:
            continue
        here = [difference for difference in known if re.fullmatch(difference.key, key)]
        for line in set(one) ^ set(other):
            used.update(difference for difference in here if difference.covers(key, line))
        one, other = _without(key, one, here), _without(key, other, here)
        if one != other:
            lines = [line for line in difflib.ndiff(one, other) if not line.startswith("?")]
            report += [key, *(f"    {line}" for line in lines)]
    return Comparison("\n".join(report), frozenset(used))


def _without(key: str, lines: list[str], known: Sequence[Difference]) -> list[str]:
    return [line for line in lines if not any(each.covers(key, line) for each in known)]
