"""FlowJob graphs: what a user writes, checked and flattened into jobs to add."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from oxherd.domain.codec import encode
from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import InvalidFlow, InvalidOption, OxherdError
from oxherd.domain.group import parents_first
from oxherd.domain.names import check_job_name, check_queue_name, nearest
from oxherd.domain.options import JobOptions, OnFailure, ParentJob, as_options, merge
from oxherd.domain.record import Edge, JobKey, NewJob

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, eq=False)
class FlowJob:
    """A job of a flow; it runs once all of `children` have completed.

    The same object under several parents is one job with several parents.

    Args:
        name: the job's name, by which a worker picks the processor.
        queue: the queue whose workers run it.
        data: any JSON value.
        options: `JobOptions`, or a mapping of BullMQ's names.
        children: jobs that run before this one.
        on_failure: what this job's failure does to its parents; short for the option.
    """

    name: str
    queue: str = field(kw_only=True)
    data: Any = field(default=None, kw_only=True)
    options: JobOptions | Mapping[str, Any] | None = field(default=None, kw_only=True)
    children: Sequence[FlowJob | Mapping[str, Any]] = field(default=(), kw_only=True)
    on_failure: OnFailure | None = field(default=None, kw_only=True)


_KEYS: Final = {
    "name": "name",
    "queue": "queue",
    "queueName": "queue",
    "queue_name": "queue",
    "data": "data",
    "opts": "options",
    "options": "options",
    "children": "children",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked flow: its jobs, parents before children, and their shape."""

    jobs: tuple[NewJob, ...]
    """Breadth first; the root is first."""
    key: str
    """The root's full key."""


def chain(steps: Sequence[FlowJob | Mapping[str, Any]]) -> FlowJob:
    """Nest `steps`, given in running order: the first runs first, the last is the root.

    Each step keeps the children it has; the step before it is added to them.

    Raises:
        InvalidFlow: there is no step.
    """
    below: FlowJob | None = None
    for step in steps:
        node = as_flow_job(step)
        if below is not None:
            node = replace(node, children=(*node.children, below))
        below = node
    if below is None:
        raise InvalidFlow("a chain needs at least one step")
    return below


def as_flow_job(node: FlowJob | Mapping[str, Any]) -> FlowJob:
    """A `FlowJob` from either form; children are left as they are.

    Raises:
        InvalidFlow: an unknown key, a missing name or queue.
    """
    if isinstance(node, FlowJob):
        return node
    if not isinstance(node, Mapping):
        raise InvalidFlow(f"a job of a flow is a FlowJob or a mapping, not {node!r}")
    values: dict[str, Any] = {}
    for name, value in node.items():
        if name not in _KEYS:
            raise InvalidFlow(f"unknown key {name!r}{nearest(str(name), _KEYS)}")
        if _KEYS[name] in values:
            raise InvalidFlow(f"the {_KEYS[name]} is given twice")
        values[_KEYS[name]] = value
    for name in ("name", "queue"):
        if name not in values:
            raise InvalidFlow(f"there is no {name}; every job of a flow needs a name and a queue")
    if values.get("children") is None:
        values.pop("children", None)
    return FlowJob(**values)


def plan(
    flow: FlowJob | Mapping[str, Any],
    *,
    prefix: str,
    new_id: Callable[[], str],
    defaults: Callable[[str], JobOptions],
    flow_id: str | None = None,
) -> Plan:
    """Check a whole flow and flatten it, without recursion.

    Args:
        flow: the root.
        prefix: the store's key prefix.
        new_id: makes a fresh id.
        defaults: the options that a queue gives its jobs.
        flow_id: the id of the flow that this one joins; a fresh one unless given.

    Raises:
        InvalidFlow: a cycle (with its path), a missing name or queue, two different jobs of one
            id, a child listed twice under one parent, a deduplication that would tear it apart.
        InvalidOption, NotSerializable, PayloadTooLarge: a node is refused; the message has its
            path.
    """
    nodes, is_tree = _collect(flow, prefix, new_id, defaults)
    if not is_tree:
        _refuse_cycles(nodes)
    _refuse_outer_parents_inside(nodes)
    _refuse_torn_flows(nodes)
    root = nodes[0]
    if flow_id is None:
        flow_id = new_id() if root.given else root.id
    edges: dict[int, list[Edge]] = {id(node): list(node.outer) for node in nodes}
    for node in nodes:
        # The children of one parent share theirs: there may be very many.
        shared: dict[OnFailure, Edge] = {}
        for child in node.children:
            policy = child.options.on_failure or OnFailure.FAIL_PARENT
            edge = shared.get(policy) or shared.setdefault(policy, Edge(node.key, policy))
            edges[id(child)].append(edge)
    jobs = tuple(
        NewJob(
            queue=node.queue,
            id=node.id,
            given=node.given,
            name=node.name,
            data=node.data,
            options=node.options,
            timestamp=node.options.timestamp,
            flow_id=flow_id,
            parents=tuple(edges[id(node)]),
            children=tuple(child.key for child in node.children),
        )
        for node in (nodes if is_tree else parents_first(nodes))
    )
    return Plan(jobs, root.key)


