"""The short mode for CI: agentkit against the bare loops, on this machine, now. Fails when a ratio is missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .figures import Figure, Figures
from .measure import duels, installed, rows, start_rows
from .plan import (
    AGENTKIT,
    AGENTKIT_AIOHTTP,
    BARE,
    IN_FLIGHT,
    LONG,
    LOOP,
    LOOPS,
    OURS,
    PACED,
    STREAM,
    STREAM_SHORT,
    Client,
    Task,
)
from .server import server

REPEATS = 5
CRITICAL = {"paced": 2500, "paced_first": 2500, "paced_limited": 2500}  # ms: the longest chain of what must wait


@dataclass(frozen=True)
class Goal:
    """A figure that must not be above its limit, and the tasks that measure it."""

    what: str
    limit: float
    tasks: tuple[Task, ...]
    of: Callable[[Figures], float | None]
    duels: tuple[Task, ...] = ()

    def verdict(self, figures: Figures) -> tuple[float | None, bool]:
        """The figure, and whether the goal is kept; what was not measured is not."""
        value = self.of(figures)
        return value, value is not None and value <= self.limit


def _duel(what: str, client: Client, field: str, limit: float) -> Goal:
    return Goal(what, limit, (), lambda figures: _middle(figures.duel(client.name, LOOP.key, field)), (LOOP,))


def _chunk(what: str, client: Client, limit: float) -> Goal:
    return Goal(what, limit, (), lambda figures: _middle(figures.duel_per_chunk(client.name)), (STREAM, STREAM_SHORT))


def _middle(figure: Figure | None) -> float | None:
    return figure.median if figure is not None else None


def _median(task: Task, client: Client, field: str, unit: float = 1) -> Callable[[Figures], float | None]:
    def of(figures: Figures) -> float | None:
        found = figures.figure(task.key, client.name, field)
        return found.median / unit if found else None

    return of


def _growth(client: Client) -> Callable[[Figures], float | None]:
    def of(figures: Figures) -> float | None:
        found = figures.growth(LONG.key, client.name)
        return found.median if found else None

    return of


STARTS = ("agentkit, its name alone", "pydantic, httpx, anyio")

GOALS = (
    _duel("CPU per turn, against httpx", AGENTKIT, "cpu_us", 1.4),
    _duel("CPU per turn, against httpx over aiohttp", AGENTKIT_AIOHTTP, "cpu_us", 1.4),
    _duel("median latency, against httpx", AGENTKIT, "wall_us", 1.2),
    _chunk("CPU per chunk, against httpx", AGENTKIT, 1.2),
    _chunk("CPU per chunk, against httpx over aiohttp", AGENTKIT_AIOHTTP, 2.0),
    Goal("turns 91-100 against turns 2-11", 1.2, (LONG,), _growth(AGENTKIT)),
    Goal("the same, aiohttp", 1.2, (LONG,), _growth(AGENTKIT_AIOHTTP)),
    Goal("300 runs in flight, seconds", 3.5, (IN_FLIGHT,), _median(IN_FLIGHT, AGENTKIT, "wall_s")),
    Goal("the same, aiohttp", 2.0, (IN_FLIGHT,), _median(IN_FLIGHT, AGENTKIT_AIOHTTP, "wall_s")),
    Goal("KiB of memory a run", 60, (IN_FLIGHT,), _median(IN_FLIGHT, AGENTKIT, "kib_per_run")),
    Goal("the same, aiohttp", 60, (IN_FLIGHT,), _median(IN_FLIGHT, AGENTKIT_AIOHTTP, "kib_per_run")),
    Goal(
        "8 slow calls, nothing to win, against httpx",
        1.01,  # both wait 2.5 s: a hundredth is what two measurements of one client differ by
        PACED[:1],
        lambda figures: figures.ratio(PACED[0].key, AGENTKIT.name, BARE.name, "run_ms"),
    ),
    Goal("a slow first call, against the critical path", 1.04, PACED[1:2], _median(PACED[1], AGENTKIT, "run_ms", 2500)),
    Goal("two calls at a time, against the same", 1.04, PACED[2:], _median(PACED[2], AGENTKIT, "run_ms", 2500)),
    Goal(
        "`import agentkit`, against pydantic, httpx and anyio",
        1.3,
        (),
        lambda figures: figures.ratio("import", *STARTS, "import_ms"),
    ),
)
PEER_GOALS = (  # on the page alone: the check has no peers
    Goal(
        "100 tools, against pydantic-ai",
        1.0,
        (),
        lambda figures: figures.ratio("schemas", AGENTKIT.name, "pydantic-ai", "schemas_ms"),
    ),
)


def missed(goals: Iterable[Goal], repeats: int) -> list[Goal]:
    """Measure these goals, print each, and return those that were missed."""
    goals = list(goals)
    tasks = list(dict.fromkeys(task for goal in goals for task in goal.tasks))
    clients, missing = installed((*OURS, *LOOPS))
    if missing:
        raise SystemExit(f"{missing[0]['client']} cannot be installed: {missing[0]['error']}")
    with server() as url:
        found = list(rows(url, clients[: len(OURS)], tasks, repeats))
        found += rows(url, [BARE], [task for task in tasks if task is PACED[0]], repeats)
        found += duels(url, dict.fromkeys(task for goal in goals for task in goal.duels), repeats)
    found += start_rows(STARTS, repeats)
    figures = Figures(found)
    wrong: list[Goal] = []
    for goal in goals:
        value, kept = goal.verdict(figures)
        print(f"{'kept  ' if kept else 'MISSED'} {goal.what}: {value} (at most {goal.limit})", flush=True)
        if not kept:
            wrong.append(goal)
    return wrong


def check() -> int:
    """0 when all goals are kept. A machine that is busy for a moment gets a second chance for what was missed."""
    again = missed(GOALS, REPEATS)
    if again:
        print("once more, what was missed:")
        again = missed(again, REPEATS)
    return 1 if again else 0
