"""WIRE: every key's name (BullMQ protocol, 1.1 and 1.2); `lua/include/keys.lua` is the twin."""

from __future__ import annotations

import re
from base64 import b64encode
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

QUEUE_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "active": "active",
        "completed": "completed",
        "completed_count": "metrics:completed",
        "completed_points": "metrics:completed:data",
        "counter": "id",
        "deduplication": "de:",
        "delayed": "delayed",
        "events": "events",
        "failed": "failed",
        "failed_count": "metrics:failed",
        "failed_points": "metrics:failed:data",
        "legacy_paused": "paused",
        "limiter": "limiter",
        "marker": "marker",
        "meta": "meta",
        "next_deduplicated": "dn:",
        "prioritized": "prioritized",
        "priority_counter": "pc",
        "scheduler": "repeat:",
        "schedulers": "repeat",
        "stalled": "stalled",
        "stalled_check": "stalled-check",
        "waiting": "wait",
        "waiting_children": "waiting-children",
        # Ours: of a form that no client takes for a job's key (BullMQ protocol, 1.1).
        "gone": "ox:gone",
        "several_parents": "ox:parents",
        "shared_children": "ox:shared",
    }
)
"""What follows a queue's base, by our name."""

ANSWERED_CALL: Final = "-ox:call-"
"""What follows a queue's base without its colon: programs count the keys that begin with a base."""

JOB_PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dependencies": ":dependencies",
        "failed_children": ":unsuccessful",
        "ignored_children": ":failed",
        "lock": ":lock",
        "logs": ":logs",
        "processed": ":processed",
    }
)
"""What follows a job's key, by our name."""

_META: Final = ":meta"
_PATTERN_CHARACTERS: Final = re.compile(r"([\\*?\[\]])")


def queue_base(prefix: str, queue: str) -> str:
    """What all keys of a queue begin with; a job's key is this and its id."""
    return f"{prefix}:{queue}:"


def queue_key(base: str, name: str) -> str:
    """A key of a queue by our name for it."""
    return base + QUEUE_KEYS[name]


def job_part(base: str, job_id: str, name: str) -> str:
    """A key beside a job's own by our name for it."""
    return base + job_id + JOB_PARTS[name]


def settings_pattern(prefix: str) -> str:
    """A SCAN pattern for the settings of all queues of a prefix, with a few strangers."""
    literal = _PATTERN_CHARACTERS.sub(r"\\\1", prefix)
    return f"{literal}:*{_META}"


def stray_patterns(base: str) -> list[str]:
    """SCAN patterns for a queue's keys that no list of its own leads to."""
    literal = _PATTERN_CHARACTERS.sub(r"\\\1", base)
    return [f"{literal}{QUEUE_KEYS[name]}*" for name in ("deduplication", "next_deduplicated")]


def queue_of_settings(prefix: str, key: str) -> str | None:
    """The queue whose settings a key holds, or None for a stranger's key."""
    name = key[len(prefix) + 1 : -len(_META)]
    return name if name and ":" not in name else None


def listener_name(prefix: str, queue: str, worker: str | None) -> str:
    """What a waiting worker's connection is called, by which dashboards count workers."""
    name = f"{prefix}:{b64encode(queue.encode()).decode()}"
    named = f"{name}:w:{worker}" if worker else name
    return named if named.isascii() and named.isprintable() and " " not in named else name
