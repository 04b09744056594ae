"""What a queue, a job and an id may be called; checked before anything is written."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from oxherd.domain.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NAME_BYTES: Final = 256
"""The longest queue name, job name or job id, in UTF-8 bytes."""

RESERVED_IDS: Final = frozenset(
    {
        "active", "completed", "de", "delay", "delayed", "dn", "events", "failed", "id",
        "limiter", "marker", "meta", "metrics", "paused", "pc", "prioritized", "priority",
        "repeat", "stalled", "stalled-check", "wait", "waiting-children",
    }
)  # fmt: skip
"""Words that name a queue's own keys (BullMQ protocol, 1.1): such a job would overwrite one."""

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")
_LIKE_A_JOB: Final = re.compile(r":[0-9]+$")
_MOST_COLONS: Final = 3
"""In the id of a schedule (BullMQ protocol, 4.13)."""


def check_queue_name(name: object) -> str:
    """Return `name`, or raise `InvalidOption` saying why no queue can have it."""
    return _check_text("queue name", name, colon=False)


def check_job_name(name: object) -> str:
    """Return `name`, or raise `InvalidOption` saying why no job can have it."""
    return _check_text("job name", name, colon=True)


def check_job_id(job_id: object) -> str:
    """Return an id that a caller chose, or raise `InvalidOption` saying why it cannot be one."""
    text = _check_text("job id", job_id, colon=False)
    if _INTEGER.fullmatch(text):
        raise InvalidOption(
            f"job id {text!r} is an integer, and those are the counter's; add a letter"
        )
    if text in RESERVED_IDS:
        raise InvalidOption(
            f"job id {text!r} is reserved: it names a key of the queue; choose another"
        )
    return text


def check_schedule_id(schedule_id: object) -> str:
    """Return the id of a schedule, or raise `InvalidOption` saying why it cannot be one."""
    text = _check_text("schedule id", schedule_id, colon=True)
    if _LIKE_A_JOB.search(text):
        raise InvalidOption(
            f"schedule id {text!r} ends like the ids of its jobs; leave the ':' and digits out"
        )
    if text.count(":") > _MOST_COLONS:
        raise InvalidOption(
            f"schedule id {text!r} has more than {_MOST_COLONS} ':'; older clients would take it"
            " for a repeatable job of theirs"
        )
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known word, else the list of what is known."""
    names = sorted(str(name) for name in known)
    folded = {name.replace("_", "").lower(): name for name in names}
    close = difflib.get_close_matches(word.replace("_", "").lower(), folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {folded[close[0]]!r}?"
    return f"; known: {', '.join(names)}"


def _check_text(what: str, text: object, *, colon: bool) -> str:
    if not isinstance(text, str):
        raise InvalidOption(f"a {what} is text, not {type(text).__name__}: {text!r}")
    return _checked(what, text, colon)


@lru_cache(maxsize=1024)
def _checked(what: str, text: str, colon: bool) -> str:  # noqa: FBT001 - a cache's key
    if not text:
        raise InvalidOption(f"a {what} cannot be empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidOption(
            f"{what} {text!r} holds a lone surrogate, which is not text; remove it"
        ) from None
    if size > MAX_NAME_BYTES:
        raise InvalidOption(
            f"{what} {text[:40]!r}… has {size} bytes; at most {MAX_NAME_BYTES} are allowed"
        )
    if "\0" in text:
        raise InvalidOption(f"{what} {text!r} holds a NUL character; remove it")
    if not colon and ":" in text:
        raise InvalidOption(
            f"{what} {text!r} holds a ':', which separates the parts of a key; leave it out"
        )
    return text
