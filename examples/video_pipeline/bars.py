"""A bar per step on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

COLOURS = {"·": "dim", "▶": "cyan", "✔": "green", "↻": "yellow", "✘": "red"}


class Bars:
    """One bar per step, redrawn in place."""

    def __init__(self, steps: Sequence[str]) -> None:
        self._progress = Progress(
            TextColumn("  {task.fields[mark]}"),
            TextColumn(f"{{task.description:<{max(map(len, steps))}}}"),
            BarColumn(
                bar_width=20,
                complete_style="cyan",
                finished_style="green",
                table_column=Column(min_width=20),
            ),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn(
                "{task.fields[note]}",
                style="dim",
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
            console=Console(),
        )
        self._tasks: dict[str, TaskID] = {
            step: self._progress.add_task(step, total=100, mark="[dim]·[/]", note="")
            for step in steps
        }

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def show(self, step: str, mark: str, percent: int, note: str = "") -> None:
        """Redraw a step's bar."""
        self._progress.update(
            self._tasks[step],
            completed=percent,
            mark=f"[{COLOURS[mark]}]{mark}[/]",
            note=note,
        )
