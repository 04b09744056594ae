"""The connection to the server: what is asked in one tick of the loop goes out together.

Nothing is sent again below this file. Here a command whose answer was lost is sent again, since
our scripts find their own work done; `claim`, `append_log` and `publish_event` are not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from redis import exceptions

from oxherd.domain.errors import (
    Closed,
    OxherdError,
    StoreFull,
    WrongLoop,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oxherd.engines.redis.endpoint import Endpoint
    from oxherd.engines.redis.scripts import Command, Script

PATIENCE_SECONDS: Final = 2.0
"""How long a command is tried again, from its first failure."""

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.3
_CANCEL_AGAIN_SECONDS: Final = 0.05
_FIRST_VALUE: Final = 2
"""Where a script's own values begin among its arguments: after the number of keys, and the key."""
_PASSING: Final = ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN")
"""Answers of a server that did nothing and soon will."""

_TROUBLE: Final = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended: on Python 3.11 the driver's `wait_for` may swallow one.

    What it raised meanwhile is nobody's business any more, unless the caller asks.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_AGAIN_SECONDS)
    if not task.cancelled():
        task.exception()


async def hang_up(connection: Any) -> None:
    """Close a connection at once, leaving nothing for the loop to warn about."""
    writer = connection._writer  # noqa: SLF001 - its own close may wait for the peer
    if writer is not None:
        writer.transport.abort()
    await connection.disconnect(nowait=True)
    # The transport closes its socket in the next round of the loop.
    await asyncio.sleep(0)


@dataclass(slots=True, eq=False)
class _Call:
    answer: asyncio.Future[Any]
    arguments: Command
    script: Script | None = None
    """Whose arguments they are; without one they are a whole command."""
    repeatable: bool = True
    again: Mapping[int, bytes] | None = None
    """The arguments that change when it may have been done already."""
    sent: bool = False
    unknown: bool = False
    """The server did not know the script, though it was told: the call brings it along."""
    failing_since: float | None = None

    def command(self, known: set[str]) -> Command:
        """What to send to a server that knows these scripts, and knows this one after it."""
        if self.script is None:
            return self.arguments
        if self.script.name in known and not self.unknown:
            return self.script.by_digest(self.arguments)
        known.add(self.script.name)
        return self.script.by_source(self.arguments)


