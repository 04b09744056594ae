"""The live tree on a real terminal, with rich and without it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from oxherd import FlowJob, FlowProducer, Job, Worker, connect
from tests.cli.running import WITHIN

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_RICH = """
import sys
sys.modules["rich.live"] = None
from oxherd.cli import main
main()
"""
WITH_RICH = "from oxherd.cli import main; main()"
ROWS, COLUMNS = 12, 60


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, code: str, folder: Path, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env={**env, "TERM": "xterm"},
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def read(self) -> bool:
        """Read what was printed; False at the end."""
        try:
            self.shown += os.read(self._ours, 65536).decode(errors="replace")
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)


def plain(text: str) -> str:
    """Without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize("code", [WITH_RICH, WITHOUT_RICH], ids=["rich", "plain"])
async def test_the_tree_is_redrawn_in_place(tmp_path: Path, code: str) -> None:
    go = asyncio.Event()

    async def process(job: Job) -> None:
        await job.update_progress(50)
        await go.wait()

    url = f"sqlite:///{tmp_path}/jobs.db"
    store = connect(url)
    children = [FlowJob(f"child-{n}", queue="q") for n in range(15)]
    flow = await FlowProducer(store=store).add(FlowJob("top", queue="q", children=children))
    terminal = Terminal(code, tmp_path, "flow", "show", flow.job.id, "--watch", "--url", url)
    try:
        async with asyncio.timeout(WITHIN):
            while "0 of 16 done" not in plain(terminal.shown):
                await asyncio.to_thread(terminal.read)
            assert "child-14" not in terminal.shown  # it is taller than the screen
            async with Worker("q", process, store=store):
                while "████████░░░░░░░░  50 %" not in plain(terminal.shown):
                    await asyncio.to_thread(terminal.read)
                go.set()
                while await asyncio.to_thread(terminal.read):
                    pass
        assert await asyncio.to_thread(terminal.process.wait) == 0
    finally:
        terminal.close()
        await store.aclose()
    last = plain(terminal.shown).replace("\r", "").rstrip().splitlines()
    assert last[-1].startswith("16 of 16 done  ████████████████ 100 %")
    assert all(f"child-{n} " in "\n".join(last[-18:]) for n in range(15))
    assert "\x1b[" in terminal.shown
    assert max(len(line) for line in last[-16:]) <= COLUMNS
