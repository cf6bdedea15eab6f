"""agentkit and the bare loop in one process, run by run in turns: what a busy machine adds falls on both alike.

`--variant stack` against httpx, `--variant aiohttp` against httpx over aiohttp.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from typing import Any

import agentkit_peer
import bare
import measured
import work

AGAINST = {"stack": "httpx", "aiohttp": "httpx_aiohttp"}


async def duel(options: argparse.Namespace) -> dict[str, Any]:
    """Medians of each side: CPU and wall clock of a run in µs."""
    against = argparse.Namespace(**{**vars(options), "variant": AGAINST[options.variant]})
    sides = {"agentkit": measured.Bench(agentkit_peer.Client, options), "bare": measured.Bench(bare.Bare, against)}
    clients = {name: bench.make(bench.job) for name, bench in sides.items()}
    spent: dict[str, list[tuple[int, int]]] = {name: [] for name in sides}
    for number in range(options.warm + options.runs):
        for name in sorted(sides, reverse=number % 2 == 0):
            begin = work.moment()
            await sides[name].checked(clients[name])
            end = work.moment()
            if number >= options.warm:
                spent[name].append((end[0] - begin[0], end[1] - begin[1]))
    for client in clients.values():
        await client.close()
    return {
        f"{field}_{name}": statistics.median(run[place] for run in runs) / 1e3
        for name, runs in spent.items()
        for place, field in enumerate(("wall_us", "cpu_us"))
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(duel(measured.options().parse_args()))))
