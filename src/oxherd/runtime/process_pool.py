"""Processes for plain functions: fresh interpreters, one job at a time, killed when cancelled.

The pipe carries frames: four bytes of length, then JSON. To the child: `run`, `answer`, `refusal`.
From the child: `ask`, `returned`, `raised`. When either side ends, the other sees the pipe close.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from oxherd.domain.errors import OxherdError, RemoteError
from oxherd.domain.outcome import reason_of
from oxherd.domain.signals import (
    Postpone,
    RateLimited,
    Release,
    Settled,
    Unrecoverable,
    WaitForChildren,
)

if TYPE_CHECKING:
    from oxherd.domain.record import JobRecord
    from oxherd.runtime.processors import Target

Ask = Callable[[str, list[Any]], Awaitable[Any]]

_LENGTH: Final = 4
_BARE: Final = {cls.__name__: cls for cls in (WaitForChildren, Release, Settled)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a child process is told to run."""

    target: Target
    arguments: int
    record: JobRecord
    token: str
    prefix: str

    def portable(self) -> dict[str, Any]:
        """The order as JSON values; `process_child` reads it."""
        record = {name: getattr(self.record, name) for name in self.record.__struct_fields__}
        record["options"] = self.record.options.to_mapping()
        record["parents"] = [[edge.parent, edge.on_failure] for edge in self.record.parents]
        return {
            "target": msgspec.to_builtins(self.target),
            "arguments": self.arguments,
            "record": record,
            "token": self.token,
            "prefix": self.prefix,
        }


class ProcessPool:
    """The child processes of one worker; as many as jobs ran at once, kept for the next ones."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()

    async def run(self, order: Order, ask: Ask) -> Any:
        """What the function returns for a job; what it raises is raised.

        Raises:
            RemoteError: the function raised, or its process died; with the remote stack trace.
        """
        child = self._idle.pop() if self._idle else await self._start()
        healthy = False
        try:
            value = await child.run(order, ask)
            healthy = True
            return value
        except _Raised as error:
            healthy = True
            raise error.error from None
        finally:
            if healthy:
                self._idle.append(child)
            else:
                # Cancelled once more here, it is still among those that closing ends.
                await asyncio.shield(child.kill())
                self._all.discard(child)

    async def aclose(self) -> None:
        """End all processes."""
        children, self._all = self._all, set()
        self._idle.clear()
        for child in children:
            await child.kill()

    async def _start(self) -> _Child:
        child = await _Child.start()
        self._all.add(child)
        return child


class _Raised(Exception):
    """The function raised; the process is well."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class _Child:
    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls) -> _Child:
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "oxherd.runtime.process_child", str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )  # fmt: skip
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    async def run(self, order: Order, ask: Ask) -> Any:
        try:
            await self._send({"run": order.portable()})
            while True:
                match await self._receive():
                    case {"ask": [verb, arguments]}:
                        await self._send(await _answered(ask, verb, arguments))
                    case {"returned": value}:
                        return value
                    case {"raised": raised}:
                        raise _Raised(_error(raised))
                    case frame:
                        raise RemoteError(f"the process sent an unknown frame: {frame!r}")
        except (asyncio.IncompleteReadError, ConnectionError):
            code = await self._process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
            raise RemoteError(f"the process of the job {how}") from None

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self._writer.close()
        await self._process.wait()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _send(self, frame: dict[str, Any]) -> None:
        body = msgspec.json.encode(frame)
        self._writer.write(len(body).to_bytes(_LENGTH, "big") + body)
        await self._writer.drain()

    async def _receive(self) -> Any:
        length = int.from_bytes(await self._reader.readexactly(_LENGTH), "big")
        return msgspec.json.decode(await self._reader.readexactly(length))


async def _answered(ask: Ask, verb: str, arguments: list[Any]) -> dict[str, Any]:
    try:
        return {"answer": await ask(verb, arguments)}
    except OxherdError as error:
        return {"refusal": [type(error).__name__, reason_of(error)]}


def _error(raised: dict[str, Any]) -> BaseException:
    match raised["kind"]:
        case "Unrecoverable":
            return Unrecoverable(raised["reason"])
        case "Postpone":
            return Postpone(raised["seconds"])
        case "RateLimited":
            return RateLimited(raised["seconds"])
        case kind if kind in _BARE:
            return _BARE[kind]()
        case _:
            return RemoteError(raised["reason"], raised["trace"])
