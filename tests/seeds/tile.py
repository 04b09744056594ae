"""The tile's trees as they are nested, and the same in the order that their words mean."""

from __future__ import annotations

from typing import Any

from oxherd import FlowJob

ORDER_DATA = {"orderId": "order-123"}
LINEAR: dict[str, Any] = {
    "name": "process-order", "queueName": "orders", "data": ORDER_DATA,
    "children": [
        {
            "name": "validate-payment", "queueName": "payments", "data": ORDER_DATA,
            "children": [
                {
                    "name": "send-confirmation", "queueName": "notifications",
                    "data": {**ORDER_DATA, "type": "confirmation"},
                },
            ],
        },
    ],
}  # fmt: skip
SIGNUP: dict[str, Any] = {
    "name": "process-user-signup", "queueName": "users",
    "data": {"userId": "user-456", "email": "user@example.com"},
    "children": [
        {
            "name": "send-welcome-email", "queueName": "emails",
            "data": {"userId": "user-456", "template": "welcome"},
        },
        {
            "name": "create-user-profile", "queueName": "profiles", "data": {"userId": "user-456"},
            "children": [
                {"name": "generate-avatar", "queueName": "images", "data": {"userId": "user-456"}},
                {
                    "name": "setup-preferences", "queueName": "preferences",
                    "data": {"userId": "user-456", "defaults": True},
                },
            ],
        },
        {
            "name": "add-to-mailing-list", "queueName": "marketing",
            "data": {"email": "user@example.com", "list": "new-users"},
        },
    ],
}  # fmt: skip
SHOP: dict[str, Any] = {
    "name": "process-order", "queueName": "orders",
    "data": {
        "orderId": "ORD-001", "items": [{"id": "ITEM-1", "quantity": 2}], "userId": "USER-123",
    },
    "opts": {"attempts": 3, "backoff": "exponential"},
    "children": [{
        "name": "check-inventory", "queueName": "inventory", "data": {"orderId": "ORD-001"},
        "children": [{
            "name": "process-payment", "queueName": "payments", "data": {"orderId": "ORD-001"},
            "opts": {"attempts": 5, "backoff": {"type": "exponential", "delay": 2000}},
            "children": [
                {
                    "name": "create-shipment", "queueName": "shipping",
                    "data": {"orderId": "ORD-001"},
                    "children": [
                        {"name": "print-label", "queueName": "printing",
                         "data": {"orderId": "ORD-001"}},
                        {"name": "schedule-pickup", "queueName": "logistics",
                         "data": {"orderId": "ORD-001"}},
                    ],
                },
                {
                    "name": "send-confirmation", "queueName": "notifications",
                    "data": {
                        "orderId": "ORD-001", "userId": "USER-123", "type": "order-confirmed",
                    },
                },
                {
                    "name": "update-analytics", "queueName": "analytics",
                    "data": {"event": "order-completed", "orderId": "ORD-001"},
                },
            ],
        }],
    }],
}  # fmt: skip


def robust_flow(**transform: Any) -> dict[str, Any]:
    """The tile's error handling flow; `transform` is the options of its transformation."""
    dataset = {"datasetId": "DS-001"}
    return {
        "name": "data-pipeline", "queueName": "pipeline", "data": dataset,
        "opts": {"attempts": 3, "backoff": "exponential"},
        "children": [{
            "name": "extract-data", "queueName": "extraction", "data": dataset,
            "opts": {"attempts": 5, "backoff": {"type": "fixed", "delay": 30000}},
            "children": [{
                "name": "transform-data", "queueName": "transformation", "data": dataset,
                "opts": transform,
                "children": [
                    {"name": "load-to-warehouse", "queueName": "loading", "data": dataset},
                    {"name": "generate-report", "queueName": "reporting", "data": dataset,
                     "opts": {"ignoreDependencyOnFailure": True}},
                ],
            }],
        }],
    }  # fmt: skip


def onboarding(user: str) -> dict[str, Any]:
    """One of the flows that are added in bulk."""
    return {
        "name": "onboard-user", "queueName": "onboarding", "data": {"userId": user},
        "children": [
            {"name": "send-welcome-series", "queueName": "emails",
             "data": {"userId": user, "series": "welcome"}},
        ],
    }  # fmt: skip


def shop_in_time() -> FlowJob:
    """The shop's order as its comments mean it: stock, payment, fulfilment, then the order."""
    order = {"orderId": "ORD-001"}
    stock = FlowJob("check-inventory", queue="inventory", data=order)
    pay = FlowJob(
        "process-payment", queue="payments", data=order, children=[stock],
        options={"attempts": 5, "backoff": {"type": "exponential", "delay": 2000}},
    )  # fmt: skip
    ship = FlowJob("create-shipment", queue="shipping", data=order, children=[
        FlowJob("print-label", queue="printing", data=order, children=[pay]),
        FlowJob("schedule-pickup", queue="logistics", data=order, children=[pay]),
    ])  # fmt: skip
    confirm = FlowJob("send-confirmation", queue="notifications", data=order, children=[pay])
    count = FlowJob("update-analytics", queue="analytics", data=order, children=[pay])
    return FlowJob(
        "process-order", queue="orders", data=order, children=[ship, confirm, count],
        options={"attempts": 3, "backoff": "exponential"},
    )  # fmt: skip


def dataset_in_time() -> dict[str, Any]:
    """The dataset's pipeline in the order that its words mean."""
    return {
        "name": "data-pipeline", "queueName": "pipeline", "data": {"datasetId": "DS-001"},
        "opts": {"attempts": 3, "backoff": "exponential"},
        "children": [
            {
                "name": "load-to-warehouse", "queueName": "loading",
                "children": [{
                    "name": "transform-data", "queueName": "transformation",
                    "opts": {"failParentOnFailure": True},
                    "children": [{
                        "name": "extract-data", "queueName": "extraction",
                        "opts": {"attempts": 5, "backoff": {"type": "fixed", "delay": 30000}},
                    }],
                }],
            },
            {"name": "generate-report", "queueName": "reporting",
             "opts": {"ignoreDependencyOnFailure": True}},
        ],
    }  # fmt: skip
