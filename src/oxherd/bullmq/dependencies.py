"""A job's children by what became of them, as BullMQ answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from oxherd.domain.record import ChildLink
from oxherd.runtime import children

_KINDS: Final = ("processed", "unprocessed", "ignored", "failed")
_PAGE: Final = 20


def page(
    links: Sequence[ChildLink], opts: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Any]:
    """All children by kind; or pages of the kinds in `opts`, with the cursors of the next ones."""
    found = children.dependencies(links)
    if not opts:
        return {kind: _plain(getattr(found, kind)) for kind in _KINDS}
    answer: dict[str, Any] = {}
    for kind in _KINDS:
        asked = opts.get(kind)
        if asked is None:
            continue
        items = getattr(found, kind)
        start, count = asked.get("cursor") or 0, asked.get("count") or _PAGE
        answer[kind] = _part(items, start, start + count)
        answer[f"next{kind.title()}Cursor"] = start + count if start + count < len(items) else 0
    return answer


def count(links: Sequence[ChildLink], opts: Mapping[str, Any] | None) -> dict[str, int]:
    """How many of each kind, or of the kinds in `opts`."""
    found = children.counts(links)
    return {kind: found[kind] for kind in _KINDS if not opts or opts.get(kind)}


def _plain(items: Mapping[str, Any] | Sequence[str]) -> dict[str, Any] | list[str]:
    return dict(items) if isinstance(items, Mapping) else list(items)


def _part(
    items: Mapping[str, Any] | Sequence[str], start: int, end: int
) -> dict[str, Any] | list[str]:
    if isinstance(items, Mapping):
        return dict(islice(items.items(), start, end))
    return list(items[start:end])


__all__ = ["count", "page"]
