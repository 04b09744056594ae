"""Children forget a parent that is removed, or that went on without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oxherd.engines.sqlite.rows import UNREADABLE, read_parents, write_parents

if TYPE_CHECKING:
    from oxherd.engines.sqlite.transaction import Transaction

_CHILDREN: Final = (
    "SELECT edges.id, jobs.id, jobs.parents FROM edges JOIN jobs ON jobs.id = edges.child"
    " WHERE edges.parent = ? AND edges.status <= ? ORDER BY edges.id LIMIT ?"
)
_LET_GO: Final = "UPDATE edges SET child = NULL WHERE id = ?"
_PARENTS_OF: Final = "SELECT parents FROM jobs WHERE id = ?"
_PARENTS: Final = "UPDATE jobs SET parents = ? WHERE id = ?"


def unlink(transaction: Transaction, parent: int, key: str, *, worst: int, limit: int = -1) -> int:
    """Let go of children up to the status `worst`; answers how many.

    The parent's edges stay, so that it goes nowhere.
    """
    children = transaction.all(_CHILDREN, parent, worst, limit)
    for edge, child, text in children:
        transaction.run(_LET_GO, edge)
        _strike(transaction, child, text, key)
    return len(children)


def forget_parent(transaction: Transaction, child: int, key: str) -> None:
    """The job in this row has that parent no more."""
    row = transaction.one(_PARENTS_OF, child)
    _strike(transaction, child, row[0] if row else None, key)


def _strike(transaction: Transaction, child: int, text: str | None, key: str) -> None:
    try:
        known = () if text is None else read_parents(text)
    except UNREADABLE:
        return
    left = [link for link in known if link.parent != key]
    transaction.run(_PARENTS, write_parents(left), child)
