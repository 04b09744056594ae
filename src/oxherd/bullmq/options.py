"""Options as BullMQ's programs write them: completed, stored, and read by the engine.

Everything that the official package accepts is accepted, and what the engine does not know is
stored all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from oxherd.domain.backoff import Backoff, BackoffKind
from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import InvalidOption
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.names import RESERVED_IDS
from oxherd.domain.options import MAX_PRIORITY, JobOptions, OnFailure
from oxherd.domain.rate_limit import RateLimit

Options = Mapping[str, Any]

POLICIES: Final[Mapping[str, OnFailure]] = {
    "removeDependencyOnFailure": OnFailure.REMOVE,
    "failParentOnFailure": OnFailure.FAIL_PARENT,
    "continueParentOnFailure": OnFailure.CONTINUE_PARENT,
    "ignoreDependencyOnFailure": OnFailure.IGNORE,
}
_DEFAULT_BACKOFF_MS: Final = 1000


def complete(opts: Options) -> dict[str, Any]:
    """The options as a job shows them: with those that have a default.

    Raises:
        ValueError: more than one policy for the parent.
    """
    chosen = [name for name in POLICIES if opts.get(name)]
    if len(chosen) > 1:
        names = ", ".join(chosen)
        raise ValueError(f"The following options cannot be used together: {names}")
    backoff = {"backoff": normalized_backoff(opts.get("backoff"))}
    return {"attempts": 0, "delay": 0, **opts, **backoff}


def to_store(opts: Options) -> dict[str, Any]:
    """The options as they are stored: those that were given, and always `attempts`."""
    given = {"attempts": 0, **opts, "backoff": normalized_backoff(opts.get("backoff"))}
    return {name: value for name, value in given.items() if value is not None}


def normalized_backoff(backoff: Any) -> Any:
    """A number is a fixed backoff, a name one of a second at first."""
    if isinstance(backoff, str):
        return {"type": backoff, "delay": _DEFAULT_BACKOFF_MS}
    if isinstance(backoff, (int, float)) and not isinstance(backoff, bool):
        return {"type": "fixed", "delay": backoff}
    return backoff or None


def for_engine(opts: Options) -> JobOptions:
    """What the engine must know of the options to decide.

    Raises:
        ValueError: a value that no client could use.
    """
    priority = opts.get("priority") or 0
    if not isinstance(priority, int):
        raise ValueError("Priority should not be float")  # noqa: TRY004 - as Node's class, an Error
    if not 0 <= priority <= MAX_PRIORITY:
        raise ValueError(f"Priority should be between 0 and {MAX_PRIORITY}")
    try:
        return JobOptions(
            attempts=max(0, int(opts.get("attempts") or 0)),
            backoff=backoff_of(opts.get("backoff")),
            delay=max(0, opts.get("delay") or 0) / 1000,
            priority=priority,
            lifo=bool(opts.get("lifo")),
            remove_on_complete=keep_of(opts.get("removeOnComplete")),
            remove_on_fail=keep_of(opts.get("removeOnFail")),
            keep_logs=_count(opts.get("keepLogs")),
            stack_trace_limit=_count(opts.get("stackTraceLimit")),
            deduplication=_deduplication_of(opts.get("deduplication")),
        )
    except InvalidOption as error:
        raise ValueError(str(error)) from error


def backoff_of(backoff: Any) -> Backoff | None:
    """The backoff of an option in any form; a name that is not built in is a function's.

    Raises:
        ValueError: the jitter is impossible.
    """
    given = normalized_backoff(backoff)
    if not isinstance(given, Mapping):
        return None
    kind, jitter = str(given.get("type")), given.get("jitter") or 0
    if not 0 <= jitter <= 1:
        raise ValueError("Jitter should be between 0 and 1")
    custom = kind not in set(BackoffKind)
    return Backoff(kind, (given.get("delay") or 0) / 1000, jitter, custom=custom)


def policy_of(opts: Options) -> OnFailure:
    """What the job's failure does to its parent; without one the parent goes on waiting."""
    for name, policy in POLICIES.items():
        if opts.get(name):
            return policy
    return OnFailure.BLOCK


def keep_of(value: Any) -> Keep | None:
    """A retention in BullMQ's form: a boolean, a number or {age, count, limit}."""
    if value is None or isinstance(value, Keep):
        return value
    if isinstance(value, bool):
        return KEEP_NONE if value else KEEP_ALL
    if isinstance(value, Mapping):
        age = value.get("age")
        return Keep(
            count=_count(value.get("count")),
            age=age if age is not None and age >= 0 else None,
            limit=_count(value.get("limit")),
        )
    return Keep(count=_count(value))


def rate_limit_of(value: Any) -> RateLimit | None:
    """A limiter in BullMQ's form, {max, duration in milliseconds}."""
    if not value:
        return None
    return RateLimit(int(value["max"]), value["duration"] / 1000)


def check_job_id(job_id: str) -> None:
    """Refuse an id that would be lost, or whose job would destroy the queue.

    Raises:
        ValueError: it is such an id.
    """
    if job_id == "0" or job_id.startswith("0:"):
        raise ValueError("JobId cannot be '0' or start with '0:'")
    if job_id in RESERVED_IDS:
        raise ValueError(f"JobId cannot be '{job_id}', which is a key of the queue")


def to_json(value: Any) -> str:
    """A value as JSON text.

    Raises:
        ValueError, TypeError: JSON cannot carry it.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    if not text.isascii():
        text.encode()
    return text


def _deduplication_of(value: Any) -> Deduplication | None:
    if not isinstance(value, Mapping) or not value.get("id"):
        return None
    return Deduplication(
        id=str(value["id"]),
        ttl=(value.get("ttl") or 0) / 1000 or None,
        extend=bool(value.get("extend")),
        replace=bool(value.get("replace")),
        keep_last_if_active=bool(value.get("keepLastIfActive")),
        reschedule=bool(value.get("reschedule")),
    )


def _count(value: Any) -> int | None:
    return None if value is None or value < 0 else int(value)


__all__ = [
    "Options",
    "backoff_of",
    "check_job_id",
    "complete",
    "for_engine",
    "keep_of",
    "normalized_backoff",
    "policy_of",
    "rate_limit_of",
    "to_json",
    "to_store",
]
