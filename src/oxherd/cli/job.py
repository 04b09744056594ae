"""`oxherd job`: shows single jobs."""

from __future__ import annotations

from typing import Any, Final

import click
import msgspec

from oxherd.cli.document import print_json, stored
from oxherd.cli.moment import moment
from oxherd.cli.search import queue_of
from oxherd.cli.settings import Settings, json_option, settings_options
from oxherd.cli.table import Cell, Line, aligned, echo
from oxherd.cli.tree import MARKS
from oxherd.domain.lifecycle import State
from oxherd.runtime.job import Job
from oxherd.runtime.queue import Queue
from oxherd.store import Store

_LOG_LINES: Final = 10


@click.group()
def job() -> None:
    """Look at jobs."""


@job.command()
@click.argument("job_id", metavar="ID")
@click.option("-q", "--queue", help="The job's queue; searched unless given.")
@json_option
@settings_options
def show(job_id: str, *, queue: str | None, as_json: bool, settings: Settings) -> None:
    """Show everything that is stored about a job."""

    async def use(store: Store) -> None:
        own = Queue(await queue_of(store, job_id, queue, settings.address), store=store)
        found = await own.get_job(job_id)
        if found is None:
            raise click.ClickException(f"job {job_id!r} was removed meanwhile")
        state = await found.get_state()
        children = await found.get_dependencies_count()
        logs = await found.get_logs()
        if as_json:
            print_json({**stored(found, state), "children": children, "logs": logs})
        else:
            echo(_facts(found, state, children))
            _print_rest(found, logs)

    settings.with_store(use)


def _facts(found: Job[Any, Any], state: State | None, children: dict[str, int]) -> list[Line]:
    mark = MARKS[state] if state is not None else Cell("gone")
    options = found.opts.to_mapping()
    facts: list[tuple[str, object]] = [
        ("id", found.id),
        ("name", found.name),
        ("queue", found.queue_name),
        ("state", state or "gone"),
        ("progress", found.progress),
        ("attempts", f"{found.attempts_made} of {found.opts.tries}"),
        ("added", _time(found.timestamp)),
        ("started", _time(found.processed_on)),
        ("by", found.processed_by),
        ("ended", _time(found.finished_on)),
        ("flow", found.flow_id),
        ("parents", ", ".join(f"{parent.queue}:{parent.id}" for parent in found.parents)),
        ("children", ", ".join(f"{n} {what}" for what, n in children.items() if n)),
        ("options", _json(options) if options else ""),
        ("data", _json(found.data)),
        ("result", _json(found.returnvalue) if state is State.COMPLETED else ""),
        ("reason", found.failed_reason or found.deferred_failure),
    ]
    rows = [
        [Cell("" if at else name, "dim"), Cell(line, _style(name, mark))]
        for name, value in facts
        if value not in (None, "", 0)
        for at, line in enumerate(_lines(str(value)))
    ]
    return [*aligned(rows)]


def _print_rest(found: Job[Any, Any], logs: list[str]) -> None:
    if logs:
        click.echo(click.style("\nlog", dim=True))
        if len(logs) > _LOG_LINES:
            click.echo(f"  … {len(logs) - _LOG_LINES} lines before")
        _print_indented("\n".join(logs[-_LOG_LINES:]))
    if found.stacktrace:
        click.echo(click.style("\nthe last attempt ended with", dim=True))
        _print_indented(found.stacktrace[-1])


def _print_indented(text: str) -> None:
    echo([[Cell(f"  {line}")] for line in _lines(text)])


def _lines(text: str) -> list[str]:
    return text.expandtabs().rstrip().splitlines()


def _style(name: str, mark: Cell) -> str:
    match name:
        case "state":
            return mark.style
        case "reason":
            return "red"
        case _:
            return ""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _time(time_ms: int | None) -> str:
    return "" if time_ms is None else moment(time_ms)
