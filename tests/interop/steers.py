"""The two sides as those who steer queues, with BullMQ's verbs and units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from oxherd import FlowProducer, JobScheduler, OxherdError, Queue, State
from tests.interop.node import NodeError
from tests.interop.sides import waiting_by_default

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.store import Store
    from tests.interop.node import NodeProgram

PRIORITIES: Final = (0, 1, 9)


class Refused(Exception):
    """The side refused the call."""


class Steer(Protocol):
    """Steers queues."""

    async def do(self, verb: str, queue: str, args: dict[str, Any]) -> Any:
        """Call a verb; raises `Refused`."""
        ...

    async def survey(self, queue: str, deduplications: Sequence[str] = ()) -> dict[str, Any]:
        """How a queue stands."""
        ...


class NodeSteer:
    """BullMQ."""

    def __init__(self, program: NodeProgram, client: NodeProgram, prefix: str) -> None:
        self._program = program
        self._client = client
        self._prefix = prefix

    async def do(self, verb: str, queue: str, args: dict[str, Any]) -> Any:
        try:
            if verb == "addFlow":
                return await self._client.ask(verb, prefix=self._prefix, **args)
            return await self._program.ask(verb, prefix=self._prefix, queue=queue, **args)
        except NodeError as error:
            raise Refused from error

    async def survey(self, queue: str, deduplications: Sequence[str] = ()) -> dict[str, Any]:
        found: dict[str, Any] = await self._program.ask(
            "survey",
            prefix=self._prefix,
            queue=queue,
            deduplications=list(deduplications),
            priorities=list(PRIORITIES),
        )
        return found


class OxherdSteer:
    """Us."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def do(self, verb: str, queue: str, args: dict[str, Any]) -> Any:
        try:
            if verb == "addFlow":
                async with FlowProducer(store=self._store) as flows:
                    await flows.add(waiting_by_default(args["flow"], is_root=True))
                return None
            async with Queue(queue, store=self._store) as owner:
                if "id" in args and verb in _OF_JOBS:
                    job = await owner.get_job(args.pop("id"))
                    assert job is not None
                    return await _OF_JOBS[verb](job, **args)
                return await _OF_QUEUES[verb](owner, **args)
        except OxherdError as error:
            raise Refused from error

    async def survey(self, queue: str, deduplications: Sequence[str] = ()) -> dict[str, Any]:
        async with Queue(queue, store=self._store) as owner:
            listed = {
                state.value: [job.id for job in await owner.get_jobs(state, asc=True)]
                for state in State
            }
            rate = await owner.get_global_rate_limit()
            priorities = await owner.get_counts_per_priority(PRIORITIES)
            return {
                "ids": listed,
                "counts": await owner.get_job_counts(),
                "byPriority": {str(name): number for name, number in priorities.items()},
                "paused": await owner.is_paused(),
                "concurrency": await owner.get_global_concurrency(),
                "rate": rate and [rate.max, rate.duration_ms],
                "held": await owner.get_rate_limit_ttl() > 0,
                "owners": {
                    name: await owner.get_deduplication_job_id(name) for name in deduplications
                },
                "schedulers": [_scheduler(one) for one in await owner.get_job_schedulers()],
                "metrics": (await owner.get_metrics("completed")).count,
            }


async def _add(owner: Queue, name: str, data: Any, opts: dict[str, Any]) -> str:
    return (await owner.add(name, data, opts)).id


async def _upsert(
    owner: Queue,
    *,
    id: str,  # noqa: A002 - the wire's name
    repeat: dict[str, Any],
    template: dict[str, Any],
) -> Any:
    every = repeat.get("every")
    job = await owner.upsert_job_scheduler(
        id,
        every=None if every is None else every / 1000,
        pattern=repeat.get("pattern"),
        tz=repeat.get("tz"),
        limit=repeat.get("limit"),
        start=repeat.get("startDate"),
        name=template["name"],
        data=template["data"],
    )
    return job and job.id


_OF_QUEUES: Final[dict[str, Any]] = {
    "add": _add,
    "pause": lambda owner: owner.pause(),
    "resume": lambda owner: owner.resume(),
    "drain": lambda owner, delayed: owner.drain(delayed=delayed),
    "clean": lambda owner, grace, limit, state: owner.clean(grace / 1000, limit, state),
    "obliterate": lambda owner, force: owner.obliterate(force=force),
    "retryJobs": lambda owner, state, count: owner.retry_jobs(state, count),
    "promoteJobs": lambda owner: owner.promote_jobs(),
    "setGlobalConcurrency": lambda owner, most: owner.set_global_concurrency(most),
    "removeGlobalConcurrency": lambda owner: owner.remove_global_concurrency(),
    "setGlobalRateLimit": lambda owner, max, duration: owner.set_global_rate_limit(  # noqa: A006 - the wire's name
        max, duration / 1000
    ),
    "removeGlobalRateLimit": lambda owner: owner.remove_global_rate_limit(),
    "rateLimit": lambda owner, duration: owner.rate_limit(duration / 1000),
    "upsertJobScheduler": _upsert,
    "removeJobScheduler": lambda owner, id: owner.remove_job_scheduler(id),  # noqa: A006
    "removeDeduplicationKey": lambda owner, id: owner.remove_deduplication_key(id),  # noqa: A006
    "trimEvents": lambda owner, most: owner.trim_events(most),
    "remove": lambda owner, id, removeChildren: owner.remove(  # noqa: A006, N803
        id, remove_children=removeChildren
    ),
}
_OF_JOBS: Final[dict[str, Any]] = {
    "promote": lambda job: job.promote(),
    "retry": lambda job, state: job.retry(
        state, reset_attempts_made=False, reset_attempts_started=False
    ),
    "changeDelay": lambda job, delay: job.change_delay(delay / 1000),
    "changePriority": lambda job, priority, lifo=False: job.change_priority(priority, lifo=lifo),
    "updateData": lambda job, data: job.update_data(data),
    "clearLogs": lambda job, keep: job.clear_logs(keep),
    "removeUnprocessedChildren": lambda job: job.remove_unprocessed_children(),
    "removeChildDependency": lambda job: job.remove_child_dependency(),
}


def _scheduler(found: JobScheduler) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "next": found.next,
        "count": found.iteration_count,
        "every": None if found.every is None else round(found.every * 1000),
        "pattern": found.pattern,
        "limit": found.limit,
        "tz": found.tz,
        "data": found.data,
    }
