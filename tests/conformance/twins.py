"""Two engines side by side, and what is made equal before they are compared.

The port leaves these open, and only these are evened out:

- The ids of events are an engine's own, and so are the places of events of *different* jobs that
  one call writes: the table orders the events of one job. Events are compared job by job.
- Jobs that ended in one millisecond, and parents that began to wait in one, have no order.
- How long a call that ended a job which was not kept can be sent again.
- The order among prioritized jobs of one priority that were given back to its front: a program
  never gives back a second one while the first is there.
- Which of several locked jobs a refused removal names.
- The words in which an engine stores options.
- How long the window of a rate limit is open still: on Redis it goes by the server's own clock.
- The order of parents in another queue that one `obliterate` releases: a program releases one.
- A lost job is back by the second call of `rescue`, and jobs taken back by different calls have no
  order. A check may have marked a job that was well, so that the first of the next two takes it:
  after each rescue the locks that are left are renewed, which clears such marks.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from oxherd.domain.errors import OxherdError, WrongState
from oxherd.domain.events import Event, JobEvent
from oxherd.domain.flow import plan
from oxherd.domain.lifecycle import FINISHED, State
from oxherd.domain.options import JobOptions
from oxherd.domain.outcome import Held
from oxherd.domain.record import ChildLink, JobKey
from oxherd.engines import open_store
from oxherd.store import Claimed
from tests.conformance.dump import Dump, QueueDump, comparable_record, dump
from tests.conformance.invariants import check_all
from tests.conformance.probe import RedisProbe, SqliteProbe
from tests.timing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from oxherd.domain.flow import FlowJob
    from oxherd.domain.record import NewJob
    from oxherd.store import Store
    from tests.conformance.probe import Probe

QUEUES = ("q", "r")
DEDUPLICATION_IDS = ("like", "alike")
LOCK_MS = 1_000_000
"""Much longer than all small steps of a program together: a server's own clock runs beside."""
DRIFT_MS = 120_000
"""How far the server's own clock may run ahead within a program."""

_ENDINGS = frozenset({"complete", "fail"})
_STAY_WITH_THE_QUEUE = ("metrics", "metric_points", "deduplications")
"""Which rows outlive all jobs; ids whose time has run out are cleared away by the next."""


@dataclass(frozen=True, slots=True)
class Twin:
    """One of the two."""

    place: int
    store: Store
    clock: FakeClock
    probe: Probe


@dataclass(frozen=True, slots=True)
class Each:
    """An argument that is another one for each of the two."""

    values: Sequence[Any]


