"""Flow: a handle on a whole flow, by its root."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from oxherd.domain.errors import JobNotFound
from oxherd.domain.lifecycle import FINISHED, State
from oxherd.runtime.waiting import wait_until_finished

if TYPE_CHECKING:
    from datetime import timedelta

    from oxherd.store import Store


class Flow:
    """A flow, known by its root job.

    Args:
        store: where it is.
        queue: the root's queue.
        job_id: the root's id.
    """

    def __init__(self, store: Store, queue: str, job_id: str) -> None:
        self._store = store
        self.queue_name = queue
        self.root_id = job_id

    def __repr__(self) -> str:
        return f"<Flow of job {self.root_id!r} of queue {self.queue_name!r}>"

    async def result(self, timeout: float | timedelta | None = None) -> Any:  # noqa: ASYNC109 - the public name
        """The root's result, once it has ended; `timeout` in seconds.

        A failure below that will fail the root counts at once, worker or not.

        Raises:
            JobFailed, JobRemoved, TimeoutError: see `Job.wait_until_finished`.
        """
        return await wait_until_finished(self._store, self.queue_name, self.root_id, timeout)

    async def status(self) -> dict[str, int]:
        """How many jobs of the whole graph are in each state, by the state's name.

        A job that is about to be failed because a child failed counts as failed.

        Raises:
            JobNotFound: the root is gone.
        """
        from oxherd.runtime.job_node import read_tree  # noqa: PLC0415 - nodes have handles

        root = await read_tree(self._store, self.queue_name, self.root_id)
        if root is None:
            raise JobNotFound(self.root_id, self.queue_name)
        counts = Counter[State]()
        for node in root.walk():
            if node.state is not None:
                doomed = node.job.deferred_failure is not None and node.state not in FINISHED
                counts[State.FAILED if doomed else node.state] += 1
        return {state.value: counts[state] for state in State}
