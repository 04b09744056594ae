"""What a job does is written in its data; `programs/scenes.mjs` does the same.

`progress`, `logs`: told and logged at the start. `hold`: waits until the scene lets it go.
On its first start: `postpone`, in milliseconds; `release`; `limited`, for so many milliseconds;
`children`, which it adds and waits for. `detach`: removes its pending children. `unrecoverable`:
fails for good, with this text. `fails`: how many attempts fail, as `boom 1`, … `returns`: the
result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oxherd import Job, Postpone, RateLimited, Release, Unrecoverable, WaitForChildren
from tests.interop.processing import Boom
from tests.interop.sides import waiting_by_default

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def perform(job: Job[Any, Any], hold: Callable[[], Awaitable[None]]) -> Any:
    todo = job.data
    if "progress" in todo:
        await job.update_progress(todo["progress"])
    for line in todo.get("logs", []):
        await job.log(line)
    if todo.get("hold"):
        await hold()
    if job.attempts_started == 1:
        await _start(job, todo)
    if todo.get("detach"):
        await job.remove_unprocessed_children()
    if "unrecoverable" in todo:
        raise Unrecoverable(todo["unrecoverable"])
    if job.attempts_made < todo.get("fails", 0):
        raise Boom(f"boom {job.attempts_made + 1}")
    return todo.get("returns")


async def _start(job: Job[Any, Any], todo: dict[str, Any]) -> None:
    if "postpone" in todo:
        raise Postpone(todo["postpone"] / 1000)
    if todo.get("release"):
        raise Release
    if "limited" in todo:
        raise RateLimited(todo["limited"] / 1000)
    if "children" in todo:
        await job.add_children(
            [waiting_by_default(child, is_root=False) for child in todo["children"]]
        )
        raise WaitForChildren
