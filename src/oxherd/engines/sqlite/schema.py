"""Brings a database file to the schema of this version, whoever else does the same."""

from __future__ import annotations

import sqlite3
from importlib import resources
from typing import Final

from oxherd.domain.errors import StoreUnavailable

APPLICATION_ID: Final = 0x4F584844
"""The letters OXHD, by which a database is known as ours."""

_OLDEST_SQLITE: Final = (3, 35, 0)


def refuse_old_sqlite() -> None:
    """Raise `StoreUnavailable` where the SQLite library lacks what the engine needs."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        needed = ".".join(str(part) for part in _OLDEST_SQLITE)
        raise StoreUnavailable(
            f"SQLite {sqlite3.sqlite_version} is too old; Oxherd needs {needed} or newer"
        )


def steps() -> list[str]:
    """The migrations' texts, oldest first; step n brings `user_version` to n."""
    folder = resources.files("oxherd.engines.sqlite.migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in names]


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Run the steps that are missing, in one transaction.

    Raises:
        StoreUnavailable: a newer version wrote the file, or it is no database of Oxherd's.
    """
    wanted = steps()
    if _version(connection, path, len(wanted)) == len(wanted):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been faster.
        done = _version(connection, path, len(wanted))
        for number, text in enumerate(wanted[done:], done + 1):
            for statement in _statements(text):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: str, newest: int) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and owner != APPLICATION_ID:
        raise StoreUnavailable(f"{path} is a database of another program; choose another file name")
    if version > newest:
        raise StoreUnavailable(
            f"{path} was written by a newer version of Oxherd (its schema is {version}, this"
            f" version knows {newest}); upgrade Oxherd here"
        )
    return int(version)


def _statements(text: str) -> list[str]:
    """The statements of a step; each ends with a semicolon at the end of a line."""
    found: list[str] = []
    statement = ""
    for line in text.splitlines():
        if line.lstrip().startswith("--"):
            continue
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found
