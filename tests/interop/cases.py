"""What is added, what must have become of it, and in which order it ran: the same for everybody.

Flows and jobs are in BullMQ's form. `{prefix}` in an expected text is the test's key prefix. A
policy that a flow does not give is BullMQ's own default, to wait; Oxherd's side says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

HOUR: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Case:
    """One scene. `expected` are the fields that must be so, by queue and id."""

    name: str
    expected: dict[str, dict[str, Any] | None]
    """Under `queue/id`; None for a job that must be gone."""
    jobs: tuple[dict[str, Any], ...] = ()
    flow: dict[str, Any] | None = None
    order: tuple[str, ...] = ()
    """The ids in the order in which they must start, one at a time."""
    queues: tuple[str, ...] = field(default=("work",))


def job(job_id: str, data: Any = None, **options: Any) -> dict[str, Any]:
    return {
        "name": "task",
        "data": {} if data is None else data,
        "opts": {"jobId": job_id, **options},
    }


def node(
    queue: str, job_id: str, *children: dict[str, Any], data: Any = None, **options: Any
) -> dict[str, Any]:
    made = {"queueName": queue, **job(job_id, data, **options)}
    return {**made, "children": list(children)} if children else made


def done(value: Any = None, **more: Any) -> dict[str, Any]:
    return {"state": "completed", "returnvalue": value, **more}


def failed(reason: str, **more: Any) -> dict[str, Any]:
    return {"state": "failed", "failedReason": reason, **more}


VALUES: Final[dict[str, Any]] = {
    "text": 'grüße, 世界, 🐂, \u2028 " \\ / \t\n',
    "number": -12.5,
    "integer": 9007199254740991,
    "true": True,
    "null": None,
    "empty-list": [],
    "empty-object": {},
    "nested": {"a": [[], {}, None, {"b": [1, 2, {"ü": "ß"}]}], "": "", "x:y": "{}"},
    "list-of-nulls": [None, None],
}

PLAIN: Final = (
    Case("one job", {"work/a": done(7, attemptsMade=1, attemptsStarted=1)},
         jobs=(job("a", {"returns": 7}),)),
    Case("data and options survive",
         {"work/a": done("ok", priority=5, data={"returns": "ok", "more": VALUES}, name="task")},
         jobs=(job("a", {"returns": "ok", "more": VALUES}, priority=5, keepLogs=3),)),
    *(Case(f"result: {name}", {"work/a": done(value, data={"returns": value})},
           jobs=(job("a", {"returns": value}),)) for name, value in VALUES.items()),
    Case("no result", {"work/a": done(None)}, jobs=(job("a"),)),
    Case("progress and logs",
         {"work/a": done(None, progress={"part": "ü", "of": 3}, logs=["ä 2", "3"]),
          "work/b": done(None, progress=42.5, logs=["x"])},
         jobs=(job("a", {"progress": {"part": "ü", "of": 3}, "logs": ["1", "ä 2", "3"]},
                   keepLogs=2),
               job("b", {"progress": 42.5, "logs": ["x"]}))),
    Case("first in, first out", {f"work/{x}": done() for x in "abcd"},
         jobs=tuple(job(x) for x in "abcd"), order=("a", "b", "c", "d")),
    Case("last in, first out", {f"work/{x}": done() for x in "abcd"},
         jobs=(job("a"), job("b"), job("c", lifo=True), job("d", lifo=True)),
         order=("d", "c", "a", "b")),
    Case("priorities", {f"work/{x}": done() for x in "abcdef"},
         jobs=(job("a", priority=2_097_151), job("b", priority=3), job("c"), job("d", priority=1),
               job("e", priority=3), job("f")),
         order=("c", "f", "d", "b", "e", "a")),
    Case("delayed", {"work/a": done("late"), "work/b": done("soon")},
         jobs=(job("a", {"returns": "late"}, delay=300), job("b", {"returns": "soon"}))),
    Case("delays are kept apart", {f"work/{x}": done() for x in "abc"},
         jobs=(job("a", delay=350), job("b", delay=150), job("c", delay=250)),
         order=("b", "c", "a")),
    Case("far delay", {"work/a": {"state": "delayed", "attemptsStarted": 0}, "work/b": done()},
         jobs=(job("a", delay=HOUR), job("b"))),
    Case("delayed and prioritized", {"work/a": done("x", priority=9)},
         jobs=(job("a", {"returns": "x"}, delay=100, priority=9),)),
    Case("a given id twice", {"work/a": done("first", data={"returns": "first"})},
         jobs=(job("a", {"returns": "first"}), job("a", {"returns": "second"}))),
)  # fmt: skip

ENDINGS: Final = (
    Case("fails", {"work/a": failed("boom 1", attemptsMade=1, traces=1)},
         jobs=(job("a", {"fails": 9}),)),
    Case("retried at once", {"work/a": done("well", attemptsMade=3, attemptsStarted=3, traces=2)},
         jobs=(job("a", {"fails": 2, "returns": "well"}, attempts=3),)),
    Case("attempts used up", {"work/a": failed("boom 2", attemptsMade=2, traces=2)},
         jobs=(job("a", {"fails": 9}, attempts=2),)),
    Case("fixed backoff", {"work/a": done("well", attemptsMade=3)},
         jobs=(job("a", {"fails": 2, "returns": "well"}, attempts=3,
                   backoff={"type": "fixed", "delay": 80}),)),
    Case("backoff as a number", {"work/a": done("well", attemptsMade=2)},
         jobs=(job("a", {"fails": 1, "returns": "well"}, attempts=2, backoff=60),)),
    Case("exponential backoff with jitter", {"work/a": done("well", attemptsMade=4)},
         jobs=(job("a", {"fails": 3, "returns": "well"}, attempts=5,
                   backoff={"type": "exponential", "delay": 30, "jitter": 0.5}),)),
    Case("a function for a backoff", {"work/a": done("well", attemptsMade=3),
                                      "work/b": failed("boom 3", attemptsMade=3)},
         jobs=(job("a", {"fails": 2, "returns": "well"}, attempts=9,
                   backoff={"type": "ours", "delay": 1, "custom": True}),
               job("b", {"fails": 9}, attempts=9,
                   backoff={"type": "ours", "delay": 1, "custom": True}))),
    Case("retry of a prioritized job", {"work/a": done("well", attemptsMade=2, priority=4)},
         jobs=(job("a", {"fails": 1, "returns": "well"}, attempts=2, priority=4),)),
    Case("unrecoverable", {"work/a": failed("never", attemptsMade=1)},
         jobs=(job("a", {"unrecoverable": "never"}, attempts=5),)),
    Case("stack traces are bounded", {"work/a": failed("boom 4", attemptsMade=4, traces=2)},
         jobs=(job("a", {"fails": 9}, attempts=4, stackTraceLimit=2),)),
    Case("removed on completion", {"work/a": None, "work/b": done()},
         jobs=(job("a", removeOnComplete=True), job("b"))),
    Case("removed on failure", {"work/a": None, "work/b": failed("boom 1")},
         jobs=(job("a", {"fails": 9}, removeOnFail=True), job("b", {"fails": 9}))),
    Case("the newest are kept", {"work/a": None, "work/b": None, "work/c": done()},
         jobs=tuple(job(x, removeOnComplete={"count": 1}) for x in "abc"),
         order=("a", "b", "c")),
)  # fmt: skip

_FAILING: Final = {"fails": 9}
_GATHER: Final = {"gather": True}


def _half_way(name: str | None, root: dict[str, Any]) -> Case:
    """A policy between the root and the middle, whose child failed it."""
    middle = node(
        "mid",
        "m",
        node("work", "x", data=_FAILING, failParentOnFailure=True),
        **({name: True} if name else {}),
    )
    return Case(
        f"half-way up: {name or 'no policy'}",
        {"top/r": root, "mid/m": failed("child {prefix}:work:x failed"),
         "work/x": failed("boom 1")},
        flow=node("top", "r", middle, data={**_GATHER, "detach": True}),
        queues=("top", "mid", "work"),
    )  # fmt: skip


def _policy(name: str | None, parent: dict[str, Any], **more: Any) -> Case:
    options = {name: True} if name else {}
    return Case(
        f"policy: {name or 'none'}",
        {"parents/p": parent, "work/bad": failed("boom 1"), **more},
        flow=node(
            "parents", "p",
            node("work", "bad", data=_FAILING, **options),
            node("work", "good", data={"returns": 1, "takes": 50}),
            data=_GATHER,
        ),
        queues=("parents", "work"),
    )  # fmt: skip


_GOOD: Final = {"work/good": done(1)}

FLOWS: Final = (
    Case("a parent gathers its children",
         {"parents/p": done({"values": {"a": {"ü": 1}, "b": [], "c": None}, "ignored": {}},
                            dependencies={"processed": 3, "unprocessed": 0, "ignored": 0,
                                          "failed": 0}),
          "work/a": done({"ü": 1}), "work/b": done([]), "work/c": done(None)},
         flow=node("parents", "p", node("work", "a", data={"returns": {"ü": 1}}),
                   node("work", "b", data={"returns": []}), node("work", "c"), data=_GATHER),
         queues=("parents", "work")),
    Case("four levels over four queues",
         {"top/r": done({"values": {"m": {"values": {"n": {"values": {"leaf": 5}, "ignored": {}}},
                                          "ignored": {}}}, "ignored": {}})},
         flow=node("top", "r", node("mid", "m", node("low", "n", node("work", "leaf",
                   data={"returns": 5}), data=_GATHER), data=_GATHER), data=_GATHER),
         queues=("top", "mid", "low", "work")),
    Case("one queue for all levels",
         {"work/r": done({"values": {"a": {"values": {"x": 1, "y": 2}, "ignored": {}}, "b": 3},
                          "ignored": {}})},
         flow=node("work", "r",
                   node("work", "a", node("work", "x", data={"returns": 1}),
                        node("work", "y", data={"returns": 2}), data=_GATHER),
                   node("work", "b", data={"returns": 3}), data=_GATHER)),
    Case("a child that needs attempts", {"parents/p": done({"values": {"a": "ok"}, "ignored": {}}),
                                         "work/a": done("ok", attemptsMade=3)},
         flow=node("parents", "p", node("work", "a", data={"fails": 2, "returns": "ok"},
                                        attempts=3, backoff=30), data=_GATHER),
         queues=("parents", "work")),
    Case("delayed and prioritized members",
         {"parents/p": done({"values": {"a": 1, "b": 2}, "ignored": {}}, priority=3)},
         flow=node("parents", "p", node("work", "a", data={"returns": 1}, delay=150),
                   node("work", "b", data={"returns": 2}, priority=2), data=_GATHER, priority=3),
         queues=("parents", "work")),
    Case("children that are removed when they complete",
         {"parents/p": done({"values": {"a": 1}, "ignored": {}}), "work/a": None},
         flow=node("parents", "p", node("work", "a", data={"returns": 1}, removeOnComplete=True),
                   data=_GATHER), queues=("parents", "work")),
    Case("thirty children",
         {"parents/p": done({"values": {f"c{n}": n for n in range(30)}, "ignored": {}})},
         flow=node("parents", "p", *(node("work", f"c{n}", data={"returns": n}) for n in range(30)),
                   data=_GATHER), queues=("parents", "work")),
    _policy("failParentOnFailure",
            failed("child {prefix}:work:bad failed", attemptsMade=1), **_GOOD),
    _policy("ignoreDependencyOnFailure",
            done({"values": {"good": 1}, "ignored": {"bad": "boom 1"}},
                 dependencies={"processed": 1, "unprocessed": 0, "ignored": 1, "failed": 0}),
            **_GOOD),
    _policy("removeDependencyOnFailure", done({"values": {"good": 1}, "ignored": {}}), **_GOOD),
    _policy(None, {"state": "waiting-children",
                   "dependencies": {"processed": 1, "unprocessed": 1, "ignored": 0, "failed": 0}},
            **_GOOD),
    Case("policy: continueParentOnFailure",
         {"parents/p": done({"values": {}, "ignored": {"bad": "boom 1"}}),
          "work/bad": failed("boom 1")},
         flow=node("parents", "p",
                   node("work", "bad", data=_FAILING, continueParentOnFailure=True),
                   node("work", "late", delay=HOUR), data={"gather": True, "detach": True}),
         queues=("parents", "work")),
    Case("failure through three levels",
         {"top/r": failed("child {prefix}:mid:m failed"),
          "mid/m": failed("child {prefix}:work:x failed"), "work/x": failed("boom 1")},
         flow=node("top", "r", node("mid", "m", node("work", "x", data=_FAILING,
                   failParentOnFailure=True), failParentOnFailure=True, attempts=3)),
         queues=("top", "mid", "work")),
    Case("a failure ignored half-way",
         {"top/r": done({"values": {}, "ignored": {"m": "child {prefix}:work:x failed"}}),
          "mid/m": failed("child {prefix}:work:x failed")},
         flow=node("top", "r", node("mid", "m", node("work", "x", data=_FAILING,
                   failParentOnFailure=True), ignoreDependencyOnFailure=True), data=_GATHER),
         queues=("top", "mid", "work")),
    _half_way("removeDependencyOnFailure", done({"values": {}, "ignored": {}})),
    _half_way("continueParentOnFailure",
              done({"values": {}, "ignored": {"m": "child {prefix}:work:x failed"}})),
    _half_way(None, {"state": "waiting-children"}),
    Case("children that the processor adds",
         {"parents/p": done({"values": {"a": 1, "b": {"ü": []}}, "ignored": {}}, attemptsMade=1,
                            attemptsStarted=2),
          "work/a": done(1), "work/b": done({"ü": []})},
         flow=node("parents", "p", data={**_GATHER, "spawn": [
             {"queue": "work", "id": "a", "data": {"returns": 1}},
             {"queue": "work", "id": "b", "data": {"returns": {"ü": []}, "takes": 30}}]}),
         queues=("parents", "work")),
    Case("children that an added child adds",
         {"parents/p": done({"values": {"m": {"values": {"x": 7}, "ignored": {}}}, "ignored": {}}),
          "parents/m": done({"values": {"x": 7}, "ignored": {}}), "work/x": done(7)},
         flow=node("parents", "p", data={**_GATHER, "spawn": [
             {"queue": "parents", "id": "m", "data": {**_GATHER, "spawn": [
                 {"queue": "work", "id": "x", "data": {"returns": 7}}]}}]}),
         queues=("parents", "work")),
    Case("a parent that fails by itself",
         {"parents/p": failed("boom 2", attemptsMade=2), "work/a": done(1)},
         flow=node("parents", "p", node("work", "a", data={"returns": 1}), data=_FAILING,
                   attempts=2), queues=("parents", "work")),
)  # fmt: skip

SECTIONS: Final = {"Jobs": PLAIN, "How jobs end": ENDINGS, "Flows": FLOWS}
CASES: Final = tuple(case for cases in SECTIONS.values() for case in cases)
