"""Huey on Redis, with a consumer of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from huey import RedisHuey
from huey.api import chord

from benchmarks.peers.contest import JOB, QUEUE, Contest, Data, run


def add(contest: Contest) -> None:
    _, noop = _huey(contest)
    contest.ready()
    for data in contest.jobs():
        noop(data)
    contest.added()


def together(contest: Contest) -> None:
    _, noop = _huey(contest)
    adders = contest.adders

    def adder(_: int) -> None:
        for data in contest.jobs(contest.count // adders):
            noop(data)

    with ThreadPoolExecutor(adders) as pool:
        contest.ready()
        list(pool.map(adder, range(adders)))
        contest.added()


def trees(contest: Contest) -> None:
    huey, noop = _huey(contest)
    children = contest.children
    contest.ready()
    for data in contest.jobs():
        below = [noop.s(child) for child in contest.jobs(children)]
        huey.enqueue(chord(below, noop.s(data)))
    contest.added()


def chains(contest: Contest) -> None:
    huey, noop = _huey(contest)
    for _ in contest.calls():
        for _ in range(contest.count):
            huey.enqueue(_chain(noop, contest))


def trickle(contest: Contest) -> None:
    _, noop = _huey(contest)
    for data in contest.calls():
        noop(data)


def work(contest: Contest) -> None:
    huey, _ = _huey(contest)
    consumer = _consumer(huey, contest)
    contest.ready()
    consumer.start()
    contest.hold()


def idle(contest: Contest) -> None:
    huey, noop = _huey(contest)
    consumer = _consumer(huey, contest)
    contest.ready()
    consumer.start()
    contest.one_at_a_time(lambda at: noop({"n": 0, "at": at}))
    contest.hold()


def idle_chains(contest: Contest) -> None:
    huey, noop = _huey(contest)
    consumer = _consumer(huey, contest)
    contest.ready()
    consumer.start()
    contest.one_at_a_time(lambda at: huey.enqueue(_chain(noop, contest, at)), each=contest.length)
    contest.hold()


def _huey(contest: Contest) -> tuple[Any, Any]:
    huey = RedisHuey(QUEUE, url=contest.url, results=contest.keep)

    @huey.task(name=JOB)
    def noop(data: Data, *_before: Any) -> int:
        contest.ended(data)
        return int(data["n"])

    huey.storage.conn.ping()
    return huey, noop


def _consumer(huey: Any, contest: Contest) -> Any:
    return huey.create_consumer(workers=contest.concurrency, worker_type="thread", periodic=False)


def _chain(noop: Any, contest: Contest, at: float | None = None) -> Any:
    first, *others = contest.chain(at)
    task = noop.s(first)
    for data in others:
        task = task.then(noop, data)
    return task


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
