"""Writes an event of the caller's own kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxherd.engines.sqlite.transaction import Transaction


def publish_event(
    transaction: Transaction, queue: str, name: str, fields: Mapping[str, str], most: int | None
) -> str:
    """As `EventLog.publish_event`."""
    number = transaction.used_queue(queue)
    event = transaction.publish(number, name, msgspec.json.encode(dict(fields)).decode())
    if most is not None:
        transaction.trim(number, event - most)
    return str(event)
