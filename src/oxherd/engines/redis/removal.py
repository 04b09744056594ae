"""Removing jobs with all below them: look first, then remove in steps, the job itself last."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oxherd.engines.redis.scripts import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.engines.redis.connection import Client

_STEP: Final = 250
"""How many jobs one script removes or looks at, so that it does not hold the server long."""

_AT_ONCE: Final = 500
"""Up to so many go in one step, all or none."""


_Removal = tuple[str, list[str], str]
"""A job's key, its parents that go too, its id."""


@dataclass(frozen=True, slots=True)
class _Node:
    key: str
    locked: bool
    parents: tuple[str, ...]
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    order: list[_Node]
    """Children before parents."""
    unlinks: list[tuple[str, str]]
    """(child, parent) for children that stay."""


async def remove(client: Client, base: str, job_id: str, clock: str, *, children: bool) -> str:
    """Remove one job: "ok", "missing", or "locked" and the key of a job that is."""
    root = base + job_id
    nodes = await _look(client, base, root, deep=children)
    if root not in nodes:
        return "missing"
    plan = _plan(nodes, root)
    locked = [node.key for node in plan.order if node.locked]
    if locked:
        return f"locked {locked[-1]}"
    going = {node.key for node in plan.order}
    # Another client's ids may hold colons: where the root's begins is known here alone.
    removals: list[_Removal] = [
        (
            node.key,
            [parent for parent in node.parents if parent in going],
            job_id if node.key == root else node.key.rpartition(":")[2],
        )
        for node in plan.order
    ]
    steps: list[tuple[Sequence[tuple[str, str]], Sequence[_Removal]]] = [
        (plan.unlinks[at : at + _STEP], []) for at in range(0, len(plan.unlinks), _STEP)
    ]
    steps += [([], removals[at : at + _STEP]) for at in range(0, len(removals), _STEP)]
    if len(plan.unlinks) + len(removals) <= _AT_ONCE:
        steps = [(plan.unlinks, removals)]
    for unlinks, removed in steps:
        unlocked = [root, *(key for key, *_ in removed)]
        answer = await client.run(
            SCRIPTS["remove"], base, clock, secrets.token_hex(8), unlocked, unlinks, removed
        )
        if answer != "ok":
            return str(answer)
    return "ok"


async def _look(client: Client, base: str, root: str, *, deep: bool) -> dict[str, _Node]:
    """The root and, if `deep`, all below it."""
    nodes: dict[str, _Node] = {}
    todo = [root]
    asked = {root}
    while todo:
        keys, todo = todo[-_STEP:], todo[:-_STEP]
        found = await client.run(SCRIPTS["below"], base, _STEP if deep else 1, keys)
        for key, locked, parents, children in found:
            # In order, as ids mostly are of their adding: the newest leave a list the soonest.
            nodes[key] = _Node(key, bool(locked), tuple(parents), tuple(sorted(children)))
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
    unlinks: list[tuple[str, str]] = []
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
