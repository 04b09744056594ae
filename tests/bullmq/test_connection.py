"""The drop-in's connections: every way to name a server, and whose client is closed."""

from __future__ import annotations

import socket
import warnings
from typing import Any, ClassVar

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from oxherd.bullmq import FlowProducer, Job, Queue, QueueEvents, Worker
from oxherd.bullmq.queue_keys import QueueKeys
from oxherd.bullmq.redis_connection import RedisConnection
from oxherd.domain.errors import InvalidOption
from tests.bullmq.watching import Heard


@pytest.mark.parametrize("form", ["url", "valkey", "arguments"])
async def test_a_server_is_named_by_its_url_or_arguments(
    opts: dict[str, Any], server_url: str, form: str
) -> None:
    named = {
        "url": server_url,
        "valkey": server_url.replace("redis://", "valkey://"),
        "arguments": {**opts["connection"], "db": 0, "socket_timeout": 7},
    }[form]
    queue = Queue("work", {**opts, "connection": named})
    assert (await queue.add("task", {"foo": "bar"})).id == "1"
    assert await queue.client.llen(queue.keys["wait"]) == 1
    assert await queue.waitUntilReady()
    await queue.close()


async def test_another_database_is_another_world(opts: dict[str, Any], server_url: str) -> None:
    queue = Queue("work", {**opts, "connection": {**opts["connection"], "db": 3}})
    await queue.add("task", {})
    other = Queue("work", opts)
    assert (await queue.count(), await other.count()) == (1, 0)
    await queue.obliterate()
    for one in (queue, other):
        await one.close()


@pytest.mark.parametrize("decodes", [True, False])
async def test_a_ready_client_is_shared_and_left_open(opts: dict[str, Any], decodes: bool) -> None:
    client = Redis(**opts["connection"], decode_responses=decodes)
    given = {**opts, "connection": client}
    queue = Queue("work", given)
    assert queue.client is client
    job = await queue.add("task", {"foo": "bar"})

    async def process(job: Job, token: str) -> Any:
        return job.data

    worker, events = Worker("work", process, given), QueueEvents("work", given)
    done, data = await Heard(worker, "completed").next()
    assert (done.id, data) == (job.id, {"foo": "bar"})
    assert (await queue.getMeta())["paused"] is False
    for one in (worker, events, queue, queue):
        await one.close()
    assert await client.ping()
    await client.aclose()


async def test_a_flow_producer_takes_both_forms_of_arguments(opts: dict[str, Any]) -> None:
    node = {"name": "task", "queueName": "work"}
    for flows in (
        FlowProducer(opts["connection"], {"prefix": opts["prefix"]}),
        FlowProducer(opts),
        FlowProducer(redisOpts=opts["connection"], opts={"prefix": opts["prefix"]}),
    ):
        assert await flows.add(node) is not None
        await flows.close()
    queue = Queue("work", opts)
    assert await queue.count() == 3
    await queue.close()


def test_the_default_is_the_local_server() -> None:
    client = Queue("work").client
    arguments = client.connection_pool.connection_kwargs
    assert (arguments["host"], arguments["port"], arguments["db"]) == ("localhost", 6379, 0)


async def test_an_unreachable_server_is_told_as_the_driver_tells_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        queue = Queue("work", {"connection": {"host": "127.0.0.1", "port": taken.getsockname()[1]}})
        with pytest.raises(RedisConnectionError, match="cannot be reached") as refused:
            await queue.add("task", {})
    worker = Worker("work", None, {"connection": {"host": "127.0.0.1"}})
    assert worker.isConnectionError(refused.value)
    assert worker.isConnectionError(OSError("[Errno 111] Connect call failed"))
    assert not worker.isConnectionError(ValueError("[Errno 111]"))
    await queue.close()


def test_what_the_driver_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="maxRetriesPerRequest"):
        Queue("work", {"connection": {"maxRetriesPerRequest": None}})
    with pytest.raises(TypeError, match="not 5"):
        Queue("work", {"connection": 5})


def test_a_connection_has_one_socket() -> None:
    for given in (
        {"host": "localhost"},
        "redis://localhost:6379",
        {"single_connection_client": False},
    ):
        assert RedisConnection(given).conn.single_connection_client


async def test_a_connection_knows_its_server(opts: dict[str, Any]) -> None:
    connection = RedisConnection(opts["connection"])
    version = await connection.getRedisVersion()
    assert version is not None
    assert int(version.split(".")[0]) >= 7
    assert connection.capabilities == {"canBlockFor1Ms": True, "canDoubleTimeout": True}
    await connection.set_client_name("somebody")
    assert await connection.conn.client_getname() == "somebody"
    await connection.close()
    skipping = RedisConnection(opts["connection"], skipVersionCheck=True)
    assert await skipping.getRedisVersion() == "5.0.0"
    assert skipping.capabilities["canBlockFor1Ms"] is False
    await skipping.disconnect()


def test_keys_need_no_server() -> None:
    keys = QueueKeys("{b}")
    assert keys.toKey("work", "wait") == keys.getKeys("work")["wait"] == "{b}:work:wait"
    assert keys.getQueueQualifiedName("work") == "{b}:work"


async def test_nothing_is_left_to_warn_about(opts: dict[str, Any]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        queue = Queue("work", opts)
        await queue.add("task", {})
        await queue.client.ping()
        await queue.close()
        await queue.disconnect()
        del queue
    assert [str(warning.message) for warning in caught] == []


def test_a_client_of_another_kind_is_refused_by_name() -> None:
    class Pool:
        connection_class = dict
        connection_kwargs: ClassVar[dict[str, Any]] = {}

    client = Redis()
    client.connection_pool = Pool()  # type: ignore[assignment]
    with pytest.raises(InvalidOption, match="a client of dict cannot be shared"):
        Queue("work", {"connection": client})
