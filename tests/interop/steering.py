"""What is done to queues, by whom, and how they must stand after it: the same for everybody.

A scene is a list of steps. `one` and `other` are the two sides, whichever they are; a step is done
by `one` unless it says otherwise. Names and units of the arguments are BullMQ's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tests.interop.cases import HOUR, done, failed, job, node

OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Step:
    """One call. `work` runs a worker until `until`; `wait` waits for it; the rest are verbs."""

    verb: str
    args: dict[str, Any] = field(default_factory=dict)
    by: str = "one"
    answers: Any = ...
    """What the call must answer, if it matters."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Steps, and what must be so after them."""

    name: str
    steps: tuple[Step, ...]
    expected: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """Fields of jobs, under `queue/id`; None for a job that must be gone."""
    survey: dict[str, Any] = field(default_factory=dict)
    """How the queue `work` must stand, of what `survey` tells."""
    order: tuple[str, ...] = ()
    """The ids in the order in which they must have started."""
    apart: tuple[str, str, int] | None = None
    """Two jobs whose starts are so many milliseconds apart, or more."""
    alone: bool = False
    """No two jobs may have run at the same time."""
    queues: tuple[str, ...] = ("work",)
    deduplications: tuple[str, ...] = ()


def add(
    job_id: str, data: Any = None, *, by: str = "one", answers: Any = ..., **options: Any
) -> Step:
    return Step("add", job(job_id, data, **options), by, answers)


def flow(tree: dict[str, Any], *, by: str = "one") -> Step:
    return Step("addFlow", {"flow": tree}, by)


def call(verb: str, by: str = "one", answers: Any = ..., **args: Any) -> Step:
    return Step(verb, args, by, answers)


def work(concurrency: int = 5, options: Any = None, jobs: int = 0, **until: str) -> Step:
    """A worker of queue `work` until the jobs are in these states, and `j0`, … completed."""
    until |= {f"j{number}": "completed" for number in range(jobs)}
    args = {"concurrency": concurrency, "options": options or {}, "until": until}
    return Step("work", args, "works")


def wait(**until: Any) -> Step:
    """Wait until the survey of queue `work` says so."""
    return Step("wait", until)


def same(deduplication_id: str, **more: Any) -> dict[str, Any]:
    return {"id": deduplication_id, **more}


def repeating(schedule_id: str, **repeat: Any) -> Step:
    return Step(
        "upsertJobScheduler",
        {"id": schedule_id, "repeat": repeat,
         "template": {"name": "tock", "data": {"returns": "tick"}}},
    )  # fmt: skip


