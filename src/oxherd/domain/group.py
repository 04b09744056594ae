"""A group of new jobs as a store takes it: an id that stands several times in a call is one job."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from msgspec.structs import replace

from oxherd.domain.errors import InvalidFlow
from oxherd.domain.record import Added, NewJob


class HasChildren(Protocol):
    """A job of a flow, whatever else is known of it."""

    @property
    def children(self) -> Sequence[Self]:
        """The jobs that it waits for."""
        ...


Node = TypeVar("Node", bound=HasChildren)


@dataclass(frozen=True, slots=True)
class Group:
    """The distinct jobs of a call, and which of them each of its jobs is.

    As with two calls, the first job with an id is the one that is added, and a later one only
    brings its parents.
    """

    jobs: tuple[NewJob, ...]
    places: tuple[int, ...]
    """For each job of the call, its place among `jobs`."""

    @classmethod
    def of(cls, new: Sequence[NewJob]) -> Self:
        """The group of a call.

        Raises:
            InvalidFlow: a job with children is not the only one with its id.
        """
        if len(new) == 1:
            return cls(tuple(new), (0,))
        mentions: dict[tuple[str | None, str, str], list[NewJob]] = {}
        for job in new:
            mentions.setdefault(_name(job), []).append(job)
        if len(mentions) == len(new):
            return cls(tuple(new), tuple(range(len(new))))
        # A parent comes before its children, so the job stands where its last parent is behind it.
        stands = {name: _last_below(same) for name, same in mentions.items()}
        jobs = [_one(mentions[_name(job)]) for job in new if stands[_name(job)] is job]
        place = {_name(job): at for at, job in enumerate(jobs)}
        return cls(tuple(jobs), tuple(place[_name(job)] for job in new))

    def answers(self, added: Sequence[Added]) -> list[Added]:
        """The answer to each job of the call, from those to the distinct ones."""
        seen: set[int] = set()
        answers: list[Added] = []
        for place in self.places:
            answer = added[place]
            answers.append(replace(answer, duplicate=True) if place in seen else answer)
            seen.add(place)
        return answers


def _name(job: NewJob) -> tuple[str | None, str, str]:
    return job.prefix, job.queue, job.id


def _last_below(mentions: Sequence[NewJob]) -> NewJob:
    return next((job for job in reversed(mentions) if job.parents), mentions[0])


def _one(mentions: Sequence[NewJob]) -> NewJob:
    first = mentions[0]
    if len(mentions) == 1:
        return first
    if any(job.children for job in mentions):
        raise InvalidFlow(
            f"job id {first.id!r} of queue {first.queue!r} stands {len(mentions)} times in one"
            " call, and has children; add the flows one after the other"
        )
    edges = {edge.parent: edge for job in reversed(mentions) for edge in job.parents}
    parents = dict.fromkeys(edge.parent for job in mentions for edge in job.parents)
    return replace(first, parents=tuple(edges[parent] for parent in parents))


def parents_first(nodes: Sequence[Node]) -> list[Node]:
    """All of a flow, every parent before its children; breadth first where it can be.

    Jobs of a cycle, and all below it, are missing.
    """
    missing = {id(node): 0 for node in nodes}
    for node in nodes:
        for child in node.children:
            missing[id(child)] += 1
    ready = deque(node for node in nodes if not missing[id(node)])
    order: list[Node] = []
    while ready:
        node = ready.popleft()
        order.append(node)
        for child in node.children:
            missing[id(child)] -= 1
            if not missing[id(child)]:
                ready.append(child)
    return order
