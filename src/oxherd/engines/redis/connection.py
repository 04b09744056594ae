"""The connection to the server: what is asked in one tick of the loop goes out together.

Nobody waits for the answers to what went out before. Nothing is sent again below this file. Here
a command whose answer was lost is sent again, since our scripts find their own work done; `claim`,
`append_log` and `publish_event` are not.
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
from oxherd.engines.redis.pipe import Pipe, Refusal, hang_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oxherd.engines.redis.endpoint import Endpoint
    from oxherd.engines.redis.scripts import Command, Script

PATIENCE_SECONDS: Final = 2.0
"""How long a command is tried again, from its first failure."""

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.3
_CANCEL_AGAIN_SECONDS: Final = 0.05
_PASSING: Final = ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN")
"""First words of a server that did nothing and soon will."""
_FORBIDDEN: Final = ("MISCONF", "NOAUTH", "NOPERM", "WRONGPASS")

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


@dataclass(slots=True, eq=False)
class Call:
    """A script with its values, or without one the words of a command; encoded when it goes out.

    Until then a list among the values may grow.
    """

    answer: asyncio.Future[Any]
    script: Script | None = None
    base: str = ""
    values: tuple[Any, ...] = ()
    arguments: Command = ()
    """What is sent, but for the script's name: a whole command where there is no script."""
    read: Callable[[Any], Any] | None = None
    repeatable: bool = True
    own: bool = False
    """The client's: it takes a refusal for an answer, and asks no second time."""
    again: Mapping[int, Any] | None = None
    """The values that change when it may have been done already, by their place."""
    sent: bool = False
    unknown: bool = False
    """The server did not know the script, though it was told: the call brings it along."""
    failing_since: float | None = None

    def is_wanted(self) -> bool:
        """Whether anybody waits for it; whoever was cancelled before the sending wants nothing."""
        return not self.answer.done()

    def command(self, known: set[str]) -> Command:
        """What to send to a server that knows these scripts, and knows this one after it.

        The first call of a script on a connection brings it along: only what is called is sent,
        since a server's Lua looks through all that it holds for what can be thrown away.
        """
        if self.script is None:
            return self.arguments
        if not self.arguments:
            self.arguments = self.script.arguments(self.base, self.values)
        if self.script.name in known and not self.unknown:
            return self.script.by_digest(self.arguments)
        known.add(self.script.name)
        return self.script.by_source(self.arguments)

    def result_of(self, reply: Any) -> Any:
        """What the caller gets of the server's answer."""
        return reply if self.read is None else self.read(reply)

    def changed(self) -> None:
        """Have the arguments changed that a second sending changes."""
        if self.sent and self.again is not None:
            given = self.again
            self.values = tuple(given.get(at, value) for at, value in enumerate(self.values))
            self.arguments = ()


