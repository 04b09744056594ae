"""JobOptions: strict, in Python's units or in BullMQ's JSON names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, NoReturn

from oxherd.domain.backoff import (
    Backoff,
    BackoffKind,
    as_backoff,
    backoff_from_mapping,
    backoff_mapping,
)
from oxherd.domain.checks import known_names, refuse, seconds, seconds_of_ms, to_ms, whole_number
from oxherd.domain.deduplication import Deduplication, as_deduplication, stored_deduplication
from oxherd.domain.errors import InvalidOption
from oxherd.domain.keep import Keep, as_keep, keep_from_mapping, keep_mapping
from oxherd.domain.names import check_job_id, nearest

MAX_PRIORITY: Final = 2**21 - 1
"""The largest priority number, which is the last to run (BullMQ protocol, 1.5)."""

_OLDEST_MS: Final = 946_684_800_000
_LATEST_MS: Final = 4_102_444_800_000


class OnFailure(StrEnum):
    """What the failure of a child, for good, does to its parent."""

    FAIL_PARENT = "fail-parent"
    """The parent fails too, with a reason that names the child. The default."""
    CONTINUE_PARENT = "continue-parent"
    """The parent runs at once, although other children may be pending."""
    IGNORE = "ignore"
    """The parent goes on without it, once the others are done; the failure is readable."""
    REMOVE = "remove"
    """The parent forgets the child."""
    BLOCK = "block"
    """The parent waits until the child is retried or removed."""


@dataclass(frozen=True, slots=True)
class ParentJob:
    """A live job that becomes the parent of the job to add; `queue` may have its prefix."""

    id: str
    queue: str

    def __post_init__(self) -> None:
        for name in ("id", "queue"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                refuse(f"parent.{name}", value, "text")


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a job's producer decides about it. Durations are seconds or `timedelta`.

    Args:
        attempts: tries in all; 0 means 1.
        backoff: seconds, `"fixed"`, `"exponential"` (both wait 1 s at first) or a `Backoff`.
        delay: seconds from `timestamp` until the job may run.
        priority: 0 (none) to 2,097,151; jobs with a priority run after those without, low first.
        lifo: run before what is waiting already.
        job_id: an id of your own; see `docs/` for what adding it twice does.
        timestamp: when the job was created, milliseconds since the epoch; the store's time unless
            given.
        remove_on_complete: how long it stays once completed: True (not at all), False or None
            (always, unless the worker says otherwise), the number to keep, or a `Keep`.
        remove_on_fail: the same, once failed.
        keep_logs: the newest log lines to keep.
        stack_trace_limit: how many attempts' stack traces to keep (10 unless given).
        size_limit: the largest data, in bytes of JSON.
        timeout: seconds that one attempt may take.
        deduplication: what makes it like another job, and what happens then.
        parent: a live job that waits for this one.
        on_failure: what this job's failure does to its parents.

    Raises:
        InvalidOption: a value is impossible, or the option does not work yet.
    """

    attempts: int = 1
    backoff: Backoff | str | float | timedelta | None = None
    delay: float | timedelta = 0.0
    priority: int = 0
    lifo: bool = False
    job_id: str | None = None
    timestamp: int | None = None
    remove_on_complete: Keep | bool | int | None = None
    remove_on_fail: Keep | bool | int | None = None
    keep_logs: int | None = None
    stack_trace_limit: int | None = None
    size_limit: int | None = None
    timeout: float | timedelta | None = None
    deduplication: Deduplication | Mapping[str, Any] | None = None
    parent: ParentJob | Mapping[str, str] | None = None
    on_failure: OnFailure | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        self._check_plain()
        if self.backoff is not None:
            put(self, "backoff", as_backoff(self.backoff))
        put(self, "delay", seconds("delay", self.delay))
        put(self, "remove_on_complete", as_keep("remove_on_complete", self.remove_on_complete))
        put(self, "remove_on_fail", as_keep("remove_on_fail", self.remove_on_fail))
        if self.timeout is not None:
            put(self, "timeout", seconds("timeout", self.timeout))
            if not self.timeout:
                refuse("timeout", self.timeout, "more than 0 seconds")
        if self.deduplication is not None:
            put(self, "deduplication", as_deduplication(self.deduplication))
            if self.parent is not None:
                raise InvalidOption("a job with deduplication cannot have a parent")
        if self.parent is not None:
            put(self, "parent", _parent(self.parent))
        if self.on_failure is not None:
            put(self, "on_failure", _on_failure(self.on_failure))

    def _check_plain(self) -> None:
        whole_number("attempts", self.attempts, low=0)
        whole_number("priority", self.priority, low=0, high=MAX_PRIORITY)
        if not isinstance(self.lifo, bool):
            refuse("lifo", self.lifo, "True or False")
        if self.job_id is not None:
            check_job_id(self.job_id)
        if self.timestamp is not None:
            whole_number("timestamp", self.timestamp, low=_OLDEST_MS, high=_LATEST_MS)
        for name in ("keep_logs", "stack_trace_limit", "size_limit"):
            value = getattr(self, name)
            if value is not None:
                whole_number(name, value, low=0)

    @property
    def tries(self) -> int:
        """The number of attempts in all, at least 1."""
        return max(1, self.attempts)

    @property
    def delay_ms(self) -> int:
        """The delay in milliseconds."""
        return to_ms(self.delay)

    def to_mapping(self) -> dict[str, Any]:
        """The options under BullMQ's JSON names, in milliseconds; only those that were given."""
        values: dict[str, Any] = {
            "attempts": None if self.attempts == 1 else self.attempts,
            "backoff": backoff_mapping(self.backoff),
            "delay": self.delay_ms or None,
            "timeout": None if self.timeout is None else to_ms(self.timeout),
            "removeOnComplete": keep_mapping(self.remove_on_complete),
            "removeOnFail": keep_mapping(self.remove_on_fail),
        }
        values |= {key: getattr(self, name) or None for name, key in _PLAIN_NAMES.items()}
        values |= {key: getattr(self, name) for name, key in _ZERO_COUNTS.items()}
        if isinstance(self.deduplication, Deduplication):
            values["deduplication"] = self.deduplication.to_mapping()
        if isinstance(self.parent, ParentJob):
            values["parent"] = {"id": self.parent.id, "queue": self.parent.queue}
        if self.on_failure is not None and self.on_failure in FAILURE_FLAGS:
            values[FAILURE_FLAGS[self.on_failure]] = True
        elif self.on_failure is not None:
            values["onFailure"] = self.on_failure.value
        return {key: value for key, value in values.items() if value is not None}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> JobOptions:
        """Options under BullMQ's JSON names (or those in snake_case), in milliseconds.

        Failure flags that are false are dropped first; `failParentOnFailure: false` alone means
        `IGNORE`.

        Raises:
            InvalidOption: an unknown name (with the nearest valid one) or an impossible value.
        """
        given = {_camel(name): value for name, value in mapping.items()}
        for name in given:
            if name in _LATER_NAMES:
                _not_yet(name)
            if name not in _KNOWN_NAMES:
                raise InvalidOption(f"unknown option {name!r}{nearest(name, _KNOWN_NAMES)}")
        return _build(given)

    @classmethod
    def from_stored(cls, mapping: Mapping[str, Any]) -> JobOptions:
        """Options that any client stored, under BullMQ's long names: unknown ones are passed over.

        Raises:
            InvalidOption: a value that cannot be read.
        """
        given = {name: value for name, value in mapping.items() if name in _KNOWN_NAMES}
        # Another client may number its ids, or use three parts; the hash has the truth anyway.
        given.pop("jobId", None)
        given["deduplication"] = stored_deduplication(given.get("deduplication"))
        backoff = given.get("backoff")
        if isinstance(backoff, Mapping) and backoff.get("type") not in set(BackoffKind):
            given["backoff"] = {**backoff, "custom": True}
        for name in ("removeOnComplete", "removeOnFail"):
            keep = given.get(name)
            if isinstance(keep, int) and keep < 0:
                given[name] = False
        return _build(given)


