"""How the program ends: errors become one clear line and an exit code."""

from __future__ import annotations

import asyncio
import traceback
from enum import IntEnum
from typing import Any

import click

from oxherd.cli.settings import settings_of
from oxherd.domain.errors import (
    InvalidFlow,
    InvalidOption,
    JobFailed,
    MissingExtra,
    NotSerializable,
    OxherdError,
    PayloadTooLarge,
    StoreMoved,
    StoreUnavailable,
)


class Exit(IntEnum):
    """What the exit code of the program says."""

    OK = 0
    ERROR = 1
    USAGE = 2
    IMPORT = 3
    STORE = 4
    JOB_FAILED = 5
    FORCED = 130


class ImportFailed(click.ClickException):
    """The target of a worker cannot be imported."""

    exit_code = Exit.IMPORT


class NotFound(click.ClickException):
    """What was asked for does not exist."""

    exit_code = Exit.ERROR


class Program(click.Group):
    """A group of commands that ends with the exit codes above."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.UsageError, BrokenPipeError):
            raise
        except click.ClickException as error:
            _complain(ctx, error.message)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, asyncio.CancelledError):
            ctx.exit(Exit.FORCED)
        except OxherdError as error:
            _complain(ctx, str(error))
            ctx.exit(_code(error))
        except Exception as error:  # noqa: BLE001 - the last one to see it
            _complain(ctx, f"{type(error).__name__}: {error}", unexpected=True)
            ctx.exit(Exit.ERROR)


def _code(error: OxherdError) -> Exit:
    match error:
        case InvalidOption() | InvalidFlow() | NotSerializable() | PayloadTooLarge():
            return Exit.USAGE
        case StoreUnavailable() | StoreMoved() | MissingExtra():
            return Exit.STORE
        case JobFailed():
            return Exit.JOB_FAILED
        case _:
            return Exit.ERROR


def _complain(ctx: click.Context, text: str, *, unexpected: bool = False) -> None:
    settings = settings_of(ctx)
    if unexpected and settings.verbose:
        click.echo(settings.without_password(traceback.format_exc()), err=True)
    elif unexpected:
        text = f"{text}\n(--verbose shows where)"
    click.echo(f"{click.style('Error:', fg='red')} {settings.without_password(text)}", err=True)
