"""What the rules of the twin test share: playing a step, and drawing what it is about."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.lifecycle import FINISHED, State, Transition
from oxherd.domain.options import JobOptions, OnFailure
from oxherd.domain.record import Edge, NewJob
from tests.conformance.invariants import legal_step
from tests.conformance.twins import DEDUPLICATION_IDS, LOCK_MS, QUEUES, Each, Twins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oxherd.domain.rate_limit import RateLimit
    from oxherd.store import Claimed
    from tests.conformance.dump import JobDump

NAMES: Final = [f"job-{letter}" for letter in "abcdefgh"]
NOTHING: Final[frozenset[Transition]] = frozenset()
SETTLING: Final = frozenset({Transition.SETTLE_PARENT})
ENDINGS: Final = frozenset({Transition.ADD, Transition.SETTLE_PARENT, Transition.EVICT})
PUTTING: Final = frozenset({Transition.ADD, Transition.SETTLE_PARENT, Transition.DRAIN})
SIDE_EFFECTS: Final[Mapping[Transition, frozenset[Transition]]] = {
    Transition.ADD: frozenset({Transition.REMOVE, Transition.SETTLE_PARENT}),
    Transition.CLAIM: frozenset({Transition.PROMOTE_DUE}),
    Transition.COMPLETE: ENDINGS,
    Transition.FAIL: ENDINGS,
    Transition.REPROCESS: frozenset({Transition.WITHDRAW_FAILURE}),
    Transition.REMOVE: SETTLING,
    Transition.DRAIN: SETTLING,
    Transition.CLEAN: SETTLING,
    Transition.OBLITERATE: SETTLING,
}
"""Which moves a verb may bring about besides its own."""

SPAN_S: Final = 900.007
"""Seconds for which ids are owned and limits count: no small steps of a program add up to it."""

queues = st.sampled_from(QUEUES)
policies = st.sampled_from(list(OnFailure))
priorities = st.sampled_from([0, 0, 0, 1, 2])
delays = st.sampled_from([0, 0, 0, 0.1, 1, 5])
options: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "delay": delays,
        "priority": priorities,
        "lifo": st.booleans(),
        "attempts": st.sampled_from([1, 3]),
    },
    optional={"keep_logs": st.integers(0, 2)},
)
deduplication_ids = st.sampled_from(DEDUPLICATION_IDS)
deduplications = st.builds(
    Deduplication,
    id=deduplication_ids,
    ttl=st.sampled_from([None, None, SPAN_S]),
    extend=st.booleans(),
    replace=st.booleans(),
    keep_last_if_active=st.booleans(),
    reschedule=st.booleans(),
)


_OUT_OF_PLACE: Final = 7
"""Every so many calls a rule may be played that has nothing to do."""


def where(*states: State) -> Callable[[Any], Any]:
    """Play a rule while there is a job of one of these states, and now and then without."""
    return worthwhile(lambda program: not set(program.twins.states.values()).isdisjoint(states))


def worthwhile(has_work: Callable[[TwinProgram], bool]) -> Callable[[Any], Any]:
    """Play a rule while there is something for it, and now and then without."""
    return precondition(lambda program: program.numbers % _OUT_OF_PLACE == 0 or has_work(program))


class TwinProgram(RuleBasedStateMachine):
    """Plays the same calls on both engines, and compares after each."""

    redis_url: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins(self.redis_url, f"t{uuid.uuid4().hex[:12]}")
        self.hands: list[tuple[str, str, str]] = []
        self.resend: tuple[str, tuple[Any, ...]] | None = None
        self.numbers = 0
        self.fronted: set[tuple[str, str]] = set()
        self.swept = self.freed = False
        for queue in QUEUES:
            self.use(queue)

    def use(self, queue: str) -> None:
        """Add a job, so that the queue was used."""
        options = JobOptions()
        job = NewJob(
            queue=queue, id=self.fresh(), given=False, name="work", data="{}", options=options
        )
        self.move(Transition.ADD, [[job]])

    def teardown(self) -> None:
        self.twins.end(swept=self.swept, freed=self.freed)

    # Playing.

    def play(self, moves: frozenset[Transition], verb: str, *args: Any, **kwargs: Any) -> Any:
        """Call `verb` on both, compare, and see that every job moved as the table allows."""
        self.numbers += 1
        self.twins.tick()
        before = self.twins.states
        answer = self.twins.call(verb, *args, **kwargs)
        self.twins.compare()
        after = self.twins.states
        for key in before.keys() | after.keys():
            assert legal_step(before.get(key), after.get(key), moves), (
                f"{verb}: {key} went from {before.get(key)} to {after.get(key)}"
            )
        return answer

    def move(self, transition: Transition, *args: Any, **kwargs: Any) -> Any:
        moves = SIDE_EFFECTS.get(transition, NOTHING) | {transition}
        return self.play(moves, transition.value, *args, **kwargs)

    def sweep(self, moves: frozenset[Transition], verb: str, *args: Any, **kwargs: Any) -> Any:
        """Play what may remove jobs without a word of each."""
        self.resend = None
        self.swept = True
        return self.play(moves, verb, *args, **kwargs)

    def settle(self, transition: Transition, queue: str, items: list[Any], **kwargs: Any) -> None:
        self.move(transition, queue, items, **kwargs)
        self.resend = (transition.value, (queue, items))

    def take(
        self, queue: str, limit: int, *, worker: str | None = None, rate: RateLimit | None = None
    ) -> Claimed:
        """Claim, and have the jobs that follow those of schedules made, as a worker does."""
        token = self.fresh()
        claimed: Claimed = self.move(
            Transition.CLAIM, queue, limit, token=token, lock_ms=LOCK_MS, worker=worker, rate=rate
        )
        self.hands += [(queue, record.id, token) for record in claimed.jobs]
        self.see_concurrency(queue, claimed)
        answers = self.twins.answers
        if any(record.schedule_id is not None for record in claimed.jobs):
            # Each store's records carry options in its own format.
            records = Each([answer.jobs for answer in answers])
            self.play(frozenset({Transition.ADD}), "fire_schedule", queue, records)
        return claimed

    def see_concurrency(self, queue: str, claimed: Claimed) -> None:
        seen = self.twins.dump[queue]
        most = seen.limits.concurrency
        if claimed.jobs and most is not None:
            assert seen.counts[State.ACTIVE] <= most

    def fresh(self) -> str:
        self.numbers += 1
        return f"fresh-{self.numbers:04}"

    # Drawing.

    def known(self, queue: str, states: Iterable[State] = tuple(State)) -> list[str]:
        wanted = set(states)
        return sorted(
            job_id
            for (name, job_id), state in self.twins.states.items()
            if name == queue and state in wanted
        )

    def some_jobs(self, data: st.DataObject, *states: State) -> tuple[str, list[str]]:
        """A queue and ids in it: of these states mostly, or any."""
        mostly = data.draw(st.integers(0, 5)) > 0
        wanted = states if states and mostly else tuple(State)
        pools = {queue: ids for queue in QUEUES if (ids := self.known(queue, wanted))}
        queue = data.draw(st.sampled_from(sorted(pools) or QUEUES))
        pool = pools.get(queue) or NAMES
        return queue, data.draw(
            st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True)
        )

    def a_job_of(self, data: st.DataObject, *states: State) -> tuple[str, str]:
        """A queue and an id in it: of these states mostly, or any."""
        queue, (job_id, *_) = self.some_jobs(data, *states)
        return queue, job_id

    def some_hands(self, data: st.DataObject, most: int = 3) -> tuple[str, list[tuple[str, str]]]:
        """A queue, and jobs with tokens: held ones mostly, sometimes lost or made up."""
        if not self.hands:
            queue, job_id = self.a_job_of(data)
            return queue, [(job_id, "made up")]
        held = [hand for hand in self.hands if self.is_held(*hand)]
        mostly = data.draw(st.integers(0, 5)) > 0
        recent = held if held and mostly else self.hands[-6:]
        drawn = data.draw(st.lists(st.sampled_from(recent), min_size=1, max_size=most, unique=True))
        queue = drawn[0][0]
        return queue, [(job_id, token) for name, job_id, token in drawn if name == queue]

    def holds_some(self) -> bool:
        return any(self.is_held(*hand) for hand in self.hands)

    def is_held(self, queue: str, job_id: str, token: str) -> bool:
        part = self.twins.dump.get(queue)
        job = part.jobs.get(job_id) if part else None
        return job is not None and job.lock == token

    def a_token(self, data: st.DataObject, queue: str, job_id: str) -> str | None:
        tokens = [token for name, each, token in self.hands if (name, each) == (queue, job_id)]
        return data.draw(st.sampled_from([None, "made up", *tokens[-2:]]))

    def an_outer_edge(self, data: st.DataObject) -> tuple[Edge, ...]:
        known = sorted(key for key, state in self.twins.states.items() if state not in FINISHED)
        if not data.draw(st.integers(0, 5)):
            known = sorted(self.twins.states)
        if not known or data.draw(st.booleans()):
            return ()
        queue, job_id = data.draw(st.sampled_from(known))
        return (Edge(self.twins.key(queue, job_id), data.draw(policies)),)

    def order_is_left_open(self, queue: str, placed: Mapping[str, int]) -> bool:
        """Whether prioritized jobs of one priority would be given back to the front twice.

        Their order among themselves is left open: the score of the front is one number.
        """
        self.fronted = {key for key in self.fronted if self.twins.states.get(key) == "prioritized"}
        in_front = {
            job_id: self.twins.dump[queue].jobs[job_id].record.priority
            for name, job_id in self.fronted
            if name == queue
        }
        counted = Counter(priority for priority in (in_front | dict(placed)).values() if priority)
        if max(counted.values(), default=0) > 1:
            return True
        self.fronted |= {(queue, job_id) for job_id in placed}
        return False

    def share_an_age(self, queue: str, state: State) -> bool:
        """Whether jobs came into this state in one millisecond, so that none is the older."""
        ages = [_since(job) for job in self.twins.dump[queue].jobs.values() if job.state is state]
        return len(ages) != len(set(ages))

    def priorities_of(self, queue: str, job_ids: Iterable[str]) -> dict[str, int]:
        jobs = self.twins.dump[queue].jobs
        return {job_id: jobs[job_id].record.priority for job_id in job_ids if job_id in jobs}


def _since(job: JobDump) -> int:
    record = job.record
    return record.finished_on or record.processed_on or record.timestamp
