"""`agentkit eval` and `agentkit graph`: what they print, write, and exit with."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agentkit.evals import Report
from tests.cli.programs import agentkit, called

SUITES = '''
from agentkit import Agent, tool
from agentkit.evals import Case, Suite, called, contains

@tool(effect="read")
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order} is shipped"

desk = Agent("offline", name="desk", tools=[look_up])
front = Agent("offline", name="front", handoffs=[desk])
suite = Suite(desk, [Case("Look up 7.", called("look_up", order=7), contains("shipped")), Case("Look up 8.")])
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "desk.py").write_text(SUITES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_scores_are_printed_and_reports_written(folder: Path) -> None:
    done = called("eval", "desk.py", "--trials", "3", "--json", "r.json", "--html", "r.html")
    assert done.exit_code == 0, done.output
    assert "desk: 2 cases, 6 trials, 0 failed" in done.stdout
    report = Report.read((folder / "r.json").read_text())
    assert report.scores["called"].value == 1.0
    assert (folder / "r.html").read_text().startswith("<!doctype html>")


def test_json_alone_goes_to_standard_output(folder: Path) -> None:
    done = agentkit(folder, "eval", "desk.py", "--json", "-")
    assert json.loads(done.stdout)["name"] == "desk"
    assert done.returncode == 0


def test_a_missed_threshold_fails(folder: Path) -> None:
    (folder / "desk.py").write_text(
        SUITES.replace('Case("Look up 8.")]', 'Case("Hello", called("look_up"))], thresholds={"called": 0.9}')
    )
    done = called("eval", "desk.py")
    assert done.exit_code == 1
    assert "below its threshold: called 0.500 < 0.9" in done.stdout


def test_two_runs_compare(folder: Path) -> None:
    assert called("eval", "desk.py", "--json", "before.json").exit_code == 0
    (folder / "desk.py").write_text(SUITES.replace("is shipped", "is lost"))
    done = called("eval", "desk.py", "--compare", "before.json")
    assert "contains                 -1.000 [-1.000, -1.000]  0 better, 1 worse" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["eval", "none.py"], 2, "there is no file 'none.py'"),
        (["eval", "desk.py:other"], 2, "there is no Suite 'other' in desk.py; there: suite"),
        (["eval", "desk.py", "--compare", "none.json"], 2, "none.json cannot be read: No such file"),
        (["eval", "desk.py", "--json", "no/folder.json"], 2, "no/folder.json cannot be written"),
        (["eval", "desk.py", "--trials", "0"], 2, "--trials"),
        (["graph", "desk.py:front", "--svg", "no/folder.svg"], 2, "no/folder.svg cannot be written"),
    ],
)
def test_mistakes_are_told_with_their_remedy(folder: Path, arguments: list[str], code: int, says: str) -> None:
    done = called(*arguments)
    assert (done.exit_code, says in done.output) == (code, True), done.output


def test_several_suites_run_and_one_is_named_for_a_file(folder: Path) -> None:
    (folder / "desk.py").write_text(SUITES + 'second = Suite(desk, [Case("Hello")], name="second")\n')
    both = called("eval", "desk.py")
    assert ("desk: 2 cases" in both.stdout, "second: 1 cases" in both.stdout) == (True, True)
    refused = called("eval", "desk.py", "--json", "r.json")
    assert (refused.exit_code, "name one, desk.py:suite" in refused.output) == (2, True)
    assert "second: 1 cases" in called("eval", "desk.py:second", "--json", "r.json").stdout


def test_a_system_of_agents_is_drawn(folder: Path) -> None:
    done = called("graph", "desk.py:front")
    assert done.stdout.startswith("flowchart LR")
    assert "a0 --> a1" in done.stdout
    assert called("graph", "desk.py:front", "--svg", "g.svg").exit_code == 0
    assert ElementTree.parse(folder / "g.svg").getroot().tag.endswith("svg")
