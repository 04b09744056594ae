"""Scripts: checked against their signatures, made into commands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from oxherd.engines.redis.script_source import BadScript, flat_source

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Command = tuple[bytes, ...]


class Form(StrEnum):
    """How a script's header takes one argument."""

    TEXT = "ARGV[{}]"
    NUMBER = "tonumber(ARGV[{}])"
    PACKED = "cmsgpack.unpack(ARGV[{}])"


SIGNATURES: Final[Mapping[str, Mapping[str, Form]]] = MappingProxyType(
    {
        "add": {
            "clock": Form.TEXT,
            "version": Form.TEXT,
            "nonce": Form.TEXT,
            "again": Form.NUMBER,
            "groups": Form.PACKED,
        },
        "ages": {
            "clock": Form.TEXT,
            "structure": Form.TEXT,
            "grace": Form.NUMBER,
            "first": Form.NUMBER,
            "most": Form.NUMBER,
        },
        "append_log": {"id": Form.TEXT, "token": Form.TEXT, "lines": Form.PACKED},
        "await_children": {"clock": Form.TEXT, "items": Form.PACKED},
        "below": {"most": Form.NUMBER, "pending": Form.NUMBER, "job_keys": Form.PACKED},
        "change_delay": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "id": Form.TEXT,
            "delay": Form.NUMBER,
        },
        "change_priority": {
            "nonce": Form.TEXT,
            "id": Form.TEXT,
            "priority": Form.NUMBER,
            "lifo": Form.NUMBER,
        },
        "children": {"id": Form.TEXT, "first": Form.NUMBER, "count": Form.NUMBER},
        "claim": {
            "clock": Form.TEXT,
            "limit": Form.NUMBER,
            "token": Form.TEXT,
            "lock_ms": Form.TEXT,
            "worker": Form.TEXT,
            "rate_max": Form.NUMBER,
            "rate_ms": Form.NUMBER,
        },
        "clean": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "structure": Form.TEXT,
            "ids": Form.PACKED,
            "most": Form.NUMBER,
            "total": Form.NUMBER,
        },
        "clear_logs": {"id": Form.TEXT, "keep": Form.NUMBER},
        "complete": {"clock": Form.TEXT, "metrics": Form.NUMBER, "items": Form.PACKED},
        "counts": {"structures": Form.PACKED},
        "counts_by_priority": {"priorities": Form.PACKED},
        "deduplication_owner": {"name": Form.TEXT},
        "drain": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "delayed_too": Form.NUMBER,
            "most": Form.NUMBER,
        },
        "extend_locks": {"lock_ms": Form.NUMBER, "items": Form.PACKED},
        "fail": {"clock": Form.TEXT, "metrics": Form.NUMBER, "items": Form.PACKED},
        "fire_schedule": {"nonce": Form.TEXT, "now": Form.NUMBER, "items": Form.PACKED},
        "hold": {"duration": Form.NUMBER},
        "limit_concurrency": {"most": Form.NUMBER},
        "limit_rate": {"max": Form.NUMBER, "duration": Form.NUMBER},
        "limits": {},
        "obliterate": {
            "clock": Form.TEXT,
            "force": Form.NUMBER,
            "most": Form.NUMBER,
            "strays": Form.PACKED,
            "last": Form.NUMBER,
        },
        "page": {
            "structure": Form.TEXT,
            "first": Form.NUMBER,
            "last": Form.NUMBER,
            "ascending": Form.NUMBER,
        },
        "pause": {"nonce": Form.TEXT},
        "postpone": {"clock": Form.TEXT, "items": Form.PACKED},
        "promote": {"nonce": Form.TEXT, "ids": Form.PACKED},
        "promote_due": {"clock": Form.TEXT},
        "put_schedule": {
            "version": Form.TEXT,
            "nonce": Form.TEXT,
            "id": Form.TEXT,
            "known_score": Form.TEXT,
            "known_pending": Form.NUMBER,
            "now": Form.NUMBER,
            "definition": Form.PACKED,
            "job": Form.PACKED,
        },
        "records": {"ids": Form.PACKED},
        "release": {"items": Form.PACKED},
        "remove": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "unlocked": Form.PACKED,
            "unlinks": Form.PACKED,
            "removals": Form.PACKED,
        },
        "remove_child_dependency": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "id": Form.TEXT,
            "parent_key": Form.TEXT,
        },
        "remove_deduplication_key": {"nonce": Form.TEXT, "name": Form.TEXT, "id": Form.TEXT},
        "remove_schedule": {"clock": Form.TEXT, "nonce": Form.TEXT, "id": Form.TEXT},
        "remove_unprocessed_children": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "id": Form.TEXT,
            "unlocked": Form.PACKED,
            "unlinks": Form.PACKED,
            "removals": Form.PACKED,
        },
        "reprocess": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "structure": Form.TEXT,
            "attempts_made": Form.NUMBER,
            "attempts_started": Form.NUMBER,
            "ids": Form.PACKED,
        },
        "rescue": {
            "clock": Form.TEXT,
            "max_stalled_count": Form.NUMBER,
            "interval_ms": Form.NUMBER,
            "nonce": Form.TEXT,
        },
        "resume": {"nonce": Form.TEXT},
        "retry": {"clock": Form.TEXT, "items": Form.PACKED},
        "schedules": {"first": Form.NUMBER, "last": Form.NUMBER, "ascending": Form.NUMBER},
        "schedules_known": {"clock": Form.TEXT, "ids": Form.PACKED},
        "states": {"ids": Form.PACKED},
        "update_data": {"id": Form.TEXT, "token": Form.TEXT, "data": Form.TEXT},
        "update_progress": {
            "id": Form.TEXT,
            "token": Form.TEXT,
            "progress": Form.TEXT,
            "nonce": Form.TEXT,
        },
    }
)
"""The arguments of every script, in order; each also has one key, its queue's `base`."""

