"""`module:attr`: what a worker is told to run."""

from __future__ import annotations

import functools
import importlib
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from oxherd.cli.exits import ImportFailed
from oxherd.runtime.worker import Worker

Processor = Callable[..., Any] | Mapping[str, Callable[..., Any]]


def import_target(text: str) -> Any:
    """The object that `module:attr` names; the current directory is importable.

    Raises:
        UsageError: it is not `module:attr`.
        ImportFailed: the module or the attribute is missing, or the module raised.
    """
    module_name, colon, path = text.partition(":")
    if not (module_name and colon and path):
        raise click.UsageError(f"{text!r} is not module:attr, such as 'shop.jobs:worker'")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise ImportFailed(_why(text, module_name, error)) from error
    try:
        return functools.reduce(getattr, path.split("."), module)
    except AttributeError as error:
        raise ImportFailed(f"cannot import {text!r}: {error}") from error
    except Exception as error:  # a module may import what it is asked for
        raise ImportFailed(_why(text, module_name, error)) from error


def workers_in(found: object) -> list[Worker] | None:
    """The workers that a target is, or None when it is a processor."""
    if isinstance(found, Worker):
        return [found]
    if isinstance(found, (list, tuple)) and all(isinstance(item, Worker) for item in found):
        return list(found)
    return None


def as_processor(found: object, text: str) -> Processor:
    """A processor from what a target is.

    Raises:
        UsageError: it is neither a function nor a mapping of functions.
    """
    if isinstance(found, Mapping) and found and all(callable(item) for item in found.values()):
        return found
    if callable(found):
        return found
    raise click.UsageError(
        f"{text!r} is {type(found).__name__}; a target is a Worker, a list of Workers,"
        " a function, or a mapping from job names to functions"
    )


def _why(text: str, module: str, error: BaseException) -> str:
    """One line when the module is missing; where it broke when it is there."""
    reason = f"cannot import {text!r}: {type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name and _within(module, error.name):
        return f"{reason} (looked in {Path.cwd()} and the Python path)"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename and frame.line]
    trace = "".join(traceback.format_list(own[1:]))
    return f"{reason}\n{trace}".rstrip()


def _within(module: str, missing: str) -> bool:
    return module == missing or module.startswith(f"{missing}.")
