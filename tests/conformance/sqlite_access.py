"""The one place in the suite that runs SQL behind a store's back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oxherd.engines.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.store import Store


async def run_sql(store: Store, statement: str, values: Sequence[object]) -> list[Any]:
    """The rows of a statement, run between two calls on the store's own connection."""
    assert isinstance(store, SqliteStore)
    return await store._write(
        "probe", lambda transaction: transaction._connection.execute(statement, values).fetchall()
    )
