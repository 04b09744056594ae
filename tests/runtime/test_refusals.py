"""Bad input is refused with a typed error before anything is written, alike on both engines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    FlowJob,
    FlowProducer,
    InvalidOption,
    JobOptions,
    NotSerializable,
    OxherdError,
    PayloadTooLarge,
    Queue,
    QueueEvents,
    Worker,
    connect,
)
from tests.conformance.probe import RedisProbe, SqliteProbe
from tests.runtime.working import echo
from tests.timing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from oxherd import Store
    from tests.conformance.probe import Probe


@pytest.fixture
async def probe(
    engine: str, store: Store, prefix: str, request: pytest.FixtureRequest
) -> AsyncIterator[Probe]:
    clock = FakeClock()
    made: Probe
    if engine == "redis":
        made = RedisProbe(request.getfixturevalue("redis_url"), prefix, clock)
    else:
        made = SqliteProbe(store, clock)
    yield made
    await made.aclose()


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(200):
        value = [value]
    return value


NAMES: list[Any] = ["", 5, None, b"job", "x" * 257, "ü" * 129, "\ud800", "a\0b"]
IDS: list[Any] = [
    "", "1", "0", "-5", "007:1", "a:b", "meta", "wait", "active", "id", "events", "marker",
    "x" * 257, "\ud800", "a\0b", 5, b"id",
]  # fmt: skip
DATA: list[Any] = [
    float("nan"), float("inf"), -float("inf"), {1, 2}, b"bytes", object(), {1: "one"}, {None: 1},
    2**64, -(2**63) - 1, "\ud800", {"\ud800": 1}, datetime(2027, 1, 1, tzinfo=UTC), _deep(),
    print, 1j,
    [1, {"a": (2, {"b": float("nan")})}],
]  # fmt: skip
OPTIONS: list[Any] = [
    {"attempts": -1}, {"attempts": 1.5}, {"attempts": "3"}, {"attempts": True},
    {"priority": -1}, {"priority": 2**21}, {"priority": 1.5}, {"priority": "1"},
    {"delay": -1}, {"delay": float("nan")}, {"delay": float("inf")}, {"delay": "5"},
    {"delay": 1e18}, {"timestamp": -1}, {"timestamp": 1e12}, {"timestamp": 10**15},
    {"lifo": 1}, {"keepLogs": -1}, {"stackTraceLimit": -1}, {"sizeLimit": -1}, {"sizeLimit": 1},
    {"removeOnComplete": -1}, {"removeOnComplete": "yes"}, {"removeOnFail": {"ag": 5}},
    {"backoff": "linear"}, {"backoff": {"type": "fixed", "delay": -1}}, {"backoff": {}},
    {"backoff": {"type": "fixed", "dely": 1}}, {"backoff": -1}, {"timeout": 0}, {"timeout": -1},
    {"atempts": 3}, {"jobid": "x"}, {"repeat": {"every": 1}}, {"deduplication": {"id": ""}},
    {"deduplication": {"ttl": 5}}, {"deduplication": {"id": "x", "tll": 5}},
    {"deduplication": {"id": "x", "ttl": -5}}, {"deduplication": "x"},
    {"deduplication": {"id": "x"}, "parent": {"id": "x", "queue": "q"}},
    {"debounce": {"id": "x"}}, {"failParentOnFailure": "yes"}, {"onFailure": "explode"},
    {"failParentOnFailure": True, "removeDependencyOnFailure": True},
    {"parent": {"id": "x"}}, {"parent": {"queue": "q"}}, {"parent": "x"},
    {"parent": {"id": "none", "queue": "q"}}, {"parent": {"id": "x", "queue": "q", "more": 1}},
    {5: 5}, "fast", 5, ["attempts"],
]  # fmt: skip


def _cases() -> list[tuple[Any, Any, Any]]:
    return [
        *((name, {}, None) for name in NAMES),
        *(("job", {}, {"jobId": one}) for one in IDS),
        *(("job", data, None) for data in DATA),
        *(("job", {"some": "data"}, options) for options in OPTIONS),
    ]


@pytest.mark.parametrize("way", ["add", "add_bulk", "flow", "child"])
async def test_bad_input_leaves_no_trace(store: Store, probe: Probe, way: str) -> None:
    queue = Queue("q", store=store)
    flows = FlowProducer(store=store)
    taken: list[Any] = []
    for name, data, options in _cases():
        job = FlowJob(name, queue="q", data=data, options=options)
        good = FlowJob("good", queue="q")
        try:
            match way:
                case "add":
                    await queue.add(name, data, options)
                case "add_bulk":
                    await queue.add_bulk([("good", {}), (name, data, options), ("good", {})])
                case "flow":
                    await flows.add(job)
                case _:
                    await flows.add(FlowJob("top", queue="q", children=[good, job]))
        except OxherdError:
            continue
        else:
            taken.append((name, data, options))
    assert taken == []
    assert await store.queues() == []
    assert await probe.leftovers() == []


async def test_the_error_says_what_is_wrong(store: Store) -> None:
    queue = Queue("q", store=store)
    with pytest.raises(InvalidOption, match="did you mean 'attempts'"):
        await queue.add("job", {}, {"atempts": 3})
    with pytest.raises(NotSerializable, match=r"data\[1\]\.a\[1\]\.b is nan"):
        await queue.add("job", [1, {"a": (2, {"b": float("nan")})}])
    with pytest.raises(PayloadTooLarge, match="at most 16777216"):
        await queue.add("job", "x" * 16 * 1024 * 1024)
    with pytest.raises(InvalidOption, match="does not work yet"):
        await queue.add("job", {}, {"repeat": {"every": 5}})
    with pytest.raises(InvalidOption, match="reserved"):
        await queue.add("job", {}, JobOptions(job_id="meta"))


@pytest.mark.parametrize("name", ["", "a:b", 5, None, "x" * 257, "\0", "\ud800"])
def test_a_queue_name_is_checked_at_once(name: Any) -> None:
    for make in (Queue, QueueEvents, lambda name: Worker(name, echo)):
        with pytest.raises(InvalidOption):
            make(name)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://localhost", "no known scheme"),
        ("rediss", "no known scheme"),
        ("redis+cluster://localhost", "does not work yet"),
        ("sqlite:///", "names no file"),
        ("sqlite://host/file.db", "names no file"),
        ("sqlite:///a.db?prefx=x", "did you mean 'prefix'"),
        ("sqlite:///a.db?prefix=", "cannot be empty"),
        ("sqlite:///a.db?durability=none", "full or normal"),
    ],
)
def test_a_store_url_is_checked_at_once(url: str, told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        connect(url)


def test_a_password_is_never_in_the_error() -> None:
    with pytest.raises(InvalidOption) as caught:
        connect("mysql://me:secret@localhost/0")
    assert "secret" not in str(caught.value)
