"""The pages are true: their programs print what is shown, and their links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.run_blocks import blocks
from tests.servers import start_redis

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROSE = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


def python(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if name != "OXHERD_URL"} | more
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page.read_text())],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_programs_of_a_page_run_and_print_what_it_shows(
    page: Path, tmp_path: Path, redis_url: str
) -> None:
    runner = str(ROOT / "tests" / "docs" / "run_blocks.py")
    answer = python(runner, str(page), cwd=tmp_path, REDIS_URL=redis_url)
    assert answer.returncode == 0, answer.stderr


def test_the_first_program_of_the_readme_runs_by_itself(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(blocks((ROOT / "README.md").read_text())[0].code)
    answer = python("app.py", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr


def test_the_printed_pages_are_what_the_code_says() -> None:
    answer = python("docs/generate.py", "--check", cwd=ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_page_of_the_site_is_in_its_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text()
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in PAGES[1:]]
    assert [page for page in pages if page not in menu] == []
    named = re.findall(r"(?:: |- )(\S+\.md)$", menu, re.MULTILINE)
    assert [page for page in named if not (ROOT / "docs" / page).exists()] == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_line_of_prose_is_one_sentence(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "#", "<!--"))]
    bare = [re.sub(r"^\s*(?:\d+\.|-) ", "", line) for line in lines]
    assert [line for line in bare if re.search(r"(?<!\b[a-zA-Z])[.?!] [A-Z`]", line)] == []
