"""What became of one run of a processor, and which transition that asks for."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from oxherd.domain.backoff import Backoff, backoff_ms
from oxherd.domain.checks import duration_ms
from oxherd.domain.codec import encode
from oxherd.domain.errors import OxherdError, RemoteError
from oxherd.domain.keep import KEEP_ALL, Keep
from oxherd.domain.signals import Postpone, RateLimited, Release, Unrecoverable, WaitForChildren

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oxherd.domain.record import JobRecord

MAX_REASON: Final = 64 * 1024
"""The longest failure reason or stack trace, in characters."""

_DEFAULT_STACK_TRACES: Final = 10


class Held(msgspec.Struct, frozen=True, gc=False):
    """A claimed job, and the lock token that proves the claim.

    It and the outcomes are msgspec structs, since a busy worker builds tens of thousands a second.
    """

    id: str
    token: str


class Completion(Held, frozen=True, gc=False):
    """The job ended well."""

    result: str
    """JSON text."""
    keep: Keep


class Failure(Held, frozen=True, gc=False):
    """The job ended badly, for good."""

    reason: str
    stacktrace: str
    """A JSON array of the attempts' stack traces, oldest first."""
    keep: Keep


class Retrial(Held, frozen=True, gc=False):
    """The attempt failed and another follows after `delay_ms` (0: at once)."""

    reason: str
    stacktrace: str
    delay_ms: int


class Postponement(Held, frozen=True, gc=False):
    """The job runs again after `delay_ms`; no attempt is spent."""

    delay_ms: int


class AwaitingChildren(Held, frozen=True, gc=False):
    """The job runs again once its pending children are done; no attempt is spent."""


class Released(Held, frozen=True, gc=False):
    """The job goes back to the front of its queue; no attempt is spent."""


class Throttled(Held, frozen=True, gc=False):
    """As `Released`, and the queue is held for `duration_ms` first."""

    duration_ms: int


Outcome = Completion | Failure | Retrial | Postponement | AwaitingChildren | Released | Throttled


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a worker decides about the endings of its jobs, where a job does not."""

    keep_completed: Keep = KEEP_ALL
    keep_failed: Keep = KEEP_ALL
    backoffs: Mapping[str, Callable[[int, BaseException, JobRecord], float | None]] | None = None
    max_started_attempts: int | None = None
    """How many times a job may start; no attempt follows the last of them."""

    def forbid(self, record: JobRecord) -> str | None:
        """Why a claimed job must not run, or None."""
        most = self.max_started_attempts
        if most is not None and record.attempts_started > most:
            return "job started more than allowable limit"
        return None


def completed(record: JobRecord, token: str, value: object, rules: Rules) -> Completion:
    """The outcome of a processor that returned `value`.

    Raises:
        NotSerializable, PayloadTooLarge: the value cannot be stored.
    """
    keep = record.options.remove_on_complete
    return Completion(
        record.id,
        token,
        encode(value, "the result"),
        keep if isinstance(keep, Keep) else rules.keep_completed,
    )


def raised(
    record: JobRecord, token: str, error: BaseException, rules: Rules, chance: float
) -> Outcome:
    """The outcome of a processor that raised `error`; `chance` in [0, 1) is for the jitter."""
    match error:
        case Postpone():
            return Postponement(record.id, token, duration_ms(error.delay))
        case RateLimited():
            return Throttled(record.id, token, duration_ms(error.duration))
        case WaitForChildren():
            return AwaitingChildren(record.id, token)
        case Release():
            return Released(record.id, token)
        case _:
            return _after_error(record, token, error, rules, chance)


def failed(record: JobRecord, token: str, error: BaseException, rules: Rules) -> Failure:
    """The outcome of an error after which there is no further attempt."""
    keep = record.options.remove_on_fail
    return Failure(
        record.id,
        token,
        reason_of(error),
        stacktrace_of(record, error),
        keep if isinstance(keep, Keep) else rules.keep_failed,
    )


def condemned(record: JobRecord, token: str, reason: str, rules: Rules) -> Failure:
    """The outcome of a job that is failed without running: deferred failure, unreadable row."""
    keep = record.options.remove_on_fail
    return Failure(
        record.id,
        token,
        reason,
        record.stacktrace or "[]",
        keep if isinstance(keep, Keep) else rules.keep_failed,
    )


def reason_of(error: BaseException) -> str:
    """The text of an error, whatever its `__str__` does; its class name when it says nothing."""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - the user's __str__
        text = ""
    return _safe(text or type(error).__qualname__)


def stacktrace_of(record: JobRecord, error: BaseException) -> str:
    """The job's stack traces with this one added, as a JSON array cut to its limit."""
    limit = record.options.stack_trace_limit
    limit = _DEFAULT_STACK_TRACES if limit is None else limit
    if limit == 0:
        return "[]"
    try:
        remote = error.trace if isinstance(error, RemoteError) else ""
        trace = remote or "".join(traceback.format_exception(error))
    except BaseException:  # noqa: BLE001 - the user's __str__
        trace = "".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__
    try:
        earlier = msgspec.json.decode(record.stacktrace or "[]", type=list[str])
    except msgspec.MsgspecError:
        earlier = []
    return msgspec.json.encode([*earlier, _safe(trace)][-limit:]).decode()


def _after_error(
    record: JobRecord, token: str, error: BaseException, rules: Rules, chance: float
) -> Retrial | Failure:
    attempt = record.attempts_made + 1
    most = rules.max_started_attempts
    is_last = attempt >= record.options.tries or (
        most is not None and record.attempts_started >= most
    )
    if isinstance(error, Unrecoverable) or is_last:
        return failed(record, token, error, rules)
    try:
        delay_ms = _delay_ms(record, attempt, error, rules, chance)
    except Exception as problem:  # noqa: BLE001 - a function of the user's
        problem.add_note(f"while asking how long to wait after: {reason_of(error)}")
        return failed(record, token, problem, rules)
    if delay_ms is None:
        return failed(record, token, error, rules)
    return Retrial(record.id, token, reason_of(error), stacktrace_of(record, error), delay_ms)


def _delay_ms(
    record: JobRecord, attempt: int, error: BaseException, rules: Rules, chance: float
) -> int | None:
    backoff = record.options.backoff
    if not isinstance(backoff, Backoff):
        return 0
    if not backoff.custom:
        return backoff_ms(backoff, attempt, chance)
    functions = {} if rules.backoffs is None else rules.backoffs
    function = functions.get(backoff.kind)
    if function is None:
        known = ", ".join(sorted(functions)) or "none"
        message = (
            f"the worker has no backoff {backoff.kind!r} (it has {known});"
            " register the function in WorkerOptions.backoffs"
        )
        raise OxherdError(message)
    seconds = function(attempt, error, record)
    return None if seconds is None else duration_ms(seconds)


def _safe(text: str) -> str:
    """Text that any store can hold: no lone surrogates, no NUL, bounded."""
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}… (cut)"
