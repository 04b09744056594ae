"""Names, signatures and options, compared with the official package's and with Node's."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import TYPE_CHECKING, Any, Final, get_type_hints

import bullmq.custom_errors
import bullmq.types
import pytest

import bullmq
import oxherd.bullmq
import oxherd.bullmq.custom_errors
import oxherd.bullmq.types
from oxherd.bullmq import absences
from tests.interop.node import HERE, install

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

CLASSES: Final = (
    "AbortController", "AbortSignal", "FlowProducer", "Job", "JobScheduler", "LockManager",
    "Queue", "QueueEvents", "QueueEventsProducer", "Worker",
)  # fmt: skip
NODE_CLASSES: Final = {
    "FlowProducer": ("flow-producer",),
    "Job": ("job",),
    "JobScheduler": ("job-scheduler",),
    "Queue": ("queue", "queue-getters", "queue-base"),
    "QueueEvents": ("queue-events", "queue-base"),
    "QueueEventsProducer": ("queue-events-producer",),
    "Worker": ("worker", "queue-base"),
}
NODE_OPTIONS: Final = {
    "BackoffOptions": ("BackoffOptions",),
    "DeduplicationOptions": ("DeduplicationOptions",),
    "JobOptions": ("DefaultJobOptions", "BaseJobOptions", "CompressableJobOptions"),
    "MetricsOptions": ("MetricsOptions",),
    "ParentOptions": ("ParentOptions",),
    "QueueBaseOptions": ("QueueBaseOptions", "KeyPrefixOptions", "QueueOptions"),
    "QueueEventsOptions": ("QueueBaseOptions", "KeyPrefixOptions", "QueueEventsOptions"),
    "RateLimiterOptions": ("RateLimiterOptions",),
    "RepeatOptions": ("RepeatOptions",),
    "WorkerOptions": ("QueueBaseOptions", "KeyPrefixOptions", "WorkerOptions"),
    "AdvancedOptions": ("AdvancedOptions", "AdvancedRepeatOptions"),
}
ADDED_BY_SCHEDULERS: Final = frozenset({"repeatJobKey", "prevMillis"})
METHOD: Final = re.compile(
    r"^    (?!private|protected)(?:static )?(?:readonly )?(?:get )?(\w+)(?:<.*?>)?\??[(:]",
    re.MULTILINE,
)
COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)


def made(module: ModuleType) -> dict[str, Any]:
    """One of each class; none of them connects."""
    queue = module.Queue("work", {})
    worker = module.Worker("work", None, {})
    return {
        "AbortController": module.AbortController(),
        "AbortSignal": module.AbortController().signal,
        "FlowProducer": module.FlowProducer(),
        "Job": module.Job(queue, "task", {}),
        "JobScheduler": module.JobScheduler(queue),
        "LockManager": worker.lockManager,
        "Queue": queue,
        "QueueEvents": module.QueueEvents("work", {"autorun": False}),
        "QueueEventsProducer": module.QueueEventsProducer("work"),
        "Worker": worker,
    }


def public(names: Any) -> set[str]:
    return {name for name in names if not name.startswith("_")}


@pytest.fixture(scope="module")
def node() -> Path:
    """The declarations of Node's package."""
    install()
    return HERE / "node_modules" / "bullmq" / "dist" / "esm"


async def test_every_official_name_is_here_or_is_left_out_for_a_reason() -> None:
    theirs, ours = made(bullmq), made(oxherd.bullmq)
    lacking = {
        f"{name}.{attribute}"
        for name in CLASSES
        for attribute in public(dir(theirs[name]))
        if not hasattr(ours[name], attribute)
    }
    assert lacking <= absences.NAMES.keys()
    assert public(vars(bullmq.custom_errors)) - {"Exception"} <= set(
        dir(oxherd.bullmq.custom_errors)
    ) | {"delayed_error", "unrecoverable_error", "waiting_children_error"}
    classes = {name for name in vars(bullmq) if inspect.isclass(getattr(bullmq, name))}
    assert classes <= set(oxherd.bullmq.__all__)


