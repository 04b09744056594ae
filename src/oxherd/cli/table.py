"""Columns of text, aligned; styled where a terminal shows it, plain elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click

_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Cell:
    """Some text with the name of a colour, or `dim`."""

    text: str
    style: str = ""

    def __str__(self) -> str:
        """The text as a terminal shows it."""
        if not self.style:
            return self.text
        if self.style == "dim":
            return click.style(self.text, dim=True)
        return click.style(self.text, fg=self.style)


Line = Sequence[Cell]


def aligned(rows: Sequence[Line], *, right: frozenset[int] = frozenset()) -> list[list[Cell]]:
    """The rows with every column as wide as its widest cell, the last one as it is.

    Args:
        rows: the rows, of one length.
        right: the columns that are aligned on the right.
    """
    columns = max((len(row) for row in rows), default=0)
    widths = [max(len(row[at].text) for row in rows) for at in range(columns)]
    lines: list[list[Cell]] = []
    for row in rows:
        line: list[Cell] = []
        for at, cell in enumerate(row):
            if at in right:
                text = cell.text.rjust(widths[at])
            else:
                text = cell.text.ljust(widths[at]) if at < columns - 1 else cell.text
            line.append(Cell(text if at == columns - 1 else text + _GAP, cell.style))
        lines.append(line)
    return lines


def cut(line: Line, width: int) -> list[Cell]:
    """The line with what is past `width` columns cut off."""
    kept: list[Cell] = []
    for cell in line:
        if len(cell.text) > width:
            kept.append(Cell(f"{cell.text[: max(0, width - 1)]}…" if width else "", cell.style))
            break
        kept.append(cell)
        width -= len(cell.text)
    return kept


def text_of(line: Line) -> str:
    """The line for a terminal; `click.echo` takes the colours away where there is none."""
    cells = list(line)
    while cells and not cells[-1].text.strip():
        cells.pop()
    if cells:
        cells[-1] = Cell(cells[-1].text.rstrip(), cells[-1].style)
    return "".join(map(str, cells))


def echo(lines: Sequence[Line]) -> None:
    """Print lines to stdout."""
    for line in lines:
        click.echo(text_of(line))
