"""FlowProducer: adds whole flows, all or none, and reads them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from oxherd.domain.errors import InvalidFlow, JobNotFound, OxherdError
from oxherd.domain.flow import FlowJob, Plan, plan
from oxherd.domain.options import DEFAULT_OPTIONS, JobOptions, as_options
from oxherd.domain.record import JobKey
from oxherd.runtime.adding import jobs_added
from oxherd.runtime.flow import Flow, JobNode, read_tree
from oxherd.runtime.ids import IdSource
from oxherd.runtime.intake import add_group
from oxherd.runtime.tenancy import Tenancy

if TYPE_CHECKING:
    from oxherd.runtime.job import Job
    from oxherd.store import Store

FlowLike = FlowJob | Mapping[str, Any]
QueuesOptions = Mapping[str, JobOptions | Mapping[str, Any]]


class FlowProducer:
    """Adds flows: jobs that run once all their children have completed.

    Args:
        store: a store, its URL, or nothing for the default.
    """

    def __init__(self, *, store: Store | str | None = None) -> None:
        self._tenancy = Tenancy(store, "flow producer")
        self._ids = IdSource()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the producer; the flows stay where they are."""
        await self._tenancy.aclose()

    async def aclose(self) -> None:
        """The same as `close()`."""
        await self.close()

    async def add(self, flow: FlowLike, *, queues_options: QueuesOptions | None = None) -> JobNode:
        """Add one flow.

        Args:
            flow: a `FlowJob`, or a mapping with `name`, `queueName` (or `queue`, `queue_name`),
                `data`, `opts`, `children`.
            queues_options: default options by queue name.

        Raises:
            InvalidFlow, InvalidOption, NotSerializable, PayloadTooLarge: a job is refused (the
                message says which), and nothing was written.
            JobNotFound, WrongState: the root's `options.parent` is gone or has ended.
        """
        return (await self.add_bulk([flow], queues_options=queues_options))[0]

    async def add_bulk(
        self, flows: Sequence[FlowLike], *, queues_options: QueuesOptions | None = None
    ) -> list[JobNode]:
        """Add several flows, all of them or none; see `add`."""
        store = self._tenancy.store
        by_queue = _defaults(queues_options)
        plans: list[Plan] = []
        for index, flow in enumerate(flows):
            try:
                plans.append(
                    plan(
                        flow,
                        prefix=store.prefix,
                        new_id=self._ids.new_id,
                        defaults=lambda queue: by_queue.get(queue, DEFAULT_OPTIONS),
                    )
                )
            except OxherdError as error:
                if len(flows) > 1:
                    error.args = (f"flows[{index}]: {error.args[0]}", *error.args[1:])
                raise
        new = [job for one in plans for job in one.jobs]
        if not new:
            return []
        jobs = await jobs_added(store, new, await add_group(store, new))
        nodes: list[JobNode] = []
        start = 0
        for one in plans:
            size = len(one.jobs)
            nodes.append(_tree(one, jobs[start : start + size], store))
            start += size
        return nodes

    async def get_flow(
        self,
        id: str,  # noqa: A002 - the public name
        queue: str,
        *,
        depth: int | None = None,
        max_children: int | None = None,
    ) -> JobNode:
        """The job and everything below it, as it is now; whole unless bounds are given.

        Args:
            id: the job at the top.
            queue: its queue.
            depth: how many levels to read; a node whose children were not read is `truncated`.
            max_children: how many children of each job to read; likewise.

        Raises:
            JobNotFound: there is no such job.
        """
        root = await read_tree(self._tenancy.store, queue, id, depth, max_children)
        if root is None:
            raise JobNotFound(id, queue)
        return root

    def flow(self, id: str, queue: str) -> Flow:  # noqa: A002 - the public name
        """A handle on the flow whose root is that job."""
        return Flow(self._tenancy.store, queue, id)


def _defaults(queues_options: QueuesOptions | None) -> dict[str, JobOptions]:
    """Options by queue; BullMQ nests a queue's in `defaultJobOptions`."""
    found: dict[str, JobOptions] = {}
    for queue, options in (queues_options or {}).items():
        given: Any = options
        if isinstance(options, Mapping) and "defaultJobOptions" in options:
            given = options["defaultJobOptions"]
        try:
            found[queue] = as_options(given)
        except OxherdError as error:
            raise InvalidFlow(f"queues_options[{queue!r}]: {error}") from error
    return found


def _tree(one: Plan, jobs: Sequence[Job[Any, Any]], store: Store) -> JobNode:
    """The nodes of a flow just added; a job with several parents is one node."""
    nodes = {
        str(JobKey(store.prefix, new.queue, new.id)): JobNode(job, store)
        for new, job in zip(one.jobs, jobs, strict=True)
    }
    for new, node in zip(one.jobs, nodes.values(), strict=True):
        node.children.extend([nodes[child] for child in new.children])
    return nodes[one.key]