async def test_attributes_begin_with_the_official_values() -> None:
    theirs, ours = made(bullmq), made(oxherd.bullmq)
    differing: dict[str, tuple[Any, Any]] = {}
    for name in CLASSES:
        for attribute in public(vars(theirs[name])):
            official = getattr(theirs[name], attribute)
            if not isinstance(official, (str, int, float, bool, type(None), list, dict)):
                continue
            own = getattr(ours[name], attribute, official)
            if own != official:
                differing[f"{name}.{attribute}"] = (official, own)
    changing = {"Job.timestamp", "Worker.id", "LockManager.worker_id"}
    # No id yet is no text; keys of ours that the original has elsewhere are there as well.
    assert differing.pop("Job.id") == (None, "")
    for name in ("Queue.keys", "Worker.keys", "QueueEvents.keys", "QueueEventsProducer.keys"):
        official, own = differing.pop(name)
        assert official.items() <= own.items()
    # Node's name for a worker's connection, by which dashboards count.
    assert differing.pop("Worker.clientName") == ("bull:work", "bull:d29yaw==")
    assert differing.keys() <= changing


@pytest.mark.parametrize("name", CLASSES)
def test_signatures_take_what_the_official_ones_take(name: str) -> None:
    theirs, ours = getattr(bullmq, name), getattr(oxherd.bullmq, name)
    for method in ["__init__", *public(dir(theirs))]:
        official, own = getattr(theirs, method), getattr(ours, method, None)
        if not callable(official) or own is None:
            continue
        wanted = list(inspect.signature(official).parameters.values())
        taken = list(inspect.signature(own).parameters.values())
        for index, parameter in enumerate(wanted):
            at = f"{name}.{method}({parameter.name})"
            assert index < len(taken), at
            assert (taken[index].name, taken[index].kind) == (parameter.name, parameter.kind), at
            if parameter.default is not parameter.empty:
                assert taken[index].default is not parameter.empty, at
        for more in taken[len(wanted) :]:
            assert more.default is not more.empty, f"{name}.{method}({more.name})"
        assert inspect.iscoroutinefunction(own) >= inspect.iscoroutinefunction(official), method


def test_every_official_option_has_a_type() -> None:
    for name in public(vars(bullmq.types)):
        official = getattr(bullmq.types, name)
        if not hasattr(official, "__total__"):
            continue
        own = getattr(oxherd.bullmq.types, name)
        assert get_type_hints(official).keys() <= get_type_hints(own).keys(), name


@pytest.mark.parametrize("name", NODE_CLASSES)
async def test_every_name_of_nodes_is_here_or_is_left_out_for_a_reason(
    name: str, node: Path
) -> None:
    declared: set[str] = set()
    for file in NODE_CLASSES[name]:
        text = COMMENT.sub("", (node / "classes" / f"{file}.d.ts").read_text())
        body = re.search(r"^export declare class .*?^}", text, re.DOTALL | re.MULTILINE)
        assert body is not None
        declared |= set(METHOD.findall(body[0])) - {"constructor"}
    assert declared
    ours = made(oxherd.bullmq)[name]
    lacking = {f"{name}.{one}" for one in declared if not hasattr(ours, one)}
    assert lacking <= absences.NAMES.keys()


def test_every_option_of_nodes_is_known_or_is_left_out_for_a_reason(node: Path) -> None:
    declared: dict[str, set[str]] = {}
    for path in [*(node / "interfaces").glob("*.d.ts"), *(node / "types").glob("*.d.ts")]:
        text = COMMENT.sub("", path.read_text())
        for found in re.finditer(
            r"^export (?:interface|type) (\w+)([^{;]*?){(.*?)^}", text, re.DOTALL | re.MULTILINE
        ):
            members = re.findall(r"^    (?:readonly )?(\w+)\??:", found[3], re.MULTILINE)
            declared.setdefault(found[1], set()).update(members)
    assert "lockDuration" in declared["WorkerOptions"]
    for own, interfaces in NODE_OPTIONS.items():
        known = get_type_hints(getattr(oxherd.bullmq.types, own)).keys()
        for interface in interfaces:
            for option in declared.get(interface, set()) - known - ADDED_BY_SCHEDULERS:
                assert f"{interface}.{option}" in absences.OPTIONS, (own, option)


async def test_nothing_is_said_to_be_left_out_that_is_here() -> None:
    ours = made(oxherd.bullmq)
    for name in absences.NAMES:
        kind, _, attribute = name.partition(".")
        assert not hasattr(ours[kind], attribute), name
    for name in absences.OPTIONS:
        interface, _, option = name.partition(".")
        own = getattr(oxherd.bullmq.types, interface, None)
        assert own is None or option not in get_type_hints(own), name
    await asyncio.sleep(0)


def test_the_public_names_are_documented() -> None:
    for name in oxherd.bullmq.__all__:
        assert inspect.getdoc(getattr(oxherd.bullmq, name)), name
