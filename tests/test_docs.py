"""Every Python snippet of the README and the documentation runs, offline, each page as one program."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLLOWED = ROOT / "docs" / "tutorial.md"  # its snippets are files: tests/test_tutorial.py writes and runs them
PAGES = [ROOT / "README.md", *sorted({*(ROOT / "docs").rglob("*.md")} - {FOLLOWED})]
RUNNER = ROOT / "tests" / "snippets.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_snippets_of_the_page_run(page: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(RUNNER), str(page)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{page.read_text(encoding='utf-8').count('```python')} snippets ran"


def test_there_are_snippets_to_run() -> None:
    assert sum("```python" in page.read_text(encoding="utf-8") for page in PAGES) >= 3


def test_a_snippet_marked_to_be_skipped_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('```python test="skip"\n1 / 0\n```\n')
    done = subprocess.run([sys.executable, str(RUNNER), str(page)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "would not be run" in done.stderr


def test_a_failing_snippet_fails_with_the_line_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nvalue = 1\n```\n\ntext\n\n```python\nvalue / 0\n```\n")
    done = subprocess.run([sys.executable, str(RUNNER), str(page)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "line 10" in done.stderr
