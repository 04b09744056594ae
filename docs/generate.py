"""Print the pages of reference from the code: `python docs/generate.py [--check]`."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from enum import Enum
from pathlib import Path
from typing import Any, Final

import click
import speed
from compatibility import count, sections

from oxherd.bullmq import absences
from oxherd.cli import program
from oxherd.domain import errors, events, signals
from oxherd.domain.backoff import Backoff
from oxherd.domain.keep import Keep
from oxherd.domain.lifecycle import ADOPTIONS, EFFECTS, TRANSITIONS, Adoption, State, Transition
from oxherd.domain.options import JobOptions, OnFailure
from oxherd.engines.redis import keys
from oxherd.runtime.worker_options import WorkerOptions

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parent
NOTE: Final = "<!-- Printed by docs/generate.py from the code; edit that. -->"
GONE: Final = "gone"


def main() -> int:
    """Write the pages, or with `--check` name those that are not current."""
    pages = {name: page() for name, page in PAGES.items()}
    stale = [name for name, text in pages.items() if _read(FOLDER / name) != text]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/{name} is not what the code says; run `make docs`")
        return bool(stale)
    for name in stale:
        (FOLDER / name).write_text(pages[name])
        print(f"wrote docs/{name}")
    return 0


def lifecycle() -> str:
    """The states and the moves between them."""
    rows = [
        (
            f"`{transition}`",
            _names(move.sources),
            _names(move.targets),
            _events(move.targets.values()) + _occasional(move.on_occasion),
        )
        for transition, move in TRANSITIONS.items()
    ]
    adoptions = [(f"{state}", f"{adoption}") for state, adoption in ADOPTIONS.items()]
    return _page(
        "The life of a job",
        "A job is in one of seven states, and these moves are all there are.",
        "```mermaid",
        "stateDiagram-v2",
        *_diagram(),
        "```",
        "",
        _table(("transition", "from", "to", "events written"), rows),
        "",
        f"{_list(sorted(EFFECTS))} happen inside other transitions: when a child ends or is"
        " removed, when a failed child runs again, and when a finished job's retention ends.",
        "",
        "## An id that exists already",
        "",
        "Adding a job with an id of your own that exists changes nothing about the existing job;"
        " the add is answered with it.",
        "If the add is part of a flow, the existing job becomes a child of its new parent, and its"
        " state decides what the parent sees.",
        "",
        _table(("the existing job is", "the parent"), [(s, MEANINGS[a]) for s, a in adoptions]),
    )


MEANINGS: Final[Mapping[str, str]] = {
    Adoption.ATTACH: "waits for it",
    Adoption.RECORD_RESULT: "has its stored result at once",
    Adoption.APPLY_POLICY: "is treated as if the job failed now, by the policy given",
}


def _diagram() -> Iterable[str]:
    edges: dict[tuple[str, str], list[str]] = defaultdict(list)
    for transition, move in TRANSITIONS.items():
        if transition is Transition.REMOVE:
            continue
        for source in sorted(move.sources, key=str):
            for target in move.targets:
                edges[_node(source), _node(target)].append(transition.value)
    for state in State:
        if _node(state) != state:
            yield f"    state {state.value!r} as {_node(state)}".replace("'", '"')
    for (start, end), labels in sorted(edges.items()):
        yield f"    {start} --> {end}: {', '.join(labels)}"


def _node(state: State | None) -> str:
    return "[*]" if state is None else state.value.replace("-", "_")


def event_list() -> str:
    """The kinds of events, and what each carries."""
    rows = [
        (
            f"`{cls.__name__}`",
            f"`{cls.kind}`" if cls.kind else "",
            ", ".join(f"`{field.name}`" for field in fields(cls) if field.name not in BASIC),
            _first_line(cls),
        )
        for cls in _classes(events, events.Event)
        if cls not in (events.Event, events.JobEvent)
    ]
    return _page(
        "Events",
        "Every transition writes its events in the same step as the change itself.",
        "All events have `id`, by which a reader can resume, and `queue`; those about a job have"
        " `job_id`.",
        "",
        _table(("class", "kind", "more fields", "meaning"), rows),
    )


BASIC: Final = frozenset({"id", "queue", "job_id"})


def error_list() -> str:
    """The tree of errors, and the signals."""
    drawing = (errors.__doc__ or "").split("\n\n", 1)[1].strip()
    rows = [
        (f"`{cls.__name__}`", _first_line(cls))
        for cls in _classes(signals, signals.Signal)
        if cls is not signals.Signal
    ]
    return _page(
        "Errors and signals",
        "All errors are importable from `oxherd` and descend from `OxherdError`.",
        "",
        "```text",
        drawing,
        "```",
        "",
        "A processor may raise a signal instead of an error.",
        "",
        _table(("signal", "meaning"), rows),
    )


def option_list() -> str:
    """The options of jobs and workers."""
    parts = []
    for cls in (JobOptions, WorkerOptions, Backoff, Keep):
        told = _arguments(cls)
        rows: list[tuple[str, ...]] = [
            (f"`{field.name}`", f"`{_default(field)}`", told.get(field.name, ""))
            for field in fields(cls)
            if field.name in told or not told
        ]
        head = [f"## {cls.__name__}", "", *_paragraphs(cls), ""]
        if not told:
            rows = [row[:2] for row in rows]
            parts += [*head, _table(("option", "default"), rows), ""]
        else:
            parts += [*head, _table(("option", "default", "meaning"), rows), ""]
    policies = _members(OnFailure)
    return _page(
        "Options",
        "Durations are seconds or a `timedelta`; in mappings with BullMQ's names, milliseconds.",
        "An unknown or impossible option is refused before anything is written.",
        "",
        *parts,
        "## OnFailure",
        "",
        _first_line(OnFailure),
        "",
        _table(("policy", "meaning"), [(f"`{name}`", text) for name, text in policies.items()]),
    )


def key_list() -> str:
    """The keys on Redis."""
    base = keys.queue_base("bull", "video")
    own = [
        (f"`{keys.queue_key(base, name)}`" + "…" * text.endswith((":", "-")), _words(name))
        for name, text in keys.QUEUE_KEYS.items()
    ]
    own.append((f"`{base[:-1]}{keys.ANSWERED_CALL}`…", "answered call"))
    beside = [(f"`{keys.job_part(base, '42', name)}`", _words(name)) for name in keys.JOB_PARTS]
    return _page(
        "Keys on Redis",
        "The layout is BullMQ's, so that its programs and Oxherd's can share a server.",
        "A queue's keys begin with the store's prefix and the queue's name, here `bull` and"
        " `video`.",
        "Those with `ox:` after that are Oxherd's own, and other clients pass over them.",
        "",
        _table(("key of a queue", "holds"), own),
        "",
        _table(("key of a job", "holds"), [(f"`{base}42`", "the job"), *beside]),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def command_list() -> str:
    """What the commands say of themselves."""
    parts: list[str] = []
    todo: list[tuple[str, click.Command]] = [("oxherd", program)]
    while todo:
        name, command = todo.pop(0)
        context = click.Context(
            command, info_name=name, terminal_width=88, **program.context_settings
        )
        # Colours and paths of whoever prints the page stay out of it.
        text = click.unstyle(command.get_help(context)).rstrip()
        parts += [f"## {name}", "", "```text", text, "```", ""]
        if isinstance(command, click.Group):
            below = sorted(command.commands.items())
            todo[:0] = [(f"{name} {word}", part) for word, part in below]
    return _page(
        "The command line",
        "`oxherd` and `python -m oxherd` are the same program.",
        "",
        *parts,
    )


SEED: Final = re.compile(r"test_seed_(\d+)_(\d+)_\w+")
DOCUMENTS: Final = (
    "the step jobs article",
    "the pipelines article",
    "the Elixir guide",
    "the tile",
)
ELSEWHERE: Final[Mapping[str, tuple[int, int, str]]] = {
    "tests/chaos/test_storm.py::test_killed_workers_lose_nothing": (
        1,
        50,
        "Workers that are killed at any moment lose nothing.",
    ),
    "tests/interop/test_matrix.py::test_both_sides_agree": (
        2,
        28,
        "Flows of ours run on Node's workers, and Node's on ours.",
    ),
}
"""Claims whose tests are named after something else."""


def seed_list() -> str:
    """Which test proves which of the claims that are made for flows."""
    rows = sorted(_seeds(), key=lambda row: row[:2])
    parts: list[str] = []
    for number, title in enumerate(DOCUMENTS):
        table = [(f"{a}.{b}", said, f"`{test}`") for a, b, said, test in rows if a == number]
        if table:
            parts += [f"## {number}: {title}", "", _table(("row", "claim", "proven by"), table), ""]
    return _page(
        "What is claimed for flows, and what proves it",
        "Articles about BullMQ's flows make claims; each row is one of them as Oxherd keeps it.",
        "`pytest` runs the test that is named beside it, on every store that it is about.",
        "What is missing of a claim is said in the row.",
        "A number without a row repeats another one, or is a judgement.",
        "",
        *parts,
    )


def _seeds() -> Iterable[tuple[int, int, str, str]]:
    """The document and row of each test that is named after one, what it claims, and its name."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if found := SEED.fullmatch(node.name):
                where = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                yield int(found[1]), int(found[2]), _claim(node, where), where
    for where, row in ELSEWHERE.items():
        file, _, name = where.partition("::")
        if f"def {name}(" not in (ROOT / file).read_text():
            sys.exit(f"{where} proves a claim, and is not there")
        yield row[0], row[1], row[2], where


