"""Processors that a fresh interpreter can import."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any, NoReturn

from oxherd import (
    BlockingJob,
    Cancellation,
    LockLost,
    Postpone,
    RateLimited,
    Release,
    Settled,
    Unrecoverable,
    WaitForChildren,
)


def give_back(job: BlockingJob) -> dict[str, Any]:
    return {"data": job.data, "pid": os.getpid()}


def take_three(job: BlockingJob, token: str, cancellation: Cancellation) -> list[Any]:
    return [job.name, bool(token), cancellation.is_set()]


def use_the_job(job: BlockingJob[Any, Any]) -> dict[str, Any]:
    job.update_progress(40)
    job.update_progress({"part": 2})
    lines = [job.log("one"), job.log("two")]
    job.update_data({"changed": True})
    return {
        "lines": lines,
        "data": job.data,
        "values": list(job.get_children_values().values()),
        "results": [[item.name, item.status, item.value] for item in job.get_results()],
        "counts": job.get_dependencies_count(),
        "processed": list(job.get_dependencies().processed.values()),
        "ignored": list(job.get_ignored_children_failures().values()),
        "failed": list(job.get_failed_children_values().values()),
        "attributes": [
            job.name, job.queue_name, job.attempts_made, job.priority, job.opts.attempts,
            job.key.endswith(job.id), job.flow_id == job.id,
        ],
    }  # fmt: skip


def end_the_process(job: BlockingJob) -> NoReturn:
    os._exit(3)


def die_of(job: BlockingJob[int]) -> None:
    os.kill(os.getpid(), job.data)


def raise_one(job: BlockingJob[str]) -> object:
    match job.data:
        case "SystemExit":
            sys.exit(4)
        case "KeyboardInterrupt":
            raise KeyboardInterrupt
        case "Unrecoverable":
            raise Unrecoverable("no use")
        case "Postpone":
            raise Postpone(60)
        case "Release" if job.attempts_started == 1:
            raise Release
        case "WaitForChildren" if job.attempts_started == 1:
            raise WaitForChildren
        case "ValueError":
            raise ValueError("from afar")
        case "unserialisable":
            return object()
        case _:
            pass
    return None


def hold_once(job: BlockingJob) -> int:
    if job.attempts_started == 1:
        raise RateLimited(0.2)
    return job.attempts_started


def say_settled(job: BlockingJob) -> None:
    raise Settled


def print_a_lot(job: BlockingJob) -> int:
    line = "x" * 1023
    for _ in range(5 * 1024):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    return 5 * 1024 * 1024


def spin(job: BlockingJob[float]) -> int:
    """Work that holds the interpreter lock and never looks up."""
    until = time.monotonic() + job.data  # noqa: TID251 - it works for some time
    count = 0
    while time.monotonic() < until:  # noqa: TID251 - the same
        count += 1
    return count


def write_pid_and_hang(job: BlockingJob[str]) -> None:
    with open(job.data, "w") as file:  # noqa: PTH123 - the shortest way
        file.write(str(os.getpid()))
    signal.pause()


def ask_too_late(job: BlockingJob[str]) -> str:
    """The lock is taken away while this runs; `data` is a file that says when."""
    while not os.path.exists(job.data):  # noqa: PTH110 - the shortest way
        time.sleep(0.01)
    try:
        job.update_progress(1)
    except LockLost:
        return "lost"
    return "held"


def nowhere(job: BlockingJob) -> None:
    """Its module cannot be imported by anybody else."""


nowhere.__module__ = "no_such_module_anywhere"
