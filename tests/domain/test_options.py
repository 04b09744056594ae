"""JobOptions: what is refused, in which words, and the two ways they are written."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxherd.domain.backoff import Backoff
from oxherd.domain.checks import MAX_SECONDS
from oxherd.domain.deduplication import Deduplication
from oxherd.domain.errors import InvalidOption
from oxherd.domain.keep import KEEP_ALL, KEEP_NONE, Keep
from oxherd.domain.options import (
    DEFAULT_OPTIONS,
    FAILURE_FLAGS,
    MAX_PRIORITY,
    JobOptions,
    OnFailure,
    ParentJob,
    as_options,
    merge,
)

REFUSED: list[dict[str, Any]] = [
    {"priority": -1},
    {"priority": 1.5},
    {"priority": 2.0},
    {"priority": True},
    {"priority": "1"},
    {"priority": None},
    {"priority": MAX_PRIORITY + 1},
    {"delay": -0.001},
    {"delay": math.nan},
    {"delay": math.inf},
    {"delay": -math.inf},
    {"delay": True},
    {"delay": "1"},
    {"delay": Decimal(1)},
    {"delay": MAX_SECONDS * 1.01},
    {"delay": 1e18},
    {"delay": timedelta(seconds=-1)},
    {"attempts": -1},
    {"attempts": 2.0},
    {"attempts": True},
    {"attempts": "3"},
    {"backoff": "exponental"},
    {"backoff": ""},
    {"backoff": -1},
    {"backoff": math.nan},
    {"backoff": True},
    {"backoff": [1]},
    {"backoff": {"type": "fixed", "dealy": 5}},
    {"backoff": {"delay": 5}},
    {"backoff": {"type": "fixed", "jitter": 2}},
    {"lifo": 1},
    {"lifo": None},
    {"job_id": ""},
    {"job_id": 5},
    {"job_id": "5"},
    {"job_id": "-12"},
    {"job_id": "0"},
    {"job_id": "a:b"},
    {"job_id": "meta"},
    {"job_id": "wait"},
    {"job_id": "a\0b"},
    {"job_id": "\ud800"},
    {"job_id": "x" * 257},
    {"timestamp": 1_700_000_000},
    {"timestamp": 1_700_000_000_000_000_000},
    {"timestamp": 1_700_000_000_000.0},
    {"timestamp": "now"},
    {"remove_on_complete": -1},
    {"remove_on_complete": 1.5},
    {"remove_on_complete": "yes"},
    {"remove_on_fail": {"count": 5}},
    {"keep_logs": -1},
    {"keep_logs": True},
    {"stack_trace_limit": -5},
    {"size_limit": 1.5},
    {"timeout": 0},
    {"timeout": -1},
    {"timeout": math.inf},
    {"deduplication": {"id": ""}},
    {"deduplication": {"ttl": 5}},
    {"deduplication": {"id": "x", "tll": 5}},
    {"deduplication": {"id": "x", "ttl": -5}},
    {"deduplication": {"id": "x", "extend": 1}},
    {"deduplication": "x"},
    {"deduplication": {"id": "x"}, "parent": {"id": "a", "queue": "q"}},
    {"parent": "top"},
    {"parent": {"id": "a"}},
    {"parent": {"id": "a", "queue": "q", "que": 1}},
    {"parent": {"id": 1, "queue": "q"}},
    {"on_failure": "explode"},
    {"on_failure": True},
]


@pytest.mark.parametrize("options", REFUSED, ids=repr)
def test_an_impossible_value_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption) as caught:
        JobOptions(**options)
    name = next(iter(options))
    words = {"job_id": "job id", "on_failure": "failure policy"}
    assert words.get(name, name) in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 0},
        {"priority": MAX_PRIORITY},
        {"delay": 0},
        {"delay": MAX_SECONDS},
        {"delay": timedelta(minutes=1)},
        {"attempts": 0},
        {"backoff": 0},
        {"backoff": 1.5},
        {"backoff": timedelta(seconds=2)},
        {"backoff": "exponential"},
        {"backoff": Backoff("mine", custom=True)},
        {"job_id": "007"},
        {"job_id": "12x"},
        {"job_id": " 5"},
        {"job_id": "🐂\n"},
        {"job_id": "Meta"},
        {"remove_on_complete": 0},
        {"remove_on_fail": Keep(age=timedelta(days=1), limit=3)},
        {"timeout": 0.5},
        {"deduplication": {"id": "x", "ttl": 5}},
        {"deduplication": Deduplication("x", ttl=timedelta(seconds=5), extend=True)},
    ],
    ids=repr,
)
def test_a_possible_value_is_accepted(options: dict[str, Any]) -> None:
    JobOptions(**options)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"atempts": 3}, "attempts"),
        ({"removeOnCompleted": True}, "removeOnComplete"),
        ({"prioritty": 1}, "priority"),
        ({"failParentOnFail": True}, "failParentOnFailure"),
        ({"jobid": "a"}, "jobId"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_name(
    given: dict[str, Any], hint: str
) -> None:
    with pytest.raises(InvalidOption, match=f"unknown option.*did you mean '{hint}'"):
        JobOptions.from_mapping(given)


def test_an_unknown_option_that_is_near_nothing_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidOption, match=r"known: attempts, backoff"):
        JobOptions.from_mapping({"zzz": 1})


def test_an_unknown_backoff_names_the_nearest() -> None:
    with pytest.raises(InvalidOption, match="did you mean 'exponential'"):
        JobOptions(backoff="exponentail")


@pytest.mark.parametrize("name", ["debounce", "repeat", "telemetry"])
def test_what_does_not_work_yet_says_so(name: str) -> None:
    with pytest.raises(InvalidOption, match="does not work yet"):
        JobOptions.from_mapping({name: {"id": "x"}})


def test_two_failure_policies_are_refused() -> None:
    with pytest.raises(InvalidOption, match="one failure policy"):
        JobOptions.from_mapping({"failParentOnFailure": True, "ignoreDependencyOnFailure": True})
    with pytest.raises(InvalidOption, match="one failure policy"):
        JobOptions.from_mapping({"failParentOnFailure": True, "onFailure": "block"})


@pytest.mark.parametrize(("policy", "flag"), FAILURE_FLAGS.items())
def test_each_flag_is_its_policy(policy: OnFailure, flag: str) -> None:
    assert JobOptions.from_mapping({flag: True}).on_failure is policy
    assert JobOptions(on_failure=policy).to_mapping() == {flag: True}


def test_false_flags_are_dropped() -> None:
    given = dict.fromkeys(FAILURE_FLAGS.values(), False) | {"removeDependencyOnFailure": True}
    assert JobOptions.from_mapping(given).on_failure is OnFailure.REMOVE


def test_not_failing_the_parent_is_ignoring() -> None:
    given = {"failParentOnFailure": False}
    assert JobOptions.from_mapping(given).on_failure is OnFailure.IGNORE
    assert JobOptions.from_mapping({"ignoreDependencyOnFailure": False}).on_failure is None


def test_a_flag_is_true_or_false() -> None:
    with pytest.raises(InvalidOption, match="failParentOnFailure"):
        JobOptions.from_mapping({"failParentOnFailure": 1})


def test_a_mapping_is_in_milliseconds() -> None:
    options = JobOptions.from_mapping(
        {
            "delay": 1_500,
            "timeout": 20,
            "backoff": {"type": "exponential", "delay": 250, "jitter": 0.5},
            "removeOnFail": {"age": 60, "count": 5},
        }
    )
    assert (options.delay, options.delay_ms, options.timeout) == (1.5, 1_500, 0.02)
    assert options.backoff == Backoff("exponential", 0.25, jitter=0.5)
    assert options.remove_on_fail == Keep(count=5, age=60)


def test_a_number_is_a_fixed_backoff() -> None:
    assert JobOptions(backoff=2).backoff == Backoff("fixed", 2.0)
    assert JobOptions.from_mapping({"backoff": 2_000}).backoff == Backoff("fixed", 2.0)


def test_snake_case_names_are_bullmqs() -> None:
    assert JobOptions.from_mapping({"job_id": "a", "remove_on_complete": True}) == JobOptions(
        job_id="a", remove_on_complete=True
    )


def test_retention_has_short_forms() -> None:
    assert JobOptions(remove_on_complete=True).remove_on_complete == KEEP_NONE
    assert JobOptions(remove_on_complete=False).remove_on_complete == KEEP_ALL
    assert JobOptions(remove_on_complete=7).remove_on_complete == Keep(count=7)


def test_none_or_one_attempt_is_one_try() -> None:
    assert [JobOptions(attempts=n).tries for n in (0, 1, 2)] == [1, 1, 2]


def test_stored_options_of_other_clients_are_read_with_tolerance() -> None:
    options = JobOptions.from_stored(
        {
            "attempts": 0,
            "jobId": "17",
            "unheardOf": [1],
            "backoff": {"type": "theirs", "delay": 5},
            "removeOnComplete": -1,
        }
    )
    assert options.backoff == Backoff("theirs", 0.005, custom=True)
    assert options.remove_on_complete == KEEP_ALL
    assert options.job_id is None
    with pytest.raises(InvalidOption):
        JobOptions.from_stored({"priority": 1.5})


def test_defaults_fill_what_was_left_open() -> None:
    defaults = JobOptions(attempts=3, priority=5, lifo=True)
    merged = merge(defaults, JobOptions(priority=7))
    assert (merged.attempts, merged.priority, merged.lifo) == (3, 7, True)
    assert merge(DEFAULT_OPTIONS, JobOptions(delay=1)) == JobOptions(delay=1)


def test_options_come_in_three_forms() -> None:
    assert as_options(None) is DEFAULT_OPTIONS
    assert as_options({"attempts": 2}) == JobOptions(attempts=2)
    options = JobOptions(priority=1)
    assert as_options(options) is options
    with pytest.raises(InvalidOption):
        as_options([1])  # type: ignore[arg-type] # that is what is tried


def test_options_do_not_change_with_the_mapping_they_came_from() -> None:
    parent = {"id": "a", "queue": "q"}
    options = JobOptions(parent=parent)
    parent["id"] = "b"
    assert options.parent == ParentJob("a", "q")


milliseconds = st.integers(0, int(MAX_SECONDS * 1_000)).map(lambda ms: ms / 1_000)
keeps = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 10_000),
    st.builds(
        Keep,
        count=st.none() | st.integers(0, 10_000),
        age=st.none() | st.integers(0, 10**9),
        limit=st.none() | st.integers(0, 10_000),
    ),
)
ids = st.from_regex(r"[a-z][a-z0-9 ü-]{2,20}x", fullmatch=True)
all_options = st.builds(
    JobOptions,
    attempts=st.integers(0, 1_000),
    backoff=st.none()
    | milliseconds
    | st.builds(
        Backoff,
        kind=st.sampled_from(["fixed", "exponential"]),
        delay=milliseconds,
        jitter=st.floats(0, 1),
        max=st.none() | milliseconds,
    ),
    delay=milliseconds,
    priority=st.integers(0, MAX_PRIORITY),
    lifo=st.booleans(),
    job_id=st.none() | ids,
    timestamp=st.none() | st.integers(946_684_800_000, 4_102_444_800_000),
    remove_on_complete=keeps,
    remove_on_fail=keeps,
    keep_logs=st.none() | st.integers(0, 1_000),
    stack_trace_limit=st.none() | st.integers(0, 1_000),
    size_limit=st.none() | st.integers(0, 10**9),
    timeout=st.none() | st.integers(1, 10**9).map(lambda ms: ms / 1_000),
    parent=st.none() | st.builds(ParentJob, id=ids, queue=ids),
    on_failure=st.none() | st.sampled_from(list(OnFailure)),
)


@given(all_options)
def test_options_survive_the_round_trip(options: JobOptions) -> None:
    assert JobOptions.from_mapping(options.to_mapping()) == options


@given(all_options)
def test_stored_options_survive_the_round_trip_but_for_the_id(options: JobOptions) -> None:
    assert JobOptions.from_stored(options.to_mapping()) == replace(options, job_id=None)


@given(st.dictionaries(st.text(max_size=12), st.none() | st.booleans() | st.integers() | st.text()))
def test_no_mapping_breaks_anything(given_mapping: dict[str, Any]) -> None:
    # Anything else than a refusal would be raised.
    with suppress(InvalidOption):
        JobOptions.from_mapping(given_mapping)