def outer_edge(options: JobOptions, prefix: str) -> tuple[Edge, ...]:
    """The edge to a live parent that `options.parent` asks for, or none."""
    if not isinstance(options.parent, ParentJob):
        return ()
    queue = options.parent.queue
    base = queue if ":" in queue else f"{prefix}:{queue}"
    parent = str(JobKey.parse(f"{base}:{options.parent.id}"))
    return (Edge(parent, options.on_failure or OnFailure.FAIL_PARENT),)


@dataclass(slots=True, eq=False)
class _Spot:
    """Where in the flow a job was met; its path is built only for a message."""

    source: FlowJob | Mapping[str, Any]
    above: _Spot | None = None
    index: int = 0

    def path(self) -> str:
        """Like `flow.children[0].children[2]`."""
        steps: list[str] = []
        spot = self
        while spot.above is not None:
            steps.append(f".children[{spot.index}]")
            spot = spot.above
        return "flow" + "".join(reversed(steps))

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Say where, in front of what a check said."""
        if isinstance(error, OxherdError):
            error.args = (f"{self.path()}: {error.args[0]}", *error.args[1:])


@dataclass(slots=True, eq=False)
class _Node:
    spot: _Spot
    queue: str
    id: str
    given: bool
    name: str
    data: str
    options: JobOptions
    key: str
    outer: tuple[Edge, ...]
    has_data: bool
    children: list[_Node]


def _collect(
    flow: FlowJob | Mapping[str, Any],
    prefix: str,
    new_id: Callable[[], str],
    defaults: Callable[[str], JobOptions],
) -> tuple[list[_Node], bool]:
    """Every distinct job, in the order first met, breadth first; shared ones are one node.

    And whether each was met once, which is then parents first and without a cycle.
    """
    is_tree = True
    by_object: dict[int, _Node] = {}
    by_key: dict[str, _Node] = {}
    mappings: set[int] = set()
    linked: set[tuple[int, int]] = set()
    todo: deque[tuple[_Spot, _Node | None]] = deque([(_Spot(flow), None)])
    while todo:
        spot, parent = todo.popleft()
        source = spot.source
        node = by_object.get(id(source)) if isinstance(source, FlowJob) else None
        if node is None:
            if not isinstance(source, FlowJob):
                if id(source) in mappings:
                    _refuse_inside_itself(spot)
                mappings.add(id(source))
            with spot:
                job = as_flow_job(source)
                children = _children(job)
                made = _make(job, spot, prefix, new_id, defaults)
            node = by_key.setdefault(made.key, made)
            if node is not made:
                is_tree = False
                with spot:
                    _refuse_contradiction(node, made, children)
            if isinstance(source, FlowJob):
                by_object[id(source)] = node
            todo.extend([(_Spot(child, spot, index), node) for index, child in enumerate(children)])
        else:
            is_tree = False
        if parent is not None:
            if (id(parent), id(node)) in linked:
                with spot:
                    raise InvalidFlow(
                        f"job {node.name!r} ({node.key}) is listed twice under one parent"
                    )
            linked.add((id(parent), id(node)))
            parent.children.append(node)
    return list(by_key.values()), is_tree


def _refuse_inside_itself(spot: _Spot) -> None:
    """A mapping that holds itself would be walked, by value, for ever."""
    above = spot.above
    while above is not None:
        if above.source is spot.source:
            raise InvalidFlow(
                f"the flow has a cycle: {above.path()} → {spot.path()} is the same mapping"
            )
        above = above.above


def _children(job: FlowJob) -> Sequence[FlowJob | Mapping[str, Any]]:
    children = job.children
    if type(children) is tuple or type(children) is list:
        return children
    if isinstance(children, (str, bytes, Mapping)) or not isinstance(children, Sequence):
        raise InvalidFlow(f"children must be a list of jobs, not {children!r}")
    return children


def _make(
    job: FlowJob,
    spot: _Spot,
    prefix: str,
    new_id: Callable[[], str],
    defaults: Callable[[str], JobOptions],
) -> _Node:
    queue = check_queue_name(job.queue)
    options = as_options(job.options)
    if job.on_failure is not None:
        if options.on_failure is not None:
            raise InvalidOption(
                "on_failure is given twice, in the job and in its options; give it once"
            )
        options = replace(options, on_failure=job.on_failure)
    options = merge(defaults(queue), options)
    job_id = options.job_id or new_id()
    return _Node(
        spot=spot,
        queue=queue,
        id=job_id,
        given=options.job_id is not None,
        name=check_job_name(job.name),
        data=encode({} if job.data is None else job.data, "data", options.size_limit),
        options=options,
        key=str(JobKey(prefix, queue, job_id)),
        outer=outer_edge(options, prefix),
        has_data=job.data is not None,
        children=[],
    )


def _refuse_contradiction(first: _Node, again: _Node, children: Sequence[object]) -> None:
    """A later mention of an id may repeat what the first said, or leave it out."""
    at = f"this and {first.spot.path()} have one id ({first.key}) but"
    if first.name != again.name:
        raise InvalidFlow(f"{at} not one name")
    if again.has_data and again.data != first.data:
        raise InvalidFlow(f"{at} not the same data")
    if again.options not in (first.options, JobOptions(job_id=again.id)):
        raise InvalidFlow(f"{at} not the same options")
    if children and first.spot.source is not again.spot.source and _children_of(first):
        raise InvalidFlow(f"{at} both have children; give them once")


def _children_of(node: _Node) -> Sequence[object]:
    return _children(as_flow_job(node.spot.source))


def _refuse_outer_parents_inside(nodes: list[_Node]) -> None:
    attached = [node for node in nodes if node.outer]
    keys = {node.key for node in nodes} if attached else ()
    for node in attached:
        for edge in node.outer:
            if edge.parent in keys:
                with node.spot:
                    raise InvalidFlow(
                        f"options.parent names {edge.parent}, a job of this flow, which is a cycle"
                        " or a second edge; list the job among that job's children instead"
                    )


def _refuse_torn_flows(nodes: list[_Node]) -> None:
    """A job that is dropped leaves its children behind; one that is kept comes back alone."""
    deduplicated = [node for node in nodes if node.options.deduplication is not None]
    if not deduplicated:
        return
    children = {id(child) for node in nodes for child in node.children}
    for node in deduplicated:
        found = node.options.deduplication
        if node.children:
            with node.spot:
                raise InvalidFlow("a job with children cannot have deduplication")
        if isinstance(found, Deduplication) and found.keep_last_if_active and id(node) in children:
            with node.spot:
                raise InvalidFlow("a job with a parent cannot have keep_last_if_active")


def _refuse_cycles(nodes: list[_Node]) -> None:
    """Raise `InvalidFlow` with the path of a cycle, by a depth-first walk with its own stack."""
    done: set[int] = set()
    for start in nodes:
        if id(start) in done:
            continue
        trail: list[tuple[_Node, int]] = [(start, 0)]
        open_at: dict[int, int] = {id(start): 0}
        while trail:
            node, index = trail[-1]
            if index == len(node.children):
                trail.pop()
                del open_at[id(node)]
                done.add(id(node))
                continue
            trail[-1] = (node, index + 1)
            child = node.children[index]
            if id(child) in open_at:
                names = [step.name for step, _ in trail[open_at[id(child)] :]] + [child.name]
                raise InvalidFlow(
                    f"the flow has a cycle: {' → '.join(names)}; no job of it could start"
                )
            if id(child) not in done:
                open_at[id(child)] = len(trail)
                trail.append((child, 0))
