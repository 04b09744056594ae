"""From the engine's errors to those of the official package: its classes, texts and codes."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from oxherd.bullmq.custom_errors import (
    DelayedError,
    RateLimitError,
    UnrecoverableError,
    WaitingChildrenError,
    WaitingError,
)
from oxherd.bullmq.error_code import ErrorCode
from oxherd.domain.errors import (
    BelongsToSchedule,
    HasFailedChildren,
    HasPendingChildren,
    JobNotFound,
    LockLost,
    OxherdError,
    StoreUnavailable,
    WrongState,
)

if TYPE_CHECKING:
    from oxherd.bullmq.connection import Connection

_PASSING_ERRNOS: Final = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPIPE}
)
_TEXTS: Final[Sequence[tuple[type[OxherdError], ErrorCode, str]]] = (
    (JobNotFound, ErrorCode.JobNotExist, "Missing key for job {id}. {command}"),
    (WrongState, ErrorCode.JobNotInState, "Job {id} is not in the {state} state. {command}"),
    (
        HasPendingChildren,
        ErrorCode.JobPendingDependencies,
        "Job {id} has pending dependencies. {command}",
    ),
    (
        HasFailedChildren,
        ErrorCode.JobHasFailedChildren,
        "Cannot complete job {id} because it has at least one failed child. {command}",
    ),
    (
        BelongsToSchedule,
        ErrorCode.JobBelongsToJobScheduler,
        "Job {id} belongs to a job scheduler and cannot be removed directly. {command}",
    ),
)
_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")
_PASSING_WORDS: Final = (
    "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH", "EPIPE", "Connection refused",
    "Connection reset", "Network is unreachable", "No route to host", "Broken pipe",
)  # fmt: skip


async def official(
    error: OxherdError,
    connection: Connection,
    queue: str,
    job_id: str,
    command: str,
    state: str = "active",
    *,
    prefix: str | None = None,
) -> Exception:
    """The error that the official package raises for a refusal.

    Args:
        error: the engine's.
        connection: where the job is.
        queue: the job's queue.
        job_id: the job.
        command: the verb, as the texts name it.
        state: the state that the verb leaves.
        prefix: the queue's, if it is not the connection's.
    """
    if isinstance(error, LockLost):
        # The engine does not tell an expired lock from another's; the texts do.
        if await connection.server.has_lock(prefix or connection.prefix, queue, job_id):
            text = f"Lock mismatch for job {job_id}. Cmd {command} from {state}"
            return with_code(TypeError(text), ErrorCode.JobLockMismatch)
        text = f"Missing lock for job {job_id}. {command}"
        return with_code(TypeError(text), ErrorCode.JobLockNotExist)
    for kind, code, text in _TEXTS:
        if isinstance(error, kind):
            cls = UnrecoverableError if kind is HasFailedChildren else TypeError
            return with_code(cls(text.format(id=job_id, command=command, state=state)), code)
    return error


def with_code(error: Exception, code: ErrorCode) -> Exception:
    """The error, with BullMQ's number for it as its `code`."""
    error.code = code.value  # type: ignore[attr-defined]  # as in the official package
    return error


def is_connection_error(error: BaseException, connection: Connection) -> bool:
    """Whether an error says that the server cannot be reached for now."""
    if isinstance(error, (StoreUnavailable, TimeoutError)):
        return True
    if connection.server.is_unreachable(error):
        return True
    if not isinstance(error, OSError):
        return False
    text = str(error)
    return (
        error.errno in _PASSING_ERRNOS
        or any(int(number) in _PASSING_ERRNOS for number in _ERRNO.findall(text))
        or any(word in text for word in _PASSING_WORDS)
    )


__all__ = [
    "DelayedError",
    "RateLimitError",
    "UnrecoverableError",
    "WaitingChildrenError",
    "WaitingError",
    "is_connection_error",
    "official",
    "with_code",
]
