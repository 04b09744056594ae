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
_PARENTS: Final = "UPDATE jobs SET parents = ? WHERE id = ?"


def unlink(transaction: Transaction, parent: int, key: str, *, worst: int, limit: int = -1) -> int:
    """Let go of children up to the status `worst`; answers how many.

    The parent's edges stay, so that it goes nowhere.
    """
    children = transaction.all(_CHILDREN, parent, worst, limit)
    for edge, child, text in children:
        transaction.run(_LET_GO, edge)
        try:
            known = () if text is None else read_parents(text)
        except UNREADABLE:
            continue
        left = [link for link in known if link.parent != key]
        transaction.run(_PARENTS, write_parents(left), child)
    return len(children)
