"""Where a drawing that changes is shown: in place on a terminal, as new lines elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from oxherd.cli.table import Cell, Line, cut, text_of

if TYPE_CHECKING:
    from rich.live import Live


class Screen:
    """Shows one drawing after the other; the last one stays.

    With rich the drawing survives a resized terminal. Without a terminal only lines that are new
    are printed.
    """

    def __init__(self) -> None:
        self._live: Live | None = None
        self._in_place = sys.stdout.isatty()
        self._height = 0
        self._shown: set[str] = set()

    def __enter__(self) -> Self:
        if self._in_place:
            self._live = _live()
            if self._live is not None:
                self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, lines: Sequence[Line], *, last: bool = False) -> None:
        """Show a drawing in place of the one before; only the last may be too tall."""
        if not self._in_place:
            self._append(lines)
            return
        size = shutil.get_terminal_size()
        if not last and len(lines) > size.lines - 1:
            above = [*lines[: size.lines - 4], [Cell("…", "dim")]]
            lines = [*above, *lines[-2:]]
        text = "\n".join(text_of(cut(line, size.columns)) for line in lines)
        if self._live is not None:
            from rich.text import Text  # noqa: PLC0415 - an extra

            self._live.update(Text.from_ansi(text), refresh=True)
            return
        back = f"\x1b[{self._height}F\x1b[J" if self._height else ""
        click.echo(f"{back}{text}")
        self._height = len(lines)

    def _append(self, lines: Sequence[Line]) -> None:
        texts = [text_of(line) for line in lines]
        for text in texts:
            if text and text not in self._shown:
                click.echo(text)
        self._shown = set(texts)


def _live() -> Live | None:
    try:
        from rich.live import Live  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return Live(auto_refresh=False, vertical_overflow="visible", redirect_stderr=False)