LISTS: Final = (
    Scene("promoted by the other side",
          (add("a", {"returns": 1}, delay=HOUR), add("b", delay=HOUR),
           call("promote", OTHER, id="a"), work(a="completed")),
          {"work/a": done(1), "work/b": {"state": "delayed"}}),
    Scene("a priority promoted",
          (add("a", delay=HOUR, priority=4), call("promote", OTHER, id="a")),
          {"work/a": {"state": "prioritized", "priority": 4}}),
    Scene("all promoted", (add("a", delay=HOUR), add("b", delay=HOUR),
                           call("promoteJobs", OTHER), work(a="completed", b="completed")),
          {"work/a": done(), "work/b": done()}),
    Scene("a delay changed to be sooner",
          (add("a", delay=HOUR), call("changeDelay", OTHER, id="a", delay=50), work(a="completed")),
          {"work/a": done()}),
    Scene("a delay changed to be later",
          (add("a", delay=100), call("changeDelay", OTHER, id="a", delay=HOUR)),
          {"work/a": {"state": "delayed"}}),
    Scene("a priority changed",
          (add("a", priority=3), add("b", priority=2), add("c", priority=5),
           call("changePriority", OTHER, id="c", priority=1),
           work(1, a="completed", c="completed")),
          {"work/c": done(priority=1)}, order=("c", "b", "a")),
    Scene("a priority changed to the front of its equals",
          (add("a", priority=3), add("b", priority=3),
           call("changePriority", OTHER, id="b", priority=3, lifo=True),
           work(1, a="completed", b="completed")),
          {"work/b": done(priority=3)}, order=("b", "a")),
    Scene("a priority taken away",
          (add("a", priority=3), add("b"), call("changePriority", OTHER, id="a", priority=0),
           work(1, a="completed", b="completed")),
          {"work/a": done(priority=0)}, order=("b", "a")),
    Scene("a priority given to a waiting job",
          (add("a"), add("b"), call("changePriority", OTHER, id="a", priority=7),
           work(1, a="completed", b="completed")),
          {"work/a": done(priority=7)}, order=("b", "a")),
    Scene("counts by priority",
          (add("a", priority=1), add("b", priority=1), add("c", priority=9), add("d")),
          survey={"byPriority": {"0": 1, "1": 2, "9": 1}}),
    Scene("paused and resumed by different sides",
          (call("pause"), add("a", by=OTHER), call("resume", OTHER), work(a="completed")),
          {"work/a": done()}, survey={"paused": False}),
    Scene("data replaced", (add("a", {"returns": 1}),
                            call("updateData", OTHER, id="a", data={"returns": [None, {}]}),
                            work(a="completed")),
          {"work/a": done([None, {}], data={"returns": [None, {}]})}),
    Scene("logs cleared", (add("a", {"logs": ["1", "2", "3"]}), work(a="completed"),
                           call("clearLogs", OTHER, id="a", keep=2)),
          {"work/a": done(logs=["2", "3"])}),
    Scene("all logs cleared", (add("a", {"logs": ["1", "2"]}), work(a="completed"),
                               call("clearLogs", OTHER, id="a", keep=0)),
          {"work/a": done(logs=[])}),
    Scene("failed jobs run again",
          (add("a", {"fails": 9}), add("b", {"fails": 9}), work(a="failed", b="failed"),
           call("updateData", id="a", data={}), call("updateData", OTHER, id="b", data={}),
           call("retryJobs", OTHER, state="failed", count=1000),
           work(a="completed", b="completed")),
          {"work/a": done(), "work/b": done()}),
    Scene("a completed job runs again",
          (add("a", {"returns": 3}), work(a="completed"),
           call("retry", OTHER, id="a", state="completed"), work(a="completed")),
          {"work/a": done(3, attemptsStarted=2, attemptsMade=2)}),
    Scene("drained", (add("a"), add("b", priority=2), add("c", delay=HOUR),
                      call("drain", OTHER, delayed=False)),
          {"work/a": None, "work/b": None, "work/c": {"state": "delayed"}}),
    Scene("drained of delayed ones too", (add("a"), add("c", delay=HOUR),
                                          call("drain", OTHER, delayed=True)),
          {"work/a": None, "work/c": None}),
    Scene("cleaned of completed ones",
          (add("a"), add("b", {"fails": 9}), work(a="completed", b="failed"),
           call("clean", OTHER, answers=["a"], grace=0, limit=10, state="completed")),
          {"work/a": None, "work/b": failed("boom 1")}),
    Scene("cleaned of failed ones, but not of young ones",
          (add("a", {"fails": 9}), work(a="failed"),
           call("clean", OTHER, answers=[], grace=HOUR, limit=10, state="failed")),
          {"work/a": failed("boom 1")}),
    Scene("cleaned of delayed and waiting ones",
          (add("a", timestamp=1_700_000_000_000, delay=2_000_000_000_000),
           add("b", timestamp=1_700_000_000_000),
           call("clean", OTHER, answers=["a"], grace=1000, limit=10, state="delayed"),
           call("clean", OTHER, answers=["b"], grace=1000, limit=10, state="waiting")),
          {"work/a": None, "work/b": None}),
    Scene("cleaned of prioritized ones",
          (add("a", timestamp=1_700_000_000_000, priority=2),
           call("clean", OTHER, answers=["a"], grace=1000, limit=0, state="prioritized")),
          {"work/a": None}),
    Scene("obliterated", (add("a"), add("b", delay=HOUR), add("c", priority=1),
                          call("obliterate", OTHER, force=False)),
          {"work/a": None, "work/b": None, "work/c": None}, survey={"paused": False}),
    Scene("events trimmed", (*(add(f"j{n}") for n in range(3)), call("trimEvents", OTHER, most=0)),
          survey={"counts": {"waiting": 3}}),
)  # fmt: skip

