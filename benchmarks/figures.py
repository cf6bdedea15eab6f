"""Medians and spread out of the measured rows."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .measure import Row
from .plan import STREAM, STREAM_SHORT

CHUNKS = 1980  # that `stream` has more than `stream_short`


@dataclass(frozen=True)
class Figure:
    """Several measurements of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def text(self, digits: int = 0) -> str:
        """Median, with the lowest and the highest."""
        low, high = min(self.values), max(self.values)
        return f"{self.median:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


class Figures:
    """All rows, asked by task, client and field."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            self._rows[row["task"], row["client"]].append(row)

    def error(self, task: str, client: str) -> str | None:
        """Why a client has no figure; None when it has, or was not asked."""
        return next((row["error"] for row in self._rows[task, client] if "error" in row), None)

    def figure(self, task: str, client: str, field: str) -> Figure | None:
        """What was measured; None when nothing was."""
        values = [float(row[field]) for row in self._rows[task, client] if field in row]
        return Figure(tuple(values)) if values else None

    def turns(self, task: str, client: str) -> list[float]:
        """The median cost of each turn of a long run."""
        found = [row["turns_us"] for row in self._rows[task, client] if "turns_us" in row]
        return [statistics.median(column) for column in zip(*found, strict=True)]

    def growth(self, task: str, client: str) -> Figure | None:
        """How much more the last ten turns of a long run cost than turns 2 to 11, in each process."""
        found = [row["turns_us"] for row in self._rows[task, client] if "turns_us" in row]
        # the last column is the answer, not a turn of a call
        values = [statistics.mean(turns[-11:-1]) / statistics.mean(turns[1:11]) for turns in found]
        return Figure(tuple(values)) if values else None

    def per_chunk(self, client: str) -> Figure | None:
        """Milliseconds of CPU per 1,000 chunks: a long stream, less what a short one costs."""
        long, short = (self.figure(task.key, client, "cpu_us_run") for task in (STREAM, STREAM_SHORT))
        if long is None or short is None:
            return None
        return Figure(tuple((value - short.median) / CHUNKS for value in long.values))

    def duel(self, client: str, task: str, field: str) -> Figure | None:
        """How much more agentkit took than the bare loop beside it, in each process."""
        ours, bare = (self.figure(f"duel {task}", client, f"{field}_{side}") for side in ("agentkit", "bare"))
        if ours is None or bare is None:
            return None
        return Figure(tuple(a / b for a, b in zip(ours.values, bare.values, strict=True)))

    def duel_per_chunk(self, client: str) -> Figure | None:
        """The same for a chunk: a long stream, less what a short one costs."""
        found = [
            self.figure(f"duel {task.key}", client, f"cpu_us_{side}")
            for side in ("agentkit", "bare")
            for task in (STREAM, STREAM_SHORT)
        ]
        rows = [figure.values for figure in found if figure is not None]
        if len(rows) < len(found):
            return None
        return Figure(tuple((a - b) / (c - d) for a, b, c, d in zip(*rows, strict=True)))

    def ratio(self, task: str, client: str, to: str, field: str) -> float | None:
        """The median of the ratios of what was measured closely after each other."""
        ours, theirs = (self._by_repeat(task, name, field) for name in (client, to))
        pairs = [ours[repeat] / theirs[repeat] for repeat in ours.keys() & theirs.keys()]
        return statistics.median(pairs) if pairs else None

    def _by_repeat(self, task: str, client: str, field: str) -> dict[int, float]:
        return {row["repeat"]: float(row[field]) for row in self._rows[task, client] if field in row}
