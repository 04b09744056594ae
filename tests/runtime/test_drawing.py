"""Trees as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oxherd.cli.tree import draw
from oxherd.domain.flow import FlowJob, chain
from oxherd.runtime.branches import MOST_LEVELS
from oxherd.runtime.flow_producer import FlowProducer

if TYPE_CHECKING:
    from oxherd.store import Store

BEYOND = 5


async def test_a_tree_is_drawn_with_branches(store: Store) -> None:
    twig = FlowJob("twig", queue="q", children=[FlowJob("leaf", queue="q")])
    bud = FlowJob("bud", queue="q")
    async with FlowProducer(store=store) as flows:
        node = await flows.add(FlowJob("top", queue="q", children=[twig, bud]))
    assert str(node).splitlines() == ["top (q)", "├─ twig (q)", "│  └─ leaf (q)", "└─ bud (q)"]


async def test_a_deep_chain_does_not_grow_wider_and_wider(store: Store) -> None:
    steps = [FlowJob(f"s{n}", queue="q") for n in range(MOST_LEVELS + BEYOND)]
    async with FlowProducer(store=store) as flows:
        node = await flows.add(chain(steps))
    lines = str(node).splitlines()
    assert len(lines) == len(steps)
    deepest = "   " * MOST_LEVELS
    assert lines[MOST_LEVELS].startswith(f"{deepest[3:]}└─ s")
    assert all(line.startswith(f"{deepest}⋮  s") for line in lines[-BEYOND + 1 :])
    drawn = draw(node, 0)
    assert max(len(row[0].text) for row in drawn if len(row) > 1) < len(deepest) + 20