class Client:
    """One connection, shared by every verb; each waits for its own answer."""

    def __init__(self, endpoint: Endpoint, scripts: Iterable[Script] = ()) -> None:
        self.endpoint = endpoint
        self._scripts = tuple(scripts)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._connection: Any = None
        self._known: set[str] = set()
        self._taught = False
        self._waiting: list[_Call] = []
        self._sending: asyncio.Task[None] | None = None

    def enter_loop(self) -> asyncio.AbstractEventLoop:
        """The running loop, which is the client's from its first use.

        Raises:
            Closed: the store was closed.
            WrongLoop: another loop used it first.
        """
        if self._closed:
            raise Closed("the store was closed; connect again")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise WrongLoop("this store belongs to another event loop; connect once per loop")
        return loop

    async def run(
        self,
        script: Script,
        base: str,
        *values: Any,
        repeatable: bool = True,
        again: Mapping[int, Any] | None = None,
    ) -> Any:
        """The answer of a script; `again` has the values that change in a second sending.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreFull: it has no room.
            OxherdError: it refuses for another reason.
        """
        loop = self.enter_loop()
        call = _Call(loop.create_future(), script.arguments(base, values), script)
        call.repeatable = repeatable
        if again is not None:
            call.again = {at + _FIRST_VALUE: str(value).encode() for at, value in again.items()}
        return await self._submit(call)

    async def ask(self, *command: str, repeatable: bool = True) -> Any:
        """The answer of a plain command; errors as in `run`."""
        words = tuple(word.encode() for word in command)
        call = _Call(self.enter_loop().create_future(), words, repeatable=repeatable)
        return await self._submit(call)

    async def aclose(self) -> None:
        """Close the connection; what still waits raises `Closed`."""
        self._closed = True
        if self._sending is not None:
            await end(self._sending)
        for call in self._waiting:
            _refuse(call, Closed("the store was closed"))
        self._waiting = []
        await self._drop()

    def _submit(self, call: _Call) -> asyncio.Future[Any]:
        self._waiting.append(call)
        if self._sending is None:
            # The task starts after all that is ready now: what they submit goes out together.
            self._sending = call.answer.get_loop().create_task(self._send_all())
        return call.answer

    async def _send_all(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        try:
            while self._waiting:
                calls, self._waiting = self._waiting, []
                # Whoever was cancelled before the sending wants nothing sent.
                calls = [call for call in calls if not call.answer.done()]
                try:
                    problem = await self._exchange(calls)
                except asyncio.CancelledError:
                    self._waiting = calls + self._waiting
                    raise
                again = [call for call in calls if not call.answer.done()]
                if problem is not None:
                    again = self._give_up(again, problem, loop.time())
                self._waiting = again + self._waiting
                if problem is None:
                    pause = _FIRST_PAUSE
                elif self._waiting:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            self._sending = None

    async def _exchange(self, calls: list[_Call]) -> Exception | None:
        """Send calls and take their answers; what was in the way, if anything was."""
        if not calls:
            return None
        passing: Exception | None = None
        try:
            connection = await self._connected()
            packed = connection.pack_commands([call.command(self._known) for call in calls])
            for call in calls:
                call.sent = True
            await connection.send_packed_command(packed, check_health=False)
            for call in calls:
                try:
                    reply = await connection.read_response()
                except exceptions.ResponseError as error:
                    passing = self._take_error(call, error) or passing
                else:
                    if not call.answer.done():
                        call.answer.set_result(reply)
        except (*_TROUBLE, exceptions.RedisError) as error:
            await self._drop()
            if isinstance(error, (exceptions.AuthenticationError, exceptions.DataError)):
                self._refuse_all(calls, error)
                return None
            return error
        except BaseException as error:
            await self._drop()
            if not isinstance(error, Exception):
                raise
            # Nobody may be left waiting for an answer, whatever went wrong here.
            self._refuse_all(calls, error)
        return passing

    def _take_error(self, call: _Call, error: exceptions.ResponseError) -> Exception | None:
        """Settle a call that the server refused; the error if it is to be sent again later."""
        if isinstance(error, exceptions.NoScriptError) and call.script is not None:
            call.sent = False
            call.unknown = True
            self._taught = False
            return None
        if _is_passing(error):
            call.sent = False
            return error
        _refuse(call, _refusal(call, error, self.endpoint))
        return None

    def _give_up(self, calls: list[_Call], problem: Exception, now: float) -> list[_Call]:
        """Refuse the calls whose time is over; those to be sent again."""
        again: list[_Call] = []
        for call in calls:
            if call.failing_since is None:
                call.failing_since = now
            lost = call.sent and not call.repeatable
            if lost or now - call.failing_since > PATIENCE_SECONDS:
                _refuse(call, self.endpoint.unavailable(problem))
            else:
                if call.sent and call.again is not None:
                    changed = enumerate(call.arguments)
                    call.arguments = tuple(call.again.get(at, value) for at, value in changed)
                again.append(call)
        return again

    def _refuse_all(self, calls: list[_Call], error: Exception) -> None:
        for call in calls:
            _refuse(call, self.endpoint.unavailable(error))

    async def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self.endpoint.connection()
        if not self._connection.is_connected:
            await self._connection.connect()
        if not self._taught:
            await self._teach(self._connection)
        return self._connection

    async def _teach(self, connection: Any) -> None:
        """Have the server know every script: a call that came back would come after later ones.

        Where that is not allowed, the first call of each brings its script along.
        """
        self._taught = True
        self._known.clear()
        if not self._scripts:
            return
        digests = [script.digest for script in self._scripts]
        [found] = await _replies(connection, [(b"SCRIPT", b"EXISTS", *digests)])
        if isinstance(found, exceptions.ResponseError):
            return
        missing = [
            script for script, is_there in zip(self._scripts, found, strict=True) if not is_there
        ]
        refused: set[str] = set()
        if missing:
            loads = [(b"SCRIPT", b"LOAD", script.source) for script in missing]
            refused = {
                script.name
                for script, reply in zip(missing, await _replies(connection, loads), strict=True)
                if isinstance(reply, exceptions.ResponseError)
            }
        self._known |= {script.name for script in self._scripts} - refused

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._taught = False
        if connection is not None:
            await hang_up(connection)


async def _replies(connection: Any, commands: Sequence[Command]) -> list[Any]:
    """The replies to commands that go out together, refusals among them."""
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    replies: list[Any] = []
    for _ in commands:
        try:
            replies.append(await connection.read_response())
        except exceptions.ResponseError as error:
            replies.append(error)
    return replies


def _is_passing(error: exceptions.ResponseError) -> bool:
    return isinstance(error, exceptions.ReadOnlyError) or str(error).startswith(_PASSING)


def _refusal(call: _Call, error: exceptions.ResponseError, endpoint: Endpoint) -> OxherdError:
    if isinstance(error, exceptions.OutOfMemoryError):
        return StoreFull(f"{endpoint.shown} has no room: {error}")
    if isinstance(error, (exceptions.AuthorizationError, exceptions.NoPermissionError)) or str(
        error
    ).startswith(("MISCONF", "NOAUTH", "NOPERM")):
        return endpoint.unavailable(error)
    name = call.script.name if call.script is not None else call.arguments[0].decode()
    return OxherdError(f"{endpoint.shown} refuses {name}: {error}")


def _refuse(call: _Call, error: OxherdError) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)


__all__ = ["Client", "end", "hang_up"]
