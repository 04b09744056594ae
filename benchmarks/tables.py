"""The tables, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from benchmarks.contestants import Contestant
from benchmarks.figures import COMPARED, FIGURES, OWN, Figure
from benchmarks.results import Results
from benchmarks.targets import TARGETS

NOTHING: Final = "–"  # noqa: RUF001 - a dash in an empty cell


def ratios(results: Results, contestants: Sequence[Contestant]) -> list[str]:
    """How many times as fast as the reference everybody is; the best of a row in bold."""
    return _compared(results, contestants, results.ratio, "{:.2f}".format)


def absolutes(results: Results, contestants: Sequence[Contestant]) -> list[str]:
    """The medians; the best of a row in bold."""
    return _compared(results, contestants, results.median, _number)


def own(results: Results, contestants: Sequence[Contestant]) -> list[str]:
    """What is told of Oxherd alone."""
    mine = [contestant for contestant in contestants if contestant.ours]
    rows = [
        [_title(figure), *(_own_cell(results, name, one) for one in mine)]
        for name, figure in OWN.items()
        if name in results.figures
    ]
    return table(["", *(contestant.title for contestant in mine)], rows)


def bounds(results: Results, contestants: Sequence[Contestant]) -> list[str]:
    """Each target, and whether it is met."""
    titles = {contestant.name: contestant.title for contestant in contestants}
    rows: list[list[str]] = []
    for target in TARGETS:
        if target.contestant not in titles:
            continue
        value, met = target.reached(results), target.met(results)
        bound = target.kind.value.format(f"{target.bound:g}")
        if target.aim is not None:
            bound += f" (aim: {target.aim:g})"
        verdict = {True: "yes", False: "**no**", None: NOTHING}[met]
        figure = FIGURES[target.figure]
        reached = NOTHING if value is None else _number(value)
        title = _title(figure)
        rows.append([title, titles[target.contestant], bound, reached, verdict])
    return table(["work", "store", "bound", "reached", "met"], rows, text=True)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, text: bool = False) -> list[str]:
    """A table of Markdown, a line each; figures stand right."""
    marks = ["---", *("---" if text else "---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]


def _compared(
    results: Results,
    contestants: Sequence[Contestant],
    value: Callable[[str, str], float | None],
    text: Callable[[float], str],
) -> list[str]:
    rows: list[list[str]] = []
    for name, figure in COMPARED.items():
        values = {one.name: value(name, one.name) for one in contestants}
        if any(found is not None for found in values.values()):
            best = _best(results, name, values)
            cells = [
                NOTHING if found is None else f"**{text(found)}**" * (who == best) or text(found)
                for who, found in values.items()
            ]
            rows.append([_title(figure), *cells])
    return table(["", *(contestant.title for contestant in contestants)], rows)


def _best(results: Results, figure: str, values: Mapping[str, float | None]) -> str:
    medians = {
        name: median for name in values if (median := results.median(figure, name)) is not None
    }
    choose = max if FIGURES[figure].unit.more_is_better else min
    return choose(medians, key=medians.__getitem__) if len(medians) > 1 else ""


def _title(figure: Figure) -> str:
    return f"{figure.title}, {figure.unit.value}"


def _own_cell(results: Results, name: str, one: Contestant) -> str:
    value = results.median(name, one.name)
    return NOTHING if value is None else _number(value)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
