"""Removes a job's log lines but the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.engines.sqlite.transitions.append_log import cut_log
from oxherd.engines.sqlite.transitions.lock import tended_job

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction
    from oxherd.store import Refusal

_VERB: Final = "clear_logs"


def clear_logs(transaction: Transaction, queue: str, job_id: str, keep: int) -> Refusal:
    """As `Tend.clear_logs`."""
    job = tended_job(transaction, queue, job_id, None, _VERB)
    if isinstance(job, OxherdError):
        return job
    cut_log(transaction, job, keep)
    return None
