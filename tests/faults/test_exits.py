"""A process that dies at any of its moments, over SQLite: one or two others go on with its run to a good end (F4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.testing import FakeServer

from .golden import EXPECTED
from .processes import accepted, checked, race, run_alone, workers
from .worker import DIED, Task

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def task_in(folder: Path, rollback: bool, fatal: int) -> Task:
    folder.mkdir()
    return Task(str(folder / "s.db"), folder, fatal=fatal, rollback=rollback)


def all_moments(task: Task) -> list[str]:
    """The moments of a process that nothing disturbs; the first is in the making of the tables."""
    with workers(task) as (worker,):
        worker.ended(0)
        state = checked(task)
        assert len(task.effects.read_text().split()) == 2 * (sum(EXPECTED.values()) + 2)  # look and tag besides
        assert state.entries.last is not None
        moments: list[str] = worker.told
        return moments


@pytest.mark.parametrize("rollback", [False, True], ids=["WAL", "DELETE"])
@pytest.mark.parametrize("resume", [run_alone, race], ids=["one-resumer", "two-resumers"])
def test_wherever_a_process_dies_its_run_ends_well_with_every_write_done_at_most_once(
    resume: Callable[[Task], object], rollback: bool, tmp_path: Path, cases: Callable[[int], None]
) -> None:
    moments = all_moments(task_in(tmp_path / "whole", rollback, 0))
    assert len(moments) >= 60
    assert {"before commit", "inside commit", "after commit", "before pay", "after pay", "after refund"} <= set(moments)
    with FakeServer(["taken"] * 10) as server:
        for number, moment in enumerate(moments, 1):
            case = task_in(tmp_path / f"{number} {moment}", rollback, number)
            with workers(case) as (dying,):
                dying.ended(DIED)
            resume(replace(case, fatal=0))
            accepted(checked(case), server)
    cases(len(moments))