class Twins:
    """Two stores that get the same calls."""

    def __init__(self, redis_url: str, prefix: str) -> None:
        self._runner = asyncio.Runner()
        self._prefix = prefix
        clocks = FakeClock(), FakeClock()
        memory = open_store(f"sqlite:///:memory:?prefix={prefix}", clock=clocks[0])
        server = open_store(f"{redis_url}?prefix={prefix}", clock=clocks[1])
        self._twins = (
            Twin(0, memory, clocks[0], SqliteProbe(memory, clocks[0])),
            Twin(1, server, clocks[1], RedisProbe(redis_url, prefix, clocks[1])),
        )
        self.answers: Sequence[Any] = ()
        """What each of the two answered last."""
        self.dump: Mapping[str, QueueDump] = {}
        self.states: Mapping[tuple[str, str], State] = {}

    # Calling.

    def key(self, queue: str, job_id: str) -> str:
        return str(JobKey(self._prefix, queue, job_id))

    def planned(self, flow: FlowJob, new_id: Callable[[], str]) -> tuple[NewJob, ...]:
        return plan(flow, prefix=self._prefix, new_id=new_id, defaults=lambda _: JobOptions()).jobs

    def tick(self) -> None:
        """A millisecond between any two calls, so that endings have an order."""
        for twin in self._twins:
            twin.clock.advance(1)

    def pass_time(self, milliseconds: int) -> None:
        self._both(lambda twin: twin.probe.pass_time(milliseconds))

    def call(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """The same call on both; the answer of one, when both agree."""
        self.answers = self._both(lambda twin: _call(twin, verb, args, kwargs))
        left, right = (comparable(answer) for answer in self.answers)
        if verb == "remove":
            left, right = ([_without_name(each) for each in side] for side in (left, right))
        elif verb == "clean" and args[1] in FINISHED:
            left, right = sorted(left), sorted(right)
        elif verb == "claim":
            assert_near(*(answer.retry_after_ms for answer in self.answers))
        elif verb in _ENDINGS:
            left, right = (self._without_gone(args[0], args[1], side) for side in (left, right))
        assert left == right, f"{verb}{args}{kwargs} answers\n{left}\nand\n{right}"
        return self.answers[0]

    def _without_gone(self, queue: str, items: Sequence[Held], answers: list[Any]) -> list[Any]:
        known = [(queue, item.id) in self.states for item in items]
        return [answer for answer, is_known in zip(answers, known, strict=True) if is_known]

    def rescue(self, queue: str, limit: int) -> None:
        """As the port promises: what lost its lock is back by the second call."""

        async def rescue(twin: Twin) -> list[str]:
            found: list[str] = []
            for _ in range(2):
                await twin.probe.pass_time(1_000)
                rescued = await twin.store.rescue(queue, max_stalled_count=limit, interval_ms=1_000)
                found += rescued.jobs
            return sorted(found)

        left, right = self._both(rescue)
        assert left == right
        seen = self._both(_dump_of)[0]
        jobs = seen[queue].jobs if queue in seen else {}
        held = [Held(job_id, job.lock) for job_id, job in jobs.items() if job.lock is not None]
        self.call("extend_locks", queue, held, LOCK_MS)

    # Comparing.

    def compare(self) -> None:
        """Assert that both hold the same, and remember it."""
        raw = self._both(_dump_of)
        for name in raw[0].keys() & raw[1].keys():
            assert_near(*(each[name].window_ms for each in raw))
        left, right = (even_out(each) for each in raw)
        if left != right:
            raise AssertionError("the stores differ:\n" + "\n".join(differences(left, right)))
        self.dump = left
        self.states = {
            (name, job_id): job.state
            for name, queue in left.items()
            for job_id, job in queue.jobs.items()
        }

    def end(self, *, swept: bool, freed: bool) -> None:
        """Check both stores' invariants, remove everything, find nothing left, and close.

        With `swept` jobs went without an event, with `freed` owners lost their ids: who was kept
        for such an owner stays.
        """
        try:
            self._both(partial(_check, swept=swept))
            self.pass_time(LOCK_MS + 1)
            for queue in QUEUES:
                for schedule in self.dump[queue].schedules if queue in self.dump else ():
                    self._both(partial(_remove_schedule, queue=queue, schedule_id=schedule.id))
            self.compare()
            for _ in range(2):
                for queue in QUEUES:
                    ids = sorted(job_id for name, job_id in self.states if name == queue)
                    self._both(partial(_remove, queue=queue, ids=ids))
            self.compare()
            assert not any(queue.owners for queue in self.dump.values())
            left = self._both(partial(_left_over, freed=freed))
            assert left == [[], []], f"left behind: {left}"
            for queue in QUEUES:
                self._both(partial(_obliterate, queue=queue))
            left = self._both(lambda twin: twin.probe.leftovers())
            assert left == [[], []], f"left behind by obliterate: {left}"
        finally:
            self._both(_close)
            self._runner.close()

    def _both(self, act: Callable[[Twin], Coroutine[Any, Any, Any]]) -> list[Any]:
        async def both() -> list[Any]:
            return [await act(twin) for twin in self._twins]

        return self._runner.run(both())


async def _dump_of(twin: Twin) -> Dump:
    return await dump(twin.store, await twin.probe.locks(), DEDUPLICATION_IDS)


async def _call(twin: Twin, verb: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    own = [arg.values[twin.place] if isinstance(arg, Each) else arg for arg in args]
    return await getattr(twin.store, verb)(*own, **kwargs)


async def _check(twin: Twin, *, swept: bool) -> None:
    await twin.probe.check()
    check_all(
        await _dump_of(twin),
        await twin.probe.truth(),
        (),
        swept=swept,
        timed=await twin.probe.timed_ids(),
        now_ms=twin.clock.now_ms,
    )


async def _left_over(twin: Twin, *, freed: bool) -> list[str]:
    """What jobs left behind."""
    return [
        line
        for line in await twin.probe.leftovers()
        if not line.startswith(_STAY_WITH_THE_QUEUE)
        and ":metrics:" not in line
        and not (freed and (line.startswith("kept_jobs") or ":dn:" in line))
    ]


async def _remove_schedule(twin: Twin, queue: str, schedule_id: str) -> None:
    assert await twin.store.remove_schedule(queue, schedule_id)


async def _obliterate(twin: Twin, queue: str) -> None:
    await twin.store.obliterate(queue)


async def _remove(twin: Twin, queue: str, ids: Sequence[str]) -> None:
    await twin.store.remove(queue, ids, children=True)


async def _close(twin: Twin) -> None:
    await twin.probe.aclose()
    await twin.store.aclose()


def comparable(answer: Any) -> Any:
    """An answer as plain values."""
    match answer:
        case WrongState():
            return type(answer).__name__, answer.job_id, answer.queue, answer.state
        case OxherdError():
            return (
                type(answer).__name__,
                getattr(answer, "job_id", ""),
                getattr(answer, "queue", ""),
            )
        case list() | tuple():
            return [comparable(each) for each in answer]
        case Claimed():
            jobs = [comparable_record(job) for job in answer.jobs]
            return jobs, answer.due_in_ms, answer.retry_after_ms > 0, answer.paused
        case _:
            return answer


def assert_near(left: int, right: int) -> None:
    """Both are nothing, or about the same length of time."""
    assert (left > 0) == (right > 0), f"{left} ms and {right} ms"
    assert abs(left - right) < DRIFT_MS, f"{left} ms and {right} ms"


def _without_name(answer: Any) -> Any:
    return (answer[0], answer[-1]) if isinstance(answer, tuple) else answer


def even_out(state: Dump) -> dict[str, QueueDump]:
    """The state without what the port leaves open."""
    return {name: _even_queue(queue) for name, queue in state.items()}


def _even_queue(queue: QueueDump) -> QueueDump:
    order = dict(queue.order)
    for state in FINISHED:
        ends = [queue.jobs[job_id].record.finished_on or 0 for job_id in order[state]]
        assert ends == sorted(ends)
        order[state] = tuple(
            sorted(order[state], key=lambda each: (queue.jobs[each].record.finished_on, each))
        )
    order[State.WAITING_CHILDREN] = tuple(sorted(order[State.WAITING_CHILDREN]))
    return replace(
        queue,
        jobs=dict(sorted(queue.jobs.items())),
        order=order,
        events=_even_events(queue.events),
        window_ms=0,
    )


def _even_events(events: Sequence[Event]) -> tuple[Event, ...]:
    by_job: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        job_id = event.job_id if isinstance(event, JobEvent) else ""
        by_job[job_id].append(replace(event, id=""))
    return tuple(event for _, told in sorted(by_job.items()) for event in told)


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Where two dumps differ, one line for each place."""
    if left == right:
        return []
    if isinstance(left, dict) and isinstance(right, dict):
        found = []
        for key in sorted(left.keys() | right.keys(), key=str):
            found += differences(left.get(key), right.get(key), f"{path}.{key}")
        return found
    fields = getattr(left, "__dataclass_fields__", None) or getattr(left, "__struct_fields__", None)
    if fields and type(left) is type(right) and not isinstance(left, Event | ChildLink):
        found = []
        for name in fields:
            found += differences(getattr(left, name), getattr(right, name), f"{path}.{name}")
        return found
    if isinstance(left, tuple) and isinstance(right, tuple):
        longer = max(len(left), len(right))
        pairs = enumerate(zip_longest(left, right))
        return [line for at, pair in pairs for line in differences(*pair, f"{path}[{at}/{longer}]")]
    return [f"{path}:\n   {left!r}\n   {right!r}"]
