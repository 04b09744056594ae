"""Log entries become events."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxherd.domain import events
from oxherd.domain.events import Event, JobEvent, Unknown, read_event
from oxherd.domain.lifecycle import EventKind

ENTRIES: list[tuple[EventKind, dict[str, str], dict[str, Any]]] = [
    (EventKind.ADDED, {"job_id": "a", "name": "work"}, {}),
    (EventKind.WAITING, {"job_id": "a"}, {"prev": None}),
    (EventKind.WAITING, {"job_id": "a", "prev": "delayed"}, {}),
    (EventKind.DELAYED, {"job_id": "a", "delay": "1800000000000"}, {"delay": 1800000000000}),
    (EventKind.WAITING_CHILDREN, {"job_id": "a"}, {"prev": None}),
    (EventKind.ACTIVE, {"job_id": "a", "prev": "waiting"}, {}),
    (EventKind.COMPLETED, {"job_id": "a", "returnvalue": '{"n":1}'}, {"returnvalue": {"n": 1}}),
    (EventKind.FAILED, {"job_id": "a", "failed_reason": "null"}, {"failed_reason": "null"}),
    (EventKind.RETRIES_EXHAUSTED, {"job_id": "a", "attempts_made": "3"}, {"attempts_made": 3}),
    (EventKind.STALLED, {"job_id": "a"}, {}),
    (EventKind.PROGRESS, {"job_id": "a", "data": "50"}, {"data": 50}),
    (EventKind.DUPLICATED, {"job_id": "a"}, {}),
    (
        EventKind.DEDUPLICATED,
        {"job_id": "a", "deduplication_id": "d", "deduplicated_job_id": "b"},
        {},
    ),
    (EventKind.REMOVED, {"job_id": "a", "prev": "waiting"}, {}),
    (EventKind.CLEANED, {"count": "5"}, {"count": 5}),
    (EventKind.DRAINED, {}, {}),
    (EventKind.PAUSED, {}, {}),
    (EventKind.RESUMED, {}, {}),
]


@pytest.mark.parametrize(("kind", "values", "read"), ENTRIES)
def test_an_entry_becomes_its_event(
    kind: EventKind, values: dict[str, str], read: dict[str, Any]
) -> None:
    event = read_event("1-0", "q", kind.value, values)
    assert event.kind is kind
    assert (event.id, event.queue) == ("1-0", "q")
    for name, value in (values | read).items():
        assert getattr(event, name) == value


def test_every_kind_has_one_class() -> None:
    classes = [
        cls
        for _, cls in inspect.getmembers(events, inspect.isclass)
        if issubclass(cls, Event) and cls.kind is not None
    ]
    assert sorted(cls.kind for cls in classes if cls.kind) == sorted(EventKind)
    assert {entry[0] for entry in ENTRIES} == set(EventKind)


def test_events_about_no_job_are_no_job_events() -> None:
    for kind, values, _ in ENTRIES:
        event = read_event("1", "q", kind.value, values)
        assert isinstance(event, JobEvent) == ("job_id" in values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("cleaned", {"count": "some"}),
        ("global:cleaned", {"count": "5"}),
        ("my-event", {}),
        ("completed", {"job_id": "a", "returnvalue": "{not JSON"}),
        ("completed", {"job_id": "a"}),
        ("delayed", {"job_id": "a", "delay": "soon"}),
        ("added", {"name": "x"}),
    ],
)
def test_what_does_not_fit_is_unknown_with_its_values(kind: str, values: dict[str, str]) -> None:
    event = read_event("1", "q", kind, values)
    assert isinstance(event, Unknown)
    assert event.name == kind
    assert dict(event.values) == values


def test_more_fields_than_known_are_passed_over() -> None:
    event = read_event("1", "q", "stalled", {"job_id": "a", "new": "x"})
    assert event == events.Stalled(id="1", queue="q", job_id="a")


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_no_entry_breaks_the_reader(kind: str, values: dict[str, str]) -> None:
    assert isinstance(read_event("1", "q", kind, values), Event)


@given(st.sampled_from(list(EventKind)), st.data())
def test_no_entry_of_a_known_kind_breaks_the_reader(kind: EventKind, data: st.DataObject) -> None:
    fields = st.sampled_from(["job_id", "name", "prev", "delay", "returnvalue", "data", "id"])
    values = data.draw(st.dictionaries(fields, st.text() | st.just("1")))
    assert isinstance(read_event("1", "q", kind.value, values), Event)
