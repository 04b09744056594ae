"""Where videos come from: a clip made on the spot, and a server on loopback that hands it out."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from examples.video_pipeline import ffmpeg


async def make_clip(target: Path, seconds: float) -> None:
    """Make a short clip with moving pictures and a tone, unless it is there already."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    await ffmpeg.run(
        *("-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate=30:duration={seconds}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest"),
        *("-f", "mp4", str(part)),
    )
    part.replace(target)


@contextmanager
def serve(video: Path) -> Generator[str]:
    """Hand out one file over HTTP; gives the address that its name is to be added to."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if unquote(self.path) != f"/{video.name}":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(video.stat().st_size))
            self.end_headers()
            with video.open("rb") as file:
                shutil.copyfileobj(file, self.wfile)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
