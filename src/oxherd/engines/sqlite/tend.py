"""Looking after single jobs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oxherd.engines.sqlite.calls import Calls
from oxherd.engines.sqlite.transitions.append_log import append_log
from oxherd.engines.sqlite.transitions.change_delay import change_delay
from oxherd.engines.sqlite.transitions.change_priority import change_priority
from oxherd.engines.sqlite.transitions.clear_logs import clear_logs
from oxherd.engines.sqlite.transitions.promote import promote
from oxherd.engines.sqlite.transitions.remove import Removal, go_on, remove
from oxherd.engines.sqlite.transitions.remove_child_dependency import remove_child_dependency
from oxherd.engines.sqlite.transitions.remove_deduplication_key import remove_deduplication_key
from oxherd.engines.sqlite.transitions.remove_unprocessed_children import (
    Pruning,
    prune_on,
    remove_unprocessed_children,
)
from oxherd.engines.sqlite.transitions.reprocess import reprocess
from oxherd.engines.sqlite.transitions.update_data import update_data
from oxherd.engines.sqlite.transitions.update_progress import update_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.lifecycle import State
    from oxherd.store import Refusal


class SqliteTend(Calls):
    """The port's `Tend`."""

    async def update_data(
        self, queue: str, job_id: str, data: str, token: str | None = None
    ) -> Refusal:
        work = partial(update_data, queue=queue, job_id=job_id, data=data, token=token)
        return await self._write("update_data", work)

    async def update_progress(
        self, queue: str, job_id: str, progress: str, token: str | None = None
    ) -> Refusal:
        work = partial(update_progress, queue=queue, job_id=job_id, progress=progress, token=token)
        return await self._write("update_progress", work)

    async def append_log(
        self, queue: str, job_id: str, lines: Sequence[str], token: str | None = None
    ) -> int | OxherdError:
        work = partial(append_log, queue=queue, job_id=job_id, lines=lines, token=token)
        return await self._write("append_log", work)

    async def clear_logs(self, queue: str, job_id: str, *, keep: int = 0) -> Refusal:
        work = partial(clear_logs, queue=queue, job_id=job_id, keep=keep)
        return await self._write("clear_logs", work)

    async def change_delay(self, queue: str, job_id: str, delay_ms: int) -> Refusal:
        work = partial(change_delay, queue=queue, job_id=job_id, delay_ms=delay_ms)
        return await self._write("change_delay", work)

    async def change_priority(
        self, queue: str, job_id: str, priority: int, *, lifo: bool = False
    ) -> Refusal:
        work = partial(change_priority, queue=queue, job_id=job_id, priority=priority, lifo=lifo)
        return await self._write("change_priority", work)

    async def remove_child_dependency(
        self, queue: str, job_id: str, parent: str
    ) -> OxherdError | bool:
        work = partial(remove_child_dependency, queue=queue, job_id=job_id, parent=parent)
        return await self._write("remove_child_dependency", work)

    async def remove_unprocessed_children(self, queue: str, job_id: str) -> Refusal:
        begin = partial(remove_unprocessed_children, queue=queue, job_id=job_id)
        answer: Refusal | Pruning = await self._write("remove_unprocessed_children", begin)
        while isinstance(answer, Pruning):
            step = partial(prune_on, pruning=answer)
            answer = await self._write("remove_unprocessed_children", step)
        return answer

    async def remove_deduplication_key(
        self, queue: str, deduplication_id: str, job_id: str | None = None
    ) -> bool:
        work = partial(
            remove_deduplication_key,
            queue=queue,
            deduplication_id=deduplication_id,
            job_id=job_id,
        )
        return await self._write("remove_deduplication_key", work)

    async def promote(self, queue: str, job_ids: Sequence[str]) -> list[Refusal]:
        return await self._write("promote", partial(promote, queue=queue, job_ids=job_ids))

    async def reprocess(
        self,
        queue: str,
        job_ids: Sequence[str],
        state: State,
        *,
        attempts_made: bool = True,
        attempts_started: bool = True,
    ) -> list[Refusal]:
        work = partial(
            reprocess,
            queue=queue,
            job_ids=job_ids,
            state=state,
            attempts_made=attempts_made,
            attempts_started=attempts_started,
        )
        return await self._write("reprocess", work)

    async def remove(self, queue: str, job_ids: Sequence[str], *, children: bool) -> list[Refusal]:
        begin = partial(remove, queue=queue, job_ids=job_ids, children=children)
        answers: list[Refusal | Removal] = await self._write("remove", begin)
        done: list[Refusal] = []
        for answer in answers:
            left = answer
            while isinstance(left, Removal):
                left = await self._write("remove", partial(go_on, removal=left))
            done.append(left)
        return done
