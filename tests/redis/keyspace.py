"""All keys under a prefix, as text: what tests of the wire compare."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import redis

GOLDENS: Final = Path(__file__).parent / "goldens"
_OWN_FIELD: Final = re.compile(r"ox[a-z]")
_JSON_FIELDS: Final = frozenset({"opts", "parent"})
_TTL: Final = re.compile(r"\[TTL [^]]*\] +")

Keyspace = dict[str, list[str]]
"""For each key, its type and content, a line for each part."""


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True, protocol=2)


def keys_under(client: Any, prefix: str) -> list[str]:
    return sorted(client.scan_iter(match=f"{prefix}:*", count=1000))


def keyspace(client: Any, prefix: str) -> Keyspace:
    """What is stored, without what only we write."""
    return {
        "bull" + key.removeprefix(prefix): _content(client, key, prefix)
        for key in keys_under(client, prefix)
        if ":ox:" not in key and "-ox:" not in key
    }


def golden(name: str, *, without: tuple[str, ...] = ()) -> Keyspace:
    """A dump of what the original stored."""
    found: Keyspace = {}
    lines: list[str] = []
    for line in (GOLDENS / f"{name}.txt").read_text().splitlines():
        if line.startswith("    "):
            lines.append(_normal_line(line.strip()))
        else:
            key, kind, *rest = re.split(r"  +", line.rstrip(), maxsplit=2)
            lines = [kind.split()[0]]
            found[key] = lines
            text = _TTL.sub("", rest[0]) if rest else ""
            text = text.removeprefix("(left→right)").strip()
            if text:
                parts = [text] if kind == "string" else re.split(r"   +|  +", text)
                lines += sorted(parts) if kind == "set" else parts
    return {
        key: [kind, *(sorted(rest) if kind == "hash" else rest)]
        for key, (kind, *rest) in found.items()
        if key not in without
    }


def _content(client: Any, key: str, prefix: str) -> list[str]:
    kind = client.type(key)
    match kind:
        case "hash":
            lines = sorted(
                _normal_line(f"{name} = {value}")
                for name, value in client.hgetall(key).items()
                if not _OWN_FIELD.fullmatch(name[:3])
            )
        case "list":
            lines = client.lrange(key, 0, -1)
        case "set":
            lines = sorted(client.smembers(key))
        case "zset":
            lines = [
                f"{name} @ {score:.0f}"
                for name, score in client.zrange(key, 0, -1, withscores=True)
            ]
        case "stream":
            lines = [
                " ".join(f"{name}={value}" for name, value in values.items())
                for _, values in client.xrange(key)
            ]
        case _:
            lines = [client.get(key)]
    return [kind, *(line.replace(f"{prefix}:", "bull:") for line in lines)]


def _normal_line(line: str) -> str:
    """JSON of one spelling; a library's version without its number."""
    name, separator, value = line.partition(" = ")
    if separator and name in _JSON_FIELDS:
        text = value.replace("\\/", "/")
        return f"{name} = {json.dumps(json.loads(text), sort_keys=True)}"
    return line
