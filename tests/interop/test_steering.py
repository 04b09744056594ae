"""Every scene, whoever steers and whoever works: both sides tell the same about it, as expected."""

from __future__ import annotations

import itertools
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.interop.node import NodeProgram
from tests.interop.observe import observed, told
from tests.interop.sides import NodeSide, OxherdSide, until
from tests.interop.steering import SCENES, Scene, Step
from tests.interop.steers import NodeSteer, OxherdSteer, Refused, Steer
from tests.interop.test_matrix import with_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oxherd.store import Store

pytestmark = pytest.mark.timeout(60)

SIDES: Final = ("node", "oxherd")
TOLERANCE_MS: Final = 3


def _matrix() -> list[Any]:
    """One side steers, the other takes part; each of both works. A sample is every other scene."""
    found: list[Any] = []
    for number, scene in enumerate(SCENES):
        does_work = any(step.by == "works" for step in scene.steps)
        for place, (one, works) in enumerate(itertools.product(SIDES, SIDES)):
            if not does_work and works != SIDES[0]:
                continue
            sampled = place == (number % 2) * 2 + (1 - number % 2) or not does_work
            found.append(
                pytest.param(
                    scene,
                    one,
                    works,
                    id=f"{scene.name}, {one} steers, {works} works",
                    marks=[] if sampled else [pytest.mark.slow],
                )
            )
    return found


@pytest.fixture(scope="session")
def steering(bullmq: None, server_url: str) -> Iterator[NodeProgram]:
    program = NodeProgram("steering", server_url)
    yield program
    program.close()


@pytest.mark.parametrize(("scene", "one", "works"), _matrix())
async def test_a_scene_goes_as_told(
    *,
    scene: Scene,
    one: str,
    works: str,
    store: Store,
    prefix: str,
    client: NodeProgram,
    workers: NodeProgram,
    steering: NodeProgram,
) -> None:
    node, oxherd = NodeSteer(steering, client, prefix), OxherdSteer(store)
    by_name: dict[str, Steer] = {"node": node, "oxherd": oxherd}
    other = by_name[SIDES[1 - SIDES.index(one)]]
    worker = {"node": NodeSide(client, workers, prefix), "oxherd": OxherdSide(store)}[works]
    async with AsyncExitStack() as left_running:
        for step in scene.steps:
            args = with_prefix(step.args, prefix)
            match step.verb:
                case "work":
                    options = {**args["options"], "concurrency": args["concurrency"]}
                    async with AsyncExitStack() as running:
                        await running.enter_async_context(worker.working("work", **options))
                        await _reach(store, args["until"])
                        if args.get("leave"):
                            left_running.push_async_exit(running.pop_all())
                case "workUntil":
                    await _reach(store, args["until"])
                case "wait":
                    await until(lambda args=args: _stands(oxherd, scene, args), str(args))
                case _:
                    side = by_name[one] if step.by == "one" else other
                    await _do(side, step, args, oxherd)
    for name, wanted in scene.expected.items():
        queue, _, job_id = name.partition("/")
        ours = await observed(store, queue, job_id)
        theirs = await client.ask("observe", prefix=prefix, queue=queue, id=job_id)
        assert ours == theirs, name
        assert (ours and {field: ours[field] for field in wanted or {}}) == wanted, name
    for queue in scene.queues:
        stands = await oxherd.survey(queue, scene.deduplications)
        assert stands == await node.survey(queue, scene.deduplications), queue
        if queue == "work":
            assert _part(stands, scene.survey) == scene.survey
    await _check_times(scene, store)


async def _do(side: Steer, step: Step, args: dict[str, Any], reader: OxherdSteer) -> None:
    if args.get("id") == "{pending}":
        args = {**args, "id": (await reader.survey("work"))["ids"]["waiting"][0]}
    queue = args.get("queue", "work")
    try:
        answer = await side.do(
            step.verb, queue, {name: value for name, value in args.items() if name != "queue"}
        )
    except Refused:
        answer = "refused"
    if step.answers is not ...:
        assert answer == step.answers, step


async def _check_times(scene: Scene, store: Store) -> None:
    times: dict[str, tuple[int, int]] = {}
    for step in scene.steps:
        if step.verb == "add":
            job = (await store.jobs("work", [step.args["opts"]["jobId"]]))[0]
            if job is not None and job.processed_on and job.finished_on:
                times[job.id] = job.processed_on, job.finished_on
    if scene.order:
        starts = [
            event["jobId"] for event in await told(store, "work") if event["name"] == "active"
        ]
        assert tuple(starts) == scene.order
    if scene.apart is not None:
        first, second, least = scene.apart
        assert times[second][0] - times[first][0] >= least
    if scene.alone:
        spans = sorted(times.values())
        assert len(spans) > 1
        for (_, ended), (began, _) in itertools.pairwise(spans):
            assert began >= ended - TOLERANCE_MS


async def _reach(store: Store, states: dict[str, str]) -> None:
    async def reached() -> bool:
        found = await store.states("work", list(states))
        return found == list(states.values())

    await until(reached, str(states))


async def _stands(oxherd: OxherdSteer, scene: Scene, wanted: dict[str, Any]) -> bool:
    return _part(await oxherd.survey("work", scene.deduplications), wanted) == wanted


def _part(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What was found, of what is wanted."""
    return {
        name: _part(found[name], value) if isinstance(value, dict) else found[name]
        for name, value in wanted.items()
    }
