"""A file comes to the schema of this version once, and other files are left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from oxherd.domain.errors import StoreUnavailable
from oxherd.domain.lifecycle import State
from oxherd.domain.schedule import Repeat, Schedule
from oxherd.engines.sqlite.schema import APPLICATION_ID, steps
from tests.sqlite.using import completion, opened, put, take

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


OLD_FILE = """
INSERT INTO queues (id, prefix, name, paused) VALUES (1, 'bull', 'q', 0);
INSERT INTO jobs (id, queue, job_id, state, rank, name, data, options, timestamp, parents) VALUES
  (1, 1, 'waits', 0, 1, 'work', '{}', '{}', 1700000000000, NULL),
  (2, 1, 'child', 0, 2, 'work', '{}', '{}', 1700000000000, '[["bull:q:parent","fail-parent"]]'),
  (3, 1, 'parent', 3, 1, 'work', '{}', '{"keepLogs":3}', 1700000000000, NULL);
INSERT INTO edges (parent, child, child_key, place, policy)
  VALUES (3, 2, 'bull:q:child', 0, 'fail-parent');
INSERT INTO events VALUES (1, 1, 'added', 'waits', 'work', NULL);
"""


async def test_a_file_of_the_first_version_goes_on(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(steps()[0])
        connection.executescript(OLD_FILE)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    store = opened(path)

    jobs = await take(store, 2)
    assert [(job.id, job.schedule_id, job.deduplication_id) for job in jobs] == [
        ("waits", None, None), ("child", None, None),
    ]  # fmt: skip
    assert await store.complete("q", [completion(job.id) for job in jobs], metrics=5) == [None] * 2

    assert await store.states("q", ["parent"]) == [State.WAITING]
    assert (await store.limits("q")).concurrency is None
    assert await store.put_schedule(
        "q", Schedule(id="tick", repeat=Repeat(every_ms=1_000), name="tock")
    )
    assert (await store.metrics("q", State.COMPLETED)).count == 2
    assert int(await store.last_event_id("q")) > 1
    assert pragma(path, "user_version") == len(steps())
    await store.aclose()


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
