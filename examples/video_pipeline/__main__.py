"""The command: `python -m examples.video_pipeline [VIDEO]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from examples.video_pipeline.demo import demo
from oxherd import JobFailed

WORK = Path(__file__).parent / "work"


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m examples.video_pipeline")
    parser.add_argument("video", nargs="?", type=Path, help="a video; a clip is made without one")
    parser.add_argument("--seconds", type=float, default=20, help="how long a clip to make")
    parser.add_argument("--work", type=Path, default=WORK, help="where to keep everything")
    given = parser.parse_args()
    if given.video is not None and not given.video.is_file():
        parser.error(f"there is no file {given.video}")
    # The screen is the demo's; what the library logs is in a file beside the rest.
    given.work.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=given.work / "demo.log", format="%(asctime)s %(message)s")
    try:
        return asyncio.run(demo(given.work, given.video, given.seconds))
    except JobFailed as error:
        print(f"the flow failed: {error.reason}", file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        print("stopped; run again to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