FAILURE_FLAGS: Final[Mapping[OnFailure, str]] = {
    OnFailure.FAIL_PARENT: "failParentOnFailure",
    OnFailure.CONTINUE_PARENT: "continueParentOnFailure",
    OnFailure.IGNORE: "ignoreDependencyOnFailure",
    OnFailure.REMOVE: "removeDependencyOnFailure",
}
"""BullMQ's four flags; `BLOCK` is none of them (BullMQ protocol, 4.7)."""

_PLAIN_NAMES: Final = {
    "priority": "priority",
    "lifo": "lifo",
    "job_id": "jobId",
    "timestamp": "timestamp",
}
_ZERO_COUNTS: Final = {
    "keep_logs": "keepLogs",
    "stack_trace_limit": "stackTraceLimit",
    "size_limit": "sizeLimit",
}
_KEEP_NAMES: Final = {"remove_on_complete": "removeOnComplete", "remove_on_fail": "removeOnFail"}
_LATER_NAMES: Final = frozenset({"debounce", "repeat", "telemetry"})
_KNOWN_NAMES: Final = frozenset(
    {"attempts", "backoff", "deduplication", "delay", "timeout", "parent", "onFailure"}
    | set(_PLAIN_NAMES.values())
    | set(_ZERO_COUNTS.values())
    | set(_KEEP_NAMES.values())
    | set(FAILURE_FLAGS.values())
)


