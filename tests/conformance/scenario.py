"""A store under test with its clock, and short ways to bring jobs into a state."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from oxherd.domain.errors import OxherdError
from oxherd.domain.flow import FlowJob, plan
from oxherd.domain.keep import KEEP_ALL, Keep
from oxherd.domain.lifecycle import EventKind, State
from oxherd.domain.options import JobOptions, OnFailure
from oxherd.domain.outcome import Completion, Failure, Held, Postponement, Retrial
from oxherd.domain.record import Added, ChildLink, Edge, JobKey, JobRecord, NewJob
from tests.conformance.dump import Dump, all_events, dump, without_events
from tests.conformance.invariants import check_all

if TYPE_CHECKING:
    from oxherd.domain.events import Event
    from oxherd.store import Store
    from tests.conformance.probe import Probe
    from tests.timing import FakeClock

LOCK_MS = 30_000
STACK = '["Traceback: boom"]'


@dataclass(frozen=True, slots=True)
class Hand:
    """A claimed job, as its worker holds it."""

    record: JobRecord
    token: str

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def queue(self) -> str:
        return self.record.queue

    @property
    def held(self) -> Held:
        return Held(self.id, self.token)

    def completion(self, result: str = "null", keep: Keep = KEEP_ALL) -> Completion:
        return Completion(self.id, self.token, result, keep)

    def failure(self, reason: str = "boom", keep: Keep = KEEP_ALL) -> Failure:
        return Failure(self.id, self.token, reason, STACK, keep)

    def retrial(self, delay_ms: int = 0, reason: str = "boom") -> Retrial:
        return Retrial(self.id, self.token, reason, STACK, delay_ms)

    def postponement(self, delay_ms: int = 0) -> Postponement:
        return Postponement(self.id, self.token, delay_ms)

    def stolen(self) -> Hand:
        """The same job under a token that never held it."""
        return replace(self, token="a token of nobody's")


@dataclass(slots=True)
class Scenario:
    """The store, what a test did to it, and how to do the usual things."""

    store: Store
    clock: FakeClock
    probe: Probe
    acknowledged: set[tuple[str, str]] = field(default_factory=set)
    damaged: bool = False
    """A test broke what is stored on purpose: the invariants are not asked."""
    trimmed: bool = False
    """A test made the event log lose its beginning."""
    swept: bool = False
    """A test removed jobs by a verb that tells nothing of each."""
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    # What to add.

    def key(self, job_id: str, queue: str = "q") -> str:
        return str(JobKey(self.store.prefix, queue, job_id))

    def new_id(self) -> str:
        return f"fresh-{next(self._numbers):06}"

    def new_token(self) -> str:
        return f"token-{next(self._numbers):06}"

    def job(
        self,
        job_id: str | None = None,
        *,
        queue: str = "q",
        given: bool | None = None,
        numbered: bool = False,
        name: str = "work",
        data: str = '{"a":1}',
        parents: tuple[Edge, ...] = (),
        children: tuple[str, ...] = (),
        flow_id: str | None = None,
        timestamp: int | None = None,
        **options: Any,
    ) -> NewJob:
        """A job to add; with an id it counts as given by the caller unless `given` says no."""
        given = job_id is not None if given is None else given
        job_id = job_id or self.new_id()
        return NewJob(
            queue=queue,
            id=job_id,
            given=given,
            numbered=numbered,
            name=name,
            data=data,
            options=JobOptions(job_id=job_id if given else None, timestamp=timestamp, **options),
            timestamp=timestamp,
            flow_id=flow_id,
            parents=parents,
            children=children,
        )

    def edge(
        self, parent: str, policy: OnFailure = OnFailure.FAIL_PARENT, queue: str = "q"
    ) -> Edge:
        return Edge(self.key(parent, queue), policy)

    def planned(self, flow: FlowJob) -> tuple[NewJob, ...]:
        """The jobs of a flow, as the runtime would send them."""
        return plan(
            flow,
            prefix=self.store.prefix,
            new_id=self.new_id,
            defaults=lambda _queue: JobOptions(),
        ).jobs

    # Adding.

    async def try_add(self, *groups: tuple[NewJob, ...]) -> list[tuple[Added, ...] | OxherdError]:
        answers = await self.store.add(groups)
        for group, answer in zip(groups, answers, strict=True):
            if not isinstance(answer, OxherdError):
                assert len(answer) == len(group)
                for job, added in zip(group, answer, strict=True):
                    assert added.id == job.id or job.numbered or added.deduplicated
                # A duplicate inside a flow may stand for a job that was not added (see the port).
                self.acknowledged |= {
                    (job.queue, added.id)
                    for job, added in zip(group, answer, strict=True)
                    if not added.duplicate and not added.deduplicated
                }
        return answers

    async def add(self, *jobs: NewJob) -> tuple[Added, ...]:
        """Add one group that must be accepted."""
        (answer,) = await self.try_add(jobs)
        if isinstance(answer, OxherdError):
            raise answer
        return answer

    async def refused(self, *jobs: NewJob) -> OxherdError:
        """Add one group that must be refused, and change nothing."""
        before = await self.dump()
        (answer,) = await self.try_add(jobs)
        assert isinstance(answer, OxherdError), answer
        assert await self.dump() == before
        return answer

    async def put(self, *job_ids: str, queue: str = "q", **options: Any) -> None:
        """Add jobs of these ids, one after the other."""
        for job_id in job_ids:
            await self.add(self.job(job_id, queue=queue, **options))

    async def flow(self, flow: FlowJob) -> tuple[Added, ...]:
        return await self.add(*self.planned(flow))

    # Working.

    async def claim_many(
        self, limit: int, queue: str = "q", *, worker: str | None = None, lock_ms: int = LOCK_MS
    ) -> list[Hand]:
        token = self.new_token()
        claimed = await self.store.claim(queue, limit, token=token, lock_ms=lock_ms, worker=worker)
        assert len(claimed.jobs) <= limit
        return [Hand(record, token) for record in claimed.jobs]

    async def claim(self, queue: str = "q", *, job_id: str | None = None) -> Hand:
        """Claim the next job, which must be there (and have this id)."""
        hands = await self.claim_many(1, queue)
        assert hands, f"nothing to claim in {queue}"
        if job_id is not None:
            assert hands[0].id == job_id
        return hands[0]

    async def claim_order(self, queue: str = "q", limit: int = 1_000) -> list[str]:
        return [hand.id for hand in await self.claim_many(limit, queue)]

    async def complete(self, hand: Hand, result: str = "null", keep: Keep = KEEP_ALL) -> None:
        assert await self.store.complete(hand.queue, [hand.completion(result, keep)]) == [None]

    async def fail(self, hand: Hand, reason: str = "boom", keep: Keep = KEEP_ALL) -> None:
        assert await self.store.fail(hand.queue, [hand.failure(reason, keep)]) == [None]

    async def retry(self, hand: Hand, delay_ms: int = 0) -> None:
        assert await self.store.retry(hand.queue, [hand.retrial(delay_ms)]) == [None]

    async def postpone(self, hand: Hand, delay_ms: int) -> None:
        assert await self.store.postpone(hand.queue, [hand.postponement(delay_ms)]) == [None]

    async def release(self, hand: Hand) -> None:
        assert await self.store.release(hand.queue, [hand.held]) == [None]

    async def await_children(self, hand: Hand) -> bool:
        (answer,) = await self.store.await_children(hand.queue, [hand.held])
        assert isinstance(answer, bool), answer
        return answer

    async def promote(self, job_id: str, queue: str = "q") -> None:
        assert await self.store.promote(queue, [job_id]) == [None]

    async def reprocess(self, job_id: str, state: State, queue: str = "q") -> None:
        assert await self.store.reprocess(queue, [job_id], state) == [None]

    async def remove(self, job_id: str, queue: str = "q", *, children: bool = False) -> None:
        assert await self.store.remove(queue, [job_id], children=children) == [None]

    async def pass_time(self, milliseconds: int) -> None:
        await self.probe.pass_time(milliseconds)

    async def rescue(self, queue: str = "q", *, max_stalled_count: int = 3) -> list[str]:
        """Both calls after which a job whose lock vanished must be back."""
        found: list[str] = []
        for _ in range(2):
            await self.pass_time(1_000)
            rescued = await self.store.rescue(
                queue, max_stalled_count=max_stalled_count, interval_ms=1_000
            )
            assert rescued.half_settled == ()
            found += rescued.jobs
        return found

    async def lose_lock(self, hand: Hand) -> None:
        """Let a worker fall silent until its job was taken back."""
        await self.pass_time(LOCK_MS + 1)
        assert await self.rescue(hand.queue, max_stalled_count=1_000) == [hand.id]

    async def run(self, job_id: str, result: str = "null", queue: str = "q") -> None:
        """Claim this job, which must be the next one, and complete it."""
        await self.complete(await self.claim(queue, job_id=job_id), result)

    async def break_down(self, job_id: str, reason: str = "boom", queue: str = "q") -> None:
        """Claim this job, which must be the next one, and fail it."""
        await self.fail(await self.claim(queue, job_id=job_id), reason)

    async def job_in(
        self, state: State, job_id: str = "job", queue: str = "q", **options: Any
    ) -> Hand | None:
        """Bring a new job into `state`; the hand in which it is, or was, when a worker had it."""
        match state:
            case State.WAITING:
                await self.put(job_id, queue=queue, **options)
            case State.PRIORITIZED:
                await self.put(job_id, queue=queue, **{"priority": 5, **options})
            case State.DELAYED:
                await self.put(job_id, queue=queue, **{"delay": 60, **options})
            case State.WAITING_CHILDREN:
                below = self.job(
                    f"{job_id}-child",
                    queue="below",
                    parents=(Edge(self.key(job_id, queue), OnFailure.FAIL_PARENT),),
                )
                above = self.job(
                    job_id, queue=queue, children=(self.key(below.id, "below"),), **options
                )
                await self.add(above, below)
            case State.ACTIVE | State.COMPLETED | State.FAILED:
                await self.put(job_id, queue=queue, **{"lifo": True, **options})
                hand = await self.claim(queue, job_id=job_id)
                if state is State.COMPLETED:
                    await self.complete(hand, '"done"')
                elif state is State.FAILED:
                    await self.fail(hand)
                return hand
        return None

    # Looking.

    async def dump(self) -> Dump:
        return await dump(self.store, await self.probe.locks())

    async def still_dump(self) -> Dump:
        """The state without the event logs."""
        return without_events(await self.dump())

    async def state(self, job_id: str, queue: str = "q") -> State | None:
        (state,) = await self.store.states(queue, [job_id])
        return state

    async def record(self, job_id: str, queue: str = "q") -> JobRecord:
        (record,) = await self.store.jobs(queue, [job_id])
        assert record is not None, f"no job {job_id} in {queue}"
        return record

    async def order(self, state: State, queue: str = "q") -> list[str]:
        return [record.id for record in await self.store.list_jobs(queue, state)]

    async def children(self, job_id: str, queue: str = "q") -> dict[str, ChildLink]:
        """A job's children by their bare ids."""
        page = await self.store.children(queue, job_id)
        assert page.total == len(page.links)
        return {JobKey.parse(link.key).id: link for link in page.links}

    async def events(self, queue: str = "q") -> tuple[Event, ...]:
        return await all_events(self.store, queue)

    async def owner(self, deduplication_id: str = "d", queue: str = "q") -> str | None:
        """The job that owns a deduplication id."""
        return await self.store.deduplication_job_id(queue, deduplication_id)

    async def kinds(self, job_id: str, queue: str = "q") -> list[EventKind | None]:
        """The kinds of a job's events, in order."""
        return [
            event.kind
            for event in await self.events(queue)
            if getattr(event, "job_id", None) == job_id
        ]

    async def check(self) -> None:
        """Assert the invariants of everything that is stored."""
        await self.probe.check()
        if not self.damaged:
            check_all(
                await self.dump(),
                await self.probe.truth(),
                self.acknowledged,
                trimmed=self.trimmed,
                swept=self.swept,
                timed=await self.probe.timed_ids(),
            )


def node(
    job_id: str,
    *children: FlowJob,
    queue: str = "q",
    on_failure: OnFailure | None = None,
    **options: Any,
) -> FlowJob:
    """A job of a flow with an id of its own."""
    return FlowJob(
        "work",
        queue=queue,
        options=JobOptions(job_id=job_id, **options),
        children=children,
        on_failure=on_failure,
    )
