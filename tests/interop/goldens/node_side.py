"""BullMQ plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.interop.goldens.side import Side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.interop.node import NodeProgram


class NodeSide(Side):
    """The npm package, in `programs/scenes.mjs`."""

    def __init__(self, program: NodeProgram, server: Any, prefix: str) -> None:
        super().__init__(server, prefix)
        self._program = program

    async def add(self, queue: str, job_id: str | None = None, **job: Any) -> str:
        name, data = job.pop("name", "task"), job.pop("data", {})
        opts = job if job_id is None else {"jobId": job_id, **job}
        added: str = await self._ask("add", queue=queue, name=name, data=data, opts=opts)
        return added

    async def add_bulk(self, queue: str, jobs: Sequence[Mapping[str, Any]]) -> list[str]:
        added: list[str] = await self._ask("addBulk", queue=queue, jobs=list(jobs))
        return added

    async def add_flow(self, flow: dict[str, Any]) -> None:
        await self._ask("addFlow", flow=flow)

    async def schedule(
        self, queue: str, schedule_id: str, repeat: dict[str, Any], template: dict[str, Any]
    ) -> str | None:
        added: str | None = await self._ask(
            "schedule", queue=queue, id=schedule_id, repeat=repeat, template=template
        )
        return added

    async def queue(self, queue: str, verb: str, *arguments: Any) -> None:
        await self._ask("queue", queue=queue, call=verb, args=arguments)

    async def job(self, queue: str, job_id: str, verb: str, *arguments: Any) -> None:
        await self._ask("job", queue=queue, id=job_id, call=verb, args=arguments)

    async def set_time(self, now_ms: int) -> None:
        await self._program.ask("setTime", now=now_ms)

    async def start(self, queue: str, options: dict[str, Any]) -> Any:
        return await self._ask("start", queue=queue, options=options)

    async def held(self) -> int:
        return int(await self._program.ask("held"))

    async def let_go(self) -> None:
        await self._program.ask("letGo")

    async def stop(self, worker: Any) -> None:
        await self._program.ask("stop", worker=worker)

    async def _ask(self, verb: str, **arguments: Any) -> Any:
        return await self._program.ask(verb, prefix=self.prefix, **arguments)
