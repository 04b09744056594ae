"""A server as another program names it, and its data as that program's objects show them.

Only the drop-in module (`oxherd.bullmq`) comes this way: its users hold clients of the driver's,
keys and option names.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import json
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from oxherd.domain.errors import InvalidOption, StoreUnavailable
from oxherd.domain.record import JobRecord
from oxherd.engines.redis import option_wire, wire
from oxherd.engines.redis.endpoint import Endpoint
from oxherd.engines.redis.keys import QUEUE_KEYS, job_part, listener_name, queue_base, queue_key
from oxherd.engines.redis.store import RedisStore

_OF_THE_SERVER: Final = (
    "host", "port", "db", "username", "password", "path", "credential_provider",
    "socket_keepalive", "socket_keepalive_options",
)  # fmt: skip
_TRIES: Final = 20
_LONGEST_PAUSE: Final = 20
_LONG_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}
_OURS: Final = "ox:"
_TELEMETRY: Final = {"tm": "metadata", "omc": "omitContext"}
_TROUBLE: Final = (
    exceptions.ConnectionError, exceptions.TimeoutError, exceptions.BusyLoadingError,
)  # fmt: skip


class ServerUnreachable(StoreUnavailable, exceptions.ConnectionError):
    """As the engine tells it, and as programs expect it that know the driver."""


@dataclass(frozen=True, slots=True)
class _KnownEndpoint(Endpoint):
    """Where a client of the driver's goes."""

    def unavailable(self, error: BaseException) -> StoreUnavailable:
        return ServerUnreachable(f"{self.shown} cannot be reached: {error}")


class RedisServer:
    """A server, and a client of the driver's for it.

    Args:
        given: arguments of the driver's client, a URL, or a ready client, whose server is used
            and which is left open.

    Raises:
        TypeError: an argument that the driver does not know.
        InvalidOption: a client of a kind that this cannot share.
    """

    def __init__(self, given: object = None) -> None:
        self.shared = isinstance(given, (Redis, RedisCluster))
        self.client: Any = given if self.shared else _client(given)
        if isinstance(given, RedisCluster):
            raise InvalidOption("a cluster's client cannot be shared yet; give one server's")
        self._endpoint = _endpoint(self.client)

    def store(self, prefix: str) -> RedisStore:
        """A store on the server, with connections of its own."""
        return RedisStore(self._endpoint, prefix=prefix)

    async def aclose(self) -> None:
        """Close the client, unless the caller gave it. Harmless when repeated."""
        if not self.shared:
            await self.client.aclose()

    async def settings(self, prefix: str, queue: str) -> dict[str, str]:
        """The settings of a queue, as they are stored."""
        key = queue_key(queue_base(prefix, queue), "meta")
        return {_text(k): _text(v) for k, v in (await self.client.hgetall(key)).items()}

    async def fields(self, prefix: str, queue: str, job_id: str) -> dict[str, str]:
        """The hash of a job, as it is stored; empty without one."""
        key = queue_base(prefix, queue) + job_id
        return {_text(k): _text(v) for k, v in (await self.client.hgetall(key)).items()}

    async def has_lock(self, prefix: str, queue: str, job_id: str) -> bool:
        """Whether anybody holds a job."""
        return bool(await self.client.exists(job_part(queue_base(prefix, queue), job_id, "lock")))

    def client_name(self, prefix: str, queue: str, worker: str | None = None) -> str:
        """What the connection of a waiting worker is called."""
        return listener_name(prefix, queue, worker)

    def record(self, queue: str, job_id: str, fields: Mapping[str, str]) -> JobRecord:
        """The record of a job's hash."""
        return wire.record(queue, job_id, fields)

    def encode_options(self, options: Mapping[str, Any]) -> str:
        """The options as they are stored: JSON under the short names, nothing for None."""
        given = dict(options)
        telemetry = given.pop("telemetry", None) or {}
        given |= {short: telemetry.get(long) for short, long in _TELEMETRY.items()}
        stored = {
            option_wire.SHORT_OPTIONS.get(name, name): value
            for name, value in given.items()
            if value is not None
        }
        return json.encode(stored).decode()

    def is_unreachable(self, error: BaseException) -> bool:
        """Whether the driver says that the server cannot be reached."""
        return isinstance(error, _TROUBLE)


def queue_keys(prefix: str, queue: str) -> dict[str, str]:
    """The keys of a queue under the names of BullMQ's, the base of all being the empty one."""
    base = queue_base(prefix, queue)
    names = [name.rstrip(":") for name in QUEUE_KEYS.values() if not name.startswith(_OURS)]
    return {name: base + name for name in ["", *names]}


def decode_options(text: str) -> dict[str, Any]:
    """Stored options under their long names."""
    stored = json.decode(text or "{}", type=dict[str, Any])
    telemetry = {long: stored.pop(short) for short, long in _TELEMETRY.items() if short in stored}
    options = {option_wire.LONG_OPTIONS.get(name, name): value for name, value in stored.items()}
    return {**options, "telemetry": telemetry} if telemetry else options


def _client(given: object) -> Redis:
    manners: dict[str, Any] = {
        "decode_responses": True,
        "retry": Retry(ExponentialBackoff(cap=_LONGEST_PAUSE, base=1), _TRIES),
        "retry_on_error": list(_TROUBLE),
    }
    if isinstance(given, str):
        scheme = urlsplit(given).scheme
        url = given.replace(scheme, _LONG_SCHEMES.get(scheme, scheme), 1)
        return Redis.from_url(url, single_connection_client=True, **manners)
    if given is None or isinstance(given, Mapping):
        arguments: dict[str, Any] = {"host": "localhost", "port": 6379, **manners, **(given or {})}
        arguments["single_connection_client"] = True
        return Redis(**arguments)
    raise TypeError(
        f"a connection is arguments of the Redis client's, a URL or a client, not {given!r}"
    )


def _endpoint(client: Any) -> Endpoint:
    pool = client.connection_pool
    arguments: Mapping[str, Any] = pool.connection_kwargs
    given = {
        name: value
        for name, value in arguments.items()
        if name in _OF_THE_SERVER or name.startswith("ssl_")
    }
    names = [cls.__name__ for cls in inspect.getmro(pool.connection_class)]
    known = ("UnixDomainSocketConnection", "SSLConnection", "Connection")
    kinds = [name for name in names if name in known]
    if not kinds or not ({"host", "path"} & given.keys()):
        raise InvalidOption(f"a client of {names[0]} cannot be shared; give the server's URL")
    place = given.get("path") or f"{given['host']}:{given.get('port')}/{given.get('db') or 0}"
    return _KnownEndpoint("", f"redis://{place}", {**given, "connection_class": kinds[0]})


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value


__all__ = ["RedisServer", "decode_options", "queue_keys"]
