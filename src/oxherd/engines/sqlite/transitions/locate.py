"""Where the job of a full key is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from oxherd.domain.errors import InvalidOption, JobNotFound, OxherdError
from oxherd.domain.record import JobKey
from oxherd.engines.sqlite.codes import STATES

if TYPE_CHECKING:
    from oxherd.domain.lifecycle import State
    from oxherd.engines.sqlite.transaction import Transaction

_FIND: Final = "SELECT id, state FROM jobs WHERE queue = ? AND job_id = ?"


class Located(NamedTuple):
    """A job that exists."""

    key: JobKey
    row: int
    state: State


def locate(transaction: Transaction, key: str) -> Located | OxherdError:
    """The job of a full key; the error where there is none, or where it is no key."""
    try:
        parsed = JobKey.parse(key)
    except InvalidOption as error:
        return error
    number = transaction.queue(parsed.queue, parsed.prefix)
    found = None if number is None else transaction.one(_FIND, number, parsed.id)
    if found is None:
        return JobNotFound(parsed.id, parsed.queue)
    return Located(parsed, found[0], STATES[found[1]])
