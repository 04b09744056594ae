"""Columns of text, aligned; styled where a terminal shows it, plain elsewhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click

_GAP: Final = "  "
_MOVES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NO_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})


@dataclass(frozen=True, slots=True)
class Cell:
    """Some text with the name of a colour, or `dim`; it cannot steer the terminal."""

    text: str
    style: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))

    def __str__(self) -> str:
        """The text as a terminal shows it."""
        if not self.style:
            return self.text
        if self.style == "dim":
            return click.style(self.text, dim=True)
        return click.style(self.text, fg=self.style)


Line = Sequence[Cell]


def printable(text: str) -> str:
    """The text with what would move the cursor or turn the writing shown as an escape."""
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode()
        if unicodedata.category(character) in _MOVES or character in _TURNS
        else character
        for character in text
    )


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text with spaces up to the width, before it when it is aligned on the right."""
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def _columns(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def aligned(rows: Sequence[Line], *, right: frozenset[int] = frozenset()) -> list[list[Cell]]:
    """The rows with every column as wide as its widest cell, the last one as it is.

    Args:
        rows: the rows, of one length.
        right: the columns that are aligned on the right.
    """
    columns = max((len(row) for row in rows), default=0)
    widths = [max(width_of(row[at].text) for row in rows) for at in range(columns)]
    lines: list[list[Cell]] = []
    for row in rows:
        line: list[Cell] = []
        for at, cell in enumerate(row):
            text, last = cell.text, at == columns - 1
            if at in right or not last:
                text = padded(text, widths[at], right=at in right)
            line.append(Cell(text if last else text + _GAP, cell.style))
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
