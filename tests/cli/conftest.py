"""A folder with an agent in it, as a user has one."""

from pathlib import Path

import pytest

from tests.cli.programs import DESK


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "desk.py").write_text(DESK)
    monkeypatch.chdir(tmp_path)
    return tmp_path