LIMITS: Final = (
    Scene("one at a time", (call("setGlobalConcurrency", most=1),
                            *(add(f"j{n}", {"takes": 40}) for n in range(4)),
                            work(jobs=4)),
          survey={"concurrency": 1}, alone=True),
    Scene("the limit of concurrency lifted",
          (call("setGlobalConcurrency", most=1), call("removeGlobalConcurrency", OTHER),
           add("a"), work(a="completed")),
          {"work/a": done()}, survey={"concurrency": None}),
    Scene("a rate limit of the queue",
          (call("setGlobalRateLimit", max=2, duration=500),
           *(add(f"j{n}") for n in range(3)), work(jobs=3)),
          survey={"rate": [2, 500]}, apart=("j0", "j2", 350)),
    Scene("the rate limit of the queue lifted",
          (call("setGlobalRateLimit", max=1, duration=HOUR), call("removeGlobalRateLimit", OTHER),
           add("a"), add("b"), work(a="completed", b="completed")),
          {"work/a": done(), "work/b": done()}, survey={"rate": None}),
    Scene("a rate limit of the worker",
          (*(add(f"j{n}") for n in range(3)),
           work(options={"limiter": {"max": 1, "duration": 300}}, jobs=3)),
          apart=("j0", "j2", 450)),
    Scene("held by hand",
          (call("setGlobalRateLimit", max=100, duration=HOUR),
           call("rateLimit", OTHER, duration=400), wait(held=True), add("a"),
           work(a="completed")),
          {"work/a": done()}, survey={"held": False}),
    Scene("metrics", (add("a"), add("b"), work(options={"metrics": {"maxDataPoints": 10}},
                                               a="completed", b="completed")),
          survey={"metrics": 2}),
)  # fmt: skip

