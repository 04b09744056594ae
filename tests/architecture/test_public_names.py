"""What the package offers is written down, so that nothing comes or goes unseen."""

from __future__ import annotations

import inspect
import re

import oxherd
from oxherd.domain import errors, events, signals
from tests.architecture.source import PACKAGE

PUBLIC = frozenset(
    {
        # Objects
        "BlockingJob", "Cancellation", "Flow", "FlowProducer", "Job", "JobNode", "Queue",
        "QueueEvents", "Store", "Worker", "chain", "connect",
        # What they are given, and what they answer
        "Backoff", "ChildResult", "ChildStatus", "Deduplication", "Dependencies", "FlowJob",
        "JobKey", "JobOptions", "JobScheduler", "Keep", "Metrics", "OnFailure", "ParentJob",
        "RateLimit", "State", "WorkerOptions",
        # Events
        "Active", "Added", "Cleaned", "Completed", "Deduplicated", "Delayed", "Drained",
        "Duplicated", "Event", "Failed", "JobEvent", "Paused", "Progress",
        "Removed", "Resumed", "RetriesExhausted", "Stalled",
        "Unknown", "Waiting", "WaitingChildren",
        # Errors
        "BelongsToSchedule", "Closed", "HasFailedChildren", "HasPendingChildren",
        "InvalidFlow", "InvalidOption",
        "JobFailed", "JobNotFound", "JobRemoved", "LockLost", "MissingExtra", "NotSerializable",
        "OxherdError", "PayloadTooLarge", "RemoteError", "StoreFull", "StoreMoved",
        "StoreUnavailable", "WrongLoop", "WrongState",
        # Signals
        "Postpone", "RateLimited", "Release", "Settled", "Unrecoverable", "WaitForChildren",
    }
)  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(oxherd.__all__) == PUBLIC
    assert len(oxherd.__all__) == len(PUBLIC)


def test_every_public_name_is_there_and_documented() -> None:
    for name in oxherd.__all__:
        value = getattr(oxherd, name)
        assert inspect.getdoc(value), name


def test_every_error_event_and_signal_is_public() -> None:
    classes = {
        name
        for module in (errors, events, signals)
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    assert classes - {"Signal"} <= set(oxherd.__all__)


def test_the_drawing_of_the_errors_is_their_tree() -> None:
    drawn: dict[str, str | None] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│ ]*)(?:[├└]── )?([A-Z][A-Za-z]+)\b(?:  |$)", line)
        if found is None:
            continue
        depth = len(found[1]) // 4 + ("──" in line)
        del above[depth:]
        drawn[found[2]] = above[-1] if above else None
        above.append(found[2])
    real = {
        name: _parent(value)
        for name, value in vars(errors).items()
        if inspect.isclass(value)
        and issubclass(value, errors.OxherdError)
        and not name.startswith("_")
    }
    assert drawn == real


def _parent(cls: type) -> str | None:
    """The nearest ancestor that is not private; None for the root."""
    names = [base.__name__ for base in cls.__mro__[1:] if not base.__name__.startswith("_")]
    return None if cls is errors.OxherdError else names[0]


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
