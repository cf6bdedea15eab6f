"""Runs one client in one scenario and prints one line of JSON: CPU time, wall time, memory.

A client is a class: made with a Job, with `async run() -> str`, the final text, and perhaps `async close()`.
Each run's text and the number of tool calls are checked, so that nobody is fast by leaving work out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import work


class Job(NamedTuple):
    """What a client is made for."""

    base_url: str
    stream: bool
    most_turns: int
    variant: str
    tools: list[Any]


def memory(field: str) -> int:
    """A field of this process's memory, in KiB: VmRSS now, VmHWM at its highest."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


class Bench:
    """One client, one scenario, a number of runs."""

    def __init__(self, make: Callable[[Job], Any], options: argparse.Namespace, dialect: str = "") -> None:
        self.options = options
        scenario = work.SCENARIOS[options.scenario]
        self.expected = scenario.parameters
        self.text = "tok," * self.expected["N"] or work.FINAL
        url = f"{options.server}/{scenario.server}{dialect}/v1"
        self.job = Job(url, scenario.stream, self.expected["K"] + 5, options.variant, work.TOOLS)
        self.make = make
        self.latencies: list[int] = []  # of turns, in ns
        self.turn_cpu: list[list[int]] = []  # of each run's turns, in ns
        self.lasted: list[float] = []  # seconds of each run

    async def run(self) -> dict[str, Any]:
        """The measured figures."""
        if self.options.scenario == "paced_limited":
            work.Calls.at_once = asyncio.Semaphore(2)
        client = self.make(self.job)
        for _ in range(min(self.options.warm, self.options.runs)):
            await self.checked(client)
        gc.collect()
        work.Calls.count = 0
        before = self._before()
        wall, cpu = time.perf_counter(), time.process_time()
        if self.options.concurrency == 1:
            for _ in range(self.options.runs):
                await self._timed(client)
        else:
            await self._at_once(client)
        figures = self._figures(time.perf_counter() - wall, time.process_time() - cpu, before)
        if hasattr(client, "close"):
            await client.close()
        return figures

    def _before(self) -> int:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the highest memory use counts from here
        return memory("VmRSS")

    async def checked(self, client: Any) -> None:
        """One run, whose answer must be right."""
        text = await client.run()
        if text != self.text:
            raise SystemExit(f"wrong final answer: {text!r:.200}")

    async def _timed(self, client: Any) -> None:
        begin = work.moment()
        work.Calls.moments = []
        await self.checked(client)
        moments = [begin, *work.Calls.moments, work.moment()]
        self.lasted.append((moments[-1][0] - begin[0]) / 1e9)
        if self.expected["P"] == 1:  # between two calls of a tool lies one turn
            turns = list(itertools.pairwise(moments))
            self.latencies += [after[0] - before[0] for before, after in turns]
            self.turn_cpu.append([after[1] - before[1] for before, after in turns])

    async def _at_once(self, client: Any) -> None:
        left = iter(range(self.options.runs))

        async def worker() -> None:
            for _ in left:
                await self.checked(client)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.options.concurrency):
                group.create_task(worker())

    def _figures(self, wall: float, cpu: float, before: int) -> dict[str, Any]:
        runs, turns = self.options.runs, self.options.runs * (self.expected["K"] + 1)
        calls = runs * self.expected["K"] * self.expected["P"]
        if work.Calls.count != calls:
            raise SystemExit(f"{work.Calls.count} calls of tools, not {calls}")
        figures: dict[str, Any] = {
            "wall_s": wall,
            "cpu_us_run": cpu / runs * 1e6,
            "cpu_us_turn": cpu / turns * 1e6,
            "runs_per_s": runs / wall,
            "kib_per_run": (memory("VmHWM") - before) / self.options.concurrency,
        }
        if self.lasted:
            figures["run_ms"] = statistics.median(self.lasted) * 1e3
        if self.latencies:
            figures["turn_us"] = statistics.median(self.latencies) / 1e3
        if self.expected["K"] >= 100:
            figures["turns_us"] = [statistics.median(column) / 1e3 for column in zip(*self.turn_cpu, strict=True)]
        return figures


def options() -> argparse.ArgumentParser:
    """The command line of a client."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=work.SCENARIOS, default="loop")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--warm", type=int, default=5, help="runs before the measured ones")
    parser.add_argument("--server", default="http://127.0.0.1:8080")
    parser.add_argument("--variant", default="")
    return parser


def main(make: Callable[[Job], Any], dialect: str = "") -> None:
    """Measure what the command line says."""
    print(json.dumps(asyncio.run(Bench(make, options().parse_args(), dialect).run())), flush=True)
    sys.stdout.flush()
    os._exit(0)  # some peers leave threads
