"""Celery on Redis: the solo pool for one job at a time, else the pool of threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from celery import Celery, chain, chord
from celery.signals import worker_ready

from benchmarks.peers.contest import JOB, QUEUE, Contest, Data, run

_WAKE: Final = "wake"
_PREFETCH: Final = 64


def add(contest: Contest) -> None:
    _, noop = _app(contest)
    contest.ready()
    for data in contest.jobs():
        noop.delay(data)
    contest.added()


def together(contest: Contest) -> None:
    _, noop = _app(contest)
    adders = contest.adders

    def adder(_: int) -> None:
        for data in contest.jobs(contest.count // adders):
            noop.delay(data)

    with ThreadPoolExecutor(adders) as pool:
        contest.ready()
        list(pool.map(adder, range(adders)))
        contest.added()


def trees(contest: Contest) -> None:
    _, noop = _app(contest)
    children = contest.children
    contest.ready()
    for data in contest.jobs():
        chord([noop.si(child) for child in contest.jobs(children)])(noop.si(data))
    contest.added()


def chains(contest: Contest) -> None:
    _, noop = _app(contest)
    for _ in contest.calls():
        for _ in range(contest.count):
            _chain(noop, contest)


def trickle(contest: Contest) -> None:
    _, noop = _app(contest)
    for data in contest.calls():
        noop.delay(data)


def work(contest: Contest) -> None:
    app, _ = _app(contest)
    _work(app, contest, contest.hold)


def idle(contest: Contest) -> None:
    app, noop = _app(contest)
    _work(app, contest, lambda: contest.one_at_a_time(lambda at: noop.delay({"n": 0, "at": at})))


def idle_chains(contest: Contest) -> None:
    app, noop = _app(contest)
    _work(
        app,
        contest,
        lambda: contest.one_at_a_time(lambda at: _chain(noop, contest, at), each=contest.length),
    )


def _app(contest: Contest) -> tuple[Any, Any]:
    app = Celery(QUEUE, broker=contest.url, backend=contest.url if contest.keep else None)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=not contest.keep,
        broker_connection_retry_on_startup=True,
        worker_prefetch_multiplier=_PREFETCH,
        worker_redirect_stdouts=False,
    )

    @app.task(name=JOB)
    def noop(data: Data) -> int:
        contest.ended(data)
        return int(data["n"])

    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1)
    return app, noop


def _work(app: Any, contest: Contest, beside: Callable[[], object]) -> None:
    """A worker in the main thread, as its signals want it; it takes the queue when told to go.

    It starts with a queue of its own, so that its start, which takes long, is not measured. Its
    read of that one blocks for a second, unless a task comes.
    """
    name = f"bench-{os.getpid()}"
    worker = app.Worker(
        hostname=name,
        pool="solo" if contest.concurrency == 1 else "threads",
        concurrency=contest.concurrency,
        queues=[name],
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )

    @app.task(name=_WAKE)
    def wake() -> None:
        return

    def start() -> None:
        contest.ready()
        app.control.add_consumer(QUEUE, destination=[worker.hostname], reply=True, limit=1)
        wake.apply_async(queue=name)
        beside()

    def started(**_: Any) -> None:
        threading.Thread(target=start, daemon=True).start()

    worker_ready.connect(started, weak=False)
    worker.start()


def _chain(noop: Any, contest: Contest, at: float | None = None) -> None:
    chain(*(noop.si(data) for data in contest.chain(at))).apply_async()


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
