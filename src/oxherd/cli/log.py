"""Logging to stderr: time, level, logger, message, and the fields of the job it is about."""

from __future__ import annotations

import logging
import sys
from typing import Final

import click

from oxherd.cli.settings import Settings
from oxherd.cli.table import printable

_FIELDS: Final = ("job_id", "queue", "attempt", "flow_id")
_BEFORE_MESSAGE: Final = len("00:00:00 warning ")
_COLOURS: Final = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


class _Lines(logging.Formatter):
    def __init__(self, settings: Settings, *, coloured: bool) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._settings = settings
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower():7}"
        known = [(name, getattr(record, name, None)) for name in _FIELDS]
        fields = " ".join(f"{name}={value}" for name, value in known if value is not None)
        if self._coloured:
            level = click.style(level, fg=_COLOURS.get(record.levelno, "blue"))
            fields = click.style(fields, dim=True)
        # What a job says cannot steer the terminal.
        first, *rest = map(printable, record.getMessage().expandtabs().split("\n"))
        text = f"{self.formatTime(record, self.datefmt)} {level} {first}"
        text = f"{text}  {fields}" if fields else text
        text = "\n".join([text, *(" " * _BEFORE_MESSAGE + line for line in rest)])
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return self._settings.without_password(text)


def log_to_stderr(settings: Settings) -> None:
    """Send the records of all loggers to stderr, unless the user's module has set up its own."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(settings, coloured=sys.stderr.isatty()))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    if settings.verbose:
        logging.getLogger("oxherd").setLevel(logging.DEBUG)
