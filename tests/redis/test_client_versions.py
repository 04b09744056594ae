"""Each major version of the driver that programs have: everything works, and closes within 1 s."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from oxherd import Queue, connect
from tests.cli.running import started
from tests.redis.drivers import INSTALLED, OTHERS, ROOT, environment
from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import RedisServer

pytestmark = pytest.mark.timeout(200)

LIMIT: Final = 1.0
DRIVERS: Final = [
    pytest.param("7.0", marks=pytest.mark.slow), pytest.param("7.4"), pytest.param(INSTALLED),
]  # fmt: skip

MODULE: Final = """
import asyncio
from pathlib import Path

async def process(job):
    if job.name == "long":
        (Path(__file__).parent / "started").touch()
        await asyncio.sleep(60)
    return job.data
"""


@pytest.mark.parametrize("version", DRIVERS)
@pytest.mark.parametrize(
    "rounds", [pytest.param(2, id="sample"), pytest.param(12, id="full", marks=pytest.mark.slow)]
)
def test_everything_works_and_closes_at_once(version: str, rounds: int, tmp_path: Path) -> None:
    """Idle and busy; while the server is well, paused, frozen or killed; in any order."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.redis.client_probe", tmp_path, str(rounds)],
        env=environment(version),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    # No warning, no exception that nobody took, no connection that was left open.
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["driver"].startswith(version)
    assert len(told["rounds"]) == 3 * 4 * rounds
    slow = [one for one in told["rounds"] if max(one["took"].values()) >= LIMIT]
    assert slow == []
    print("the slowest close took", max(max(one["took"].values()) for one in told["rounds"]))  # noqa: T201


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = start_redis(tmp_path / "server", own=True)
    yield server
    server.kill()


@pytest.mark.parametrize("version", DRIVERS)
@pytest.mark.parametrize("condition", ["well", "frozen", "killed"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_signal_ends_the_command(
    *, version: str, condition: str, busy: bool, tmp_path: Path, own_server: RedisServer
) -> None:
    """A busy one gets a second signal, by which it gives its job back."""
    (tmp_path / "jobs.py").write_text(MODULE)
    url = own_server.url.replace("127.0.0.1", "localhost")

    async def use() -> None:
        store = connect(url)
        job = await Queue("q", store=store).add("short", {"n": 1})
        assert await job.wait_until_finished(15) == {"n": 1}
        if busy:
            await Queue("q", store=store).add("long")
        await store.aclose()

    arguments = ["worker", "jobs:process", "-q", "q", "--verbose"]
    with started(tmp_path, url, *arguments, env=environment(version)) as process:
        asyncio.run(use())
        # The server may tell the adder before the worker: until it knows, it has a job to end.
        process.until_told("(short) completed")
        process.until(lambda: not busy or (tmp_path / "started").exists())
        assert own_server.process is not None
        if condition == "frozen":
            own_server.process.send_signal(signal.SIGSTOP)
        elif condition == "killed":
            own_server.kill()
        begun = time.perf_counter()
        process.signal(signal.SIGTERM)
        if busy:
            process.until_told("a second signal")
            process.signal(signal.SIGTERM)
        code = process.wait(10)
        took = time.perf_counter() - begun
    assert code == (130 if busy else 0)
    assert took < LIMIT + 0.5, process.err
    assert "Traceback" not in process.err


@pytest.mark.slow
@pytest.mark.parametrize("version", OTHERS)
def test_the_engine_passes_its_tests(version: str) -> None:
    """All that the environment's own driver has to pass."""
    tests = [
        path for path in (ROOT / "tests" / "redis").glob("test_*.py") if path != Path(__file__)
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:randomly", "-m", "not slow"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *map(str, tests)],
        env=environment(version),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
