"""BlockingJob: a job's attributes and verbs for plain functions, blocking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from oxherd.domain.record import ChildStatus, JobRecord
from oxherd.runtime.children import ChildResult, Dependencies
from oxherd.runtime.job_view import D, JobView, R

Ask = Callable[[str, list[Any]], Any]
"""Calls a verb of the job by name, with JSON arguments, and answers its JSON result."""


class BlockingJob(JobView[D, R]):
    """What a plain function gets: the names of `Job`, without `await`.

    In a thread its calls run on the worker's event loop; in a process they go over the pipe to
    the worker, which holds the lock.
    """

    __slots__ = ("_ask",)

    def __init__(self, record: JobRecord, prefix: str, ask: Ask) -> None:
        super().__init__(record, prefix)
        self._ask = ask

    def get_children_values(self) -> dict[str, Any]:
        """The results of completed children, by full key, in the order of definition."""
        return dict(self._ask("get_children_values", []))

    def get_child_value(self) -> Any:
        """The result of the only child; an error unless there is exactly one, completed."""
        return self._ask("get_child_value", [])

    def get_results(self) -> list[ChildResult]:
        """What each child gave: its value or its failure, in the order of definition."""
        return [
            ChildResult(**{**item, "status": ChildStatus(item["status"])})
            for item in self._ask("get_results", [])
        ]

    def get_ignored_children_failures(self) -> dict[str, str]:
        """The reasons of children that failed and did not fail this job, by full key."""
        return dict(self._ask("get_ignored_children_failures", []))

    def get_failed_children_values(self) -> dict[str, str]:
        """The reasons of all children that failed, whatever the policy, by full key."""
        return dict(self._ask("get_failed_children_values", []))

    def get_dependencies(self, start: int = 0, count: int | None = None) -> Dependencies:
        """Children number `start` to `start + count`, by what became of them."""
        return Dependencies(**self._ask("get_dependencies", [start, count]))

    def get_dependencies_count(self) -> dict[str, int]:
        """How many children are `processed`, `unprocessed`, `ignored` and `failed`."""
        return dict(self._ask("get_dependencies_count", []))

    def update_progress(self, progress: float | Mapping[str, Any]) -> None:
        """Tell how far the job is: a number or a mapping."""
        self._ask("update_progress", [progress])
        self._progress = progress

    def log(self, text: str) -> int:
        """Append a line to the job's log; answers how many lines it has."""
        return int(self._ask("log", [str(text)]))

    def clear_logs(self, keep: int = 0) -> None:
        """Remove the log lines, but the newest `keep`."""
        self._ask("clear_logs", [keep])

    def change_priority(self, priority: int = 0) -> None:
        """Give the job another priority (0: none), which counts when it is ready again."""
        self._ask("change_priority", [priority])

    def remove_child_dependency(self) -> bool:
        """Unlink the job from its parents, which wait for it no more; whether one did."""
        return bool(self._ask("remove_child_dependency", []))

    def remove_unprocessed_children(self) -> None:
        """Remove the children that have not run, with all below them; active ones stay."""
        self._ask("remove_unprocessed_children", [])

    def remove_deduplication_key(self) -> bool:
        """Free the job's deduplication id, if it owns one; whether it did."""
        return bool(self._ask("remove_deduplication_key", []))

    def update_data(self, data: D) -> None:
        """Replace the job's data."""
        self._ask("update_data", [data])
        self._data = data

    def move_to_waiting_children(self) -> bool:
        """Wait for pending children; True when moved: then raise `WaitForChildren`."""
        return bool(self._ask("move_to_waiting_children", []))

    def extend_lock(self, duration: float) -> None:
        """Hold the job for `duration` seconds from now; the worker renews locks by itself."""
        self._ask("extend_lock", [duration])


ASKABLE = frozenset(
    name for name, member in vars(BlockingJob).items() if callable(member) and name[0] != "_"
)
"""The verbs that may be called from outside the event loop."""
