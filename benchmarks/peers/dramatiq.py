"""Dramatiq on Redis, with a worker of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends import RedisBackend as Barriers
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks.peers.contest import JOB, QUEUE, Contest, Data, run


def add(contest: Contest) -> None:
    _, noop = _broker(contest)
    contest.ready()
    for data in contest.jobs():
        noop.send(data)
    contest.added()


def together(contest: Contest) -> None:
    _, noop = _broker(contest)
    adders = contest.adders

    def adder(_: int) -> None:
        for data in contest.jobs(contest.count // adders):
            noop.send(data)

    with ThreadPoolExecutor(adders) as pool:
        contest.ready()
        list(pool.map(adder, range(adders)))
        contest.added()


def trees(contest: Contest) -> None:
    broker, noop = _broker(contest)
    children = contest.children
    contest.ready()
    for data in contest.jobs():
        below = [noop.message(child) for child in contest.jobs(children)]
        group = dramatiq.group(below, broker=broker)
        group.add_completion_callback(noop.message(data))
        group.run()
    contest.added()


def chains(contest: Contest) -> None:
    broker, noop = _broker(contest)
    for _ in contest.calls():
        for _ in range(contest.count):
            _chain(broker, noop, contest).run()


def trickle(contest: Contest) -> None:
    _, noop = _broker(contest)
    for data in contest.calls():
        noop.send(data)


def work(contest: Contest) -> None:
    worker = _worker(_broker(contest)[0], contest)
    contest.ready()
    worker.start()
    contest.hold()


def idle(contest: Contest) -> None:
    broker, noop = _broker(contest)
    worker = _worker(broker, contest)
    contest.ready()
    worker.start()
    contest.one_at_a_time(lambda at: noop.send({"n": 0, "at": at}))
    contest.hold()


def idle_chains(contest: Contest) -> None:
    broker, noop = _broker(contest)
    worker = _worker(broker, contest)
    contest.ready()
    worker.start()
    contest.one_at_a_time(lambda at: _chain(broker, noop, contest, at).run(), each=contest.length)
    contest.hold()


def _broker(contest: Contest) -> tuple[Any, Any]:
    broker = RedisBroker(url=contest.url)
    if contest.keep:
        broker.add_middleware(Results(backend=RedisBackend(url=contest.url), store_results=True))
    broker.add_middleware(GroupCallbacks(Barriers(url=contest.url)))

    @dramatiq.actor(actor_name=JOB, queue_name=QUEUE, broker=broker)
    def noop(data: Data) -> int | None:
        contest.ended(data)
        return int(data["n"]) if contest.keep else None

    broker.client.ping()
    return broker, noop


def _worker(broker: Any, contest: Contest) -> Any:
    return dramatiq.Worker(broker, worker_threads=contest.concurrency)


def _chain(broker: Any, noop: Any, contest: Contest, at: float | None = None) -> Any:
    steps = [
        noop.message_with_options(args=(data,), pipe_ignore=True) for data in contest.chain(at)
    ]
    return dramatiq.pipeline(steps, broker=broker)


if __name__ == "__main__":
    run(
        {
            "add": add,
            "together": together,
            "load": add,
            "trees": trees,
            "chains": chains,
            "trickle": trickle,
            "work": work,
            "idle": idle,
            "idle_chains": idle_chains,
        }
    )
