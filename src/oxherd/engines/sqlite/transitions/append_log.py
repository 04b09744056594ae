"""Appends to a job's log and keeps its newest lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import OxherdError
from oxherd.engines.sqlite.transitions.lock import options_of, tended_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.engines.sqlite.transaction import Transaction

_OPTIONS: Final = "SELECT options FROM jobs WHERE id = ?"
_APPEND: Final = "INSERT INTO logs (job, line) VALUES (?, ?)"
_CUT: Final = (
    "DELETE FROM logs WHERE job = ?1 AND id <="
    " (SELECT id FROM logs WHERE job = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"
)
_COUNT: Final = "SELECT count(*) FROM logs WHERE job = ?"


def append_log(
    transaction: Transaction, queue: str, job_id: str, lines: Sequence[str], token: str | None
) -> int | OxherdError:
    """As `Tend.append_log`."""
    job = tended_job(transaction, queue, job_id, token, "append_log")
    if isinstance(job, OxherdError):
        return job
    transaction.many(_APPEND, [(job, line) for line in lines])
    row = transaction.one(_OPTIONS, job)
    options = options_of(row[0]) if row else None
    if options is not None and options.keep_logs is not None:
        cut_log(transaction, job, options.keep_logs)
    return transaction.number(_COUNT, job) or 0


def cut_log(transaction: Transaction, job: int, keep: int) -> None:
    """Keep the newest lines of the job in this row."""
    transaction.run(_CUT, job, keep)