_ROOT: Final = files("oxherd.engines.redis").joinpath("lua")
_encoder: Final = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Script:
    """One script of the server's."""

    name: str
    source: bytes
    digest: bytes
    forms: tuple[Form, ...]

    def arguments(self, base: str, values: tuple[Any, ...]) -> Command:
        """What follows the digest or the source in a command."""
        return (
            b"1",
            base.encode(),
            *[
                _encoder.encode(value) if form is Form.PACKED else str(value).encode()
                for form, value in zip(self.forms, values, strict=True)
            ],
        )

    def by_digest(self, arguments: Command) -> Command:
        """The short command, for a server that knows the script."""
        return (b"EVALSHA", self.digest, *arguments)

    def by_source(self, arguments: Command) -> Command:
        """The whole command, for a server that does not."""
        return (b"EVAL", self.source, *arguments)


def load(name: str, root: Traversable = _ROOT) -> Script:
    """A script with its includes.

    Raises:
        BadScript: the header differs from the signature, an include is missing, or a constant.
    """
    forms = SIGNATURES[name]
    text = root.joinpath(f"{name}.lua").read_text(encoding="utf-8")
    expected = ["local base = KEYS[1]"]
    expected += [
        f"local {argument} = {form.value.format(number)}"
        for number, (argument, form) in enumerate(forms.items(), start=1)
    ]
    header = text.splitlines()[3 : 3 + len(expected)]
    if header != expected:
        raise BadScript(f"{name}.lua: its header is {header}, its signature asks {expected}")
    if "KEYS[" in "".join(text.splitlines()[3 + len(expected) :]):
        raise BadScript(f"{name}.lua: its body names KEYS")
    source = flat_source(name, text, root, len(expected)).encode()
    digest = hashlib.sha1(source, usedforsecurity=False).hexdigest()
    return Script(name, source, digest.encode(), tuple(forms.values()))


class Scripts(Mapping[str, Script]):
    """Every script, by name; each is loaded when it is asked for first."""

    def __init__(self) -> None:
        self._loaded: dict[str, Script] = {}

    def __getitem__(self, name: str) -> Script:
        script = self._loaded.get(name)
        if script is None:
            script = self._loaded[name] = load(name)
        return script

    def __iter__(self) -> Iterator[str]:
        return iter(SIGNATURES)

    def __len__(self) -> int:
        return len(SIGNATURES)


SCRIPTS: Final = Scripts()
