"""Every example runs on a machine without a network and without a key, and does what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

WORDS = {
    "01_quickstart.py": ["Boston", "Paris", "14.5", "RunResult(done"],
    "02_streaming.py": ["A short history of bees", "reading the catalogue (1 of 2)", '"event":"RunFinished"'],
    "03_structured_output.py": ["invoice 1027: 1 item(s), 37.50 EUR", "blue mugs"],
    "04_context_and_deps.py": ["4 pieces of lamp", "ordered 6 x chair for Bob", "chairs now: 6", "2 pieces of desk"],
    "05_approval.py": ["waits for approval", "paid:     []", "paid:     ['850.00 to rent']"],
    "support_desk/desk.py": [
        "desk",
        "order 8 goes to 9 Harbour Street",
        "already shipped",
        "approved",
        "denied",
        "refunded: 49.0 for order 7, 0.0 for order 8",
    ],
    "07_killed_and_resumed.py": ["transferring ...", "killed", "the outcome is unknown", "bank:   ['850.00 to rent']"],
    "06_many_agents.py": [
        "order 8 is in the van",
        "[now billing speaks]",
        'clerk: list_charges{"order":7} gave 49.00 on 3 May',
        "  clerk: 2 requests",
        'a0 -->|"history: none"| a1',
    ],
    "support_desk/served.py": [
        "waits for an approval",
        "refunded 49.00 euros for order 7",
        "refunded: 49.0 for order 7",
    ],
    "08_external_tool.py": ['for the warehouse: {"article":"blue mug"}', "three left, on the top shelf"],
    "data_analyst/analyst.py": ["5076.02", "flipper_length_mm_by_island.svg", '"penguins":344'],
    "travel_desk/travel.py": ["flights:", "hotels:", "booked: ['flight AK102 to Lisbon", "390 euros"],
    "09_mcp.py": ["warehouse_count_stock: read, approval=False", "4 pieces of lamp"],
    "10_openapi.py": ["the API got /cities/New%20York/weather", "with the key s3cret", "14.5"],
    "11_early_start.py": ["after the message: ", "early start: ", "critical path: 1.35 s", "drawn in timeline.svg"],
}


def run_example(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


PROGRAMS = [*EXAMPLES.glob("*.py"), *(EXAMPLES / name for name in WORDS if "/" in name)]


@pytest.mark.parametrize("name", sorted(path.relative_to(EXAMPLES).as_posix() for path in PROGRAMS))
def test_the_example_runs_offline_and_prints_what_it_promises(name: str, tmp_path: Path) -> None:
    done = run_example(name, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    missing = [word for word in WORDS[name] if word not in done.stdout]
    assert missing == [], done.stdout


@pytest.mark.parametrize("name", ["support_desk/desk", "data_analyst/analyst", "travel_desk/travel"])
def test_the_assistant_does_all_its_evals_in_full_without_a_network(name: str, tmp_path: Path) -> None:
    """By the rules of the built-in model: what this holds is the tools and the loop, not what a real model would say."""
    folder, module = (EXAMPLES / name).parent, name.rpartition("/")[2]
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        f"import asyncio; from {module}_evals import suite\n"
        "report = asyncio.run(suite.run()); print(report)\n"
        "print([case.name for case in report.cases if not case.reliable])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


def test_the_quickstart_runs_two_calls_in_parallel(tmp_path: Path) -> None:
    lines = run_example("01_quickstart.py", tmp_path).stdout.splitlines()
    calls = [line for line in lines if line.startswith("  get_weather")]
    assert [line.endswith("started") for line in calls] == [True, True, False, False]


def test_an_early_start_ends_sooner_than_the_message_and_its_longest_call(tmp_path: Path) -> None:
    lines = run_example("11_early_start.py", tmp_path).stdout.splitlines()
    late, early = (float(line.split(": ")[1].split()[0]) for line in lines if line.startswith(("after", "early")))
    assert early < late - 0.2  # 0.45 s by the pace of the stream, less what a busy machine adds
    assert (tmp_path / "timeline.svg").read_text().startswith("<svg")
