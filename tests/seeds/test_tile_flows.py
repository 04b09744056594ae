"""The tile: its flows as they are nested, in the order that they mean, and its use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oxherd import (
    FlowJob,
    FlowProducer,
    Job,
    JobFailed,
    JobOptions,
    OnFailure,
    Queue,
    Unrecoverable,
    WaitForChildren,
    chain,
)
from tests.runtime.working import SOON, failure_of, until
from tests.seeds.running import Gate, all_values, every_queue, fails, name_of, run, workers
from tests.seeds.tile import LINEAR, SHOP, SIGNUP, dataset_in_time, onboarding, shop_in_time

if TYPE_CHECKING:
    from oxherd import Store


@pytest.mark.parametrize("in_stock", [True, False])
async def test_seed_3_1_a_step_decides_which_way_the_flow_goes(
    store: Store, *, in_stock: bool
) -> None:
    """A step decides at run time which branch is run (partly: no `when=` on a job)."""

    async def check(job: Job) -> Any:
        if not (await job.get_dependencies_count())["processed"]:
            branch = "ship" if job.data["inStock"] else "refund"
            await job.add_children([{"name": branch, "queueName": "q"}])
            if await job.move_to_waiting_children():
                raise WaitForChildren
        return await job.get_child_value()

    tree = chain([
        FlowJob("check", queue="q", data={"inStock": in_stock}), FlowJob("confirm", queue="q"),
    ])  # fmt: skip
    ran = await run(store, tree, {"check": check, "confirm": all_values})
    branch = "ship" if in_stock else "refund"
    # The branch may be done before there is anything to wait for; then the step just goes on.
    assert list(dict.fromkeys(ran.order)) == ["check", branch, "confirm"]
    assert ran.before(branch, "confirm")
    assert ran.result == [branch]


async def test_seed_3_12_children_run_first_and_chain_reads_in_time(store: Store) -> None:
    """Children run first, so the tile's confirmation does too; `chain()` reads in time."""
    assert (await run(store, LINEAR)).order == [
        "send-confirmation", "validate-payment", "process-order",
    ]  # fmt: skip
    meant = chain(
        [
            {"name": "validate-payment", "queueName": "payments"},
            {"name": "process-order", "queueName": "orders"},
            {"name": "send-confirmation", "queueName": "notifications"},
        ]
    )
    assert (await run(store, meant)).order == [
        "validate-payment", "process-order", "send-confirmation",
    ]  # fmt: skip


async def test_seed_3_14_the_signup(store: Store) -> None:
    """The signup makes avatar and preferences before the profile, and ends with the signup."""
    ran = await run(store, SIGNUP)
    assert ran.before("generate-avatar", "create-user-profile")
    assert ran.before("setup-preferences", "create-user-profile")
    assert ran.order[-1] == "process-user-signup"
    assert len(ran.order) == 6


async def test_seed_3_17_the_shop_pays_before_it_ships(store: Store) -> None:
    """The shop as its comments mean it pays before it ships, and ships before it ends."""
    ran = await run(store, shop_in_time())
    assert ran.order[:2] == ["check-inventory", "process-payment"]
    assert ran.before("process-payment", "create-shipment")
    assert ran.before("print-label", "create-shipment")
    assert ran.before("schedule-pickup", "create-shipment")
    assert ran.order[-1] == "process-order"
    assert len(ran.order) == len(set(ran.order)) == 8


async def test_seed_3_17_as_nested_the_children_run_first(store: Store) -> None:
    """In the tile's own tree what stands inside runs before what it stands in."""
    ran = await run(store, SHOP)
    assert ran.order[-3:] == ["process-payment", "check-inventory", "process-order"]
    assert ran.before("print-label", "create-shipment")
    assert ran.before("schedule-pickup", "create-shipment")
    assert len(ran.order) == len(set(ran.order)) == 8


async def test_seed_3_21_flows_are_added_in_bulk(store: Store) -> None:
    """Flows are added in bulk, and each runs."""
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([onboarding("user-001"), onboarding("user-002")])
        assert len(nodes) == 2
        async with workers(store, {"onboarding", "emails"}):
            for node in nodes:
                assert await node.flow.result(SOON) == "onboard-user"


async def test_seed_3_25_the_dataset_is_extracted_transformed_and_loaded(store: Store) -> None:
    """The dataset is extracted, transformed, loaded; a transformation that fails ends that."""
    ran = await run(store, dataset_in_time())
    steps = [name for name in ran.order if name != "generate-report"]
    assert steps == ["extract-data", "transform-data", "load-to-warehouse", "data-pipeline"]
    with pytest.raises(JobFailed):
        await run(store, dataset_in_time(), {"transform-data": fails})


async def test_seed_3_27_children_run_before_their_parent_whatever_it_does(store: Store) -> None:
    """Children run before their parent, whatever becomes of it."""
    with pytest.raises(JobFailed, match="process-order failed"):
        await run(store, LINEAR, {"process-order": fails})
    assert (await Queue("payments", store=store).get_job_counts())["completed"] == 1


async def appended(job: Job) -> list[str]:
    """A step that passes on which steps came before it."""
    before = await all_values(job)
    return [*(before[0] if before else []), job.name]


