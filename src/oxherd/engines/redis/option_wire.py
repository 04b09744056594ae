"""WIRE: a job's options as another client stores them (BullMQ protocol, 2.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from oxherd.domain.deduplication import Deduplication
from oxherd.domain.options import JobOptions, ParentJob
from oxherd.domain.record import JobKey

if TYPE_CHECKING:
    from oxherd.domain.record import NewJob

SHORT_OPTIONS: Final = {
    "deduplication": "de",
    "keepLogs": "kl",
    "failParentOnFailure": "fpof",
    "continueParentOnFailure": "cpof",
    "ignoreDependencyOnFailure": "idof",
    "removeDependencyOnFailure": "rdof",
}
LONG_OPTIONS: Final = {short: long for long, short in SHORT_OPTIONS.items()}
_PARENT_AS_GIVEN: Final = "oxParent"
"""An option of ours: the queue of a parent that the producer named itself, as it wrote it."""
_KEEP_OPTIONS: Final = {"removeOnComplete": "remove_on_complete", "removeOnFail": "remove_on_fail"}

_encode: Final = msgspec.json.Encoder().encode


@lru_cache(maxsize=1024)
def read_options(text: str) -> JobOptions:
    """Options as they are stored.

    Raises:
        MsgspecError, InvalidOption: not to be read.
    """
    mapping = {LONG_OPTIONS.get(name, name): value for name, value in mapping_of(text).items()}
    parent = mapping.pop("parent", None)
    options = JobOptions.from_stored(mapping)
    given = mapping.get(_PARENT_AS_GIVEN)
    if given is not None and isinstance(parent, Mapping):
        return dataclasses.replace(options, parent=ParentJob(str(parent.get("id")), given))
    return options


@lru_cache(maxsize=1024)
def with_retention(options: JobOptions, text: str) -> JobOptions:
    """Options with the retention that was stored beside them, as `retention_text` made it."""
    kept = JobOptions.from_stored(mapping_of(text))
    return dataclasses.replace(
        options, remove_on_complete=kept.remove_on_complete, remove_on_fail=kept.remove_on_fail
    )


def mapping_of(text: str) -> dict[str, Any]:
    """A stored JSON object.

    Raises:
        MsgspecError: it is none.
    """
    return msgspec.json.decode(text, type=dict[str, Any])


def options_mapping(options: JobOptions) -> dict[str, Any]:
    """Options under the names by which they are stored; only those that were given."""
    mapping = options.to_mapping()
    return {SHORT_OPTIONS.get(name, name): value for name, value in mapping.items()}


def options_text(job: NewJob) -> str:
    """What is stored for the options of a new job."""
    if job.raw_options is not None:
        return job.raw_options
    text = _own_options_text(job.options, len(job.parents) > 1)
    if not job.parents:
        return text
    return f'{text[:-1]},"parent":{_parent_text(job.parents[0].parent)}}}'


@lru_cache(maxsize=1024)
def _parent_text(parent: str) -> str:
    key = JobKey.parse(parent)
    return _encode({"id": key.id, "queue": f"{key.prefix}:{key.queue}"}).decode()


@lru_cache(maxsize=1024)
def _own_options_text(options: JobOptions, several: bool) -> str:  # noqa: FBT001 - a cache's key
    mapping = options_mapping(options)
    if isinstance(options.parent, ParentJob):
        mapping.pop("parent")
        mapping[_PARENT_AS_GIVEN] = options.parent.queue
    mapping["attempts"] = options.attempts
    if several:
        # Another client's worker settles the first parent only: the job must outlive its end.
        mapping |= dict.fromkeys(_KEEP_OPTIONS, False)
    return _encode(mapping).decode()


def retention_text(options: JobOptions) -> str:
    """The retention of a job whose stored options have none, for the sake of further parents."""
    mapping = options.to_mapping()
    return _encode({name: mapping[name] for name in _KEEP_OPTIONS if name in mapping}).decode()


def deduplication(options: JobOptions) -> dict[str, Any] | None:
    """As the script `add` reads it."""
    asked = options.deduplication
    if not isinstance(asked, Deduplication):
        return None
    return {
        "id": asked.id,
        "ttl": asked.ttl_ms,
        "extend": asked.extend,
        "replace": asked.replace,
        "keep_last": asked.keep_last_if_active,
        "reschedule": asked.reschedule,
    }


__all__ = [
    "LONG_OPTIONS",
    "SHORT_OPTIONS",
    "deduplication",
    "mapping_of",
    "options_mapping",
    "options_text",
    "read_options",
    "retention_text",
    "with_retention",
]