DEDUPLICATION: Final = (
    Scene("simple: dropped while the first is about, free after it",
          (add("a", deduplication=same("d")),
           add("b", by=OTHER, answers="a", deduplication=same("d")),
           work(a="completed"), add("c", by=OTHER, answers="c", deduplication=same("d")),
           work(c="completed")),
          {"work/a": done(), "work/b": None, "work/c": done()},
          survey={"owners": {"d": None}}, deduplications=("d",)),
    Scene("simple: free after a failure",
          (add("a", {"fails": 9}, deduplication=same("d")), work(a="failed"),
           add("b", by=OTHER, answers="b", deduplication=same("d"))),
          {"work/a": failed("boom 1"), "work/b": {"state": "waiting"}},
          survey={"owners": {"d": "b"}}, deduplications=("d",)),
    Scene("simple: kept through attempts",
          (add("a", {"fails": 9}, attempts=2, backoff=HOUR, deduplication=same("d")),
           work(a="delayed"), add("b", by=OTHER, answers="a", deduplication=same("d"))),
          {"work/a": {"state": "delayed"}, "work/b": None},
          survey={"owners": {"d": "a"}}, deduplications=("d",)),
    Scene("simple: free after removal",
          (add("a", deduplication=same("d")), call("remove", OTHER, id="a", removeChildren=True),
           add("b", answers="b", deduplication=same("d"))),
          {"work/a": None, "work/b": {"state": "waiting"}}, deduplications=("d",)),
    Scene("simple: freed by hand",
          (add("a", deduplication=same("d")), call("removeDeduplicationKey", OTHER, id="d"),
           add("b", answers="b", deduplication=same("d"))),
          {"work/a": {"state": "waiting"}, "work/b": {"state": "waiting"}},
          survey={"owners": {"d": "b"}}, deduplications=("d",)),
    Scene("throttle: outlives the first, for its time",
          (add("a", deduplication=same("d", ttl=HOUR)), work(a="completed"),
           add("b", by=OTHER, answers="a", deduplication=same("d", ttl=HOUR))),
          {"work/a": done(), "work/b": None},
          survey={"owners": {"d": "a"}}, deduplications=("d",)),
    Scene("throttle: free after its time",
          (add("a", deduplication=same("d", ttl=200)), wait(owners={"d": None}),
           add("b", by=OTHER, answers="b", deduplication=same("d", ttl=HOUR))),
          {"work/a": {"state": "waiting"}, "work/b": {"state": "waiting"}}, deduplications=("d",)),
    Scene("debounce: the newest takes the place of a delayed one",
          (add("a", {"returns": 1}, delay=HOUR,
               deduplication=same("d", ttl=HOUR, extend=True, replace=True)),
           add("b", {"returns": 2}, by=OTHER, answers="b", delay=100,
               deduplication=same("d", ttl=HOUR, extend=True, replace=True)),
           work(b="completed")),
          {"work/a": None, "work/b": done(2)},
          survey={"owners": {"d": "b"}}, deduplications=("d",)),
    Scene("replace: nothing to replace once it waits",
          (add("a", deduplication=same("d", replace=True)),
           add("b", by=OTHER, answers="a", deduplication=same("d", replace=True)),
           work(a="completed")),
          {"work/a": done(), "work/b": None}, deduplications=("d",)),
    Scene("extend: dropped, and the time starts again",
          (add("a", deduplication=same("d", ttl=HOUR, extend=True)),
           add("b", by=OTHER, answers="a", deduplication=same("d", ttl=HOUR, extend=True))),
          {"work/a": {"state": "waiting"}, "work/b": None},
          survey={"owners": {"d": "a"}}, deduplications=("d",)),
    Scene("the last one while the first runs",
          (add("a", {"takes": 300, "returns": 1}, deduplication=same("d", keepLastIfActive=True)),
           Step("work", {"concurrency": 2, "options": {}, "until": {"a": "active"}, "leave": True},
                "works"),
           add("b", {"returns": 2}, by=OTHER, answers="a",
               deduplication=same("d", keepLastIfActive=True)),
           add("c", {"returns": 3}, answers="a", deduplication=same("d", keepLastIfActive=True)),
           call("workUntil", "works", until={"a": "completed", "c": "completed"})),
          {"work/a": done(1), "work/b": None, "work/c": done(3)},
          survey={"owners": {"d": None}}, deduplications=("d",)),
    Scene("rescheduled",
          (add("a", {"returns": 1}, delay=HOUR, deduplication=same("d", reschedule=True)),
           add("b", by=OTHER, answers="a", delay=100, deduplication=same("d", reschedule=True)),
           work(a="completed")),
          {"work/a": done(1), "work/b": None}, deduplications=("d",)),
)  # fmt: skip

SCHEDULERS: Final = (
    Scene("every so often, to its limit",
          (repeating("tick", every=150, limit=3), wait(counts={"waiting": 1}),
           Step("work", {"concurrency": 1, "options": {}, "until": {}, "leave": True}, "works"),
           wait(counts={"completed": 3}), wait(counts={"delayed": 0, "waiting": 0, "active": 0})),
          survey={"counts": {"completed": 3}}),
    Scene("removed by the other side",
          (repeating("tick", every=HOUR), repeating("tock", every=HOUR),
           call("removeJobScheduler", OTHER, answers=True, id="tick")),
          # What is ready already stays.
          survey={"counts": {"waiting": 2, "delayed": 0}}),
    Scene("changed by the other side",
          (repeating("tick", pattern="0 0 1 1 *"),
           Step("upsertJobScheduler",
                {"id": "tick", "repeat": {"pattern": "0 0 1 2 *", "tz": "Asia/Tokyo"},
                 "template": {"name": "new", "data": {"a": [None]}}}, OTHER)),
          survey={"counts": {"delayed": 1}}),
    Scene("a pattern, advanced by the worker",
          (repeating("tick", pattern="* * * * * *"),
           Step("work", {"concurrency": 1, "options": {}, "until": {}, "leave": True}, "works"),
           wait(counts={"completed": 2}), call("removeJobScheduler", OTHER, id="tick")),
          survey={"schedulers": []}),
    Scene("a start in the future",
          (repeating("tick", every=1000, startDate=4_000_000_000_000),),
          survey={"counts": {"delayed": 1, "waiting": 0}}),
    Scene("its pending job cannot be removed",
          (repeating("tick", every=HOUR),
           call("remove", OTHER, answers="refused", id="{pending}", removeChildren=True)),
          survey={"counts": {"waiting": 1}}),
)  # fmt: skip

