"""What a run found, and what follows from it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self

from benchmarks.contestants import REFERENCE
from benchmarks.figures import FIGURES

LATEST: Final = Path(__file__).parent / "results" / "latest.json"

Rounds = list[float | None]
"""A figure of each round; None where it could not be taken."""


@dataclass(slots=True, kw_only=True)
class Results:
    """One run.

    Args:
        day: when.
        facts: the machine.
        versions: of packages, by contestant.
        rounds: how many there were.
        concurrencies: the best ones, by contestant.
        sizes: by contestant and work.
        figures: all rounds, by figure and contestant.
        failures: what went wrong.
    """

    day: str
    facts: Mapping[str, str]
    versions: Mapping[str, Mapping[str, str]]
    rounds: int
    concurrencies: dict[str, int] = field(default_factory=dict[str, int])
    sizes: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    figures: dict[str, dict[str, Rounds]] = field(default_factory=dict[str, dict[str, Rounds]])
    failures: list[str] = field(default_factory=list[str])

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What was kept, if anything was."""
        return cls(**json.loads(path.read_text())) if path.exists() else None

    def write(self, path: Path) -> None:
        """Keep it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")

    def note(self, figure: str, contestant: str, number: int, value: float) -> None:
        """Put a figure to its round; those before that are missing could not be taken."""
        rounds = self.figures.setdefault(figure, {}).setdefault(contestant, [])
        rounds += [None] * (number - len(rounds))
        rounds.append(float(f"{value:.6g}"))

    def median(self, figure: str, contestant: str) -> float | None:
        """The median of the rounds."""
        return _median(self._rounds(figure, contestant))

    def ratio(self, figure: str, contestant: str, to: str = REFERENCE.name) -> float | None:
        """How many times as fast, or as small, as another one in the same round: the median."""
        return self.share(figure, contestant, figure, to)

    def share(self, figure: str, contestant: str, other: str, to: str) -> float | None:
        """A figure beside another one of the same round: the median of the quotients."""
        pairs = zip(self._rounds(figure, contestant), self._rounds(other, to), strict=False)
        better = FIGURES[figure].unit.more_is_better
        return _median(
            (mine / theirs if better else theirs / mine) if mine and theirs else None
            for mine, theirs in pairs
        )

    def _rounds(self, figure: str, contestant: str) -> Rounds:
        return self.figures.get(figure, {}).get(contestant, [])


def _median(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None
