"""What becomes of a run of a processor."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from oxherd.domain.backoff import Backoff
from oxherd.domain.errors import InvalidOption, NotSerializable
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.options import JobOptions
from oxherd.domain.outcome import (
    MAX_REASON,
    AwaitingChildren,
    Completion,
    Failure,
    Postponement,
    Released,
    Retrial,
    Rules,
    Throttled,
    completed,
    condemned,
    failed,
    raised,
    reason_of,
    stacktrace_of,
)
from oxherd.domain.record import JobRecord
from oxherd.domain.signals import Postpone, RateLimited, Release, Unrecoverable, WaitForChildren

RULES = Rules()


def record(attempts_made: int = 0, stacktrace: str | None = None, **options: Any) -> JobRecord:
    return JobRecord(
        queue="q",
        id="a",
        name="work",
        data="{}",
        options=JobOptions(**options),
        timestamp=0,
        attempts_made=attempts_made,
        stacktrace=stacktrace,
    )


def error() -> Exception:
    with pytest.raises(ValueError, match="böse") as caught:
        raise ValueError("böse")
    return caught.value


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_a_returned_value_completes() -> None:
    outcome = completed(record(), "t", {"n": 1}, RULES)
    assert outcome == Completion("a", "t", '{"n":1}', KEEP_ALL)


def test_a_value_that_json_cannot_carry_is_refused() -> None:
    with pytest.raises(NotSerializable, match="the result"):
        completed(record(), "t", {1, 2}, RULES)


def test_the_jobs_own_retention_comes_first() -> None:
    rules = Rules(keep_completed=Keep(count=1), keep_failed=Keep(count=2))
    assert completed(record(), "t", None, rules).keep == Keep(count=1)
    assert completed(record(remove_on_complete=True), "t", None, rules).keep == KEEP_NONE
    assert failed(record(), "t", error(), rules).keep == Keep(count=2)
    assert failed(record(remove_on_fail=False), "t", error(), rules).keep == KEEP_ALL
    assert condemned(record(remove_on_fail=7), "t", "x", rules).keep == Keep(count=7)


@pytest.mark.parametrize(
    ("signal", "outcome"),
    [
        (Postpone(1.5), Postponement("a", "t", 1_500)),
        (WaitForChildren(), AwaitingChildren("a", "t")),
        (Release(), Released("a", "t")),
        (RateLimited(2), Throttled("a", "t", 2_000)),
        (RateLimited(timedelta(minutes=1)), Throttled("a", "t", 60_000)),
    ],
)
def test_a_signal_is_no_error(signal: Exception, outcome: object) -> None:
    assert raised(record(), "t", signal, RULES, 0) == outcome


@pytest.mark.parametrize(
    ("made", "attempts", "again"),
    [(0, 1, False), (0, 0, False), (0, 2, True), (1, 2, False), (1, 3, True)],
)
def test_an_error_is_tried_again_while_attempts_are_left(
    made: int, attempts: int, *, again: bool
) -> None:
    outcome = raised(record(made, attempts=attempts), "t", error(), RULES, 0)
    assert isinstance(outcome, Retrial if again else Failure)
    assert outcome.reason == "böse"


@pytest.mark.parametrize(
    ("started", "most", "again", "forbidden"),
    [(1, None, True, False), (2, 3, True, False), (3, 3, False, False), (4, 3, False, True)],
)
def test_the_number_of_starts_is_limited(
    started: int, most: int | None, *, again: bool, forbidden: bool
) -> None:
    job = structs.replace(record(attempts=9), attempts_started=started)
    rules = Rules(max_started_attempts=most)
    assert isinstance(raised(job, "t", error(), rules, 0), Retrial if again else Failure)
    reason = "job started more than allowable limit"
    assert rules.forbid(job) == (reason if forbidden else None)


def test_an_impossible_wait_is_refused() -> None:
    for signal in (Postpone(-1), RateLimited(float("nan"))):
        with pytest.raises(InvalidOption):
            raised(record(), "t", signal, RULES, 0)


def test_an_unrecoverable_error_is_not_tried_again() -> None:
    outcome = raised(record(attempts=9), "t", Unrecoverable("enough"), RULES, 0)
    assert isinstance(outcome, Failure)
    assert outcome.reason == "enough"


def test_the_backoff_decides_how_long() -> None:
    job = record(1, attempts=5, backoff=Backoff("exponential", 2, jitter=0.5))
    outcome = raised(job, "t", error(), RULES, 0.5)
    assert isinstance(outcome, Retrial)
    assert outcome.delay_ms == 3_000


@pytest.mark.parametrize(
    "problem", [asyncio.CancelledError(), GeneratorExit(), KeyboardInterrupt(), SystemExit(3)]
)
def test_any_exception_is_an_outcome(problem: BaseException) -> None:
    outcome = raised(record(), "t", problem, RULES, 0)
    assert isinstance(outcome, Failure)
    assert outcome.reason


def custom(**functions: Any) -> tuple[JobRecord, Rules]:
    job = record(attempts=5, backoff=Backoff("mine", custom=True))
    return job, Rules(backoffs=functions)


def test_a_function_of_the_workers_says_how_long() -> None:
    seen = []

    def mine(attempt: int, problem: BaseException, job: JobRecord) -> float:
        seen.append((attempt, str(problem), job.id))
        return 0.25

    job, rules = custom(mine=mine)
    outcome = raised(job, "t", error(), rules, 0)
    assert isinstance(outcome, Retrial)
    assert outcome.delay_ms == 250
    assert seen == [(1, "böse", "a")]


def test_a_function_may_give_up() -> None:
    job, rules = custom(mine=lambda *_: None)
    assert isinstance(raised(job, "t", error(), rules, 0), Failure)


@pytest.mark.parametrize("wait", [-1, float("nan"), float("inf"), "soon", True])
def test_a_function_that_answers_nonsense_fails_the_job(wait: object) -> None:
    job, rules = custom(mine=lambda *_: wait)
    outcome = raised(job, "t", error(), rules, 0)
    assert isinstance(outcome, Failure)
    assert "böse" in outcome.stacktrace


def test_a_function_that_breaks_fails_the_job() -> None:
    job, rules = custom(mine=lambda *_: 1 / 0)
    outcome = raised(job, "t", error(), rules, 0)
    assert isinstance(outcome, Failure)
    assert "division" in outcome.reason


def test_a_missing_function_fails_the_job_with_what_there_is() -> None:
    job, rules = custom(other=lambda *_: 1)
    outcome = raised(job, "t", error(), rules, 0)
    assert isinstance(outcome, Failure)
    assert "no backoff 'mine' (it has other)" in outcome.reason


def test_a_condemned_job_keeps_its_stack_traces() -> None:
    outcome = condemned(record(stacktrace='["one"]'), "t", "child x failed", RULES)
    assert (outcome.reason, outcome.stacktrace) == ("child x failed", '["one"]')
    assert condemned(record(), "t", "x", RULES).stacktrace == "[]"


def test_an_error_without_words_is_named() -> None:
    assert reason_of(ValueError()) == "ValueError"
    assert reason_of(Mute()) == "Mute"


@pytest.mark.parametrize("text", ["a\0b", "\ud800 lone"])
def test_a_reason_can_be_stored_anywhere(text: str) -> None:
    reason = reason_of(ValueError(text))
    assert "\0" not in reason
    reason.encode()


def test_a_reason_is_bounded() -> None:
    assert len(reason_of(ValueError("x" * 1_000_000))) < MAX_REASON + 20


def test_a_stack_trace_is_added_to_the_earlier_ones() -> None:
    traces = json.loads(stacktrace_of(record(stacktrace='["one"]'), error()))
    assert traces[0] == "one"
    assert "ValueError: böse" in traces[1]
    assert "test_outcome.py" in traces[1]


def test_the_newest_stack_traces_are_kept() -> None:
    job = record(stacktrace=json.dumps([str(number) for number in range(10)]))
    assert len(json.loads(stacktrace_of(job, error()))) == 10
    few = record(stacktrace='["1","2"]', stack_trace_limit=2)
    assert json.loads(stacktrace_of(few, error()))[0] == "2"
    assert stacktrace_of(record(stack_trace_limit=0), error()) == "[]"


@pytest.mark.parametrize("stored", ["{", "5", "[1]", ""])
def test_unreadable_stack_traces_are_given_up(stored: str) -> None:
    assert len(json.loads(stacktrace_of(record(stacktrace=stored), error()))) == 1


def test_an_error_whose_words_break_still_has_a_stack_trace() -> None:
    (trace,) = json.loads(stacktrace_of(record(), Mute()))
    assert "Mute" in trace
