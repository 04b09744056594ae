"""One job, one flow and one event log as each side sees them, in one form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oxherd import Event, JobNode, Queue, Unknown
from tests.conformance.dump import all_events
from tests.interop.processing import by_id

if TYPE_CHECKING:
    from oxherd.store import Store

OBSERVED_EVENTS: Final = {
    "active": ("jobId", "prev"),
    "added": ("jobId", "name"),
    "completed": ("jobId", "returnvalue", "prev"),
    "delayed": ("jobId", "delay"),
    "drained": (),
    "duplicated": ("jobId",),
    "failed": ("jobId", "failedReason", "prev"),
    "paused": (),
    "progress": ("jobId", "data"),
    "removed": ("jobId", "prev"),
    "resumed": (),
    "retries-exhausted": ("jobId", "attemptsMade"),
    "stalled": ("jobId",),
    "waiting": ("jobId", "prev"),
    "waiting-children": ("jobId", "prev"),
}
"""The fields of each event, under BullMQ's names."""

_OURS: Final = {
    "jobId": "job_id",
    "failedReason": "failed_reason",
    "attemptsMade": "attempts_made",
}


async def observed(store: Store, queue: str, job_id: str) -> dict[str, Any] | None:
    """What Oxherd's getters say about a job, in the form of `observe` of `client.mjs`."""
    async with Queue(queue, store=store) as owner:
        job = await owner.get_job(job_id)
        if job is None:
            return None
        return {
            "name": job.name,
            "data": job.data,
            "state": await job.get_state(),
            "returnvalue": job.returnvalue,
            "failedReason": job.failed_reason,
            "attemptsMade": job.attempts_made,
            "attemptsStarted": job.attempts_started,
            "stalledCounter": job.stalled_count,
            "progress": job.progress,
            "priority": job.priority,
            "timestamp": job.timestamp,
            "traces": len(job.stacktrace),
            "parentKey": job.parent_key,
            "logs": await job.get_logs(),
            "children": by_id(await job.get_children_values()),
            "ignored": by_id(await job.get_ignored_children_failures()),
            "dependencies": await job.get_dependencies_count(),
        }


def tree(node: JobNode) -> dict[str, Any]:
    """A flow in the form of `getFlow` of `client.mjs`."""
    below = [tree(child) for child in node.children]
    return {
        "id": node.job.id,
        "name": node.job.name,
        "queue": node.job.queue_name,
        "data": node.job.data,
        "children": sorted(below, key=lambda child: str(child["id"])),
    }


async def told(store: Store, queue: str) -> list[dict[str, Any]]:
    """A queue's whole event log as Oxherd's reader gives it out."""
    return [_event(event) for event in await all_events(store, queue)]


def heard(event: dict[str, Any]) -> dict[str, Any]:
    """An event as BullMQ's listener gave it out, without what Oxherd does not model."""
    fields = OBSERVED_EVENTS[event["name"]]
    values = {name: event["values"].get(name) for name in fields}
    if "attemptsMade" in values:
        values["attemptsMade"] = int(values["attemptsMade"])
    return {"name": event["name"], **values}


def _event(event: Event) -> dict[str, Any]:
    assert not isinstance(event, Unknown), event
    assert event.kind is not None
    name = event.kind.value
    return {
        "name": name,
        **{field: getattr(event, _OURS.get(field, field)) for field in OBSERVED_EVENTS[name]},
    }
