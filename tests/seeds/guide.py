"""The Elixir guide's trees, in their own spelling."""

from __future__ import annotations

from typing import Any

REPORT: dict[str, Any] = {
    "name": "generate-report", "queue_name": "reports", "data": {"report_id": 123},
    "children": [
        {"name": "fetch-users", "queue_name": "data-fetch", "data": {"source": "users"}},
        {"name": "fetch-orders", "queue_name": "data-fetch", "data": {"source": "orders"}},
    ],
}  # fmt: skip
DEPLOY: dict[str, Any] = {
    "name": "deploy-application", "queue_name": "deploy", "data": {"app": "myapp"},
    "children": [
        {
            "name": "build", "queue_name": "build", "data": {},
            "children": [
                {"name": "compile", "queue_name": "build", "data": {}},
                {"name": "test", "queue_name": "test", "data": {}},
            ],
        },
        {"name": "prepare-infra", "queue_name": "infrastructure", "data": {}},
    ],
}  # fmt: skip
ETL: dict[str, Any] = {
    "name": "load-data", "queue_name": "etl", "data": {"destination": "warehouse"},
    "children": [
        {
            "name": "transform", "queue_name": "etl", "data": {},
            "children": [
                {"name": "extract-api", "queue_name": "etl", "data": {"source": "api"}},
                {"name": "extract-db", "queue_name": "etl", "data": {"source": "database"}},
            ],
        },
    ],
}  # fmt: skip
MAIL: dict[str, Any] = {
    "name": "email-report", "queue_name": "notifications",
    "data": {"recipients": ["admin@example.com"]},
    "children": [
        {
            "name": "generate-pdf", "queue_name": "reports", "data": {"format": "pdf"},
            "children": [
                {"name": "query-sales", "queue_name": "data", "data": {"type": "sales"}},
                {"name": "query-users", "queue_name": "data", "data": {"type": "users"}},
            ],
        },
    ],
}  # fmt: skip
OPTIONS: dict[str, Any] = {
    "name": "parent", "queue_name": "main", "data": {}, "opts": {"priority": 1},
    "children": [
        {"name": "batch-child", "queue_name": "tasks", "data": {}, "opts": {"priority": 10}},
        {
            "name": "important-child", "queue_name": "tasks", "data": {},
            "opts": {
                "priority": 1, "attempts": 5, "backoff": {"type": "exponential", "delay": 1000},
            },
        },
    ],
}  # fmt: skip


def bulk(number: int) -> dict[str, Any]:
    """One of the flows that are added together."""
    return {
        "name": f"flow{number}_parent", "queue_name": "main", "data": {"flow": number},
        "children": [{"name": f"flow{number}_child", "queue_name": "tasks", "data": {}}],
    }  # fmt: skip


def with_failures(**optional: Any) -> dict[str, Any]:
    """The parent with a critical child and an optional one, which has the options given."""
    return {
        "name": "parent", "queue_name": "main", "data": {},
        "children": [
            {"name": "critical-child", "queue_name": "tasks", "data": {}, "opts": {"attempts": 3}},
            {"name": "optional-child", "queue_name": "tasks", "data": {}, "opts": optional},
        ],
    }  # fmt: skip


IGNORED = with_failures(ignore_dependency_on_failure=True)
