"""The other end of `process_pool`: a fresh interpreter that runs one function at a time."""

from __future__ import annotations

import importlib
import os
import queue
import runpy
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import msgspec

from oxherd.domain import errors
from oxherd.domain.codec import encode
from oxherd.domain.options import JobOptions, OnFailure
from oxherd.domain.outcome import reason_of
from oxherd.domain.record import Edge, JobRecord
from oxherd.domain.signals import (
    Postpone,
    RateLimited,
    Release,
    Settled,
    Unrecoverable,
    WaitForChildren,
)
from oxherd.runtime.blocking_job import BlockingJob
from oxherd.runtime.cancellation import Cancellation

_LENGTH: Final = 4
_MAIN: Final = "__oxherd_main__"
_SIGNALS: Final = (Unrecoverable, WaitForChildren, Release, Settled, Postpone, RateLimited)


class _Pipe:
    """Frames to and from the worker. When the worker dies, so does this process, at once."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rwb")
        self._asking = threading.Lock()
        self._orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def listen(self) -> None:
        """Sort what comes; runs in a thread, so that the end of the worker is noticed."""
        while True:
            head = self._file.read(_LENGTH)
            if len(head) < _LENGTH:
                os._exit(1)
            frame = msgspec.json.decode(self._file.read(int.from_bytes(head, "big")))
            (self._orders if "run" in frame else self._answers).put(frame)

    def order(self) -> dict[str, Any]:
        """The next job."""
        return self._orders.get()["run"]  # type: ignore[no-any-return]

    def send(self, frame: dict[str, Any]) -> None:
        """Send one frame."""
        body = msgspec.json.encode(frame)
        self._file.write(len(body).to_bytes(_LENGTH, "big") + body)
        self._file.flush()

    def ask(self, verb: str, arguments: list[Any]) -> Any:
        """Call a verb of the job, which the worker holds."""
        for argument in arguments:
            encode(argument, verb)
        with self._asking:
            self.send({"ask": [verb, arguments]})
            answer = self._answers.get()
        if "refusal" in answer:
            name, reason = answer["refusal"]
            raise _refusal(name, reason)
        return answer["answer"]


def _refusal(name: str, reason: str) -> errors.OxherdError:
    cls = getattr(errors, name, errors.OxherdError)
    error: errors.OxherdError = cls.__new__(cls)
    error.args = (reason,)
    return error


def _record(values: dict[str, Any]) -> JobRecord:
    values["options"] = JobOptions.from_stored(values["options"])
    values["parents"] = tuple(Edge(key, OnFailure(policy)) for key, policy in values["parents"])
    return JobRecord(**values)


def _find(target: dict[str, Any], scripts: dict[str, dict[str, Any]]) -> Callable[..., Any]:
    found: Any
    if target["script"] is None:
        found = importlib.import_module(target["module"])
        for name in target["qualname"].split("."):
            found = getattr(found, name)
        return found  # type: ignore[no-any-return]
    path = target["script"]
    if path not in scripts:
        scripts[path] = runpy.run_path(path, run_name=_MAIN)
    first, *rest = target["qualname"].split(".")
    found = scripts[path][first]
    for name in rest:
        found = getattr(found, name)
    return found  # type: ignore[no-any-return]


def _raised(error: BaseException) -> dict[str, Any]:
    trace = "".join(traceback.format_exception(error))
    told: dict[str, Any] = {"reason": reason_of(error), "trace": trace}
    told["kind"] = next((cls.__name__ for cls in _SIGNALS if isinstance(error, cls)), "")
    if isinstance(error, (Postpone, RateLimited)):
        wait = error.delay if isinstance(error, Postpone) else error.duration
        told["seconds"] = wait.total_seconds() if isinstance(wait, timedelta) else wait
    return told


def main() -> None:
    """Run jobs until the worker goes away."""
    pipe = _Pipe(socket.socket(fileno=int(sys.argv[1])))
    threading.Thread(target=pipe.listen, name="oxherd-pipe", daemon=True).start()
    scripts: dict[str, dict[str, Any]] = {}
    while True:
        order = pipe.order()
        try:
            function = _find(order["target"], scripts)
            job = BlockingJob[Any, Any](_record(order["record"]), order["prefix"], pipe.ask)
            given = (job, order["token"], Cancellation())[: order["arguments"]]
            value = function(*given)
            frame = {"returned": msgspec.json.decode(encode(value, "the result"))}
        except BaseException as error:  # noqa: BLE001 - a processor may raise anything at all
            frame = {"raised": _raised(error)}
        pipe.send(frame)


if __name__ == "__main__":
    main()
