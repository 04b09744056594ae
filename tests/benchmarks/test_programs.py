"""What the harness and a contestant's program say to each other, with Oxherd as the contestant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.arena import Arena
from benchmarks.contestants import OURS, PEERS, Contestant
from benchmarks.program import Program, ProgramFailed, wait_for
from benchmarks.works import WORKS, Load

from benchmarks import environments
from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

REDIS, FULL, _ = OURS
CHEAP = ("add", "together", "drain_two", "trees", "chains", "idle", "apart", "idle_chain")


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("arena")
    server = start_redis(folder / "redis", own=True)
    yield Arena(server, folder)
    server.stop()


@pytest.mark.parametrize("contestant", [REDIS, FULL], ids=lambda one: one.name)
@pytest.mark.parametrize("name", CHEAP)
@pytest.mark.slow
def test_a_work_answers_figures(arena: Arena, contestant: Contestant, name: str) -> None:
    work = next(work for work in WORKS if work.name == name)
    assert work.needs <= contestant.modes
    figures = work.measure(arena, contestant, Load(size=100, concurrency=5))
    assert figures
    assert all(value > 0 for value in figures.values())


def test_a_drain_counts_every_job_once(arena: Arena) -> None:
    url = arena.fresh(REDIS)
    arena.add(REDIS, "load", url, 60)
    with (
        arena.program(REDIS, "work", url, concurrency=5, every=0.01) as first,
        arena.program(REDIS, "work", url, concurrency=5, every=0.01) as second,
    ):
        starts = [worker.go() for worker in (first, second)]
        wait_for([first, second], 60, 20)
        assert first.done + second.done == 60
        assert max(first.at, second.at) > min(starts)


def test_a_job_that_carries_the_time_of_its_add_tells_how_long_it_waited(arena: Arena) -> None:
    url = arena.fresh(FULL)
    with arena.program(FULL, "idle", url, count=3, every=0.01) as program:
        program.go()
        wait_for([program], 3, 20)
        assert len(program.waits) == 3
        assert min(program.waits) > 0


def test_a_store_is_empty_for_each_measure(arena: Arena) -> None:
    arena.add(REDIS, "load", arena.fresh(REDIS), 5)
    arena.fresh(REDIS)
    with arena.redis() as client:
        assert client.dbsize() == 0


def test_a_program_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    command = [*environments.command(FULL), "no such mode", "", "{}"]
    with (
        Program(command, environments.ROOT, environments.variables(), tmp_path / "log") as program,
        pytest.raises(ProgramFailed, match="no such mode"),
    ):
        program.wait_until_ready(20)


@pytest.mark.parametrize("contestant", [*OURS, *PEERS], ids=lambda one: one.name)
def test_every_version_that_is_told_is_pinned(contestant: Contestant) -> None:
    assert set(contestant.packages) <= set(environments.versions(contestant))
