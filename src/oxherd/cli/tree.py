"""A flow drawn as a tree: one job a line, with its state, how far it is and why it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from oxherd.cli.table import Cell, Line, aligned
from oxherd.domain.lifecycle import FINISHED, State
from oxherd.runtime.branches import branches
from oxherd.runtime.flow import JobNode
from oxherd.runtime.job import Job

MOST_CHILDREN: Final = 20
"""Of more children than this, the ones that are done are counted and not drawn."""

MARKS: Final = {
    State.WAITING: Cell("○", "blue"),
    State.PRIORITIZED: Cell("○", "blue"),
    State.DELAYED: Cell("◷", "yellow"),
    State.WAITING_CHILDREN: Cell("·", "dim"),
    State.ACTIVE: Cell("▶", "cyan"),
    State.COMPLETED: Cell("✔", "green"),
    State.FAILED: Cell("✘", "red"),
}
_GONE: Final = Cell("?", "dim")
_BAR: Final = 16
_SECONDS: Final = 60
_URGENT: Final = (State.FAILED, State.ACTIVE, State.DELAYED)


def draw(root: JobNode, now_ms: int) -> list[list[Cell]]:
    """The tree and a line that sums it up.

    Args:
        root: the job at the top, with its children.
        now_ms: the time, for how long running jobs have run.
    """
    rows = [_row(*line, now_ms) for line in _walk(root)]
    return [*aligned(rows), [Cell("")], summary(root)]


def summary(root: JobNode) -> list[Cell]:
    """How many jobs are done, and what the others do."""
    counts = count(root)
    total = sum(counts.values())
    done = counts[State.COMPLETED] + counts[State.FAILED]
    others = ", ".join(
        f"{counts[state]} {state}"
        for state in State
        if counts[state] and state is not State.COMPLETED
    )
    percent = 100 * done / max(1, total)
    return [
        Cell(f"{done} of {total} done  "),
        *_bar(percent, "red" if counts[State.FAILED] else "green"),
        Cell(f"  {others}" if others else "", "dim"),
    ]


def count(root: JobNode) -> Counter[State]:
    """How many jobs of the tree are in each state."""
    return Counter(node.state for node in root.walk() if node.state is not None)


def _walk(root: JobNode) -> Iterator[tuple[str, JobNode | str, bool]]:
    """Each line's marks, its job (or a remark), and whether the job was drawn before."""
    drawn: set[int] = set()
    stack: list[tuple[JobNode | str, str, str]] = [(root, "", "")]
    while stack:
        node, head, indent = stack.pop()
        if isinstance(node, str):
            yield head, node, False
            continue
        again = id(node) in drawn
        drawn.add(id(node))
        yield head, node, again
        below = [] if again else _below(node)
        marks = branches(indent, len(below))
        stack.extend(reversed([(child, *mark) for child, mark in zip(below, marks, strict=True)]))


def _below(node: JobNode) -> list[JobNode | str]:
    """The children to draw, and a remark about those that are not."""
    shown = node.children
    remarks: list[str] = []
    if len(shown) > MOST_CHILDREN:
        urgent = [child for child in shown if child.state in _URGENT]
        chosen = {id(child) for child in (urgent + shown)[:MOST_CHILDREN]}
        rest = Counter(child.state for child in shown if id(child) not in chosen)
        shown = [child for child in shown if id(child) in chosen]
        more = ", ".join(f"{number} {state}" for state, number in rest.most_common())
        remarks.append(f"… and {more}")
    if node.truncated:
        remarks.append("… (cut)")
    if node.missing:
        remarks.append(f"… and {len(node.missing)} not kept")
    return [*shown, *remarks]


def _row(head: str, node: JobNode | str, again: bool, now_ms: int) -> Line:  # noqa: FBT001 - from _walk
    if isinstance(node, str):
        return [Cell(f"{head}{node}", "dim"), Cell(""), Cell(""), Cell("")]
    state, job = node.state, node.job
    mark = MARKS[state] if state is not None else _GONE
    doomed = job.deferred_failure is not None and state not in FINISHED
    if doomed:
        mark = MARKS[State.FAILED]
    label = f"{head}{mark.text} {job.name}"
    detail = "see above" if again and node.children else _detail(node, now_ms)
    style = "red" if state is State.FAILED or doomed else "dim"
    return [
        Cell(label, "" if state is State.ACTIVE else mark.style if state in FINISHED else ""),
        Cell(job.queue_name, "dim"),
        Cell(str(state or "gone"), mark.style),
        Cell(detail, "cyan" if state is State.ACTIVE else style),
    ]


def _detail(node: JobNode, now_ms: int) -> str:
    job, state = node.job, node.state
    if job.deferred_failure is not None and state not in FINISHED:
        return f"will fail: {_first_line(job.deferred_failure)}"
    match state:
        case State.ACTIVE:
            parts = [_progress(job.progress), _attempt(job), _duration(job.processed_on, now_ms)]
        case State.COMPLETED:
            parts = [_duration(job.processed_on, job.finished_on)]
        case State.FAILED:
            parts = [_first_line(job.failed_reason)]
            if job.opts.tries > 1:
                parts.append(f"after {job.attempts_made} of {job.opts.tries} attempts")
        case _ if job.failed_reason is not None:
            attempts = f"attempt {job.attempts_made} of {job.opts.tries} failed"
            parts = [f"{attempts}: {_first_line(job.failed_reason)}"]
        case _:
            parts = []
    return "  ".join(part for part in parts if part)


def _attempt(job: Job[Any, Any]) -> str:
    return f"attempt {job.attempts_made + 1} of {job.opts.tries}" if job.attempts_made else ""


def _progress(progress: object) -> str:
    """A bar for a number, which is a percentage; short text for anything else."""
    if isinstance(progress, (int, float)) and not isinstance(progress, bool):
        return "".join(cell.text for cell in _bar(float(progress), "")) if progress else ""
    return _short(str(progress)) if progress else ""


def _bar(percent: float, style: str) -> list[Cell]:
    percent = min(100.0, max(0.0, percent))
    full = round(_BAR * percent / 100)
    return [
        Cell("█" * full, style),
        Cell("░" * (_BAR - full), "dim"),
        Cell(f" {int(percent):3d} %"),
    ]


def _duration(start_ms: int | None, end_ms: int | None) -> str:
    if start_ms is None or end_ms is None:
        return ""
    seconds = max(0, end_ms - start_ms) / 1000
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < _SECONDS:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SECONDS)
    return f"{minutes} min {rest:02d} s"


def _first_line(text: str | None) -> str:
    return _short((text or "").strip().partition("\n")[0])


def _short(text: str, most: int = 100) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
