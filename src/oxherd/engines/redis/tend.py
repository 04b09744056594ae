"""Looking after single jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.domain.errors import JobNotFound
from oxherd.domain.record import JobKey
from oxherd.engines.redis import removal, wire
from oxherd.engines.redis.calls import OK, Calls, nonce, refusal, refusals, refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.errors import OxherdError
    from oxherd.domain.lifecycle import State
    from oxherd.store import Refusal


class RedisTend(Calls):
    """The port's `Tend`."""

    async def update_data(
        self, queue: str, job_id: str, data: str, token: str | None = None
    ) -> Refusal:
        answer = await self._run("update_data", queue, job_id, token or "", data)
        return refusal("update the data of", queue, job_id, answer)

    async def update_progress(
        self, queue: str, job_id: str, progress: str, token: str | None = None
    ) -> Refusal:
        answer = await self._run("update_progress", queue, job_id, token or "", progress, nonce())
        return refusal("update the progress of", queue, job_id, answer)

    async def append_log(
        self, queue: str, job_id: str, lines: Sequence[str], token: str | None = None
    ) -> int | OxherdError:
        answer = await self._run(
            "append_log", queue, job_id, token or "", list(lines), repeatable=False
        )
        if isinstance(answer, int):
            return answer
        return refused("log for", queue, job_id, answer)

    async def clear_logs(self, queue: str, job_id: str, *, keep: int = 0) -> Refusal:
        answer = await self._run("clear_logs", queue, job_id, keep)
        return refusal("clear the logs of", queue, job_id, answer)

    async def change_delay(self, queue: str, job_id: str, delay_ms: int) -> Refusal:
        answer = await self._run("change_delay", queue, self._now(), nonce(), job_id, delay_ms)
        return refusal("change the delay of", queue, job_id, answer)

    async def change_priority(
        self, queue: str, job_id: str, priority: int, *, lifo: bool = False
    ) -> Refusal:
        answer = await self._run("change_priority", queue, nonce(), job_id, priority, int(lifo))
        return refusal("change the priority of", queue, job_id, answer)

    async def remove_child_dependency(
        self, queue: str, job_id: str, parent: str
    ) -> OxherdError | bool:
        answer = await self._run(
            "remove_child_dependency", queue, self._now(), nonce(), job_id, parent
        )
        match answer:
            case "ok" | "unrelated":
                return bool(answer == OK)
            case "parent-missing":
                key = JobKey.parse(parent)
                return JobNotFound(key.id, key.queue)
            case _:
                return refused("unlink", queue, job_id, answer)

    async def remove_unprocessed_children(self, queue: str, job_id: str) -> Refusal:
        self._failpoint("redis.remove_unprocessed_children.before_send")
        answer = await removal.remove_unprocessed_children(
            self._client, self._base(queue), job_id, self._now()
        )
        self._failpoint("redis.remove_unprocessed_children.after_answer")
        return refusal("remove the children of", queue, job_id, answer)

    async def remove_deduplication_key(
        self, queue: str, deduplication_id: str, job_id: str | None = None
    ) -> bool:
        answer = await self._run(
            "remove_deduplication_key", queue, nonce(), deduplication_id, job_id or ""
        )
        return bool(answer)

    async def promote(self, queue: str, job_ids: Sequence[str]) -> list[Refusal]:
        answers = await self._run("promote", queue, nonce(), list(job_ids))
        return refusals("promote", queue, job_ids, answers)

    async def reprocess(
        self,
        queue: str,
        job_ids: Sequence[str],
        state: State,
        *,
        attempts_made: bool = True,
        attempts_started: bool = True,
    ) -> list[Refusal]:
        structure, flags = wire.STRUCTURES[state], (int(attempts_made), int(attempts_started))
        answers = await self._run(
            "reprocess", queue, self._now(), nonce(), structure, *flags, list(job_ids)
        )
        return refusals("reprocess", queue, job_ids, answers)

    async def remove(self, queue: str, job_ids: Sequence[str], *, children: bool) -> list[Refusal]:
        self._failpoint("redis.remove.before_send")
        answers = [
            await removal.remove(
                self._client, self._base(queue), job_id, self._now(), children=children
            )
            for job_id in job_ids
        ]
        self._failpoint("redis.remove.after_answer")
        return refusals("remove", queue, job_ids, answers)
