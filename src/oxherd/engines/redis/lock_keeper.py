"""Renews locks from a thread: a blocking connection of its own, the same script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis import connection as blocking
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from oxherd.engines.redis.endpoint import CONNECT_SECONDS
from oxherd.engines.redis.keys import queue_base
from oxherd.engines.redis.scripts import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oxherd.domain.outcome import Held
    from oxherd.engines.redis.endpoint import Endpoint

_TRIES: Final = 2


class RedisLockKeeper:
    """Blocks its thread for a few seconds at most."""

    def __init__(self, endpoint: Endpoint, prefix: str) -> None:
        self._endpoint = endpoint
        self._prefix = prefix
        self._connection: Any = None

    def extend_locks(self, queue: str, items: Sequence[Held], lock_ms: int) -> list[bool]:
        held = [(item.id, item.token) for item in items]
        script = SCRIPTS["extend_locks"]
        arguments = script.arguments(queue_base(self._prefix, queue), (lock_ms, held))
        problem: Exception | None = None
        for _ in range(_TRIES):
            try:
                try:
                    answers = self._ask(script.by_digest(arguments))
                except exceptions.NoScriptError:
                    answers = self._ask(script.by_source(arguments))
            except (exceptions.RedisError, OSError) as error:
                problem = error
                self.close()
            else:
                return [answer == "ok" for answer in answers]
        assert problem is not None
        raise self._endpoint.unavailable(problem) from problem

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    def _ask(self, command: Any) -> Any:
        if self._connection is None:
            self._connection = self._open()
        self._connection.send_packed_command(
            self._connection.pack_command(*command), check_health=False
        )
        return self._connection.read_response()

    def _open(self) -> Any:
        arguments = self._endpoint.arguments(blocking)
        kind = arguments.pop("connection_class", blocking.Connection)
        connection = kind(
            **{
                "socket_connect_timeout": CONNECT_SECONDS,
                "socket_timeout": CONNECT_SECONDS,
                "decode_responses": True,
                "encoding_errors": "backslashreplace",
                **arguments,
                "protocol": 2,
                "retry": Retry(NoBackoff(), 0),
            }
        )
        connection.connect()
        return connection
