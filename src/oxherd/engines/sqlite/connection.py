"""One database file: how it is opened, who may write now, and what its errors mean."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError, StoreFull, StoreMoved, StoreUnavailable
from oxherd.engines.sqlite.schema import migrate, refuse_old_sqlite

if TYPE_CHECKING:
    from collections.abc import Generator

MEMORY: Final = ":memory:"

_BUSY_MS: Final = 5_000
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_BUSY_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16000",
)
_FILE_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA journal_size_limit = 67108864",
)
_UNREADABLE_IO: Final = frozenset({sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ})
_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY: "another program holds it locked",
    sqlite3.SQLITE_LOCKED: "another program holds it locked",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened (does its directory exist?)",
    sqlite3.SQLITE_READONLY: "it is read-only here",
    sqlite3.SQLITE_PERM: "access is not permitted",
    sqlite3.SQLITE_AUTH: "access is not permitted",
    sqlite3.SQLITE_NOTADB: "it is not a SQLite database",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_PROTOCOL: "its locking does not work on this file system",
}


class DatabaseFile:
    """A path, the file that was opened there, and the gate before its write lock."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._name = Path(path)
        self._identity: tuple[int, int] | None = None
        self._gate: int | None = None

    @property
    def in_memory(self) -> bool:
        """There is no file."""
        return self.path == MEMORY

    def open_writer(self) -> sqlite3.Connection:
        """The connection that writes, with the schema of this version.

        Raises:
            StoreUnavailable: the file cannot be opened, is not ours, or is of a newer version.
        """
        refuse_old_sqlite()
        if not self.in_memory:
            self._create()
        connection = _connect(self.path)
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            if not self.in_memory:
                with self.turn():
                    # It must come before the first table; on a file that has some it does nothing.
                    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                    for pragma in _FILE_PRAGMAS:
                        connection.execute(pragma).fetchall()
                    migrate(connection, self.path)
                found = self._name.stat()
                self._identity = (found.st_dev, found.st_ino)
            else:
                migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def open_reader(self) -> sqlite3.Connection:
        """A connection that only reads."""
        connection = _connect(self.path)
        try:
            for pragma in (*_PRAGMAS, "PRAGMA query_only = ON"):
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def turn(self) -> Generator[None]:
        """The right to ask for the write lock, one process after the other in order of coming.

        SQLite's own waiting is by trial and lets a busy process starve the others.
        """
        if self.in_memory:
            yield
            return
        if self._gate is None:
            self._gate = os.open(f"{self.path}-gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def check(self) -> None:
        """Raise `StoreMoved` when the path does not lead to the open file any more."""
        if self._identity is None:
            return
        try:
            found = self._name.stat()
        except FileNotFoundError:
            raise StoreMoved(
                f"{self.path} was deleted or moved while it was open; connect again"
            ) from None
        if (found.st_dev, found.st_ino) != self._identity:
            raise StoreMoved(f"{self.path} was replaced by another file; connect again")

    def close(self) -> None:
        """Give the gate back."""
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def _create(self) -> None:
        # Only a file that is new here: closing any other descriptor of the database would drop
        # the locks that this process has on it.
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            if self._name.stat().st_nlink > 1:
                raise StoreUnavailable(
                    f"{self.path} has several names (hard links), under which its locks would"
                    " not meet; leave one"
                ) from None


def store_error(error: BaseException, path: str) -> BaseException:
    """What callers get to see of an error; one that is a bug of ours stays as it is."""
    if isinstance(error, OSError):
        return _because(StoreUnavailable(f"{path}: {error.strerror or error}"), error)
    if not isinstance(error, sqlite3.Error):
        return error
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    if extended is None:
        return error
    code = extended & 0xFF
    if code == sqlite3.SQLITE_FULL or (
        code == sqlite3.SQLITE_IOERR and extended not in _UNREADABLE_IO
    ):
        return _because(StoreFull(f"{path} has no room left ({error}); nothing was written"), error)
    why = _UNAVAILABLE.get(code)
    if code == sqlite3.SQLITE_IOERR:
        why = "it cannot be read"
    if why is None:
        return error
    return _because(StoreUnavailable(f"{path} cannot be used: {why} ({error})"), error)


def _because(error: OxherdError, cause: BaseException) -> OxherdError:
    error.__cause__ = cause
    return error


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=_BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
