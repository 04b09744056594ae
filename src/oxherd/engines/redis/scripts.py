"""Scripts: read from `lua/`, checked against their signatures, made into commands."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
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
        "append_log": {"id": Form.TEXT, "token": Form.TEXT, "lines": Form.PACKED},
        "await_children": {"clock": Form.TEXT, "items": Form.PACKED},
        "below": {"most": Form.NUMBER, "job_keys": Form.PACKED},
        "children": {"id": Form.TEXT, "first": Form.NUMBER, "count": Form.NUMBER},
        "claim": {
            "clock": Form.TEXT,
            "limit": Form.NUMBER,
            "token": Form.TEXT,
            "lock_ms": Form.NUMBER,
            "worker": Form.TEXT,
        },
        "complete": {"clock": Form.TEXT, "items": Form.PACKED},
        "counts": {"structures": Form.PACKED},
        "extend_locks": {"lock_ms": Form.NUMBER, "items": Form.PACKED},
        "fail": {"clock": Form.TEXT, "items": Form.PACKED},
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
        "records": {"ids": Form.PACKED},
        "release": {"items": Form.PACKED},
        "remove": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "unlocked": Form.PACKED,
            "unlinks": Form.PACKED,
            "removals": Form.PACKED,
        },
        "reprocess": {
            "clock": Form.TEXT,
            "nonce": Form.TEXT,
            "structure": Form.TEXT,
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

_INCLUDE: Final = re.compile(r"^-- include (\w+)$")
_ROOT: Final = files("oxherd.engines.redis").joinpath("lua")
_encoder: Final = msgspec.msgpack.Encoder()


class BadScript(Exception):
    """A script's file does not fit its signature, or includes what is not there."""


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
        BadScript: the header differs from the signature, or an include is missing.
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
    source = "\n".join(_resolve(text, name, root, set())).encode()
    digest = hashlib.sha1(source, usedforsecurity=False).hexdigest()
    return Script(name, source, digest.encode(), tuple(forms.values()))


def _resolve(text: str, name: str, root: Traversable, included: set[str]) -> list[str]:
    """The lines of a file, each include once, in front of what needs it; comments left out."""
    lines: list[str] = []
    for line in text.splitlines():
        include = _INCLUDE.match(line)
        if include is None:
            if line and not line.lstrip().startswith("--"):
                lines.append(line)
        elif include[1] not in included:
            included.add(include[1])
            path = root.joinpath("include", f"{include[1]}.lua")
            if not path.is_file():
                raise BadScript(f"{name}.lua includes {include[1]!r}, which is not there")
            lines += _resolve(path.read_text(encoding="utf-8"), include[1], root, included)
    return lines


SCRIPTS: Final[Mapping[str, Script]] = MappingProxyType({name: load(name) for name in SIGNATURES})
"""Every script, by name."""
