"""The connection to the server: what is asked in one tick of the loop goes out together.

Nothing is sent again below this file. Here a command whose answer was lost is sent again, since
our scripts find their own work done; `claim` and `append_log` are not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis import exceptions
from redis.asyncio import connection as asynchronous
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff

from oxherd.domain.errors import (
    Closed,
    InvalidOption,
    OxherdError,
    StoreFull,
    StoreUnavailable,
    WrongLoop,
)
from oxherd.domain.secrets import without_passwords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oxherd.engines.redis.scripts import Command, Script

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 10.0
"""How long an answer may take; a server that is merely busy needs less."""

PATIENCE_SECONDS: Final = 2.0
"""How long a command is tried again, from its first failure."""

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.3
_CANCEL_AGAIN_SECONDS: Final = 0.05
_FIRST_VALUE: Final = 2
"""Where a script's own values begin among its arguments: after the number of keys, and the key."""
_PASSING: Final = ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN")
"""Answers of a server that did nothing and soon will."""

_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}
_TROUBLE: Final = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is: makes connections, and is what messages show of the URL."""

    url: str
    shown: str

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """An endpoint of a store URL.

        Raises:
            InvalidOption: the URL has a parameter that no connection takes, or a wrong value.
        """
        parts = urlsplit(text)
        query = [item for item in parse_qsl(parts.query) if item[0] != "prefix"]
        scheme = _SCHEMES.get(parts.scheme, parts.scheme)
        # Built by hand for unix://, whose empty host urlunsplit would drop.
        url = urlunsplit((scheme, parts.netloc, parts.path, urlencode(query), ""))
        if not parts.netloc and "://" not in url:
            url = url.replace(f"{scheme}:", f"{scheme}://", 1)
        endpoint = cls(url, without_passwords(text))
        try:
            endpoint.connection()
        except (TypeError, ValueError, exceptions.RedisError) as error:
            raise InvalidOption(f"store URL {endpoint.shown!r}: {error}") from error
        return endpoint

    def connection(self, client_name: str | None = None) -> Any:
        """A connection that is not open yet and never sends anything twice."""
        arguments: dict[str, Any] = dict(asynchronous.parse_url(self.url))
        kind = arguments.pop("connection_class", asynchronous.Connection)
        return kind(
            **{
                "socket_connect_timeout": CONNECT_SECONDS,
                "socket_timeout": ANSWER_SECONDS,
                "decode_responses": True,
                # Another client's bytes must not end a connection; as JSON they fail alone.
                "encoding_errors": "backslashreplace",
                "client_name": client_name,
                **arguments,
                "protocol": 2,
                "retry": AsyncRetry(NoBackoff(), 0),
            }
        )

    def unavailable(self, error: BaseException) -> StoreUnavailable:
        """The error for a server that does not answer."""
        return StoreUnavailable(
            f"{self.shown} cannot be reached: {str(error) or type(error).__name__}"
        )


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended: on Python 3.11 the driver's `wait_for` may swallow one."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_AGAIN_SECONDS)


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
    """The server did not know the script, though it should have."""
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

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._connection: Any = None
        self._known: set[str] = set()
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

    async def ask(self, *command: str) -> Any:
        """The answer of a plain command that reads; errors as in `run`."""
        words = tuple(word.encode() for word in command)
        return await self._submit(_Call(self.enter_loop().create_future(), words))

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
            self._known.discard(call.script.name)
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
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._known.clear()
        if connection is not None:
            await hang_up(connection)


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


__all__ = ["ANSWER_SECONDS", "Client", "Endpoint", "end", "hang_up"]