def as_options(options: JobOptions | Mapping[str, Any] | None) -> JobOptions:
    """`JobOptions` from whichever form a caller gave.

    Raises:
        InvalidOption: not options, or options that are refused.
    """
    if options is None:
        return DEFAULT_OPTIONS
    if isinstance(options, JobOptions):
        return options
    if isinstance(options, Mapping):
        return JobOptions.from_mapping(options)
    raise InvalidOption(f"options are JobOptions or a mapping of BullMQ's names, not {options!r}")


def merge(defaults: JobOptions, options: JobOptions) -> JobOptions:
    """`options`, with those that were left at their default taken from `defaults`."""
    if defaults is DEFAULT_OPTIONS:
        return options
    values = {}
    for field in fields(JobOptions):
        own = getattr(options, field.name)
        values[field.name] = getattr(defaults, field.name) if own == field.default else own
    return JobOptions(**values)


def _build(given: dict[str, Any]) -> JobOptions:
    values: dict[str, Any] = {}
    for name, key in (_PLAIN_NAMES | _ZERO_COUNTS | {"attempts": "attempts"}).items():
        if given.get(key) is not None:
            values[name] = given[key]
    for name, key in _KEEP_NAMES.items():
        if given.get(key) is not None:
            values[name] = keep_from_mapping(key, given[key])
    for name in ("delay", "timeout"):
        if given.get(name) is not None:
            values[name] = seconds_of_ms(name, given[name])
    if given.get("backoff") is not None:
        values["backoff"] = backoff_from_mapping(given["backoff"])
    for name in ("deduplication", "parent"):
        if given.get(name) is not None:
            values[name] = given[name]
    policy = _policy_from_flags(given)
    if policy is not None:
        values["on_failure"] = policy
    return JobOptions(**values)


def _policy_from_flags(given: Mapping[str, Any]) -> OnFailure | None:
    for flag in FAILURE_FLAGS.values():
        if given.get(flag) is not None and not isinstance(given[flag], bool):
            refuse(flag, given[flag], "true or false")
    chosen = [policy for policy, flag in FAILURE_FLAGS.items() if given.get(flag)]
    if given.get("onFailure") is not None:
        chosen.append(_on_failure(given["onFailure"]))
    if len(chosen) > 1:
        raise InvalidOption(f"a child has one failure policy; {' and '.join(chosen)} were given")
    if chosen:
        return chosen[0]
    if given.get(FAILURE_FLAGS[OnFailure.FAIL_PARENT]) is False:
        return OnFailure.IGNORE
    return None


def _on_failure(value: object) -> OnFailure:
    try:
        return OnFailure(value)  # type: ignore[arg-type]
    except ValueError:
        raise InvalidOption(
            f"unknown failure policy {value!r}{nearest(str(value), set(OnFailure))}"
        ) from None


def _parent(value: object) -> ParentJob:
    if isinstance(value, ParentJob):
        return value
    if isinstance(value, Mapping):
        known_names("parent", value, {"id", "queue"})
        return ParentJob(id=value.get("id", ""), queue=value.get("queue", ""))
    return refuse("parent", value, "ParentJob or a mapping with id and queue")


def _camel(name: object) -> str:
    if not isinstance(name, str):
        raise InvalidOption(f"option names are text, not {name!r}")
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def _not_yet(name: str) -> NoReturn:
    raise InvalidOption(f"option {name!r} does not work yet in this version; leave it out")


# At the end, since making one runs the checks above.
DEFAULT_OPTIONS: Final = JobOptions()
