"""The marks in front of the lines of a tree."""

from __future__ import annotations

from typing import Final

MOST_LEVELS: Final = 100
"""Deeper jobs are not indented further: each level would cost all lines below it three columns."""

_WIDTH: Final = 3


def branches(indent: str, count: int) -> list[tuple[str, str]]:
    """For each of `count` children what its line begins with, and the indent of what is below it.

    A child that is not indented further is marked `⋮`: it is one level below the line above.
    """
    if len(indent) >= _WIDTH * MOST_LEVELS:
        return [(f"{indent}⋮  ", indent)] * count
    marks = [(f"{indent}├─ ", f"{indent}│  ")] * count
    if marks:
        marks[-1] = (f"{indent}└─ ", f"{indent}   ")
    return marks
