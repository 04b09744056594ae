"""What a job does is written in its data; `programs/workers.mjs` does the same.

`progress`, `logs`: told and logged at the start. `hold`: never ends. `takes`: milliseconds.
`unrecoverable`: fails for good, with this text. `fails`: how many attempts fail, as `boom 1`, …
`spawn`: children to add and wait for, each with its queue, id and data. `gather`: the result is
what the children gave and why ignored ones failed, by the children's ids. `returns`: the result.
A backoff that is a function waits 20 ms, and gives up at the third failure.
"""

from __future__ import annotations

import asyncio
from typing import Any

from oxherd import Job, JobKey, Unrecoverable, WaitForChildren


class Boom(Exception):
    """The failure that a job was told to have."""


async def perform(job: Job[Any, Any]) -> Any:
    todo = job.data
    if "progress" in todo:
        await job.update_progress(todo["progress"])
    for line in todo.get("logs", []):
        await job.log(line)
    if todo.get("hold"):
        await asyncio.Event().wait()
    if "takes" in todo:
        await asyncio.sleep(todo["takes"] / 1000)
    if "unrecoverable" in todo:
        raise Unrecoverable(todo["unrecoverable"])
    if job.attempts_made < todo.get("fails", 0):
        raise Boom(f"boom {job.attempts_made + 1}")
    if "spawn" in todo and not todo.get("spawned"):
        await job.update_data({**todo, "spawned": True})
        await job.add_children(
            [
                {
                    "name": "task",
                    "queueName": child["queue"],
                    "data": child["data"],
                    "opts": {"jobId": child["id"], "onFailure": "block"},
                }
                for child in todo["spawn"]
            ]
        )
        raise WaitForChildren
    if todo.get("gather"):
        return {
            "values": by_id(await job.get_children_values()),
            "ignored": by_id(await job.get_ignored_children_failures()),
        }
    return todo.get("returns")


def backoff(attempt: int, error: BaseException, record: object) -> float | None:
    """The function that jobs with the backoff `ours` ask."""
    return 0.02 if attempt < 3 else None


def by_id(values: dict[str, Any]) -> dict[str, Any]:
    """The same under the children's ids alone."""
    return {JobKey.parse(key).id: value for key, value in values.items()}