def steps(case: str, *names: str, **options: Any) -> list[FlowJob]:
    return [
        FlowJob(name, queue=f"{case}-{name}", options=options.get(name.replace("-", "_")))
        for name in names
    ]


USE_CASES = {
    "order": ["inventory", "payment", "fulfillment", "notification"],
    "data": ["collect", "validate", "process", "store", "index"],
    "ci-cd": ["build", "test", "deploy", "verify", "notify"],
}


@pytest.mark.parametrize("case", USE_CASES)
async def test_seed_3_37_each_use_case_runs_in_its_order(store: Store, case: str) -> None:
    """Orders, data processing and CI/CD run in their order, each step with what came before."""
    names = USE_CASES[case]
    ran = await run(store, chain(steps(case, *names)), dict.fromkeys(names, appended))
    assert ran.order == ran.result == names


@pytest.mark.parametrize("broken", USE_CASES["ci-cd"][:-1])
async def test_seed_3_37_a_broken_step_stops_the_rest(store: Store, broken: str) -> None:
    """In CI/CD nothing runs after the step that broke, and the flow fails."""
    names = USE_CASES["ci-cd"]
    started: list[str] = []

    async def note(job: Job) -> None:
        started.append(job.name)
        if job.name == broken:
            raise ValueError("red")

    with pytest.raises(JobFailed):
        await run(store, chain(steps("ci-cd", *names)), dict.fromkeys(names, note))
    assert started == names[: names.index(broken) + 1]


async def test_seed_3_37_etl_with_error_handling(store: Store) -> None:
    """ETL handles errors: a flaky extraction is tried again, a failed report is ignored."""
    extract, transform, load = steps(
        "etl", "extract", "transform", "load", extract=JobOptions(attempts=3)
    )
    report = FlowJob("report", queue="etl-report", on_failure=OnFailure.IGNORE)
    top = FlowJob("done", queue="etl-done", children=[chain([extract, transform, load]), report])

    async def flaky(job: Job) -> list[str]:
        if job.attempts_made < 2:
            raise ConnectionError("the source hung up")
        return await appended(job)

    async def look(job: Job) -> list[Any]:
        return [[one.value, one.failure] for one in await job.get_results()]

    processors = {
        "extract": flaky, "transform": appended, "load": appended, "report": fails, "done": look,
    }  # fmt: skip
    ran = await run(store, top, processors)
    assert ran.result == [[["extract", "transform", "load"], None], [None, "report failed"]]
    assert ran.order.count("extract") == 3


async def test_seed_3_37_onboarding_goes_on_without_the_mail(store: Store) -> None:
    """Onboarding creates the account first, then mails and sets up side by side."""
    account = FlowJob("create-account", queue="accounts")
    welcome = FlowJob("send-welcome", queue="mails", children=[account])
    profile = FlowJob("setup-profile", queue="profiles", children=[account])
    lists = FlowJob("add-to-lists", queue="lists", children=[welcome, profile])
    ran = await run(store, lists)
    assert ran.order[0] == "create-account"
    assert sorted(ran.order[1:3]) == ["send-welcome", "setup-profile"]
    assert ran.order[3:] == ["add-to-lists"]


PUBLISHING = ["write", "review", "approve", "publish", "notify"]
A_YEAR = 365 * 86_400


@pytest.mark.parametrize("approved", [True, False])
async def test_seed_3_38_publishing_waits_for_a_person(store: Store, *, approved: bool) -> None:
    """Publishing waits for a person, who promotes the approval (partly: there is no signal)."""
    started: list[str] = []

    async def process(job: Job) -> None:
        started.append(job.name)
        if job.name == "approve" and not job.data.get("approved"):
            raise Unrecoverable("refused")

    flow = chain(steps("news", *PUBLISHING, approve=JobOptions(delay=A_YEAR)))
    async with FlowProducer(store=store) as flows:
        node = await flows.add(flow)
    approval = next(one.job for one in node.walk() if one.job.name == "approve")
    async with workers(store, every_queue(flow), process):
        await until(approval.is_delayed)
        assert started == PUBLISHING[:2]
        await approval.update_data({"approved": approved})
        await approval.promote()
        if approved:
            await node.flow.result(SOON)
        else:
            assert (await failure_of(approval)).reason == "refused"
            await failure_of(node.job)
    assert started == (PUBLISHING if approved else PUBLISHING[:3])


async def test_seed_3_38_steps_wait_while_a_queue_is_paused(store: Store) -> None:
    """A person may hold one step of all flows by pausing its queue, and let them go on."""
    approvals = Queue("news-approve", store=store)
    await approvals.pause()
    flow = chain(steps("news", *PUBLISHING))
    gate = Gate()
    gate.open()
    async with FlowProducer(store=store) as flows:
        nodes = await flows.add_bulk([flow, flow])
    async with workers(store, every_queue(flow), {
        **dict.fromkeys(PUBLISHING, name_of), "approve": gate,
    }):  # fmt: skip
        for node in nodes:
            approval = next(one.job for one in node.walk() if one.job.name == "approve")
            await until(approval.is_waiting)
        assert (await approvals.is_paused(), gate.most) == (True, 0)
        await approvals.resume()
        for node in nodes:
            assert await node.flow.result(SOON) == "notify"
