"""Replaces a job's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.engines.sqlite.transitions.lock import tended_job

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_UPDATE: Final = "UPDATE jobs SET data = ? WHERE id = ?"


def update_data(
    transaction: Transaction, queue: str, job_id: str, data: str, token: str | None
) -> Refusal:
    """As `Tend.update_data`."""
    job = tended_job(transaction, queue, job_id, token, "update_data")
    if isinstance(job, OxherdError):
        return job
    transaction.run(_UPDATE, data, job)
    return None
