"""Flows as they are read: a handle on the whole, and its jobs as nodes of a graph."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from oxherd.domain.errors import JobNotFound
from oxherd.domain.lifecycle import FINISHED, State
from oxherd.domain.record import JobKey
from oxherd.runtime.branches import branches
from oxherd.runtime.job import Job
from oxherd.runtime.waiting import wait_until_finished

if TYPE_CHECKING:
    from datetime import timedelta

    from oxherd.store import Store


class Flow:
    """A flow, known by its root job.

    Args:
        store: where it is.
        queue: the root's queue.
        job_id: the root's id.
    """

    def __init__(self, store: Store, queue: str, job_id: str) -> None:
        self._store = store
        self.queue_name = queue
        self.root_id = job_id

    def __repr__(self) -> str:
        return f"<Flow of job {self.root_id!r} of queue {self.queue_name!r}>"

    async def result(self, timeout: float | timedelta | None = None) -> Any:  # noqa: ASYNC109 - the public name
        """The root's result, once it has ended; `timeout` in seconds.

        A failure below that will fail the root counts at once, worker or not.

        Raises:
            JobFailed, JobRemoved, TimeoutError: see `Job.wait_until_finished`.
        """
        return await wait_until_finished(self._store, self.queue_name, self.root_id, timeout)

    async def status(self) -> dict[str, int]:
        """How many jobs of the whole graph are in each state, by the state's name.

        A job that is about to be failed because a child failed counts as failed.

        Raises:
            JobNotFound: the root is gone.
        """
        root = await read_tree(self._store, self.queue_name, self.root_id)
        if root is None:
            raise JobNotFound(self.root_id, self.queue_name)
        counts = Counter[State]()
        for node in root.walk():
            if node.state is not None:
                doomed = node.job.deferred_failure is not None and node.state not in FINISHED
                counts[State.FAILED if doomed else node.state] += 1
        return {state.value: counts[state] for state in State}


class JobNode:
    """One job of a flow: `.job`, `.children`; `node["job"]` and `node["children"]` work too.

    `state` is set when the node was read by `get_flow`. `truncated` tells that there are children
    that were not read. `missing` lists the full keys of children whose records are gone.
    """

    __slots__ = ("_store", "children", "job", "missing", "state", "truncated")

    def __init__(self, job: Job[Any, Any], store: Store, *, state: State | None = None) -> None:
        self.job = job
        self.children: list[JobNode] = []
        self.state = state
        self.truncated = False
        self.missing: list[str] = []
        self._store = store

    def __getitem__(self, name: str) -> Any:
        if name not in ("job", "children"):
            raise KeyError(name)
        return getattr(self, name)

    def __repr__(self) -> str:
        return f"<JobNode {self.job.name!r} {self.job.id!r} with {len(self.children)} children>"

    def __str__(self) -> str:
        """The tree, one job a line, the root first; it runs from the bottom up."""
        lines: list[str] = []
        drawn: set[int] = set()
        stack: list[tuple[JobNode, str, str]] = [(self, "", "")]
        while stack:
            node, head, indent = stack.pop()
            again = id(node) in drawn
            drawn.add(id(node))
            state = f"  {node.state}" if node.state else ""
            lines.append(
                f"{head}{node.job.name} ({node.job.queue_name}){state}"
                f"{'  (see above)' if again and node.children else ''}"
            )
            if again:
                continue
            if node.truncated:
                lines.append(f"{indent}└─ … (cut)")
            marks = branches(indent, len(node.children))
            below = zip(node.children, marks, strict=True)
            stack.extend(reversed([(child, *mark) for child, mark in below]))
        return "\n".join(lines)

    @property
    def flow(self) -> Flow:
        """A handle on the flow whose root is this job."""
        return Flow(self._store, self.job.queue_name, self.job.id)

    def walk(self) -> Iterator[JobNode]:
        """Every job of the tree once, this one first, level by level."""
        seen = {id(self)}
        level = [self]
        while level:
            yield from level
            below: list[JobNode] = []
            for node in level:
                for child in node.children:
                    if id(child) not in seen:
                        seen.add(id(child))
                        below.append(child)
            level = below


async def read_tree(
    store: Store,
    queue: str,
    job_id: str,
    depth: int | None = None,
    max_children: int | None = None,
) -> JobNode | None:
    """The job and what is below it, level by level; None when there is no such job."""
    key = str(JobKey(store.prefix, queue, job_id))
    nodes = await _read_nodes(store, [key])
    level = list(nodes.values())
    while level:
        if depth is not None:
            depth -= 1
        count = 0 if depth == 0 else max_children
        pages = await asyncio.gather(
            *(store.children(node.job.queue_name, node.job.id, 0, count) for node in level)
        )
        below = dict.fromkeys(link.key for page in pages for link in page.links)
        fresh = await _read_nodes(store, [text for text in below if text not in nodes])
        nodes |= fresh
        for node, page in zip(level, pages, strict=True):
            node.truncated = page.total > len(page.links)
            for link in page.links:
                if link.key in nodes:
                    node.children.append(nodes[link.key])
                else:
                    node.missing.append(link.key)
        level = list(fresh.values())
    return nodes.get(key)


async def _read_nodes(store: Store, keys: list[str]) -> dict[str, JobNode]:
    """Those of the jobs that there are, with their states; two reads for each queue."""
    by_queue: dict[str, list[JobKey]] = {}
    for key in map(JobKey.parse, keys):
        if key.prefix == store.prefix:
            by_queue.setdefault(key.queue, []).append(key)
    nodes: dict[str, JobNode] = {}
    for queue, own in by_queue.items():
        ids = [key.id for key in own]
        # The states first: a record may then be newer, and a finished job has its ending.
        states = await store.states(queue, ids)
        records = await store.jobs(queue, ids)
        for key, record, state in zip(own, records, states, strict=True):
            if record is not None:
                nodes[str(key)] = JobNode(Job(record, store), store, state=state)
    return nodes
