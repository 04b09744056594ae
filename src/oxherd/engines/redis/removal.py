"""Removing jobs with all below them: look first, then remove in steps, the job itself last."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oxherd.domain.record import JobKey
from oxherd.engines.redis.scripts import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oxherd.engines.redis.connection import Client

_STEP: Final = 250
"""How many jobs one script removes or looks at, so that it does not hold the server long."""

_AT_ONCE: Final = 500
"""Up to so many go in one step, all or none."""


_Removal = tuple[str, list[str], str]
"""A job's key, its parents that go too, its id."""

_Unlink = tuple[str, str]
"""(child, parent)."""


@dataclass(frozen=True, slots=True)
class _Node:
    key: str
    locked: bool
    parents: tuple[str, ...]
    children: tuple[str, ...]
    failed: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    order: list[_Node]
    """Who goes, children before parents."""
    unlinks: list[_Unlink]
    """The edges of children that stay."""

    def steps(self, root: str, root_id: str) -> Iterator[tuple[list[_Unlink], list[_Removal]]]:
        """What each script does, the unlinking first."""
        going = {node.key for node in self.order}
        # Another client's ids may hold colons: where the root's begins is known here alone.
        removals: list[_Removal] = [
            (
                node.key,
                [parent for parent in node.parents if parent in going],
                root_id if node.key == root else JobKey.parse(node.key).id,
            )
            for node in self.order
        ]
        if len(self.unlinks) + len(removals) <= _AT_ONCE:
            yield self.unlinks, removals
            return
        for at in range(0, len(self.unlinks), _STEP):
            yield self.unlinks[at : at + _STEP], []
        for at in range(0, len(removals), _STEP):
            yield [], removals[at : at + _STEP]


async def remove(client: Client, base: str, job_id: str, clock: str, *, children: bool) -> str:
    """Remove one job: "ok", "missing", "scheduled", or "locked" and the key of a job that is."""
    root = base + job_id
    nodes = await _look(client, base, root, deep=children)
    if root not in nodes:
        return "missing"
    plan = _plan(nodes, root)
    locked = [node.key for node in plan.order if node.locked]
    if locked:
        return f"locked {locked[-1]}"
    for unlinks, removals in plan.steps(root, job_id):
        unlocked = [root, *(key for key, *_ in removals)]
        answer = await client.run(
            SCRIPTS["remove"], base, clock, secrets.token_hex(8), unlocked, unlinks, removals
        )
        if answer != "ok":
            return str(answer)
    return "ok"


async def remove_unprocessed_children(client: Client, base: str, job_id: str, clock: str) -> str:
    """Remove the pending children of a job, with the pending ones below: "ok" or "missing"."""
    root = base + job_id
    script = SCRIPTS["remove_unprocessed_children"]
    while True:
        nodes = await _look(client, base, root, deep=True, pending=True)
        if root not in nodes:
            return "missing"
        plan = _plan_below(nodes, root)
        answer = "ok"
        for unlinks, removals in plan.steps(root, job_id):
            unlocked = [key for key, *_ in removals]
            answer = await client.run(
                script, base, clock, secrets.token_hex(8), job_id, unlocked, unlinks, removals
            )
            if answer != "ok":
                break
        # A job that was claimed meanwhile stays: look again at what else there is.
        if not answer.startswith("locked"):
            return answer


async def _look(
    client: Client, base: str, root: str, *, deep: bool, pending: bool = False
) -> dict[str, _Node]:
    """The root and, if `deep`, all below it (`pending`: that has not ended)."""
    nodes: dict[str, _Node] = {}
    todo = [root]
    asked = {root}
    while todo:
        keys, todo = todo[-_STEP:], todo[:-_STEP]
        found = await client.run(SCRIPTS["below"], base, _STEP if deep else 1, int(pending), keys)
        for key, locked, parents, children, failed in found:
            # In order, as ids mostly are of their adding: the newest leave a list the soonest.
            nodes[key] = _Node(
                key, bool(locked), tuple(parents), tuple(sorted(children)), bool(failed)
            )
        if not deep:
            return nodes
        for node in [nodes[key] for key, *_ in found]:
            for child in node.children:
                if child not in asked and child not in nodes:
                    asked.add(child)
                    todo.append(child)
        todo += [key for key in keys if key not in nodes and len(found) >= _STEP]
    return nodes


def _plan(nodes: dict[str, _Node], root: str) -> _Plan:
    """Who goes: the root, and below it whoever has no parent that stays."""
    waits: dict[str, int] = {}
    for node in nodes.values():
        if node.key != root:
            waits[node.key] = len(set(node.parents))
    order = [nodes[root]]
    unlinks: list[_Unlink] = []
    for node in order:
        for key in node.children:
            child = nodes.get(key)
            if child is None:
                unlinks.append((key, node.key))
            elif node.key in child.parents:
                waits[key] -= 1
                if waits[key] == 0:
                    order.append(child)
    going = {node.key for node in order}
    unlinks += [
        (key, node.key)
        for node in order
        for key in node.children
        if key in nodes and key not in going
    ]
    order.reverse()
    return _Plan(order, unlinks)


def _plan_below(nodes: dict[str, _Node], root: str) -> _Plan:
    """Who goes of those below the root; one that is held or has failed stays where it is."""
    ended = {key for key, node in nodes.items() if node.locked or node.failed}
    whole = _plan({key: node for key, node in nodes.items() if key not in ended - {root}}, root)
    order = [node for node in whole.order if node.key != root]
    unlinks = [edge for edge in whole.unlinks if edge[1] != root or edge[0] not in ended]
    return _Plan(order, unlinks)
