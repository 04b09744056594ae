"""Wide and deep flows, and long queues: bounded steps, nothing recursive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.lifecycle import State
from oxherd.domain.options import OnFailure
from oxherd.domain.record import Edge, JobKey, NewJob
from tests.redis.jobs import family, new_job

if TYPE_CHECKING:
    from oxherd.engines.redis.store import RedisStore

STEP = 500
"""The most jobs that one script may remove."""


def chain_of(prefix: str, levels: int) -> list[NewJob]:
    jobs: list[NewJob] = []
    for level in range(levels):
        above = (Edge(f"{prefix}:deep:d{level - 1}", OnFailure.FAIL_PARENT),) if level else ()
        below = (str(JobKey(prefix, "deep", f"d{level + 1}")),) if level < levels - 1 else ()
        jobs.append(new_job("deep", f"d{level}", parents=above, children=below))
    return jobs


def scripts_run(client: Any) -> int:
    """How many scripts the server ran since the last reset."""
    stats = client.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha"))


@pytest.mark.parametrize("levels", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_a_deep_flow_is_removed_in_steps(
    live_store: RedisStore, client: Any, prefix: str, levels: int
) -> None:
    await live_store.add([chain_of(prefix, levels)])
    client.config_resetstat()
    assert await live_store.remove("deep", ["d0"], children=True) == [None]
    assert sum((await live_store.counts("deep")).values()) == 0
    assert scripts_run(client) > levels // STEP
    assert not list(client.scan_iter(match=f"{prefix}:deep:d*", count=10_000))


@pytest.mark.parametrize("children", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_a_wide_flow_is_removed_in_steps(
    live_store: RedisStore, client: Any, prefix: str, children: int
) -> None:
    group = family(prefix, new_job("top", "p"), *(new_job("wide") for _ in range(children)))
    await live_store.add([group])
    assert (await live_store.children("top", "p", 5, 2)).links[0].key.endswith(group[6].id)
    client.config_resetstat()
    assert await live_store.remove("top", ["p"], children=True) == [None]
    assert (await live_store.counts("wide"))[State.WAITING] == 0
    assert scripts_run(client) > children // STEP


async def test_removing_a_wide_parent_alone_frees_its_children(
    live_store: RedisStore, prefix: str
) -> None:
    group = family(prefix, new_job("top", "p"), *(new_job("wide") for _ in range(1500)))
    await live_store.add([group])
    assert await live_store.remove("top", ["p"], children=False) == [None]
    jobs = await live_store.list_jobs("wide", State.WAITING)
    assert len(jobs) == 1500
    assert {job.parents for job in jobs} == {()}
