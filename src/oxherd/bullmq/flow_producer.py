"""FlowProducer: adds trees of jobs, each of which runs once all its children have completed."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from oxherd.bullmq.adding import check_parent, new_job, parents_of, refused
from oxherd.bullmq.connected import Connected
from oxherd.bullmq.job import Job
from oxherd.domain.errors import OxherdError
from oxherd.domain.group import parents_first
from oxherd.domain.record import Edge, JobKey

if TYPE_CHECKING:
    from oxherd.bullmq.connection import Connection
    from oxherd.domain.record import Added, NewJob

JobNode = dict[str, Any]
"""`job`, and for a job with children `children`, a list of such nodes."""

_OPTIONS: Final = frozenset({"prefix", "connection", "backend", "skipVersionCheck"})
_DEPTH: Final = 10
_CHILDREN: Final = 20


class FlowQueue:
    """A queue that a node of a flow names."""

    def __init__(self, name: str, prefix: str, connection: Connection) -> None:
        self.name = name
        self.prefix = prefix
        self.opts: dict[str, Any] = {"prefix": prefix}
        self.qualifiedName = f"{prefix}:{name}"
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """The flow producer's."""
        return self._connection


@dataclass(slots=True, eq=False)
class _Node:
    """A job of a flow, and where it stands."""

    job: Job
    parents: tuple[Edge, ...]
    children: list[_Node] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.job.queueQualifiedName}:{self.job.id}"


class FlowProducer(Connected):
    """Adds flows.

    Emits `error` for a flow of `addBulk` that was not added.

    Args:
        redisOpts: the server, or the options.
        opts: `connection`, `prefix`.
    """

    def __init__(
        self,
        redisOpts: Mapping[str, Any] | str | object = None,
        opts: Mapping[str, Any] | None = None,
    ) -> None:
        if opts is None and isinstance(redisOpts, Mapping) and _OPTIONS & redisOpts.keys():
            opts, redisOpts = redisOpts, None
        server = {} if redisOpts is None else {"connection": redisOpts}
        super().__init__({**(opts or {}), **server})
        self.keys = self.connection.keys("")

    async def add(
        self, flow: Mapping[str, Any], opts: Mapping[str, Any] | None = None
    ) -> JobNode | None:
        """Add a flow, all of it or nothing; None once this is closing.

        Args:
            flow: {name, queueName, data, opts, prefix, children}, children alike.
            opts: `queuesOptions`: by queue name, {defaultJobOptions}.

        Raises:
            Exception: the root's parent does not exist, or has ended.
            ValueError, TypeError: an option or data is impossible.
        """
        if self.closing:
            return None
        nodes = self._nodes(flow, opts or {})
        answer = (await self.connection.store.add([_new_jobs(nodes)]))[0]
        if isinstance(answer, OxherdError):
            raise _flow_error(answer, nodes)
        _tell(nodes, answer)
        return _tree(nodes[0])

    async def addBulk(
        self, flows: Sequence[Mapping[str, Any]], opts: Mapping[str, Any] | None = None
    ) -> list[JobNode] | None:
        """Add flows in one step; one whose root's parent does not exist is left out.

        Args:
            flows: as in `add`.
            opts: as in `add`.

        Raises:
            ValueError, TypeError: an option or data is impossible.
        """
        if self.closing:
            return None
        trees = [self._nodes(flow, opts or {}) for flow in flows]
        answers = await self.connection.store.add([_new_jobs(nodes) for nodes in trees])
        for nodes, answer in zip(trees, answers, strict=True):
            if isinstance(answer, OxherdError):
                self.emit("error", _flow_error(answer, nodes))
            else:
                _tell(nodes, answer)
        return [_tree(nodes[0]) for nodes in trees]

    async def getFlow(self, opts: Mapping[str, Any]) -> JobNode | None:
        """A job and what is below it, as it is now; None when there is no such job.

        Args:
            opts: `id`, `queueName`, `prefix`, `depth` (10: how many levels), `maxChildren` (20:
                how many of each kind a job shows).
        """
        if self.closing:
            return None
        prefix = opts.get("prefix") or self.prefix
        root = await self._job(JobKey(prefix, opts["queueName"], str(opts["id"])))
        if root is None:
            return None
        most = opts.get("maxChildren") or _CHILDREN
        tree: JobNode = {"job": root}
        level = [tree]
        for _ in range((opts.get("depth") or _DEPTH) - 1):
            read = await asyncio.gather(*(self._read_children(node, most) for node in level))
            level = [child for children in read for child in children]
        return tree

    def toKey(self, name: str, type: str) -> str:
        """A key of a queue, by what it ends with."""
        return self.connection.queue_keys.toKey(name, type)

    def _nodes(self, flow: Mapping[str, Any], opts: Mapping[str, Any]) -> list[_Node]:
        """The jobs of a flow, breadth first; one with an id that came before is the same job."""
        defaults = opts.get("queuesOptions") or {}
        outer = (flow.get("opts") or {}).get("parent") or opts.get("parent")
        todo: deque[tuple[Mapping[str, Any], _Node | None]] = deque([(flow, None)])
        by_key: dict[str, _Node] = {}
        while todo:
            given, parent = todo.popleft()
            link = outer if parent is None else _link_to(parent.job)
            made = self._node(given, link, defaults)
            node = by_key.setdefault(made.key, made)
            if node is not made:
                node.parents += tuple(x for x in made.parents if x not in node.parents)
            if parent is not None:
                parent.children.append(node)
            todo.extend((child, node) for child in given.get("children") or ())
        return list(by_key.values())

    def _node(
        self,
        given: Mapping[str, Any],
        parent: Mapping[str, Any] | None,
        defaults: Mapping[str, Any],
    ) -> _Node:
        name = given["queueName"]
        queue = FlowQueue(name, given.get("prefix") or self.prefix, self.connection)
        merged = {
            **((defaults.get(name) or {}).get("defaultJobOptions") or {}),
            **(given.get("opts") or {}),
        }
        merged.pop("parent", None)
        if parent:
            merged["parent"] = parent
        if merged.get("deduplication") and given.get("children"):
            raise ValueError("Deduplication options cannot be used on flow nodes with children")
        if parent and (merged.get("deduplication") or {}).get("keepLastIfActive"):
            raise ValueError(
                "keepLastIfActive deduplication cannot be used on flow nodes with a parent"
            )
        job = Job(queue, given.get("name") or "", given.get("data", {}), merged, uuid.uuid4().hex)
        check_parent(job)
        return _Node(job, parents_of(job))

    async def _job(self, key: JobKey) -> Job | None:
        return await Job.fromId(FlowQueue(key.queue, key.prefix, self.connection), key.id)

    async def _read_children(self, node: JobNode, most: int) -> list[JobNode]:
        job: Job = node["job"]
        kinds = ("processed", "unprocessed", "failed", "ignored")
        page = await job.getDependencies({kind: {"count": most} for kind in kinds})
        keys = [JobKey.parse(key) for kind in kinds for key in page[kind]]
        if not keys:
            return []
        found = await asyncio.gather(*(self._job(key) for key in keys))
        node["children"] = [{"job": child} for child in found if child is not None]
        children: list[JobNode] = node["children"]
        return children