_TREE: Final = node("parents", "p", node("work", "a", delay=HOUR), node("work", "b", delay=HOUR),
                    data={"gather": True})  # fmt: skip

FLOWS: Final = (
    Scene("a parent removed with its children",
          (flow(_TREE), call("remove", OTHER, queue="parents", id="p", removeChildren=True)),
          {"parents/p": None, "work/a": None, "work/b": None}, queues=("parents", "work")),
    Scene("a parent removed without its children",
          (flow(_TREE), call("remove", OTHER, queue="parents", id="p", removeChildren=False),
           call("promoteJobs", OTHER), work(a="completed", b="completed")),
          {"parents/p": None, "work/a": done(), "work/b": done()}, queues=("parents", "work")),
    Scene("the last pending child removed",
          (flow(node("parents", "p", node("work", "a", delay=HOUR))),
           call("remove", OTHER, id="a", removeChildren=True)),
          {"parents/p": {"state": "waiting"}, "work/a": None}, queues=("parents", "work")),
    Scene("a child let go",
          (flow(_TREE), call("removeChildDependency", OTHER, id="a"),
           call("removeChildDependency", id="b")),
          {"parents/p": {"state": "waiting"}, "work/a": {"state": "delayed", "parentKey": None}},
          queues=("parents", "work")),
    Scene("unprocessed children removed",
          (flow(node("parents", "p", node("work", "a", data={"returns": 1}),
                     node("work", "b", delay=HOUR))),
           work(a="completed"), call("removeUnprocessedChildren", OTHER, queue="parents", id="p")),
          {"parents/p": {"state": "waiting", "children": {"a": 1}}, "work/a": done(1),
           "work/b": None}, queues=("parents", "work")),
    Scene("a child added to a live parent",
          (flow(_TREE), add("c", {"returns": 3}, by=OTHER,
                            parent={"id": "p", "queue": "{prefix}:parents"}),
           work(c="completed")),
          {"parents/p": {"state": "waiting-children", "children": {"c": 3},
                         "dependencies": {"processed": 1, "unprocessed": 2, "ignored": 0,
                                          "failed": 0}}}, queues=("parents", "work")),
    Scene("a failed child runs again before its parent's turn",
          (flow(node("parents", "p", node("work", "a", data={"fails": 1, "returns": 5}))),
           work(a="failed"), call("retry", OTHER, id="a", state="failed"), work(a="completed")),
          {"parents/p": {"state": "waiting", "children": {"a": 5}}}, queues=("parents", "work")),
    Scene("a failed child and its failed parent run again",
          (flow(node("work", "p", node("work", "a", data={"fails": 1, "returns": 5},
                                       failParentOnFailure=True), data={"gather": True})),
           work(a="failed", p="failed"), call("retry", OTHER, id="a", state="failed"),
           work(a="completed"), call("retry", id="p", state="failed"), work(p="completed")),
          {"work/p": done({"values": {"a": 5}, "ignored": {}}), "work/a": done(5)}),
    Scene("drained of a parent's last children",
          (flow(node("parents", "p", node("work", "a"), node("work", "b", priority=3))),
           call("drain", OTHER, delayed=False)),
          {"parents/p": {"state": "waiting"}, "work/a": None}, queues=("parents", "work")),
)  # fmt: skip

SECTIONS: Final = {
    "Jobs and queues by hand": LISTS,
    "Limits": LIMITS,
    "Deduplication": DEDUPLICATION,
    "Schedulers": SCHEDULERS,
    "Flows by hand": FLOWS,
}
SCENES: Final = tuple(scene for scenes in SECTIONS.values() for scene in scenes)
