"""The connection: batches, errors, loops, closing."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from oxherd.domain.errors import (
    Closed,
    InvalidOption,
    OxherdError,
    StoreFull,
    StoreUnavailable,
    WrongLoop,
)
from oxherd.domain.lifecycle import State
from oxherd.engines import open_store
from oxherd.engines.redis.scripts import SCRIPTS
from oxherd.engines.redis.store import RedisStore
from tests.redis.jobs import completion, family, new_job
from tests.redis.keyspace import connect
from tests.servers import start_redis
from tests.timing import deadline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import RedisServer

LOCK_MS = 30_000


def calls(client: Any) -> dict[str, int]:
    """How often the server ran each command, those inside scripts included."""
    stats = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}


async def test_fifty_jobs_are_claimed_and_completed_by_two_scripts(
    live_store: RedisStore, client: Any
) -> None:
    await live_store.add([[new_job()] for _ in range(100)])
    first = await live_store.claim("q", 50, token="t", lock_ms=LOCK_MS)
    await live_store.complete("q", [completion(job, "t") for job in first.jobs])

    client.config_resetstat()
    claimed = await live_store.claim("q", 50, token="u", lock_ms=LOCK_MS)
    await live_store.complete("q", [completion(job, "u") for job in claimed.jobs])
    found = calls(client)
    assert len(claimed.jobs) == 50
    assert found["evalsha"] == 2
    inner = sum(found.values()) - found["evalsha"]
    assert inner <= 50 * 15


async def test_what_is_asked_in_one_tick_goes_out_together(
    live_store: RedisStore, client: Any
) -> None:
    await live_store.add([[new_job()]])
    client.config_resetstat()
    await asyncio.gather(*(live_store.add([[new_job()]]) for _ in range(99)))
    reads = client.info("stats")["total_reads_processed"]
    assert (await live_store.counts("q"))[State.WAITING] == 100
    assert reads <= 20


async def test_the_order_of_one_tick_is_kept_at_the_first_use_of_a_script(
    live_store: RedisStore, client: Any
) -> None:
    await live_store.add([[new_job()], [new_job()]])
    held = (await live_store.claim("q", 1, token="t", lock_ms=LOCK_MS)).jobs[0]
    client.script_flush()
    _, claimed = await asyncio.gather(
        live_store.release("q", [completion(held, "t")]),
        live_store.claim("q", 1, token="u", lock_ms=LOCK_MS),
    )
    assert [job.id for job in claimed.jobs] == [held.id]


async def test_the_order_of_a_tick_is_kept_when_the_server_forgets_its_scripts(
    live_store: RedisStore, client: Any
) -> None:
    await live_store.add([[new_job() for _ in range(4)]])
    held = (await live_store.claim("q", 1, token="t0", lock_ms=LOCK_MS)).jobs[0]
    client.script_flush()
    # One script is there again, those of the next tick are not.
    await live_store.counts("q")
    for number in range(1, 4):
        [claimed, _] = await asyncio.gather(
            live_store.claim("q", 1, token=f"t{number}", lock_ms=LOCK_MS),
            live_store.release("q", [completion(held, f"t{number - 1}")]),
        )
        assert claimed.jobs[0].id != held.id
        [_, claimed] = await asyncio.gather(
            live_store.release("q", [completion(claimed.jobs[0], f"t{number}")]),
            live_store.claim("q", 1, token=f"t{number}", lock_ms=LOCK_MS),
        )
        held = claimed.jobs[0]
        client.script_flush()


async def test_a_connection_sends_each_script_once_and_only_those_that_are_called(
    server: RedisServer, client: Any, prefix: str
) -> None:
    client.script_flush()
    client.config_resetstat()
    for _ in range(2):
        store = RedisStore(server.url, prefix=prefix)
        await asyncio.gather(store.counts("q"), store.counts("q"))
        await store.aclose()

    found = calls(client)
    assert (found["eval"], found["evalsha"]) == (2, 2)
    digests = [script.digest.decode() for script in SCRIPTS.values()]
    assert sum(client.script_exists(*digests)) == 1


async def test_where_scripts_may_not_be_loaded_the_calls_bring_them(
    server: RedisServer, client: Any, prefix: str
) -> None:
    client.script_flush()
    client.acl_setuser(
        "reader", enabled=True, nopass=True, keys=["*"], categories=["+@all"],
        commands=["-script"], reset=True,
    )  # fmt: skip
    try:
        store = RedisStore(server.url.replace("redis://", "redis://reader:x@"), prefix=prefix)
        await store.add([[new_job()]])
        assert len((await store.claim("q", 1, token="t", lock_ms=LOCK_MS)).jobs) == 1
        assert (await store.counts("q"))[State.ACTIVE] == 1
        await store.aclose()
    finally:
        client.acl_deluser("reader")


async def test_flushing_scripts_hurts_no_flow(
    live_store: RedisStore, client: Any, prefix: str
) -> None:
    flows = 200
    done = asyncio.Event()

    async def flush() -> None:
        while not done.is_set():
            await asyncio.to_thread(client.script_flush)

    async def add() -> None:
        for _ in range(flows):
            group = family(prefix, new_job("top"), new_job("low"), new_job("low"))
            [answer] = await live_store.add([group])
            assert isinstance(answer, tuple)
        done.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(flush())
        tasks.create_task(add())
    assert (await live_store.counts("top"))[State.WAITING_CHILDREN] == flows
    assert (await live_store.counts("low"))[State.WAITING] == 2 * flows


async def test_a_store_belongs_to_its_first_loop(live_store: RedisStore) -> None:
    await live_store.counts("q")

    def elsewhere() -> None:
        asyncio.run(live_store.counts("q"))

    with pytest.raises(WrongLoop):
        await asyncio.to_thread(elsewhere)


async def test_a_closed_store_says_so(server: RedisServer, prefix: str) -> None:
    store = RedisStore(server.url, prefix=prefix)
    await store.counts("q")
    wakeup = store.wakeup("q")
    await store.aclose()
    await store.aclose()
    with pytest.raises(Closed):
        await store.counts("q")
    with pytest.raises(Closed):
        await store.read_events("q", "0", block_ms=10)
    with pytest.raises(Closed):
        await wakeup.wait(10)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_closing_ends_what_blocks(server: RedisServer, prefix: str, host: str) -> None:
    store = RedisStore(server.url.replace("127.0.0.1", host), prefix=prefix)
    wakeup = store.wakeup("q", "worker 1")
    waiting = asyncio.create_task(wakeup.wait(60_000))
    reading = asyncio.create_task(store.read_events("q", "0", block_ms=60_000))
    await store.counts("q")
    await asyncio.sleep(0.05)
    async with deadline(1):
        await store.aclose()
    async with deadline(1):
        await waiting
        with pytest.raises(Closed):
            await reading
    gc.collect()


async def test_closing_answers_what_waits_for_a_dead_server(tmp_path: Path, prefix: str) -> None:
    server = start_redis(tmp_path, own=True)
    store = RedisStore(server.url, prefix=prefix)
    await store.counts("q")
    server.kill()
    asking = asyncio.create_task(store.counts("q"))
    await asyncio.sleep(0.05)
    async with deadline(1):
        await store.aclose()
    with pytest.raises(Closed):
        await asking


async def test_a_server_that_is_gone_is_unavailable_and_its_password_unsaid(prefix: str) -> None:
    store = RedisStore("redis://user:secret@127.0.0.1:1/0", prefix=prefix)
    async with deadline(4):
        with pytest.raises(StoreUnavailable) as raised:
            await store.counts("q")
    assert "secret" not in str(raised.value)
    keeper = store.lock_keeper()
    with pytest.raises(StoreUnavailable) as raised:
        keeper.extend_locks("q", [], LOCK_MS)
    assert "secret" not in str(raised.value)
    await store.aclose()
    with pytest.raises(InvalidOption) as refused:
        RedisStore("redis://127.0.0.1:1/0?password=secret&nonsense=1", prefix=prefix)
    assert "secret" not in str(refused.value)


async def test_a_server_that_comes_back_in_time_is_not_missed(tmp_path: Path, prefix: str) -> None:
    server = start_redis(tmp_path, own=True)
    store = RedisStore(server.url, prefix=prefix)
    try:
        await store.add([[new_job()]])
        server.kill()
        adding = asyncio.create_task(store.add([[new_job()]]))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.start)
        async with deadline(4):
            [answer] = await adding
        assert isinstance(answer, tuple)
        assert (await store.counts("q"))[State.WAITING] == 1
    finally:
        await store.aclose()
        server.stop()


@pytest.fixture(scope="module")
def full_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("full"), own=True)
    yield server
    server.stop()


async def test_a_full_server_refuses_new_jobs_whole_and_lets_running_ones_end(
    full_server: RedisServer, prefix: str
) -> None:
    admin = connect(full_server.url)
    store = RedisStore(full_server.url, prefix=prefix)
    try:
        await store.add([[new_job()] for _ in range(2)])
        claimed = await store.claim("q", 1, token="t", lock_ms=LOCK_MS)
        admin.config_set("maxmemory", 1)
        with pytest.raises(StoreFull):
            await store.add([family(prefix, new_job(), new_job(), new_job())])
        held = completion(claimed.jobs[0], "t")
        assert await store.extend_locks("q", [held], LOCK_MS) == [None]
        assert await store.complete("q", [held]) == [None]
        assert len((await store.claim("q", 1, token="u", lock_ms=LOCK_MS)).jobs) == 1
        counts = await store.counts("q")
        assert (counts[State.COMPLETED], sum(counts.values())) == (1, 2)
    finally:
        admin.config_set("maxmemory", 0)
        admin.close()
        await store.aclose()


async def test_a_key_of_another_kind_is_a_typed_error(
    live_store: RedisStore, client: Any, prefix: str
) -> None:
    client.set(f"{prefix}:q:wait", "x")
    with pytest.raises(OxherdError, match="WRONGTYPE"):
        await live_store.counts("q")
    client.delete(f"{prefix}:q:wait")
    assert (await live_store.counts("q"))[State.WAITING] == 0


async def test_text_that_cannot_be_sent_leaves_nobody_waiting(live_store: RedisStore) -> None:
    async with deadline(2):
        with pytest.raises(ValueError, match="surrogate"):
            await live_store.update_data("q", "\ud800", "1")
        assert (await live_store.counts("q"))[State.WAITING] == 0


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1:6379/0?nonsense=1", "redis://127.0.0.1:6379/0?socket_timeout=soon"],
)
def test_a_parameter_that_no_connection_takes_is_refused(url: str) -> None:
    with pytest.raises(InvalidOption):
        open_store(url)


async def test_every_kind_of_url_works(server: RedisServer, prefix: str, client: Any) -> None:
    urls = [server.url, server.url.replace("redis://", "valkey://")]
    if server.socket_url:
        urls.append(server.socket_url)
    for url in urls:
        store = open_store(f"{url}?prefix={prefix}")
        await store.add([[new_job()]])
        await store.aclose()
    assert client.llen(f"{prefix}:q:wait") == len(urls)


async def test_a_waiting_worker_is_known_by_its_name(
    live_store: RedisStore, client: Any, prefix: str
) -> None:
    named, spaced = live_store.wakeup("q", "w1"), live_store.wakeup("q", "w 2")
    waits = [asyncio.create_task(wakeup.wait(10_000)) for wakeup in (named, spaced)]
    try:
        async with deadline(5):
            while True:
                names = {entry["name"] for entry in client.client_list()}
                if {f"{prefix}:cQ==:w:w1", f"{prefix}:cQ=="} <= names:
                    break
                await asyncio.sleep(0.01)
    finally:
        await named.aclose()
        await spaced.aclose()
        await asyncio.gather(*waits)


async def test_a_keeper_renews_from_a_thread(
    live_store: RedisStore, client: Any, prefix: str
) -> None:
    await live_store.add([[new_job()], [new_job()]])
    claimed = await live_store.claim("q", 2, token="t", lock_ms=1000)
    held = [completion(claimed.jobs[0], "t"), completion(claimed.jobs[1], "other")]
    keeper = live_store.lock_keeper()
    client.script_flush()
    assert await asyncio.to_thread(keeper.extend_locks, "q", held, 60_000) == [True, False]
    assert client.pttl(f"{prefix}:q:{held[0].id}:lock") > 50_000
    client.client_kill_filter(_type="normal", skipme=True)
    assert await asyncio.to_thread(keeper.extend_locks, "q", held, 60_000) == [True, False]
    keeper.close()