def _link_to(parent: Job) -> dict[str, str]:
    return {"id": parent.id, "queue": parent.queueQualifiedName}


def _new_jobs(nodes: Sequence[_Node]) -> list[NewJob]:
    """A flow for the store, parents before children."""
    root = nodes[0].job
    flow_id = uuid.uuid4().hex if root.given.get("jobId") else root.id
    return [
        new_job(
            node.job,
            numbered=False,
            flow_id=flow_id,
            parents=node.parents,
            children=tuple(dict.fromkeys(child.key for child in node.children)),
        )
        for node in parents_first(nodes)
    ]


def _tell(nodes: Sequence[_Node], added: Sequence[Added]) -> None:
    """Tell the jobs of a flow the ids and times that they have."""
    for node, answer in zip(parents_first(nodes), added, strict=True):
        node.job.id = answer.id
        if not answer.duplicate and not answer.deduplicated:
            node.job.timestamp = answer.timestamp


def _tree(root: _Node) -> JobNode:
    tree: JobNode = {"job": root.job}
    todo = [(root, tree)]
    while todo:
        node, shown = todo.pop()
        if node.children:
            shown["children"] = [{"job": child.job} for child in node.children]
            todo.extend(zip(node.children, shown["children"], strict=True))
    return tree


def _flow_error(error: OxherdError, nodes: Sequence[_Node]) -> Exception:
    found = refused(error, [node.job for node in nodes])
    if found is error:
        return found
    plain = Exception(str(found))
    plain.code = getattr(found, "code", None)  # type: ignore[attr-defined]  # as the official one
    return plain


__all__ = ["FlowProducer", "FlowQueue", "JobNode"]
