"""RQ, with the worker that does not fork."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from redis import Redis
from rq import Queue, SimpleWorker

from benchmarks.peers.contest import QUEUE, Contest, Data, contest, run

_NOOP: Final = "benchmarks.peers.rq.noop"
_KEPT_SECONDS: Final = 500
_BULK: Final = 10_000


def noop(data: Data) -> int:
    """What the worker imports and calls."""
    contest().ended(data)
    return int(data["n"])


def add(contest: Contest) -> None:
    queue = _queue(contest)
    contest.ready()
    for data in contest.jobs():
        _enqueue(queue, contest, data)
    contest.added()


def together(contest: Contest) -> None:
    queue = _queue(contest)
    adders = contest.adders

    def adder(_: int) -> None:
        for data in contest.jobs(contest.count // adders):
            _enqueue(queue, contest, data)

    with ThreadPoolExecutor(adders) as pool:
        contest.ready()
        list(pool.map(adder, range(adders)))
        contest.added()


def bulk(contest: Contest) -> None:
    queue = _queue(contest)
    contest.ready()
    for start in range(0, contest.count, _BULK):
        _enqueue_many(queue, contest, min(_BULK, contest.count - start))
    contest.added()


def trees(contest: Contest) -> None:
    queue = _queue(contest)
    children = contest.children
    contest.ready()
    for data in contest.jobs():
        _enqueue(queue, contest, data, _enqueue_many(queue, contest, children))
    contest.added()


def chains(contest: Contest) -> None:
    queue = _queue(contest)
    for _ in contest.calls():
        for _ in range(contest.count):
            _chain(queue, contest)


def trickle(contest: Contest) -> None:
    queue = _queue(contest)
    for data in contest.calls():
        _enqueue(queue, contest, data)


def work(contest: Contest) -> None:
    queue = _queue(contest)
    worker = SimpleWorker([queue], connection=queue.connection)
    contest.ready()
    threading.Thread(target=contest.hold, daemon=True).start()
    worker.work(logging_level="WARNING")


def idle(contest: Contest) -> None:
    queue = _queue(contest)
    _beside(contest, queue, lambda at: _enqueue(queue, contest, {"n": 0, "at": at}), 1)


def idle_chains(contest: Contest) -> None:
    queue = _queue(contest)
    _beside(contest, queue, lambda at: _chain(queue, contest, at), contest.length)


def _beside(contest: Contest, queue: Queue, add: Callable[[float], object], each: int) -> None:
    """A worker in the main thread, as its signals want it, and adds from another one."""
    worker = SimpleWorker([queue], connection=queue.connection)
    contest.ready()
    threading.Thread(target=lambda: contest.one_at_a_time(add, each=each), daemon=True).start()
    worker.work(logging_level="WARNING")


def _queue(contest: Contest) -> Queue:
    connection = Redis.from_url(contest.url)
    connection.ping()
    return Queue(QUEUE, connection=connection)


def _enqueue(queue: Queue, contest: Contest, data: Data, before: Any = None) -> Any:
    return queue.enqueue(
        _NOOP, data, result_ttl=_KEPT_SECONDS if contest.keep else 0, depends_on=before
    )


def _enqueue_many(queue: Queue, contest: Contest, count: int) -> Any:
    kept = _KEPT_SECONDS if contest.keep else 0
    jobs = [Queue.prepare_data(_NOOP, (data,), result_ttl=kept) for data in contest.jobs(count)]
    return queue.enqueue_many(jobs)


def _chain(queue: Queue, contest: Contest, at: float | None = None) -> None:
    before = None
    for data in contest.chain(at):
        before = _enqueue(queue, contest, data, before)


if __name__ == "__main__":
    run(
        {
            "add": add,
            "together": together,
            "bulk": bulk,
            "load": bulk,
            "trees": trees,
            "chains": chains,
            "trickle": trickle,
            "work": work,
            "idle": idle,
            "idle_chains": idle_chains,
        }
    )
