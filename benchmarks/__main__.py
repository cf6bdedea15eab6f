"""`python -m benchmarks`: measure all and write docs/benchmarks.md. `--check`: agentkit against the bare loops."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import chain

from .check import check
from .figures import Figures
from .measure import Row, duels, installed, rows, start_rows
from .page import write_page
from .places import WORK
from .plan import AGENTKIT, ALL, IMPORTS, LOOP, STREAM, STREAM_SHORT, TASKS
from .server import NoCompiler, server

ROWS = WORK / "rows.jsonl"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks")
    parser.add_argument("--check", action="store_true", help="the short mode of CI: fails when a ratio is missed")
    parser.add_argument("--page", action="store_true", help="write the page out of what was measured before")
    parser.add_argument("--repeats", type=int, default=5, help="processes for each client and scenario")
    parser.add_argument("--clients", default="", help="only those whose names hold one of these words, by comma")
    parser.add_argument("--tasks", default="", help="only these scenarios, by comma")
    options = parser.parse_args()
    try:
        if options.check:
            return check()
        if not options.page:
            measure_all(options.repeats, _words(options.clients), _words(options.tasks))
    except NoCompiler as error:
        print(error, file=sys.stderr)
        return 2
    write_page(Figures(kept_rows()))
    return 0


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def measure_all(repeats: int, names: list[str], scenarios: list[str]) -> None:
    """Measure, and keep each row as it comes, instead of what the same client and task had before."""
    chosen = [client for client in ALL if not names or any(word in client.name for word in names)]
    tasks = [task for task in TASKS if not scenarios or {task.scenario, task.key} & {*scenarios}]
    clients, missing = installed(chosen)
    there = {client.environment for client in clients}
    starts = [name for name, (environment, _) in IMPORTS.items() if environment in there and not scenarios]
    fought = [task for task in (LOOP, STREAM, STREAM_SHORT) if task in tasks and AGENTKIT in clients]
    again = {*(task.key for task in tasks), *(f"duel {task.key}" for task in fought), "install"}
    again_starts = {"import", "schemas"} if starts else set[str]()
    chosen_names = {client.name for client in chosen}
    kept = [
        row
        for row in kept_rows()
        if row["task"] not in again_starts and (row["client"] not in chosen_names or row["task"] not in again)
    ]
    WORK.mkdir(parents=True, exist_ok=True)
    with ROWS.open("w") as file, server() as url:
        file.writelines(json.dumps(row) + "\n" for row in (*kept, *missing))
        measured = (rows(url, clients, tasks, repeats), duels(url, fought, repeats), start_rows(starts, repeats))
        for row in chain(*measured):
            print(json.dumps({key: value for key, value in row.items() if key != "turns_us"}), flush=True)
            file.write(json.dumps(row) + "\n")
            file.flush()


def kept_rows() -> list[Row]:
    """What was measured so far."""
    return [json.loads(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []


if __name__ == "__main__":
    sys.exit(main())
