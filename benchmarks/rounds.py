"""Sizes are chosen by a try; then each round gives every work to all contestants in turn."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.arena import Arena
from benchmarks.contestants import Contestant
from benchmarks.results import Results
from benchmarks.works import WORKS, Load, Work

_DIGITS: Final = 2
_TRIAL_PART: Final = 0.5


@dataclass(frozen=True, slots=True)
class Match:
    """Who does what, and for how long.

    Args:
        arena: where.
        contestants: in the order of the first round.
        works: in their order.
        results: what everything is noted in.
        scale: of the time that a contestant's measure should take.
    """

    arena: Arena
    contestants: Sequence[Contestant]
    works: Sequence[Work]
    results: Results
    scale: float
    _loads: dict[tuple[str, str], Load] = field(default_factory=dict[tuple[str, str], Load])

    def prepare(self) -> None:
        """Find out each contestant's best concurrency, and how much it does in the time."""
        for contestant in self.contestants:
            best = self._best_concurrency(contestant)
            self.results.concurrencies[contestant.name] = best
            for work in self.works:
                if work.needs <= contestant.modes:
                    size = self._size(contestant, work, best)
                    self._loads[contestant.name, work.name] = Load(size, best)
                    self.results.sizes.setdefault(contestant.name, {})[work.name] = size
            _say(f"{contestant.name}: concurrency {best}")

    def play(self) -> None:
        """All rounds; who begins changes from one to the next, and who goes before whom."""
        for number in range(self.results.rounds):
            order = turned(self.contestants, number, self.results.rounds)
            for work in self.works:
                if work.once and number:
                    continue
                for contestant in order:
                    self._take(contestant, work, number)

    def _take(self, contestant: Contestant, work: Work, number: int) -> None:
        load = self._loads.get((contestant.name, work.name))
        if load is None:
            return
        for figure, value in self._measure(contestant, work, load).items():
            self.results.note(figure, contestant.name, number, value)
            _say(f"round {number + 1}, {contestant.name}: {figure} {value:,.2f}")

    def _measure(self, contestant: Contestant, work: Work, load: Load) -> Mapping[str, float]:
        try:
            return work.measure(self.arena, contestant, load)
        except Exception as error:  # noqa: BLE001 - it is told, and the rest of the run goes on
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            self.results.failures.append(f"{contestant.name}, {work.name}: {why}")
            _say(f"{contestant.name}: {work.name} failed: {error!r}")
            return {}

    def _best_concurrency(self, contestant: Contestant) -> int:
        """The one with the fastest drain, if there is a choice and anything drains."""
        choices = contestant.concurrencies
        trial = next(work for work in WORKS if work.name == "drain")
        needed = any(work.sized_by for work in self.works if "work" in work.needs)
        if len(choices) == 1 or not needed:
            return choices[0]
        size = self._size(contestant, trial, choices[0], _TRIAL_PART)
        rates = {
            concurrency: self._measure(contestant, trial, Load(size, concurrency)).get(
                trial.sized_by, 0.0
            )
            for concurrency in choices
        }
        return max(rates, key=rates.__getitem__)

    def _size(self, contestant: Contestant, work: Work, concurrency: int, part: float = 1.0) -> int:
        if not work.sized_by:
            return work.trial
        found = self._measure(contestant, work, Load(work.trial, concurrency))
        wanted = found.get(work.sized_by, 0.0) * contestant.seconds * self.scale * part
        return max(work.trial, min(work.most, int(float(f"{wanted:.{_DIGITS}g}"))))


def turned(contestants: Sequence[Contestant], number: int, rounds: int) -> list[Contestant]:
    """The order of a round: a part of the circle further, and every other one backwards.

    Whoever is compared stays close to whom, so that both meet the same weather.
    """
    turn = number * len(contestants) // rounds
    order = [*contestants[turn:], *contestants[:turn]]
    return order[::-1] if number % 2 else order


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
