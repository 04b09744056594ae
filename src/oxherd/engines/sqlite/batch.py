"""Rows that are written together: one step of SQLite's for many is cheaper than one for each."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_SIZES: Final = (25, 5, 1)
"""So many rows go into one statement; few sizes, so that each is prepared once."""


class Batch(Protocol):
    """What is done to many rows; made once, and known by its identity."""

    def write(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Do it, in the order of the rows."""
        ...


class Insertion:
    """Inserts rows.

    Args:
        head: the statement up to its values.
        width: how many columns a row has.
    """

    __slots__ = ("_statements",)

    def __init__(self, head: str, width: int) -> None:
        row = f"({', '.join('?' * width)})"
        self._statements = tuple(
            (size, f"{head} VALUES {', '.join([row] * size)}") for size in _SIZES
        )

    def write(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """As `Batch` says."""
        at = 0
        for size, statement in self._statements:
            while len(rows) - at >= size:
                values = tuple(chain.from_iterable(rows[at : at + size]))
                connection.execute(statement, values)
                at += size


class Repetition:
    """Runs a statement once per row, for what a row alone can say."""

    __slots__ = ("_statement",)

    def __init__(self, statement: str) -> None:
        self._statement = statement

    def write(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """As `Batch` says."""
        connection.executemany(self._statement, rows)


class OnSet:
    """Runs a statement once on all; a row is one number.

    Args:
        head: the statement up to the column in which the number is looked for.
    """

    __slots__ = ("_all", "_one")

    def __init__(self, head: str) -> None:
        self._one = f"{head} = ?"
        self._all = f"{head} IN (SELECT value FROM json_each(?))"  # noqa: S608 - constant

    def write(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """As `Batch` says."""
        if len(rows) == 1:
            connection.execute(self._one, rows[0])
        else:
            connection.execute(self._all, (json_list(row[0] for row in rows),))


def json_list(values: Iterable[object]) -> str:
    """What `json_each` takes apart again."""
    return msgspec.json.encode(list(values)).decode()
