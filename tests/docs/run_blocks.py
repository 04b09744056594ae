"""Run the Python blocks of one Markdown file, in order, in one namespace and one event loop.

A `text` block that follows a Python block is what that block must print.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A Python block, and what it must print, if the page says so."""

    line: int
    code: str
    output: str | None


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    for fence in FENCE.finditer(text):
        if fence[1] == "python":
            found.append(Block(text.count("\n", 0, fence.start()) + 2, fence[2], None))
        elif fence[1] == "text" and found and found[-1].output is None:
            found[-1] = Block(found[-1].line, found[-1].code, fence[2])
    return found


def run(path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with asyncio.Runner() as runner:
        for block in blocks(path.read_text()):
            # Padded, so that a traceback has the line of the page.
            source = "\n" * (block.line - 1) + block.code
            code = compile(source, str(path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                if code.co_flags & inspect.CO_COROUTINE:
                    runner.run(eval(code, namespace))
                else:
                    exec(code, namespace)
            if block.output is not None and printed.getvalue() != block.output:
                message = (
                    f"{path}:{block.line} printed\n{printed.getvalue()}instead of\n{block.output}"
                )
                raise SystemExit(message)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
