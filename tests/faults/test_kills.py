"""Processes killed at any time, and two that resume one run: nothing lost, nothing done twice (F4, with real kills)."""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.testing import FakeServer

from .processes import accepted, checked, first_ended, race, run_alone, workers
from .worker import CONFLICT, DIED, Task

KILLS = int(os.environ.get("KILLS", "20"))  # `make long` does 200
RACES = int(os.environ.get("RACES", "20"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 15 * (KILLS + RACES))]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.getfixturevalue("dsn")) if request.param == "postgres" else str(tmp_path / "s.db")


def task_in(folder: Path, database: str, pause: float = 0.0) -> Task:
    folder.mkdir()
    return Task(database, folder, pause=pause)


def undisturbed(task: Task) -> float:
    """Seconds that the run takes when nobody disturbs it."""
    began = time.monotonic()
    run_alone(task)
    return time.monotonic() - began


def test_killed_at_random_times_the_run_ends_with_every_write_done_at_most_once(database: str, tmp_path: Path) -> None:
    times = random.Random(7)
    undisturbed(task_in(tmp_path / "warm-up", database))
    whole = undisturbed(task_in(tmp_path / "undisturbed", database, pause=0.01))
    killed = 0
    with FakeServer(["taken"] * 10) as server:
        for number in range(KILLS):
            task = task_in(tmp_path / str(number), database, pause=0.01)
            for _ in range(times.randint(1, 3)):  # a process that goes on with the run may be killed too
                with workers(task) as (worker,):
                    time.sleep(times.uniform(0, whole))  # the moment of the kill
                    killed += worker.kill()
            run_alone(task)
            accepted(checked(task), server)
    print(f"{killed} processes were killed in {KILLS} runs of about {whole:.3f} s")
    assert killed >= KILLS / 2, "most kills came too late to show anything"


def test_of_two_processes_that_resume_one_run_one_acts_and_the_other_conflicts(database: str, tmp_path: Path) -> None:
    for number in range(RACES):
        task = task_in(tmp_path / str(number), database)
        with workers(replace(task, fatal="before look")) as (dying,):
            dying.ended(DIED)
        release = task.folder / "release"
        with workers(replace(task, until=release), 2) as pair:
            loser = first_ended(pair)  # the winner waits in its first effect
            loser.ended(CONFLICT)
            release.touch()
            pair.remove(loser)
            pair[0].ended(0)
        checked(task)


def test_when_two_processes_run_freely_nothing_is_done_twice(database: str, tmp_path: Path) -> None:
    for number in range(RACES):
        task = task_in(tmp_path / str(number), database)
        race(task)
        checked(task)
