"""Deduplication: the forms in which it is given, and what is stored of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from oxherd.domain.deduplication import Deduplication, as_deduplication, stored_deduplication
from oxherd.domain.errors import InvalidOption
from oxherd.domain.options import JobOptions

ALL = Deduplication(
    "d", ttl=1.5, extend=True, replace=True, keep_last_if_active=True, reschedule=True
)
MAPPING = {
    "id": "d", "ttl": 1_500, "extend": True, "replace": True, "keepLastIfActive": True,
    "reschedule": True,
}  # fmt: skip


def test_both_forms_are_one() -> None:
    assert as_deduplication(MAPPING) == as_deduplication(ALL) == ALL
    assert ALL.to_mapping() == MAPPING
    assert Deduplication("d").to_mapping() == {"id": "d"}
    assert Deduplication("d", ttl=timedelta(minutes=1)).ttl_ms == 60_000
    assert Deduplication("d").ttl_ms == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"id": ""}, {"id": 5}, {"id": "d", "ttl": -1}, {"id": "d", "ttl": "long"},
        {"id": "d", "extend": 1}, {"id": "d", "keepLast": True}, "d",
    ],
)  # fmt: skip
def test_an_impossible_one_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidOption):
        JobOptions(deduplication=wrong)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(InvalidOption, match="keepLastIfActive"):
        as_deduplication({"id": "d", "keepLastIfActiv": True})


def test_a_job_that_is_deduplicated_has_no_parent() -> None:
    with pytest.raises(InvalidOption, match="parent"):
        JobOptions(deduplication=ALL, parent={"id": "p", "queue": "q"})


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (MAPPING, ALL),
        ({"id": "d", "later": {"x": 1}, "ttl": 0}, Deduplication("d")),
        ({"id": "d", "replace": 1, "extend": None}, Deduplication("d", replace=True)),
        ({"id": 5}, Deduplication("5")),
        ({"ttl": 5}, None), ({"id": ""}, None), (None, None), ("d", None),
    ],
)  # fmt: skip
def test_what_any_client_stored_is_read(stored: Any, read: Deduplication | None) -> None:
    assert stored_deduplication(stored) == read
    options = JobOptions.from_stored({"attempts": 3, "deduplication": stored})
    assert (options.attempts, options.deduplication) == (3, read)