def _claim(node: ast.FunctionDef | ast.AsyncFunctionDef, where: str) -> str:
    said = (ast.get_docstring(node) or "").split("\n", 1)[0]
    if not said:
        sys.exit(f"{where} has no docstring, whose first line is what it claims")
    if any("xfail" in ast.unparse(mark) for mark in node.decorator_list):
        return f"{said} (does not hold yet)"
    return said


def compatibility() -> str:
    """What Node programs and ours were seen to agree on."""
    lines = [
        f"{count()} cases, each played by a BullMQ program in Node and by Oxherd on one server,",
        "in every distribution of the parts.",
        "Both must tell the same of each job (state, result, reason, attempts, children,",
        "dependencies, logs, progress), of each queue and of each event, and what they tell must",
        "be what the case expects.",
        "`make verify` plays them all.",
        "",
    ]
    for title, head, rows in sections():
        lines += [f"## {title}", "", _table(head, rows), ""]
    return _page("What BullMQ and Oxherd agree on", *lines)


def left_out() -> str:
    """What of BullMQ's objects the drop-in does not have."""
    return _page(
        "What the drop-in leaves out",
        "`oxherd.bullmq` has the names and options of BullMQ's Python and Node packages but for"
        " these.",
        "",
        _table(("name", "why it is left out"), _coded(absences.NAMES)),
        "",
        _table(("option, taken without effect", "why"), _coded(absences.OPTIONS)),
    )


