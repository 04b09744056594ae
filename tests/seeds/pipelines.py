"""The pipelines article's trees and processors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oxherd import FlowJob, Job
from tests.seeds.running import first_value

if TYPE_CHECKING:
    from collections.abc import Sequence

SIMPLE: dict[str, Any] = {
    "name": "parent-job",
    "queueName": "parent-queue",
    "data": {"type": "aggregate"},
    "children": [
        {"name": "child-1", "queueName": "child-queue", "data": {"item": 1}},
        {"name": "child-2", "queueName": "child-queue", "data": {"item": 2}},
    ],
}
WITH_OPTIONS: dict[str, Any] = {
    "name": "parent", "queueName": "parent-queue", "data": {"type": "aggregate"},
    "opts": {"attempts": 3, "backoff": {"type": "exponential", "delay": 1000}, "priority": 1},
    "children": [
        {
            "name": "critical-child", "queueName": "child-queue", "data": {"critical": True},
            "opts": {
                "attempts": 5, "backoff": {"type": "exponential", "delay": 2000}, "priority": 0,
            },
        },
        {
            "name": "optional-child", "queueName": "child-queue", "data": {"optional": True},
            "opts": {"attempts": 1, "failParentOnFailure": False},
        },
    ],
}  # fmt: skip


def pipeline(records: list[int]) -> dict[str, Any]:
    """extract → transform → load → notify, on four queues."""
    run_id = {"pipelineId": "pipeline_1"}
    return {
        "name": "notify", "queueName": "pipeline-notify", "data": {**run_id, "stage": "notify"},
        "children": [{
            "name": "load", "queueName": "pipeline-load", "data": {**run_id, "stage": "load"},
            "children": [{
                "name": "transform", "queueName": "pipeline-transform",
                "data": {**run_id, "stage": "transform"},
                "children": [{
                    "name": "extract", "queueName": "pipeline-extract",
                    "data": {**run_id, "stage": "extract", "input": records},
                }],
            }],
        }],
    }  # fmt: skip


async def extract(job: Job) -> dict[str, Any]:
    return {"records": job.data["input"], "count": len(job.data["input"])}


async def transform(job: Job) -> dict[str, Any]:
    extracted = await first_value(job)
    records = [record * 10 for record in extracted["records"]]
    return {"records": records, "count": len(records)}


async def load(job: Job) -> dict[str, Any]:
    return {"loaded": (await first_value(job))["count"]}


async def notify(job: Job) -> dict[str, Any]:
    loaded = (await first_value(job))["loaded"]
    return {"pipelineId": job.data["pipelineId"], "success": True, "loaded": loaded}


STAGES = {"extract": extract, "transform": transform, "load": load, "notify": notify}


def fan_out(items: Sequence[Any], **opts: Any) -> dict[str, Any]:
    """A child for each item, and a parent that gathers; `opts` are the children's."""
    return {
        "name": "aggregate-results", "queueName": "aggregator",
        "data": {"batchId": "batch_1", "totalItems": len(items)},
        "children": [
            {"name": f"process-item-{index}", "queueName": "item-processor",
             "data": {"batchId": "batch_1", "index": index, "item": item}, "opts": opts}
            for index, item in enumerate(items)
        ],
    }  # fmt: skip


async def process_item(job: Job) -> dict[str, Any]:
    if job.data["item"] < 0:
        raise ValueError(f"item {job.data['index']} is negative")
    return {"index": job.data["index"], "result": job.data["item"] ** 2, "success": True}


async def aggregate(job: Job) -> dict[str, Any]:
    results = await job.get_results()
    good = [one.value for one in results if one.failure is None]
    return {
        "batchId": job.data["batchId"],
        "totalItems": job.data["totalItems"],
        "successful": len(good),
        "failed": len(results) - len(good),
        "results": [value["result"] for value in good],
    }


ORDER_DATA: dict[str, Any] = {
    "orderId": "o-1", "customerId": "c-1", "items": [{"productId": "p-1", "quantity": 2}],
    "address": {"city": "Graz"},
}  # fmt: skip


def _order(*names: str) -> dict[str, Any]:
    return {name: ORDER_DATA[name] for name in names}


def article_order(**payment: Any) -> dict[str, Any]:
    """The article's own tree, in which the payment stands twice; `payment` is its options."""
    pay = {
        "name": "process-payment", "queueName": "payment",
        "data": _order("orderId", "customerId"), "opts": payment,
    }  # fmt: skip
    validated = {**pay, "children": [{
        "name": "validate-order", "queueName": "validation", "data": _order("orderId"),
        "children": [
            {"name": "validate-items", "queueName": "item-validation", "data": _order("items")},
            {"name": "validate-customer", "queueName": "customer-validation",
             "data": _order("customerId")},
        ],
    }]}  # fmt: skip
    return {
        "name": "send-confirmation", "queueName": "order-confirmation", "data": _order("orderId"),
        "children": [{
            "name": "fulfill-order", "queueName": "order-fulfillment", "data": _order("orderId"),
            "children": [
                {"name": "reserve-inventory", "queueName": "inventory",
                 "data": _order("orderId", "items"), "children": [validated]},
                {"name": "prepare-shipping", "queueName": "shipping",
                 "data": _order("orderId", "address"), "children": [pay]},
            ],
        }],
    }  # fmt: skip


def order_workflow() -> FlowJob:
    """validate → pay → (reserve ∥ ship) → confirm; the payment is one object with two parents."""
    order = {"orderId": "o-1"}
    validate = FlowJob("validate-order", queue="validation", data=order, children=[
        FlowJob("validate-items", queue="item-validation", data={"items": ["p-1"]}),
        FlowJob("validate-customer", queue="customer-validation", data={"customerId": "c-1"}),
    ])  # fmt: skip
    pay = FlowJob("process-payment", queue="payment", data=order, children=[validate])
    fulfill = FlowJob("fulfill-order", queue="order-fulfillment", data=order, children=[
        FlowJob("reserve-inventory", queue="inventory", data=order, children=[pay]),
        FlowJob("prepare-shipping", queue="shipping", data=order, children=[pay]),
    ])  # fmt: skip
    return FlowJob("send-confirmation", queue="order-confirmation", data=order, children=[fulfill])


def processing_flow(sources: str, transformations: str, destinations: str) -> FlowJob:
    """The dynamic builder, with jobs that are shared because they are the same objects."""
    below = [FlowJob(f"extract-{one}", queue="extraction") for one in sources]
    for one in transformations:
        below = [FlowJob(f"transform-{one}", queue="transformation", children=below)]
    loads = [FlowJob(f"load-{one}", queue="loading", children=below) for one in destinations]
    return FlowJob("complete-flow", queue="flow-completion", children=loads)


def resilient(**must_succeed: Any) -> dict[str, Any]:
    """The parent with a child that must succeed and one that may fail."""
    return {
        "name": "resilient-parent", "queueName": "parent", "data": {}, "opts": {"attempts": 2},
        "children": [
            {"name": "must-succeed", "queueName": "critical", "data": {},
             "opts": {"attempts": 5, **must_succeed}},
            {"name": "optional-task", "queueName": "optional", "data": {},
             "opts": {"attempts": 2, "failParentOnFailure": False}},
        ],
    }  # fmt: skip
