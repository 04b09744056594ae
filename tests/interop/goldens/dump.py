"""All that is stored under a prefix, as text in which only what must differ is left out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Dump = dict[str, list[str]]
"""For each key, its type and content, a line for each part."""

OUR_FIELD: Final = re.compile(r"ox[a-z]")
"""Optional fields of ours in a job's hash; other clients pass over them."""

OUR_KEY: Final = re.compile(r"[:-]ox:")
"""Keys of ours; of a form that no client takes for a job's."""

_VERSION: Final = "version"
"""A setting of a queue's: BullMQ's `Queue` writes its own when it is made, ours with a job."""

_OUR_OPTIONS: Final = ("onFailure", "oxParent")
"""The policy that is none of BullMQ's flags, to wait; and how the producer named the parent."""

_OPTIONS: Final = frozenset({"opts", "parent"})


def dump(client: Any, prefix: str, names: Mapping[str, str]) -> Dump:
    """What is stored. `names` are ids to be called otherwise: those that a side made itself."""
    found: Dump = {}
    for key in sorted(client.scan_iter(match=f"{prefix}:*", count=1000)):
        if OUR_KEY.search(key):
            continue
        lines = [_heading(client, key), *_content(client, key)]
        found[_named(key, prefix, names)] = [_named(line, prefix, names) for line in lines]
    return found


def _named(text: str, prefix: str, names: Mapping[str, str]) -> str:
    text = text.replace(f"{prefix}:", "bull:")
    for own, name in names.items():
        if own != name:
            text = text.replace(own, name)
    return text


def _heading(client: Any, key: str) -> str:
    """The type, and the power of two of milliseconds in which it expires."""
    expires_in = client.pttl(key)
    return f"{client.type(key)}{f' for 2^{expires_in.bit_length()} ms' if expires_in > 0 else ''}"


def _content(client: Any, key: str) -> list[str]:
    match client.type(key):
        case "hash":
            return sorted(
                f"{name} = {_value(name, text)}"
                for name, text in client.hgetall(key).items()
                if name != _VERSION and not OUR_FIELD.fullmatch(name)
            )
        case "list":
            return list(client.lrange(key, 0, -1))
        case "set":
            return sorted(client.smembers(key))
        case "zset":
            scores = client.zrange(key, 0, -1, withscores=True)
            return [f"{name} @ {score:.17g}" for name, score in scores]
        case "stream":
            return [
                " ".join(f"{name}={text}" for name, text in values.items())
                for _, values in client.xrange(key)
            ]
        case _:
            return ["the token" if key.endswith(":lock") else client.get(key)]


def _value(name: str, text: str) -> str:
    """Of each library's own: the traces' texts, and how options are spelt."""
    if name == "stacktrace":
        return f"{len(json.loads(text))} traces"
    if name not in _OPTIONS:
        return text
    options = json.loads(text.replace("\\/", "/"))
    for ours in _OUR_OPTIONS:
        options.pop(ours, None)
    # Both numbers mean one try, as no number does.
    if options.get("attempts") in (0, 1):
        del options["attempts"]
    # So do a number and a bound of nothing else.
    for bounds in ("removeOnComplete", "removeOnFail"):
        match options.get(bounds):
            case {"count": count, **rest} if not rest:
                options[bounds] = count
            case _:
                pass
    return json.dumps(options, sort_keys=True, ensure_ascii=False)


__all__ = ["OUR_FIELD", "OUR_KEY", "Dump", "dump"]
