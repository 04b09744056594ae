"""A file comes to the schema of this version once, and other files are left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.errors import StoreUnavailable
from oxherd.engines.sqlite.schema import APPLICATION_ID, steps
from tests.sqlite.using import opened, put

if TYPE_CHECKING:
    from pathlib import Path

    from oxherd.engines.sqlite.store import SqliteStore


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_a_new_file_has_the_newest_schema(store: SqliteStore, path: Path) -> None:
    await put(store, "a")

    assert pragma(path, "user_version") == len(steps())
    assert pragma(path, "application_id") == APPLICATION_ID
    assert pragma(path, "journal_mode") == "wal"
    assert pragma(path, "auto_vacuum") == 2


async def test_a_file_is_opened_again_as_it_was(path: Path) -> None:
    first = opened(path)
    await put(first, "a")
    await first.aclose()

    second = opened(path)
    assert [job.id for job in await second.jobs("q", ["a"]) if job] == ["a"]
    await second.aclose()


def test_processes_that_race_migrate_once(path: Path) -> None:
    command = [sys.executable, "-m", "tests.sqlite.process", "opens", str(path)]
    racers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [racer.communicate(timeout=20) for racer in racers]

    assert [racer.returncode for racer in racers] == [0] * 4, said
    assert max(int(out) for out, _ in said) == 4
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (4,)


@pytest.mark.parametrize(
    ("statements", "word"),
    [
        (
            [
                "CREATE TABLE jobs (id)",
                f"PRAGMA application_id = {APPLICATION_ID}",
                f"PRAGMA user_version = {len(steps()) + 1}",
            ],
            "newer",
        ),
        (["CREATE TABLE notes (text)"], "another program"),
    ],
)
async def test_a_file_that_is_not_ours_to_change_is_refused_untouched(
    path: Path, statements: list[str], word: str
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        before = list(connection.iterdump())
    store = opened(path)

    with pytest.raises(StoreUnavailable, match=word):
        await put(store, "a")
    await store.aclose()

    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


def write_notes(path: Path) -> None:
    path.write_text("These are notes, and no database at all. " * 100)


def read_notes(path: Path) -> str:
    return path.read_text()


async def test_what_is_no_database_is_refused(path: Path) -> None:
    write_notes(path)
    store = opened(path)

    with pytest.raises(StoreUnavailable):
        await put(store, "a")
    await store.aclose()

    assert read_notes(path).startswith("These are notes")
