"""Writes docs/benchmarks.md and its plots out of the measured figures."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .check import GOALS, PEER_GOALS
from .environments import PACKAGES, versions
from .figures import Figure, Figures
from .places import DOCS, HERE, ROOT, WORK
from .plan import (
    AGENTKIT,
    ALL,
    BARE_WITHOUT_SNIFFIO,
    IMPORTS,
    IN_FLIGHT,
    LONG,
    LOOP,
    OURS,
    PACED,
    SCHEMAS,
)
from .plot import bars, curves

PICTURES = DOCS / "benchmarks"
Cell = Callable[[str], str]
_NAMES = ("agentkit", "httpx", "httpcore", "h11", "aiohttp", "httpx-aiohttp", "anyio", "sniffio", "pydantic", "orjson")
_PEERS = {
    "openai_sdk": "openai",
    "openai_agents": "openai-agents",
    "pydantic_ai": "pydantic-ai-slim",
    "langchain": "langchain",
    "strands": "strands-agents",
    "agno": "agno",
    "smolagents": "smolagents",
    "google_adk": "google-adk",
}


def write_page(figures: Figures) -> None:
    """The page, its tables and its pictures."""
    text = (HERE / "page.md").read_text()
    for name, part in _parts(figures).items():
        text = text.replace(f"@{name}@", part)
    (DOCS / "benchmarks.md").write_text(text)
    _draw(figures)
    print(f"written: {DOCS / 'benchmarks.md'}")


def _parts(figures: Figures) -> dict[str, str]:
    def cell(task: str, field: str, digits: int = 0) -> Cell:
        return lambda client: _text(figures, task, client, figures.figure(task, client, field), digits)

    def turns(low: int, high: int) -> Cell:
        return lambda client: _mean(figures.turns(LONG.key, client)[low:high])

    many = [("runs/s, 100 at a time", cell("loopx100", "runs_per_s"))]
    for runs in (300, 1000):
        many.append((f"{runs} in flight: s", cell(f"in_flightx{runs}", "wall_s", 2)))
        many.append((f"{runs}: KiB a run", cell(f"in_flightx{runs}", "kib_per_run")))
    cpu = [("loop", "loopx1"), ("chat", "chatx1"), ("parallel", "parallelx1"), ("streamed", "stream_loopx1")]
    paced = zip(("paced", "first slow", "two at a time"), PACED, strict=True)
    long = [("turns 2–11, µs", turns(1, 11)), ("turns 91–100, µs", turns(-11, -1))]
    names = [client.name for client in ALL]
    return {
        "machine": _machine(),
        "cpu_table": _table(
            [
                *((title, cell(task, "cpu_us_turn")) for title, task in cpu),
                ("loop: latency", cell("loopx1", "turn_us")),
            ],
            names,
        ),
        "cpu_ratios": _ratios(figures),
        "chunk_table": _table([("ms for 1,000 chunks", lambda client: _shown(figures.per_chunk(client), 1))], names),
        "long_table": _table(
            [*long, ("growth", lambda client: _shown(figures.growth(LONG.key, client), 2))],
            names,
        ),
        "many_table": _table(many, names),
        "paced_table": _table([(title, cell(task.key, "run_ms")) for title, task in paced], names),
        "start_table": _table(
            [("import", cell("import", "import_ms")), ("100 tools", cell("schemas", "schemas_ms"))],
            dict.fromkeys([*IMPORTS, *SCHEMAS]),
        ),
        "goals": _goals(figures),
        "missing": _missing(figures),
    }


def _shown(figure: Figure | None, digits: int) -> str:
    return figure.text(digits) if figure is not None else ""


def _text(figures: Figures, task: str, client: str, figure: Figure | None, digits: int) -> str:
    if figure is None:
        return "failed" if figures.error(task, client) else ""
    return figure.text(digits)


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.0f}" if values else ""


def _table(columns: Sequence[tuple[str, Cell]], names: Iterable[str]) -> str:
    lines = ["| | " + " | ".join(title for title, _ in columns) + " |", "|---|" + "---:|" * len(columns)]
    for name in names:
        cells = [cell(name) for _, cell in columns]
        if any(cells):
            shown = f"**{name}**" if name.startswith("agentkit") else name
            lines.append(f"| {shown} | " + " | ".join(cells) + " |")
    return "\n".join(lines) if len(lines) > 2 else "*Not measured this time.*"


def _ratios(figures: Figures) -> str:
    """Against the bare loops, in one process and in turns."""
    lines = ["| | CPU, `loop` | time, `loop` | CPU for a chunk |", "|---|---:|---:|---:|"]
    for client in OURS:
        cells = [figures.duel(client.name, LOOP.key, field) for field in ("cpu_us", "wall_us")]
        shown = " | ".join(_shown(figure, 2) for figure in (*cells, figures.duel_per_chunk(client.name)))
        lines.append(f"| **{client.name}** | {shown} |")
    missing = figures.ratio(LOOP.key, AGENTKIT.name, BARE_WITHOUT_SNIFFIO.name, "cpu_us_turn")
    if missing is not None:
        lines.append(f"\nAgainst the httpx loop without sniffio, in processes of their own: {missing:.2f}.")
    return "\n".join(lines)


def _goals(figures: Figures) -> str:
    """Each goal, what was measured, and whether it is kept."""
    lines = ["| | measured | at most | |", "|---|---:|---:|---|"]
    for goal in (*GOALS, *PEER_GOALS):
        value, kept = goal.verdict(figures)
        if value is not None:
            lines.append(f"| {goal.what} | {value:.2f} | {goal.limit:g} | {'kept' if kept else '**missed**'} |")
    return "\n".join(lines)


def _missing(figures: Figures) -> str:
    tasks = ("install", "loopx1", "streamx1", LONG.key, "loopx100", IN_FLIGHT.key, "in_flightx1000", PACED[1].key)
    lines = [
        f"- {client.name}, {task}: {error}"
        for client in ALL
        for task in tasks
        if (error := figures.error(task, client.name)) is not None
    ]
    return "## What failed\n\n" + "\n".join(lines) if lines else ""


def _machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    ours = versions("agentkit")
    lines = [
        f"Measured on {datetime.date.today():%d %B %Y}: {model}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}; "
        + ", ".join(f"{name} {ours[name]}" for name in _NAMES if name in ours)
        + ".",
        "Peers: " + ", ".join(_peer_versions()) + ".",
    ]
    notes = WORK / "notes.md"  # what a reader must know about this very measurement, written by who measured
    return "\n".join([*lines, *([notes.read_text()] if notes.exists() else [])])


def _peer_versions() -> Iterable[str]:
    for environment, distribution in _PEERS.items():
        if environment in PACKAGES and (WORK / "environments" / environment / "packages").exists():
            yield f"{distribution} {versions(environment).get(distribution, '')}"


def _draw(figures: Figures) -> None:
    PICTURES.mkdir(exist_ok=True)

    def medians(task: str, field: str) -> dict[str, float]:
        found = {client.name: figures.figure(task, client.name, field) for client in ALL}
        return {name: figure.median for name, figure in found.items() if figure is not None}

    bars(PICTURES / "cpu.svg", "µs of CPU for a model turn (loop)", medians(LOOP.key, "cpu_us_turn"))
    bars(PICTURES / "concurrency.svg", "runs in a second, 100 at a time", medians("loopx100", "runs_per_s"), 1)
    bars(PICTURES / "memory.svg", "KiB for each of 300 runs in flight", medians(IN_FLIGHT.key, "kib_per_run"))
    rows = {client.name: figures.turns(LONG.key, client.name)[1:-1] for client in ALL}
    rows = {name: row for name, row in rows.items() if row}
    if rows:
        curves(PICTURES / "growth.svg", "µs of CPU of each turn of a run of 100", rows)
    python = WORK / "environments" / "agentkit" / "bin" / "python"
    example = ROOT / "examples" / "11_early_start.py"
    subprocess.run([python, example, PICTURES / "early_start.svg"], check=True, capture_output=True)
