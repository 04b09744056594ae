"""What `--json` prints: one JSON value a line."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from oxherd.domain.lifecycle import State
from oxherd.runtime.job import Job


def print_json(value: object) -> None:
    """Print one value as one line of JSON."""
    click.echo(msgspec.json.encode(value).decode())


def stored(job: Job[Any, Any], state: State | None) -> dict[str, Any]:
    """A job as a JSON value; times are milliseconds since the epoch."""
    return {
        "id": job.id,
        "queue": job.queue_name,
        "name": job.name,
        "state": None if state is None else state.value,
        "data": job.data,
        "opts": job.opts.to_mapping(),
        "progress": job.progress,
        "attempts_made": job.attempts_made,
        "attempts_started": job.attempts_started,
        "priority": job.priority,
        "timestamp": job.timestamp,
        "processed_on": job.processed_on,
        "finished_on": job.finished_on,
        "returnvalue": job.returnvalue,
        "failed_reason": job.failed_reason or job.deferred_failure,
        "stacktrace": job.stacktrace,
        "flow_id": job.flow_id,
        "parents": [f"{parent.queue}:{parent.id}" for parent in job.parents],
    }