def _coded(reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{name}`", reason) for name, reason in reasons.items()]


def benchmarks() -> str:
    """What the last run of the benchmarks found."""
    return _page("How fast it is", *speed.lines())


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "lifecycle.md": lifecycle,
    "events.md": event_list,
    "errors.md": error_list,
    "options.md": option_list,
    "keys.md": key_list,
    "cli.md": command_list,
    "compatibility.md": compatibility,
    "left-out.md": left_out,
    "seeds.md": seed_list,
    "benchmarks.md": benchmarks,
}


def _page(title: str, *lines: str) -> str:
    return "\n".join([f"# {title}", "", NOTE, "", *lines]).rstrip() + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def _names(states: Iterable[State | None]) -> str:
    known = set(states)
    if known == set(State):
        return "any, unless locked"
    return ", ".join([GONE] * (None in known) + [state.value for state in State if state in known])


def _events(written: Iterable[tuple[Any, ...]]) -> str:
    ways = list(dict.fromkeys(", ".join(kinds) for kinds in written))
    return " or ".join(ways)


def _occasional(kinds: Iterable[Any]) -> str:
    text = ", ".join(kinds)
    return f" (sometimes {text})" if text else ""


def _list(words: Iterable[str]) -> str:
    *most, last = [f"`{word}`" for word in words]
    return f"{', '.join(most)} and {last}"


def _classes(module: Any, root: type) -> list[Any]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, root)
        and value.__module__ == module.__name__
    ]


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").split("\n\n", 1)[0].replace("\n", " ")


def _paragraphs(cls: type) -> list[str]:
    text = (inspect.getdoc(cls) or "").split("\n\nArgs:")[0].split("\n\nRaises:")[0]
    return [
        re.sub(r"(?<=\.) (?=[A-Z`])", "\n", part.replace("\n", " ")) for part in text.split("\n\n")
    ]


def _arguments(cls: type) -> dict[str, str]:
    """The `Args` of a class's docstring."""
    block = re.search(r"Args:\n(.*?)(?:\n\n|\Z)", inspect.getdoc(cls) or "", re.DOTALL)
    found: dict[str, str] = {}
    name = ""
    for line in block[1].splitlines() if block else ():
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = start[2]
        else:
            found[name] += " " + line.strip()
    return found


def _default(field: Any) -> str:
    if field.default is not MISSING:
        return repr(field.default)
    return "required" if field.default_factory is MISSING else repr(field.default_factory())


def _members(cls: type[Enum]) -> dict[str, str]:
    """The members of an enum with the text that follows each in its source."""
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for node, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(node, ast.Assign) and isinstance(after, ast.Expr):
            found[ast.unparse(node.targets[0])] = " ".join(ast.literal_eval(after.value).split())
    return found


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
