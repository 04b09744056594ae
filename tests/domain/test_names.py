"""Names of queues and jobs, ids, and the keys made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxherd.domain.errors import InvalidOption
from oxherd.domain.names import (
    MAX_NAME_BYTES,
    RESERVED_IDS,
    check_job_id,
    check_job_name,
    check_queue_name,
    check_schedule_id,
    nearest,
)
from oxherd.domain.record import JobKey
from oxherd.domain.schedule import job_id_of

CHECKS = [check_queue_name, check_job_name, check_job_id]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", [None, 5, b"a", "", "\ud800", "a\0b", "ü" * 129])
def test_no_name_is_this(check: object, name: object) -> None:
    assert callable(check)
    with pytest.raises(InvalidOption):
        check(name)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ["a", "A b", " a ", "🐂", "q*", "{q}", "a'b", "a\nb", "ü" * 128])
def test_any_text_is_a_name(check: object, name: str) -> None:
    assert callable(check)
    assert check(name) == name


def test_only_a_jobs_name_may_hold_a_colon() -> None:
    assert check_job_name("a:b") == "a:b"
    for check in (check_queue_name, check_job_id):
        with pytest.raises(InvalidOption, match="':'"):
            check("a:b")


@pytest.mark.parametrize("job_id", ["0", "5", "123", "-7"])
def test_an_integer_is_no_id(job_id: str) -> None:
    with pytest.raises(InvalidOption, match="counter"):
        check_job_id(job_id)
    assert check_queue_name(job_id) == job_id


@pytest.mark.parametrize("job_id", ["007", "1.5", "1e3", "5 ", "+5", "٣", "--1", "-0x"])
def test_what_only_looks_like_an_integer_is_an_id(job_id: str) -> None:
    assert check_job_id(job_id) == job_id


@pytest.mark.parametrize("job_id", sorted(RESERVED_IDS))
def test_a_queues_own_keys_are_no_ids(job_id: str) -> None:
    with pytest.raises(InvalidOption, match="reserved"):
        check_job_id(job_id)


def test_a_name_has_a_longest() -> None:
    assert check_job_id("x" * MAX_NAME_BYTES)
    with pytest.raises(InvalidOption, match=f"at most {MAX_NAME_BYTES}"):
        check_job_id("x" * (MAX_NAME_BYTES + 1))


@pytest.mark.parametrize("text", ["", "a", "a:b", ":q:a", "p::a", "p:q:", "::"])
def test_what_is_no_job_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match="prefix:queue:id"):
        JobKey.parse(text)


parts = st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"]), min_size=1)


@given(st.text(min_size=1), parts, parts)
def test_a_key_is_split_at_its_last_colons(prefix: str, queue: str, job_id: str) -> None:
    key = JobKey(prefix, queue, job_id)
    assert JobKey.parse(str(key)) == key


@pytest.mark.parametrize("schedule_id", ["tick", "a:b", "12", "a:1b", "repeat"])
@pytest.mark.parametrize("prefix", ["bull", "my:bull"])
def test_the_key_of_a_scheduled_job_is_split_before_its_id(prefix: str, schedule_id: str) -> None:
    key = JobKey(prefix, "q", job_id_of(schedule_id, 1_795_322_139_445))
    assert tuple(JobKey.parse(str(key))) == tuple(key)


def test_a_queue_may_be_called_repeat() -> None:
    assert tuple(JobKey.parse("my:bull:repeat:7")) == ("my:bull", "repeat", "7")


@pytest.mark.parametrize("schedule_id", ["tick", "a:b:c:d", "12", "12:a", "x y"])
def test_a_schedule_may_have_this_id(schedule_id: str) -> None:
    assert check_schedule_id(schedule_id) == schedule_id


@pytest.mark.parametrize("schedule_id", ["", None, 5, "tick:5", "a:b:c:d:e", "a\0b", "x" * 257])
def test_no_schedule_has_this_id(schedule_id: object) -> None:
    with pytest.raises(InvalidOption, match="schedule id"):
        check_schedule_id(schedule_id)


def test_the_nearest_name_is_told() -> None:
    assert nearest("priorty", {"priority", "delay"}) == "; did you mean 'priority'?"
    assert nearest("job_id", {"jobId", "delay"}) == "; did you mean 'jobId'?"
    assert nearest("zzz", {"b", "a"}) == "; known: a, b"
