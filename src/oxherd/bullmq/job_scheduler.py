"""JobScheduler: has jobs made again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from oxherd.bullmq import options
from oxherd.bullmq.error_code import ErrorCode
from oxherd.bullmq.errors import with_code
from oxherd.bullmq.job import Job
from oxherd.domain.codec import decode
from oxherd.domain.errors import InvalidOption, OxherdError, WrongState
from oxherd.domain.schedule import Repeat, Schedule, next_due
from oxherd.engines import redis_options
from oxherd.runtime.clock import wall_ms

if TYPE_CHECKING:
    from oxherd.bullmq.job_data import JobQueue
    from oxherd.store import Store

RepeatStrategy = Callable[[int, Mapping[str, Any]], int | None]


def default_repeat_strategy(millis: int, opts: options.Options) -> int | None:
    """When the next job of a cron pattern is due, after `millis`; None without a pattern.

    Raises:
        ValueError: the pattern is not one.
        ZoneInfoNotFoundError: there is no such time zone.
    """
    if not opts.get("pattern"):
        return None
    if opts.get("immediately"):
        return wall_ms()
    return next_due(_repeat_of(opts), previous_ms=None, now_ms=int(millis))


class JobScheduler:
    """The schedulers of one queue.

    Args:
        queue: whose jobs they make; its connection is used.
        repeat_strategy: must be left out; the engine computes times itself.

    Raises:
        ValueError: a strategy was given.
    """

    def __init__(self, queue: JobQueue, repeat_strategy: RepeatStrategy | None = None) -> None:
        if repeat_strategy not in (None, default_repeat_strategy):
            raise ValueError("a repeat_strategy of one's own is not supported; use a pattern")
        self.queue = queue
        self.repeat_strategy: RepeatStrategy = default_repeat_strategy

    async def upsertJobScheduler(
        self,
        job_scheduler_id: str,
        repeat_opts: options.Options | None,
        job_name: str,
        job_data: Any = None,
        opts: options.Options | None = None,
        override: bool = True,
        producer_id: str | None = None,
    ) -> Job | None:
        """Store a scheduler, in place of one of that id, and add its next job.

        Args:
            job_scheduler_id: what it is known by.
            repeat_opts: `every` (milliseconds) or `pattern` (five cron fields, or six with the
                seconds first), `tz`, `limit`, `startDate`, `endDate`, `offset`, `immediately`.
            job_name: the jobs' name.
            job_data: the jobs' data.
            opts: the jobs' options.
            override: False only adds the job that follows the one of `producer_id`.
            producer_id: a job that was made by the scheduler.

        Returns:
            The next job; None when there is none any more.

        Raises:
            ValueError: both or none of `every` and `pattern`, or an impossible value.
            TypeError: other jobs have the ids that the next ones would get.
        """
        asked = dict(repeat_opts or {})
        _check(asked)
        count, limit, end = asked.get("count") or 0, asked.get("limit"), asked.get("endDate")
        if limit is not None and count + 1 > limit:
            return None
        if (end_ms := _to_ms(end)) is not None and wall_ms() > end_ms:
            return None
        if not override:
            return await self._follow(producer_id)
        template = options.to_store(opts or {}) if opts else {}
        if opts and "attempts" not in opts:
            del template["attempts"]
        schedule = Schedule(
            id=job_scheduler_id,
            repeat=_repeat_of(asked),
            name=job_name,
            data=options.to_json({} if job_data is None else job_data),
            options=options.for_engine(opts or {}),
            raw_options=self.queue.connection.server.encode_options(template),
        )
        answer = await self._store.put_schedule(self.queue.name, schedule)
        if isinstance(answer, WrongState):
            raise _no_slot(asked) from answer
        if isinstance(answer, OxherdError):
            raise answer
        return None if answer is None else await Job.fromId(self.queue, answer)

    async def removeJobScheduler(self, job_scheduler_id: str) -> int:
        """Remove a scheduler and its next job; 0 when it was there, else 1."""
        removed = await self._store.remove_schedule(self.queue.name, job_scheduler_id)
        return 0 if removed else 1

    async def isJobScheduler(self, job_scheduler_id: str) -> bool:
        """Whether there is such a scheduler."""
        return await self._store.schedule(self.queue.name, job_scheduler_id) is not None

    async def getScheduler(self, job_scheduler_id: str) -> dict[str, Any] | None:
        """A scheduler as a dictionary, None when there is none."""
        schedule = await self._store.schedule(self.queue.name, job_scheduler_id)
        return None if schedule is None else _as_mapping(schedule)

    async def getJobSchedulers(
        self, start: int = 0, end: int = -1, asc: bool = False
    ) -> list[dict[str, Any]]:
        """Schedulers from rank `start` to `end`; with `asc` the next due first."""
        found = await self._store.schedules(self.queue.name, start, end, ascending=asc)
        return [_as_mapping(schedule) for schedule in found]

    async def getSchedulersCount(self) -> int:
        """How many schedulers the queue has."""
        return await self._store.count_schedules(self.queue.name)

    async def _follow(self, producer_id: str | None) -> Job | None:
        if producer_id is None:
            return None
        name = self.queue.name
        records = [x for x in await self._store.jobs(name, [producer_id]) if x is not None]
        for job_id in await self._store.fire_schedule(name, records) if records else []:
            return None if job_id is None else await Job.fromId(self.queue, job_id)
        return None

    @property
    def _store(self) -> Store:
        return self.queue.connection.store


def _as_mapping(schedule: Schedule) -> dict[str, Any]:
    repeat = {name: str(value) for name, value in schedule.repeat.to_mapping().items()}
    fields = {**repeat, "name": schedule.name, "ic": str(schedule.count)}
    if schedule.data != "{}":
        fields["data"] = schedule.data
    if schedule.raw_options not in (None, "{}"):
        fields["opts"] = schedule.raw_options or ""
    shown = _transform_scheduler_data(schedule.id, fields, schedule.next_ms)
    assert shown is not None
    return shown


def _transform_scheduler_data(
    key: str, fields: Mapping[str, str], next_millis: int | None
) -> dict[str, Any] | None:
    """A scheduler's stored fields as they are shown; without any, what its key says.

    The keys of releases before version 6 are name:id:end:time zone:pattern.
    """
    if not fields:
        return _of_key(key, next_millis) if ":" in key else None
    shown: dict[str, Any] = {"key": key, "name": fields.get("name"), "next": next_millis}
    shown |= {
        name: int(fields[stored])
        for stored, name in _NUMBERS.items()
        if fields.get(stored, "").lstrip("-").isdecimal()
    }
    shown |= {name: fields[name] for name in ("tz", "pattern") if fields.get(name)}
    template: dict[str, Any] = {}
    if fields.get("data"):
        template["data"] = decode(fields["data"])
    if fields.get("opts"):
        template["opts"] = redis_options(fields["opts"])
    return {**shown, "template": template} if template else shown


def _of_key(key: str, next_millis: int | None) -> dict[str, Any]:
    name, job_id, end, zone, pattern = [*key.split(":", 4), "", "", "", ""][:5]
    return {
        "key": key,
        "name": name,
        "id": job_id or None,
        "endDate": int(end) if end.isdecimal() else None,
        "tz": zone or None,
        "pattern": pattern or None,
        "next": next_millis,
    }


_NUMBERS = {
    "ic": "iterationCount",
    **{name: name for name in ("limit", "startDate", "endDate", "every", "offset")},
}


def _check(asked: Mapping[str, Any]) -> None:
    if asked.get("pattern") and asked.get("every"):
        raise ValueError("Both .pattern and .every options are defined for this repeatable job")
    if not asked.get("pattern") and not asked.get("every"):
        raise ValueError(
            "Either .pattern or .every options must be defined for this repeatable job"
        )
    if asked.get("immediately") and asked.get("startDate"):
        raise ValueError(
            "Both .immediately and .startDate options are defined for this repeatable job"
        )


def _repeat_of(asked: Mapping[str, Any]) -> Repeat:
    zone = asked.get("tz") or None
    if zone is not None:
        # For its own error, which programs may know.
        ZoneInfo(zone)
    try:
        return Repeat(
            every_ms=None if not asked.get("every") else int(asked["every"]),
            pattern=asked.get("pattern") or None,
            tz=zone,
            offset_ms=asked.get("offset") or None if asked.get("every") else None,
            start_ms=_to_ms(asked.get("startDate")),
            end_ms=_to_ms(asked.get("endDate")),
            limit=asked.get("limit"),
            immediately=bool(asked.get("immediately") and asked.get("pattern")),
        )
    except InvalidOption as error:
        raise ValueError(str(error)) from error


def _to_ms(moment: Any) -> int | None:
    """Milliseconds since the epoch, of a number, a `datetime`, or text of either."""
    if moment is None or moment == "" or isinstance(moment, bool):
        return None
    if isinstance(moment, (int, float)):
        return int(moment)
    if isinstance(moment, str):
        if moment.isdecimal():
            return int(moment)
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return None
    if isinstance(moment, datetime):
        zoned = moment if moment.tzinfo is not None else moment.astimezone(UTC)
        return int(zoned.timestamp() * 1000)
    return None


def _no_slot(asked: Mapping[str, Any]) -> Exception:
    text = "Cannot create job scheduler iteration - "
    if asked.get("pattern"):
        return with_code(
            TypeError(f"{text}job ID already exists. addJobScheduler"),
            ErrorCode.SchedulerJobIdCollision,
        )
    return with_code(
        TypeError(f"{text}current and next time slots already have jobs. addJobScheduler"),
        ErrorCode.SchedulerJobSlotsBusy,
    )


__all__ = ["JobScheduler", "default_repeat_strategy"]
