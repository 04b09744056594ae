"""Jobs to add, as the layer above would make them."""

from __future__ import annotations

import itertools
from typing import Any

from oxherd.domain.keep import KEEP_ALL
from oxherd.domain.options import DEFAULT_OPTIONS, JobOptions, OnFailure
from oxherd.domain.outcome import Completion, Failure
from oxherd.domain.record import Edge, JobRecord, NewJob

_numbers = itertools.count()


def new_job(queue: str = "q", job_id: str | None = None, **fields: Any) -> NewJob:
    """A job with a fresh id, unless one is given."""
    return NewJob(
        queue=queue,
        id=job_id or f"j{next(_numbers):08d}",
        given=fields.pop("given", False),
        name=fields.pop("name", "n"),
        data=fields.pop("data", "{}"),
        options=fields.pop("options", DEFAULT_OPTIONS),
        **fields,
    )


def family(
    prefix: str, parent: NewJob, *children: NewJob, policy: OnFailure = OnFailure.FAIL_PARENT
) -> list[NewJob]:
    """A parent and its children as one group."""
    parent_key = f"{prefix}:{parent.queue}:{parent.id}"
    keys = tuple(f"{prefix}:{child.queue}:{child.id}" for child in children)
    edge = Edge(parent_key, policy)
    return [
        _with(parent, children=keys),
        *(_with(child, parents=(*child.parents, edge)) for child in children),
    ]


def completion(record: JobRecord, token: str, result: str = "null") -> Completion:
    return Completion(record.id, token, result, KEEP_ALL)


def failure(record: JobRecord, token: str, reason: str = "boom") -> Failure:
    return Failure(record.id, token, reason, "[]", KEEP_ALL)


def shared_child(prefix: str, options: JobOptions, policy: OnFailure) -> list[NewJob]:
    """Two parents, `p1` and `p2`, of one child."""
    child_key = f"{prefix}:low:child"
    parents = [new_job("top", name, children=(child_key,)) for name in ("p1", "p2")]
    edges = tuple(Edge(f"{prefix}:top:{parent.id}", policy) for parent in parents)
    return [*parents, new_job("low", "child", options=options, parents=edges)]


def finish_as_another_client(client: Any, prefix: str, *, failed: bool = False) -> None:
    """What another client's worker does at a job's end: it knows the first parent only."""
    base, key = f"{prefix}:low:", f"{prefix}:low:child"
    parent = f"{prefix}:top:p1"
    client.lrem(f"{base}active", -1, "child")
    client.delete(f"{key}:lock")
    client.srem(f"{parent}:dependencies", key)
    if failed:
        client.hset(key, mapping={"failedReason": "boom", "finishedOn": 1, "atm": 1})
        client.zadd(f"{base}failed", {"child": 1})
        client.hset(f"{parent}:failed", key, "boom")
    else:
        client.hset(key, mapping={"returnvalue": "7", "finishedOn": 1, "atm": 1})
        client.zadd(f"{base}completed", {"child": 1})
        client.hset(f"{parent}:processed", key, "7")
    client.zrem(f"{prefix}:top:waiting-children", "p1")
    client.rpush(f"{prefix}:top:wait", "p1")


def _with(job: NewJob, **changes: Any) -> NewJob:
    fields = {name: getattr(job, name) for name in NewJob.__slots__}
    return NewJob(**(fields | changes))


__all__ = ["JobOptions", "completion", "failure", "family", "new_job"]
