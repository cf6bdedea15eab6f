"""Wrong calls are errors in mypy and in pyright. Right ones are in tests/typing and checked with the package."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit import Settings
from agentkit.chat.settings import SettingsOptions

ROOT = Path(__file__).parent.parent
WRONG = ROOT / "tests" / "typing" / "wrong.py"


def run_checker(*command: str) -> str:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def lines_by_mypy(folder: Path) -> set[int]:
    lines: set[int] = set()
    for report in run_checker("mypy", "--no-error-summary", "--no-pretty", str(WRONG)).splitlines():
        found = re.fullmatch(r"(.+?):(\d+): (error|note): .*", report)
        assert found is not None, report
        assert ROOT / found[1] == WRONG, report
        if found[3] == "error":
            lines.add(int(found[2]))
    return lines


def lines_by_pyright(folder: Path) -> set[int]:
    """Of a copy, by the project's settings: what they exclude pyright leaves out even when it is named."""
    copy = folder / WRONG.name
    copy.write_bytes(WRONG.read_bytes())
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pyright"]
    settings |= {"include": [copy.name], "exclude": [], "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    report = run_checker("pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(folder))
    found = json.loads(report)["generalDiagnostics"]
    assert {Path(problem["file"]).name for problem in found} == {copy.name}
    return {problem["range"]["start"]["line"] + 1 for problem in found if problem["severity"] == "error"}


@pytest.mark.slow
@pytest.mark.parametrize("reported", [lines_by_mypy, lines_by_pyright])
def test_a_type_checker_reports_every_wrong_call_and_no_right_one(
    reported: Callable[[Path], set[int]], tmp_path: Path
) -> None:
    text = WRONG.read_text(encoding="utf-8").splitlines()
    marked = {number for number, line in enumerate(text, 1) if line.endswith("  # error")}
    found = reported(tmp_path)
    assert marked
    assert [text[number - 1].strip() for number in sorted(marked - found)] == []
    assert [text[number - 1].strip() for number in sorted(found - marked)] == []


def test_the_typed_keywords_of_settings_are_its_fields() -> None:
    assert set(SettingsOptions.__annotations__) == set(Settings.model_fields)
