"""What a job knows of its children."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oxherd.domain.codec import decode
from oxherd.domain.record import ChildLink, ChildStatus, JobKey
from oxherd.runtime.records import records_of

if TYPE_CHECKING:
    from oxherd.store import Store


@dataclass(frozen=True, slots=True)
class ChildResult:
    """What one child gave its parent."""

    key: str
    """The child's full key, `prefix:queue:id`."""
    name: str | None
    """The child's job name; None when its record is gone."""
    status: ChildStatus
    value: Any = None
    """The result, once processed."""
    failure: str | None = None
    """The reason, when it failed or was ignored."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """A job's children by what became of them, under their full keys."""

    processed: Mapping[str, Any]
    unprocessed: Sequence[str]
    ignored: Mapping[str, str]
    failed: Sequence[str]


def values(links: Sequence[ChildLink]) -> dict[str, Any]:
    """The results of those that completed, by full key."""
    return {
        link.key: decode(link.value)
        for link in links
        if link.status is ChildStatus.PROCESSED and link.value is not None
    }


def ignored(links: Sequence[ChildLink]) -> dict[str, str]:
    """The reasons of those that failed and were ignored, by full key."""
    return {link.key: link.failure or "" for link in links if link.status is ChildStatus.IGNORED}


def dependencies(links: Sequence[ChildLink]) -> Dependencies:
    """Children by what became of them."""
    by = {status: [x for x in links if x.status is status] for status in ChildStatus}
    return Dependencies(
        processed={x.key: decode(x.value or "null") for x in by[ChildStatus.PROCESSED]},
        unprocessed=[x.key for x in by[ChildStatus.PENDING]],
        ignored={x.key: x.failure or "" for x in by[ChildStatus.IGNORED]},
        failed=[x.key for x in by[ChildStatus.FAILED]],
    )


def counts(links: Sequence[ChildLink]) -> dict[str, int]:
    """How many became what, under the names of `Dependencies`."""
    found: dict[str, int] = {"processed": 0, "unprocessed": 0, "ignored": 0, "failed": 0}
    for link in links:
        found["unprocessed" if link.status is ChildStatus.PENDING else link.status.value] += 1
    return found


async def results(store: Store, links: Sequence[ChildLink]) -> list[ChildResult]:
    """What each gave: its value or its failure."""
    found: list[ChildResult] = []
    records = await records_of(store, [JobKey.parse(link.key) for link in links])
    for link, record in zip(links, records, strict=True):
        failure = link.failure
        if link.status is ChildStatus.FAILED and failure is None and record is not None:
            failure = record.failed_reason
        value = None if link.value is None else decode(link.value)
        name = None if record is None else record.name
        found.append(ChildResult(link.key, name, link.status, value, failure))
    return found
