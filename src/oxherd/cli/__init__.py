"""The command line: one file for each noun; errors end in exit codes, passwords nowhere."""

from __future__ import annotations

import click

from oxherd.cli.events import events
from oxherd.cli.exits import Program
from oxherd.cli.flow import flow
from oxherd.cli.job import job
from oxherd.cli.queue import queue
from oxherd.cli.settings import Settings, settings_options
from oxherd.cli.worker import worker

_EPILOG = """\b
Exit codes:
  0    ok, also after a graceful stop
  1    an error
  2    wrong usage
  3    the target cannot be imported
  4    the store cannot be reached
  5    the awaited job failed
  130  stopped by force

Every option is also an environment variable: OXHERD_URL, OXHERD_WORKER_CONCURRENCY,
OXHERD_QUEUE_LS_JSON and so on.
"""


@click.group(
    cls=Program,
    epilog=_EPILOG,
    context_settings={"auto_envvar_prefix": "OXHERD", "help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="oxherd", message="oxherd %(version)s")
@settings_options
def program(settings: Settings) -> None:
    """Durable job flows on SQLite or Redis."""
    del settings  # kept in the context, for the commands


program.add_command(worker)
program.add_command(flow)
program.add_command(job)
program.add_command(queue)
program.add_command(events)


def main() -> None:
    """The command `oxherd`; ends the process with its exit code."""
    program()


__all__ = ["main", "program"]
