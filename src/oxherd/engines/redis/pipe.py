"""A connection after the driver's handshake: commands go out together, answers come in order.

The driver connects: TLS, passwords, names. What it does for each command beyond that (streams,
locks, timers) costs several times the exchange itself, so from there on the bytes are ours.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import hiredis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Ticket = TypeVar("Ticket")

_BUFFER_BYTES: Final = 64 * 1024
_NOTHING: Final = object()
_pack: Final = cast("Callable[[tuple[bytes, ...]], bytes]", hiredis.pack_command)


class Refusal(Exception):
    """What the server answers to a command that it does not do; its first word says why."""


async def hang_up(connection: Any) -> None:
    """Close a driver's connection at once, leaving nothing for the loop to warn about."""
    writer = connection._writer  # noqa: SLF001 - its own close may wait for the peer
    if writer is not None:
        writer.transport.abort()
    await connection.disconnect(nowait=True)
    # The transport closes its socket in the next round of the loop.
    await asyncio.sleep(0)


class Pipe(asyncio.BufferedProtocol, Generic[Ticket]):
    """Takes a connected driver's connection over.

    Args:
        connection: the driver's; nothing may be under way on it.
        on_reply: called with a command's ticket and its answer, which may be a `Refusal`.
        on_lost: called once with the pipe, the tickets without an answer, and why.
    """

    def __init__(
        self,
        connection: Any,
        *,
        on_reply: Callable[[Ticket, Any], None],
        on_lost: Callable[[Pipe[Ticket], Sequence[Ticket], Exception], None],
    ) -> None:
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._unanswered: deque[Ticket] = deque()
        self._reader = hiredis.Reader(
            encoding="utf-8",
            # Another client's bytes must not end a connection; as JSON they fail alone.
            errors="backslashreplace",
            replyError=Refusal,
            notEnoughData=_NOTHING,
        )
        # Its types ask for bytes, and it takes any buffer.
        self._feed = cast("Callable[[bytearray, int, int], None]", self._reader.feed)
        # One for all answers: the loop would make a larger one for each.
        self._buffer = bytearray(_BUFFER_BYTES)
        self._patience: float | None = connection.socket_timeout
        self._loop = asyncio.get_running_loop()
        self._heard = 0.0
        self._watch: asyncio.TimerHandle | None = None
        # The driver's object is left without a connection, so that it does not close ours; the
        # writer would close it as well when nobody has it any more.
        self._writer: asyncio.StreamWriter = connection._writer  # noqa: SLF001 - there is no other way to it
        connection._reader = connection._writer = None  # noqa: SLF001 - the same
        self._transport: asyncio.WriteTransport = self._writer.transport
        self._transport.set_protocol(self)

    def send(self, commands: Sequence[tuple[bytes, ...]], tickets: Sequence[Ticket]) -> None:
        """Send commands in one write; their answers come with the tickets, in this order."""
        if not self._unanswered:
            self._heard = self._loop.time()
        self._unanswered.extend(tickets)
        self._transport.write(b"".join(map(_pack, commands)))
        if self._watch is None and self._patience is not None:
            self._watch = self._loop.call_later(self._patience, self._look)

    async def aclose(self) -> list[Ticket]:
        """Hang up; the tickets that have no answer."""
        unanswered = self._cut()
        self._transport.abort()
        # The transport closes its socket in the next round of the loop.
        await asyncio.sleep(0)
        return unanswered

    def get_buffer(self, sizehint: int) -> bytearray:
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._heard = self._loop.time()
        self._feed(self._buffer, 0, nbytes)
        try:
            while (reply := self._reader.gets()) is not _NOTHING:
                self._on_reply(self._unanswered.popleft(), reply)
        except (hiredis.ProtocolError, IndexError) as error:
            self._lose(ConnectionError(f"an answer that is none: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(exc or ConnectionError("the server closed the connection"))

    def _look(self) -> None:
        """Give a silent server up: one timer for all answers, and none while there is nothing."""
        self._watch = None
        if not self._unanswered or self._patience is None:
            return
        remaining = self._heard + self._patience - self._loop.time()
        if remaining > 0:
            self._watch = self._loop.call_later(remaining, self._look)
        else:
            self._lose(TimeoutError(f"no answer for {self._patience:g} s"))

    def _lose(self, error: Exception) -> None:
        on_lost, unanswered = self._on_lost, self._cut()
        self._transport.abort()
        on_lost(self, unanswered, error)

    def _cut(self) -> list[Ticket]:
        """Tell nobody any more."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._on_lost = _no_loss
        unanswered = list(self._unanswered)
        self._unanswered.clear()
        return unanswered


def _no_loss(_pipe: object, _unanswered: object, _error: object) -> None:
    """A loss that was told already, or wished for."""


__all__ = ["Pipe", "Refusal", "hang_up"]
