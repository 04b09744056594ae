"""How these tests open stores, make jobs, and look behind the port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oxherd.domain.errors import OxherdError
from oxherd.domain.keep import KEEP_ALL
from oxherd.domain.options import JobOptions, OnFailure
from oxherd.domain.outcome import Completion, Failure
from oxherd.domain.record import Edge, NewJob
from oxherd.engines.sqlite.store import SqliteStore
from oxherd.store import no_failpoint

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from oxherd.domain.record import JobRecord
    from oxherd.store import Clock, FailPoint

PREFIX = "bull"


def opened(
    path: Path | str,
    *,
    clock: Clock | None = None,
    failpoint: FailPoint = no_failpoint,
    durability: str = "full",
) -> SqliteStore:
    return SqliteStore(
        str(path), prefix=PREFIX, durability=durability, clock=clock, failpoint=failpoint
    )


def new_job(
    job_id: str,
    *,
    queue: str = "q",
    given: bool = False,
    data: str = "{}",
    parents: tuple[Edge, ...] = (),
    children: tuple[str, ...] = (),
    **options: Any,
) -> NewJob:
    return NewJob(
        queue=queue,
        id=job_id,
        given=given,
        name="work",
        data=data,
        options=JobOptions(**options),
        parents=parents,
        children=children,
    )


def key(job_id: str, queue: str = "q") -> str:
    return f"{PREFIX}:{queue}:{job_id}"


def edge(parent: str, policy: OnFailure = OnFailure.FAIL_PARENT) -> Edge:
    return Edge(key(parent), policy)


def star(width: int, policy: OnFailure = OnFailure.FAIL_PARENT) -> list[NewJob]:
    """A parent in `q` and its children in `below`."""
    names = [f"child-{number:06}" for number in range(width)]
    parent = new_job("parent", children=tuple(key(name, "below") for name in names))
    return [
        parent,
        *(new_job(name, queue="below", parents=(edge("parent", policy),)) for name in names),
    ]


def chain(length: int) -> list[NewJob]:
    """A chain in `q`; `step-0` is the root, and the last one runs first."""
    names = [f"step-{number}" for number in range(length)]
    return [
        new_job(
            name,
            children=(key(names[at + 1]),) if at + 1 < length else (),
            parents=(edge(names[at - 1]),) if at else (),
        )
        for at, name in enumerate(names)
    ]


async def put(store: SqliteStore, *job_ids: str, queue: str = "q", **options: Any) -> None:
    await add(store, *(new_job(job_id, queue=queue, **options) for job_id in job_ids))


async def add(store: SqliteStore, *jobs: NewJob) -> None:
    (answer,) = await store.add([jobs])
    if isinstance(answer, OxherdError):
        raise answer


async def take(
    store: SqliteStore, limit: int = 1, *, queue: str = "q", token: str = "token"
) -> tuple[JobRecord, ...]:
    return (await store.claim(queue, limit, token=token, lock_ms=30_000)).jobs


def completion(job_id: str, *, token: str = "token") -> Completion:
    return Completion(job_id, token, "null", KEEP_ALL)


def failure(job_id: str, *, token: str = "token") -> Failure:
    return Failure(job_id, token, "boom", "[]", KEEP_ALL)


async def sql(store: SqliteStore, statement: str, *values: object) -> list[Any]:
    """Runs a statement inside a transaction of the store's writer."""
    rows: list[Any] = await store._write("test", lambda each: each.all(statement, *values))
    return rows


def connection_of(store: SqliteStore) -> sqlite3.Connection:
    """The writing connection, to be looked at while the writer is idle."""
    assert store._writer is not None
    connection = store._writer._connection
    assert connection is not None
    return connection
