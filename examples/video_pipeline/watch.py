"""Following a flow: what is stored says where it is, events say what changes."""

from __future__ import annotations

from typing import Any

from examples.video_pipeline.screen import Screen
from oxherd import (
    Active,
    Completed,
    Delayed,
    Event,
    Failed,
    Job,
    JobNode,
    Progress,
    QueueEvents,
    Stalled,
    State,
)

ORDER = ("download", "transcode", "thumbnail", "upload", "notify")


class Watch:
    """Shows the jobs of one flow on a screen."""

    def __init__(self, tree: JobNode, *, resumed: bool) -> None:
        jobs = {job.key: job for job in (node.job for node in tree.walk())}
        ranked = sorted(jobs.values(), key=lambda job: ORDER.index(job.name))
        self._jobs = {(job.queue_name, job.id): job for job in ranked}
        self._labels = {key: label(job) for key, job in self._jobs.items()}
        self._percent = dict.fromkeys(self._jobs, 0)
        self._done: set[tuple[str, str]] = set()
        self._resumed = resumed

    @property
    def steps(self) -> list[str]:
        """The labels, in running order."""
        return list(self._labels.values())

    async def follow(self, events: QueueEvents, screen: Screen) -> None:
        """Show what changes in one queue, until cancelled."""
        async for event in events:
            await self._show(event, screen)

    async def show_stored(self, screen: Screen, *, last: bool = False) -> None:
        """Show where every job is, at the start and, for events that were missed, at the end."""
        for key, job in self._jobs.items():
            if key in self._done:
                continue
            match await job.get_state():
                case State.COMPLETED:
                    self._done.add(key)
                    note = "done before" * (self._resumed and not last)
                    screen.show(self._labels[key], "✔", 100, note)
                case State.ACTIVE if self._resumed:
                    note = "was running when the last run ended; its lock ends within 5 s"
                    screen.show(self._labels[key], "▶", 0, note)
                case State.FAILED:
                    screen.show(self._labels[key], "✘", 0)
                case _:
                    screen.show(self._labels[key], "·", 0)

    async def _show(self, event: Event, screen: Screen) -> None:
        key = (event.queue, getattr(event, "job_id", ""))
        if key not in self._jobs:
            return
        step = self._labels[key]
        match event:
            case Active():
                self._percent[key] = 0
                screen.show(step, "▶", 0)
            case Progress(data=int(percent)):
                self._percent[key] = percent
                screen.show(step, "▶", percent)
            case Delayed():
                job: Job[Any, Any] = await self._jobs[key].refresh()
                why = f"attempt {job.attempts_made}: {job.failed_reason}"
                screen.show(step, "↻", self._percent[key], why)
            case Stalled():
                screen.show(step, "↻", 0, "taken back from the run that was killed")
            case Completed():
                starts = (await self._jobs[key].refresh()).attempts_started
                screen.show(step, "✔", 100, f"started {starts} times" * (starts > 1))
                self._done.add(key)
            case Failed(failed_reason=reason):
                screen.show(step, "✘", self._percent[key], reason)
            case _:
                pass


def label(job: Job[Any, Any]) -> str:
    """What a step is called on the screen."""
    return f"{job.name} {job.data['rendition']}" if job.name == "transcode" else job.name