class Client:
    """One connection, shared by every verb; each waits for its own answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._pipe: Pipe[Call] | None = None
        self._known: set[str] = set()
        self._ready = False
        self._waiting: list[Call] = []
        self._returned: list[Call] = []
        self._flushing = False
        self._preparing: asyncio.Task[None] | None = None
        self._pause = 0.0

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

    def run(
        self,
        script: Script,
        base: str,
        *values: Any,
        read: Callable[[Any], Any] | None = None,
        repeatable: bool = True,
    ) -> asyncio.Future[Any]:
        """The answer of a script, as `read` reads it; errors as in `submit`."""
        answer = self.enter_loop().create_future()
        return self.submit(Call(answer, script, base, values, read=read, repeatable=repeatable))

    def ask(self, *command: str, repeatable: bool = True) -> asyncio.Future[Any]:
        """The answer of a plain command; errors as in `submit`."""
        answer = self.enter_loop().create_future()
        words = tuple(word.encode() for word in command)
        return self.submit(Call(answer, arguments=words, repeatable=repeatable))

    def submit(self, call: Call) -> asyncio.Future[Any]:
        """Have a call go out at the end of this tick; its answer.

        Raises:
            StoreUnavailable: the server cannot be reached.
            StoreFull: it has no room.
            OxherdError: it refuses for another reason.
        """
        self._waiting.append(call)
        if not self._flushing:
            # After all that is ready now: what they submit goes out together.
            self._flushing = True
            call.answer.get_loop().call_soon(self.flush)
        return call.answer

    @property
    def has_waiting(self) -> bool:
        """Whether a call of this tick has not gone out yet."""
        return bool(self._waiting)

    def flush(self) -> None:
        """Send what waits; before the end of the tick only when that is enough for the server."""
        self._flushing = False
        if self._closed or self._preparing is not None or not (self._waiting or self._returned):
            return
        if not self._ready or self._pipe is None:
            assert self._loop is not None
            self._preparing = self._loop.create_task(self._prepare())
            return
        self._send(self._pipe, [call for call in self._take_waiting() if call.is_wanted()])

    async def aclose(self) -> None:
        """Close the connection; what still waits raises `Closed`."""
        self._closed = True
        if self._preparing is not None:
            await end(self._preparing)
        unanswered = await self._drop()
        for call in (*unanswered, *self._take_waiting()):
            _refuse(call, Closed("the store was closed"))

    def _send(self, pipe: Pipe[Call], calls: Sequence[Call]) -> None:
        known = self._known
        if not all(call.script is None or call.script.name in known for call in calls):
            # One that brings its script would overtake those whose script the server forgot.
            known = set[str]()
        sent: list[Call] = []
        commands: list[Command] = []
        for call in calls:
            try:
                commands.append(call.command(known))
            except Exception as error:  # noqa: BLE001 - what cannot be encoded must not hold up others
                call.answer.set_exception(error)
            else:
                call.sent = True
                sent.append(call)
        if known is not self._known:
            self._known |= known
        if sent:
            pipe.send(commands, sent)

    def _take_waiting(self) -> list[Call]:
        """What is to be sent: what came back goes first."""
        calls = self._returned + self._waiting
        self._returned, self._waiting = [], []
        return calls

    async def _prepare(self) -> None:
        """Have a server with nothing under way, as long as anybody waits for one."""
        try:
            while not self._ready and (self._waiting or self._returned):
                await asyncio.sleep(self._pause)
                try:
                    self._known.clear()
                    if self._pipe is None:
                        self._pipe = await self._connect()
                    else:
                        # What went out with a call that came back comes back before this.
                        await self._own(self._pipe, [(b"PING",)])
                    self._ready = True
                except (exceptions.AuthenticationError, exceptions.DataError) as error:
                    self._refuse_all(error)
                except (*_TROUBLE, exceptions.RedisError) as error:
                    await self._drop()
                    self._set_back(error)
                except Exception as error:  # noqa: BLE001 - nobody may be left waiting, whatever went wrong
                    await self._drop()
                    self._refuse_all(error)
        finally:
            self._preparing = None
        self.flush()

    async def _connect(self) -> Pipe[Call]:
        connection = self.endpoint.connection()
        try:
            await connection.connect()
            return Pipe(connection, on_reply=self._reply, on_lost=self._lost)
        except BaseException:
            await hang_up(connection)
            raise

    async def _own(self, pipe: Pipe[Call], commands: Sequence[Command]) -> list[Any]:
        """The answers to commands of the client's own, refusals among them."""
        loop = asyncio.get_running_loop()
        calls = [Call(loop.create_future(), arguments=command, own=True) for command in commands]
        if calls:
            self._send(pipe, calls)
        return await asyncio.gather(*(call.answer for call in calls))

    def _reply(self, call: Call, reply: Any) -> None:
        if isinstance(reply, Refusal) and not call.own:
            self._take_refusal(call, reply)
            return
        if not call.own:
            self._pause = 0.0
        if call.answer.done():
            return
        try:
            call.answer.set_result(call.result_of(reply))
        except Exception as error:  # noqa: BLE001 - whoever waits is to hear of it
            call.answer.set_exception(error)

    def _take_refusal(self, call: Call, refusal: Refusal) -> None:
        """Settle a call that the server refused, or have it sent again."""
        word = str(refusal).partition(" ")[0]
        if word == "NOSCRIPT" and call.script is not None:
            call.unknown = True
            self._send_again([call])
        elif word in _PASSING:
            call.sent = False
            self._send_again([call])
            self._set_back(refusal)
        else:
            _refuse(call, _error(call, word, refusal, self.endpoint))

    def _send_again(self, calls: Sequence[Call]) -> None:
        self._returned += calls
        self._ready = False
        self.flush()

    def _lost(self, pipe: Pipe[Call], unanswered: Sequence[Call], error: Exception) -> None:
        """The connection is gone: what had no answer is sent again, where that is harmless."""
        if pipe is not self._pipe:
            return
        self._pipe = None
        self._ready = False
        for call in unanswered:
            if call.own and not call.answer.done():
                call.answer.set_exception(exceptions.ConnectionError(str(error)))
        returned = [call for call in unanswered if not call.own and not call.answer.done()]
        if returned:
            self._returned += returned
            self._set_back(error)
            self.flush()

    def _set_back(self, problem: Exception) -> None:
        """Pause longer, and refuse the calls whose time is over."""
        self._pause = min(self._pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
        assert self._loop is not None
        now = self._loop.time()
        self._returned = self._patient(self._returned, problem, now)
        self._waiting = self._patient(self._waiting, problem, now)

    def _patient(self, calls: Sequence[Call], problem: Exception, now: float) -> list[Call]:
        """Those of these calls that are to be sent again; the others are refused."""
        again: list[Call] = []
        for call in calls:
            if call.failing_since is None:
                call.failing_since = now
            lost = call.sent and not call.repeatable
            if lost or now - call.failing_since > PATIENCE_SECONDS:
                _refuse(call, self.endpoint.unavailable(problem))
            else:
                call.changed()
                again.append(call)
        return again

    def _refuse_all(self, error: Exception) -> None:
        for call in self._take_waiting():
            _refuse(call, self.endpoint.unavailable(error))

    async def _drop(self) -> Sequence[Call]:
        """Hang up; the calls that will have no answer."""
        pipe, self._pipe = self._pipe, None
        self._ready = False
        return () if pipe is None else await pipe.aclose()


def _error(call: Call, word: str, refusal: Refusal, endpoint: Endpoint) -> OxherdError:
    if word == "OOM":
        return StoreFull(f"{endpoint.shown} has no room: {refusal}")
    if word in _FORBIDDEN:
        return endpoint.unavailable(refusal)
    name = call.script.name if call.script is not None else call.arguments[0].decode()
    return OxherdError(f"{endpoint.shown} refuses {name}: {refusal}")


def _refuse(call: Call, error: OxherdError) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)


__all__ = ["Call", "Client", "end"]
